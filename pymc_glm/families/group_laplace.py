"""Laplace laws of the length of a vector: isotropic total variation and the group lasso."""

from __future__ import annotations

from typing import ClassVar, NoReturn, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.ops import KernelOp

__all__ = ["GroupLaplace", "of_group"]

_PRECISION = KernelOp("pymc_glm.families.mixture_kernels:group_laplace_precision", stochastic=True)


@final
class GroupLaplace(AbstractFamily):
    r"""Proportional to exp(-||t_g|| / scale), of groups t_g of neighbouring responses.

    A group shares one variance, gamma of shape (size + 1) / 2 and rate scale**-2 / 2; given t it is
    that of the Laplace family at the distance ||t_g||.

    Parameters
    ----------
    size : int
        Number of responses in a group.

    References
    ----------
    Kyung, Gill, Ghosh and Casella (2010), https://doi.org/10.1214/10-BA607
    """

    name: ClassVar[str] = "group Laplace"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def __init__(self, size: int) -> None:
        self.group_size = size

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each group, shape (m / size,)."""
        d = self.group_size
        scale = of_group(scale, d)
        length = pt.sqrt(pt.sum(as_float64(t).reshape((-1, d)) ** 2, axis=1))
        log_volume = np.log(2) + 0.5 * d * np.log(np.pi) + gammaln(d) - gammaln(d / 2)
        return -length / scale - d * pt.log(scale) - log_volume

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        size = pt.constant(np.array([self.group_size], dtype=np.int64))
        return draw_latent(_PRECISION, rng, t, scale, cap, size=size)

    def mixing_nodes(self, **parameters: float) -> NoReturn:
        """A group has more than one response: its tests compare it with the Laplace family."""
        raise NotImplementedError("The mixing law of one response does not describe a group.")


def of_group(parameter: TensorVariable, size: int) -> TensorVariable:
    """One entry for each group of a parameter that all responses of a group share."""
    parameter = as_float64(parameter)
    return parameter if parameter.type.ndim == 0 else parameter[::size]
