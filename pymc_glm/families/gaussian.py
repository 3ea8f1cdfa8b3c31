"""The Gaussian family: no latent."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["Gaussian"]

_LOG_DENSITY_SUM = KernelOp("pymc_glm.families.kernels:gaussian_log_density_sum", (("float64", 0),))


@final
class Gaussian(AbstractFamily):
    """N(0, scale**2). The precision is known, so there is nothing to draw.

    Examples
    --------
    Evaluate the log density of three residuals::

        import pytensor.tensor as pt
        from pymc_glm.families import Gaussian

        Gaussian().log_density_sum(pt.as_tensor([0.1, -2.0, 1.0]), scale=2.0).eval()
    """

    name: ClassVar[str] = "Gaussian"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        scale = as_float64(scale)
        return -0.5 * (t / scale) ** 2 - pt.log(scale) - 0.5 * np.log(2 * np.pi)

    def log_density_sum(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, scale)

    def latent(
        self, rng: Variable, t: TensorVariable, *, scale: TensorVariable, cap: Any = np.inf
    ) -> Latent:
        """Return the generator as it is, and the precision scale**-2 in the scale's shape."""
        return Latent(rng, as_float64(scale) ** -2, None)

    def mixing_nodes(self, *, scale: float) -> MixingNodes:
        """One atom."""
        return MixingNodes(np.array([scale**-2.0]), np.zeros(1), np.zeros(1), discrete=True)

    @property
    def scale_power(self) -> int:
        """Two: the sum of squares is sufficient for the scale."""
        return 2

    @property
    def rate_constant(self) -> float:
        """One half."""
        return 0.5

    @property
    def has_latent(self) -> bool:
        """False: the precision is known."""
        return False
