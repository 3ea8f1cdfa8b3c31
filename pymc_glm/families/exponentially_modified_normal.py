"""The normal plus an exponential variate: reaction times."""

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

__all__ = ["ExponentiallyModifiedNormal"]

_LATENT = KernelOp(
    "pymc_glm.families.interval_kernels:exponentially_modified_information",
    (("float64", 1), ("float64", 1)),
    stochastic=True,
)


@final
class ExponentiallyModifiedNormal(AbstractFamily):
    r"""The law of a normal variate of standard deviation sigma plus an exponential one of mean nu.

    Known as ex-Gaussian. The latent is the exponential part; given t it is normal and positive.

    References
    ----------
    Grushka (1972), https://doi.org/10.1021/ac60319a011
    """

    name: ClassVar[str] = "exponentially modified normal"
    parameters: ClassVar[tuple[str, ...]] = ("nu", "sigma")
    positive: ClassVar[tuple[str, ...]] = ("nu", "sigma")
    has_location: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, nu: TensorVariable, sigma: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        nu, sigma = as_float64(nu), as_float64(sigma)
        ratio = sigma / nu
        z = t / sigma
        return -pt.log(nu) - ratio * z + 0.5 * ratio**2 + log_normal_cdf(z - ratio)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        nu: TensorVariable,
        sigma: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the exponential parts; the precision is fixed."""
        return draw_latent(_LATENT, rng, t, nu, sigma)

    def mixing_nodes(self, *, nu: float, sigma: float) -> MixingNodes:
        """Nodes of the exponential law."""
        z, log_weight = interval_nodes(0.0, 60.0 * nu)
        log_weight = log_weight - z / nu - np.log(nu)
        return MixingNodes(np.full(z.size, sigma**-2.0), z, log_weight, discrete=False)

    def surrogate(self, *, nu: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation."""
        return nu, np.hypot(nu, sigma)
