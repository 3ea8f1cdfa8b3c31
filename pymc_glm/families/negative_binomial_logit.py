"""Negative binomial counts, as a function of the log of mean over dispersion."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent, evaluate
from pymc_glm.families.mixing_laws import polya_gamma_nodes
from pymc_glm.ops import KernelOp

__all__ = ["NegativeBinomialLogit"]

_KERNELS = "pymc_glm.families.logit_kernels"
_LOG_DENSITY_SUM = KernelOp(
    f"{_KERNELS}:negative_binomial_logit_log_density_sum", (("float64", 0),)
)
_SLOPE = KernelOp(f"{_KERNELS}:negative_binomial_logit_slope")
_LATENT = KernelOp(
    f"{_KERNELS}:negative_binomial_logit_latent",
    (("float64", 1), ("float64", 1)),
    stochastic=True,
)


@final
class NegativeBinomialLogit(AbstractFamily):
    r"""Gamma(y + r) / Gamma(r) exp(y t) / (1 + exp(t))**(y + r), of a count y and dispersion r.

    The response is t = log(mean) - log(r), or -logit(p) where the law is told by n = r and p. The
    factorial of the count, a constant of the data, is left out. Given the precision, Polya-Gamma of
    shape y + r and tilt t, the response is normal with the information (y - r) / 2.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001
    """

    name: ClassVar[str] = "negative binomial logit"
    parameters: ClassVar[tuple[str, ...]] = ("count", "dispersion")
    positive: ClassVar[tuple[str, ...]] = ("dispersion",)
    is_density: ClassVar[bool] = False
    has_location: ClassVar[bool] = True
    is_smooth: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, count: TensorVariable, dispersion: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        y, r = as_float64(count), as_float64(dispersion)
        return pt.gammaln(y + r) - pt.gammaln(r) + y * t - (y + r) * pt.softplus(as_float64(t))

    def log_density_sum(
        self, t: TensorVariable, *, count: TensorVariable, dispersion: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, count, dispersion)

    def slope(
        self, t: TensorVariable, *, count: TensorVariable, dispersion: TensorVariable
    ) -> TensorVariable:
        """Derivative of each log density by the response."""
        return evaluate(_SLOPE, t, count, dispersion)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        count: TensorVariable,
        dispersion: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,); their mean is at most (y + r) / 4."""
        return draw_latent(_LATENT, rng, t, count, dispersion)

    def mixing_nodes(self, *, count: float, dispersion: float) -> MixingNodes:
        """Nodes of the Polya-Gamma law, tilted."""
        shape = count + dispersion
        nodes, log_weight = polya_gamma_nodes(shape)
        log_weight = log_weight + 0.5 * np.log(2 * np.pi / nodes) - shape * np.log(2)
        log_weight = log_weight + gammaln(shape) - gammaln(dispersion)
        untilted = MixingNodes(nodes, np.zeros(nodes.size), log_weight, discrete=False)
        return untilted.tilted(0.5 * (count - dispersion))

    def surrogate(
        self, *, count: np.ndarray, dispersion: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The log of the count over the dispersion, and its standard deviation."""
        mean = count + 0.5
        return np.log(mean / dispersion), np.sqrt(1.0 / mean + 1.0 / dispersion)
