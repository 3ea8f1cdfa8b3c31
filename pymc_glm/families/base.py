"""What a family of experts must provide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

__all__ = ["AbstractFamily", "Latent", "MixingNodes", "as_float64"]


def as_float64(value: Any) -> TensorVariable:
    """Return the value as a float64 tensor.

    Every kernel is compiled for one signature; and PyTensor makes the number 2.0 a float32, whose
    logarithm has half the digits.
    """
    return pt.as_tensor(value).astype("float64")


class Latent(NamedTuple):
    """What one latent draw hands to the Gaussian draw.

    Attributes
    ----------
    rng : Variable
        The advanced generator.
    precision : TensorVariable, shape () or (m,)
        Precision of each response given its latent.
    information : TensorVariable or None, shape (m,)
        Precision times location, in closed form; None where the location is zero.
    """

    rng: Variable
    precision: TensorVariable
    information: TensorVariable | None


class MixingNodes(NamedTuple):
    """The mixing law of a family for one response, as a sum over nodes.

    The density of a response t is the sum over nodes of ``exp(log_weight)`` times the normal
    density of t with that node's precision and location. Tests compare it with the family's own
    density, and its conditional law given t with the latent draws.

    Attributes
    ----------
    precision, location, log_weight : ndarray, shape (nodes,)
        One entry for each node, in increasing order of precision where the law is continuous.
    discrete : bool
        Whether the nodes are the atoms of the law; else they are a quadrature rule for it.
    """

    precision: np.ndarray
    location: np.ndarray
    log_weight: np.ndarray
    discrete: bool

    def tilted(self, information: float, log_factor: float = 0.0) -> MixingNodes:
        """The law of exp(log_factor + information * t) times a density of zero locations."""
        return self._replace(
            location=information / self.precision,
            log_weight=self.log_weight + 0.5 * information**2 / self.precision + log_factor,
        )


class AbstractFamily(ABC):
    """A univariate density that is a Gaussian location-scale mixture.

    A family describes ``log phi(t; parameters)`` of a centred response t = K x + c, elementwise.
    Parameters are tensors of shape () or (m,); the parameter called ``scale``, where there is one,
    scales the response: ``phi(t; scale) = phi(t / scale; 1) / scale``.

    Each family names its parameters as keyword-only arguments. The ``*_`` below is how a type
    checker is told that it may; nothing is passed there.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    # Parameters that must be positive, and those that may be infinite.
    positive: ClassVar[tuple[str, ...]] = ("scale",)
    infinite: ClassVar[tuple[str, ...]] = ()
    # Largest values of parameters beyond which the family is no mixture.
    largest: ClassVar[dict[str, float]] = {}
    # A likelihood as a function of its linear predictor need not integrate to one.
    is_density: ClassVar[bool] = True
    # Whether the location given the latent is not zero. Such latents are not told in units of the
    # scale, so that the scale does not move without the block.
    has_location: ClassVar[bool] = False
    # Whether the log density is smooth and has a `slope`, so that latents can be done without.
    is_smooth: ClassVar[bool] = False
    # Number of neighbouring responses that share one latent.
    group_size: int = 1

    @abstractmethod
    def log_density(self, t: TensorVariable, *_: Any, **parameters: Any) -> TensorVariable:
        """Log density of each response, normaliser included, as plain PyTensor.

        Constants that depend on no parameter but data may be left out of a likelihood.
        """

    def log_density_sum(self, t: TensorVariable, *_: Any, **parameters: Any) -> TensorVariable:
        """Sum of the log densities, a scalar; families that are used much have a kernel for it."""
        return pt.sum(self.log_density(as_float64(t), **parameters))

    @abstractmethod
    def latent(self, rng: Variable, t: TensorVariable, *_: Any, **parameters: Any) -> Latent:
        """Draw the latents given the responses.

        A family also takes the keyword ``cap``, the largest precision in units of ``scale**-2``.
        Only a family whose precision has no finite mean at t = 0 applies it; infinity, the
        default, leaves every draw exact.
        """

    @abstractmethod
    def mixing_nodes(self, *_: Any, **parameters: Any) -> MixingNodes:
        """Discretise the mixing law for one response; parameters are numbers, or (C,) arrays.

        It is the ground truth of `pymc_glm.testing.check_family`, and plays no part in sampling.
        """

    def slope(self, t: TensorVariable, *_: Any, **parameters: Any) -> TensorVariable:
        """Derivative of each log density by the response, of families that are smooth."""
        raise NotImplementedError(f"{self.name} has no slope of its own.")

    def location(self, *_: Any, **parameters: Any) -> TensorVariable | None:
        """Where parameters say that the response is, up to a constant; None if they say nothing.

        The pseudo-responses of a smooth likelihood move along with it.
        """
        return None

    def surrogate(self, *_: Any, **parameters: Any) -> tuple[np.ndarray, np.ndarray]:
        """Location and scale of a normal law that is roughly like the expert, for a first point.

        Parameters are arrays of shape () or (m,), and so are the results.
        """
        return np.zeros(()), parameters["scale"]

    @property
    def scale_power(self) -> int | None:
        """q, where the sum of ``|t / scale|**q`` is sufficient for the scale; None elsewhere.

        Then log phi summed over m rows is a constant minus ``m log(scale)`` minus
        ``rate_constant * sum |t / scale|**q``.
        """
        return None

    @property
    def rate_constant(self) -> float:
        """Factor of the sufficient statistic in the log density; see `scale_power`."""
        raise NotImplementedError(f"{self.name} has no sufficient statistic for its scale.")

    @property
    def is_relative(self) -> bool:
        """Whether the latent, in units of the scale, does not depend on the scale."""
        return "scale" in self.parameters and not self.has_location

    @property
    def has_latent(self) -> bool:
        """Whether the precision is random given the response."""
        return True
