"""What the distributions of this package share: their densities are those of its families."""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt

from pymc.distributions.dist_math import check_parameters
from pymc.distributions.distribution import _support_point, maybe_resize
from pymc.logprob.abstract import _logprob
from pytensor import config
from pytensor.tensor.random.utils import NoneTypeT
from pytensor.tensor.variable import TensorConstant, TensorVariable

from pymc_glm.declare.random_variables import FamilyRandomVariable

__all__ = ["FamilyDistribution"]


class FamilyDistribution(pm.Continuous):
    """A PyMC distribution whose random variable is a `FamilyRandomVariable`."""

    @classmethod
    def of(cls, mu: Any, parameters: dict[str, Any], **kwargs: Any) -> TensorVariable:
        """Make the variable, given the location and the family's parameters by name."""
        missing = [name for name, value in parameters.items() if value is None]
        if missing:
            raise TypeError(
                f"{cls.__name__} needs {' and '.join(missing)}. Only the location and the scale"
                " have defaults."
            )
        return super().dist([_as_float(value) for value in (mu, *parameters.values())], **kwargs)


def _as_float(value: Any) -> TensorVariable:
    """A tensor of floats; a constant stays one, so that PyMC can print it."""
    tensor = pt.as_tensor(value)
    if isinstance(tensor, TensorConstant):
        return pt.constant(tensor.data.astype(config.floatX))
    return tensor.astype(config.floatX)


@_logprob.register(FamilyRandomVariable)
def _log_density(op, values, rng, size, mu, *parameters, **kwargs):
    [value] = values
    named = op.named(parameters)
    density = maybe_resize(op.log_density(value - mu, **named), size)
    conditions = op.conditions(**named)
    return check_parameters(density, *conditions.values(), msg=", ".join(conditions))


@_support_point.register(FamilyRandomVariable)
def _location(op, rv, rng, size, mu, *parameters):
    """The location, in the shape of the variable."""
    rows = [parameter[(..., *[None] * op.ndim_supp)] for parameter in parameters]
    location = pt.broadcast_arrays(mu, *rows)[0]
    if isinstance(size.type, NoneTypeT):
        return location
    core = location.shape[location.type.ndim - op.ndim_supp :]
    return pt.broadcast_to(location, (*size, *core))
