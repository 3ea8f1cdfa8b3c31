"""The Charbonnier family: a smoothed Laplace density."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import k1e

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.log_densities import log_bessel_k
from pymc_glm.ops import KernelOp

__all__ = ["Charbonnier"]

_PRECISION = KernelOp("pymc_glm.families.mixture_kernels:charbonnier_precision", stochastic=True)


@final
class Charbonnier(AbstractFamily):
    r"""exp(-rate sqrt(delta**2 + t**2)) / (2 delta K_1(rate delta)).

    The symmetric hyperbolic law, known in imaging as smoothed total variation and in statistics as
    pseudo-Huber. Given t the precision is inverse Gaussian of mean rate / sqrt(delta**2 + t**2) and
    shape rate**2, so that its mean is at most rate / delta: no plateau is ever stiff.

    References
    ----------
    Barndorff-Nielsen (1977), https://doi.org/10.1098/rspa.1977.0041

    Charbonnier et al. (1997), https://doi.org/10.1109/83.551699
    """

    name: ClassVar[str] = "Charbonnier"
    parameters: ClassVar[tuple[str, ...]] = ("rate", "delta")
    positive: ClassVar[tuple[str, ...]] = ("rate", "delta")

    def log_density(
        self, t: TensorVariable, *, rate: TensorVariable, delta: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        rate, delta = as_float64(rate), as_float64(delta)
        log_height = -np.log(2) - pt.log(delta) - log_bessel_k(pt.constant(1.0), rate * delta)
        return log_height - rate * pt.sqrt(delta**2 + as_float64(t) ** 2)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        rate: TensorVariable,
        delta: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, rate, delta)

    def mixing_nodes(self, *, rate: float, delta: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        x = np.linspace(-60.0, 60.0, 60_001)
        omega = rate * delta
        log_weight = -x - omega * np.cosh(x) - np.log(2 * k1e(omega)) + omega
        precision = np.exp(x) * rate / delta
        log_weight += np.log(x[1] - x[0])
        return MixingNodes(precision, np.zeros(x.size), log_weight, discrete=False)

    def surrogate(self, *, rate: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scale on which the density bends."""
        return np.zeros(()), np.sqrt(delta / rate + rate**-2.0)
