"""The hinge loss of support vector machines, as a pseudo-likelihood."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.laplace import Laplace
from pymc_glm.ops import KernelOp

__all__ = ["Hinge"]

_LATENT = KernelOp(
    "pymc_glm.families.mixture_kernels:hinge_precision",
    (("float64", 1), ("float64", 1)),
    stochastic=True,
)


@final
class Hinge(AbstractFamily):
    """exp(-weight max(-t, 0)), of the margin t = y eta - 1 where it is a hinge loss.

    It is exp(weight t / 2) times exp(-weight |t| / 2): the precision given t is that of the Laplace
    family of scale 2 / weight, and the information is weight / 2. It does not integrate to one:
    the posterior is proper only where the other factors make it so.

    References
    ----------
    Polson and Scott (2011), https://doi.org/10.1214/11-BA601
    """

    name: ClassVar[str] = "hinge"
    parameters: ClassVar[tuple[str, ...]] = ("weight",)
    positive: ClassVar[tuple[str, ...]] = ("weight",)
    is_density: ClassVar[bool] = False
    has_location: ClassVar[bool] = True

    def log_density(self, t: TensorVariable, *, weight: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        return as_float64(weight) * pt.minimum(as_float64(t), 0.0)

    def latent(
        self, rng: Variable, t: TensorVariable, *, weight: TensorVariable, cap: Any = np.inf
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return draw_latent(_LATENT, rng, t, weight)

    def mixing_nodes(self, *, weight: float) -> MixingNodes:
        """The nodes of the Laplace law, tilted."""
        nodes = Laplace().mixing_nodes(scale=2.0 / weight)
        return nodes.tilted(0.5 * weight, np.log(4.0 / weight))

    def surrogate(self, *, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A wide law on the side of no loss."""
        return 1.0 / weight, 2.0 / weight
