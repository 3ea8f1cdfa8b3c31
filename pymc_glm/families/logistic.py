"""The logistic family."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent, evaluate
from pymc_glm.families.mixing_laws import polya_gamma_nodes
from pymc_glm.ops import KernelOp

__all__ = ["Logistic"]

_KERNELS = "pymc_glm.families.logit_kernels"
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:hyperbolic_secant_log_density_sum", (("float64", 0),))
_PRECISION = KernelOp(f"{_KERNELS}:hyperbolic_secant_precision", stochastic=True)


@final
class Logistic(AbstractFamily):
    r"""exp(-t / scale) / (scale (1 + exp(-t / scale))**2).

    The precision is ``w / scale**2`` with w Polya-Gamma of shape 2; given t its tilt is
    t / scale.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001
    """

    name: ClassVar[str] = "logistic"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        scale = as_float64(scale)
        z = pt.abs(t / scale)
        return -z - 2 * pt.log1p(pt.exp(-z)) - pt.log(scale)

    def log_density_sum(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, 2.0, 2.0 * as_float64(scale))

    def latent(
        self, rng: Variable, t: TensorVariable, *, scale: TensorVariable, cap: Any = np.inf
    ) -> Latent:
        """Draw the precisions; their mean is at most ``scale**-2 / 2``, so no cap is needed."""
        return draw_latent(_PRECISION, rng, t, 2.0, 2.0 * as_float64(scale))

    def mixing_nodes(self, *, scale: float) -> MixingNodes:
        """Nodes of the Polya-Gamma law."""
        nodes, log_weight = polya_gamma_nodes(2.0)
        precision = nodes / scale**2
        log_weight = log_weight - np.log(4 * scale) + 0.5 * np.log(2 * np.pi / precision)
        return MixingNodes(precision, np.zeros(nodes.size), log_weight, discrete=False)
