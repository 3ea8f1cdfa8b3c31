"""Powers of the hyperbolic secant: log-cosh penalties."""

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

__all__ = ["HyperbolicSecant"]

_KERNELS = "pymc_glm.families.logit_kernels"
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:hyperbolic_secant_log_density_sum", (("float64", 0),))
_PRECISION = KernelOp(f"{_KERNELS}:hyperbolic_secant_precision", stochastic=True)


@final
class HyperbolicSecant(AbstractFamily):
    r"""Proportional to cosh(t / scale)**-shape, or exp(-shape log cosh(t / scale)).

    Quadratic near zero and linear in the tails, it smooths the Laplace density of scale
    ``scale / shape``. The precision is ``4 w / scale**2`` with w Polya-Gamma of the given shape;
    given t its tilt is 2 t / scale.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001
    """

    name: ClassVar[str] = "hyperbolic secant"
    parameters: ClassVar[tuple[str, ...]] = ("shape", "scale")
    positive: ClassVar[tuple[str, ...]] = ("shape", "scale")

    def log_density(
        self, t: TensorVariable, *, shape: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        shape, scale = as_float64(shape), as_float64(scale)
        log_height = pt.gammaln((shape + 1) / 2) - pt.gammaln(shape / 2) - 0.5 * np.log(np.pi)
        z = pt.abs(t / scale)
        log_cosh = z + pt.log1p(pt.exp(-2 * z)) - np.log(2)
        return log_height - pt.log(scale) - shape * log_cosh

    def log_density_sum(
        self, t: TensorVariable, *, shape: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, shape, scale)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        shape: TensorVariable,
        scale: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions; their mean is at most ``shape / scale**2``: no cap is needed."""
        return draw_latent(_PRECISION, rng, t, shape, scale)

    def mixing_nodes(self, *, shape: float, scale: float) -> MixingNodes:
        """Nodes of the Polya-Gamma law."""
        nodes, log_weight = polya_gamma_nodes(shape)
        precision = 4.0 * nodes / scale**2
        log_height = gammaln((shape + 1) / 2) - gammaln(shape / 2) - 0.5 * np.log(np.pi)
        log_weight = log_weight + log_height - np.log(scale) + 0.5 * np.log(2 * np.pi / precision)
        return MixingNodes(precision, np.zeros(nodes.size), log_weight, discrete=False)
