"""The generalized double Pareto family: a Laplace law of gamma rate."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.mixing_laws import exponential_variance_nodes
from pymc_glm.ops import KernelOp

__all__ = ["GeneralizedDoublePareto"]

_PRECISION = KernelOp(
    "pymc_glm.families.mixture_kernels:generalized_double_pareto_precision", stochastic=True
)


@final
class GeneralizedDoublePareto(AbstractFamily):
    r"""alpha / (2 scale) (1 + abs(t) / scale)**-(alpha + 1).

    Laplace given its rate, which is gamma of shape alpha and rate ``scale``. Given t the Laplace
    rate is gamma of shape alpha + 1 and rate ``scale + |t|``, and the precision that of the Laplace
    family: both are drawn at once.

    References
    ----------
    Armagan, Dunson and Lee (2013), https://doi.org/10.5705/ss.2011.048
    """

    name: ClassVar[str] = "generalized double Pareto"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "scale")
    positive: ClassVar[tuple[str, ...]] = ("alpha", "scale")

    def log_density(
        self, t: TensorVariable, *, alpha: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        alpha, scale = as_float64(alpha), as_float64(scale)
        return pt.log(alpha / 2) - pt.log(scale) - (alpha + 1) * pt.log1p(pt.abs(t) / scale)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        alpha: TensorVariable,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, alpha, scale, cap)

    def mixing_nodes(self, *, alpha: float, scale: float) -> MixingNodes:
        """Sum over the Laplace rates, by the trapezoidal rule in the logs of both."""
        # Relative to the scale the variance is exponential of rate y**2 / 2 given the rate y.
        log_rate = np.linspace(-80.0 / min(alpha, 1.0), 6.0, 1500)
        log_mass = alpha * log_rate - np.exp(log_rate) - gammaln(alpha)
        log_mass += np.log(log_rate[1] - log_rate[0])
        return exponential_variance_nodes(log_rate, log_mass, scale)
