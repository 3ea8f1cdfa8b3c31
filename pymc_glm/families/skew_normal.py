"""The skew-normal family: a normal plus a half-normal variate."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.log_densities import log_normal_cdf
from pymc_glm.families.mixing_laws import interval_nodes
from pymc_glm.ops import KernelOp

__all__ = ["SkewNormal"]

_LATENT = KernelOp(
    "pymc_glm.families.interval_kernels:skew_normal_information",
    (("float64", 1), ("float64", 1)),
    stochastic=True,
)


@final
class SkewNormal(AbstractFamily):
    r"""2 / scale phi(t / scale) Phi(alpha t / scale).

    With delta = alpha / sqrt(1 + alpha**2), a response is ``scale`` times delta z plus
    sqrt(1 - delta**2) times a normal variate, z half-normal. Given t, z is normal and positive.

    References
    ----------
    Azzalini (1985), Scandinavian Journal of Statistics 12, 171-178.
    """

    name: ClassVar[str] = "skew-normal"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "scale")
    has_location: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, alpha: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        alpha, scale = as_float64(alpha), as_float64(scale)
        z = t / scale
        return 0.5 * np.log(2 / np.pi) - pt.log(scale) - 0.5 * z**2 + log_normal_cdf(alpha * z)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        alpha: TensorVariable,
        scale: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the half-normal parts; the precision is fixed."""
        return draw_latent(_LATENT, rng, t, alpha, scale)

    def mixing_nodes(self, *, alpha: float, scale: float) -> MixingNodes:
        """Nodes of the half-normal law."""
        z, log_weight = interval_nodes(0.0, 40.0)
        log_weight = log_weight + 0.5 * np.log(2 / np.pi) - 0.5 * z**2
        location = alpha / np.hypot(1.0, alpha) * z * scale
        order = slice(None) if alpha >= 0 else slice(None, None, -1)
        precision = np.full(z.size, (1 + alpha**2) / scale**2)
        return MixingNodes(precision, location[order], log_weight[order], discrete=False)
