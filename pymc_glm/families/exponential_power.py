"""The exponential power family, between the normal and sharper laws than the Laplace."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent, evaluate
from pymc_glm.families.mixing_laws import positive_stable_nodes
from pymc_glm.ops import KernelOp

__all__ = ["ExponentialPower"]

_KERNELS = "pymc_glm.families.mixture_kernels"
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:exponential_power_log_density_sum", (("float64", 0),))
_PRECISION = KernelOp(f"{_KERNELS}:exponential_power_precision", stochastic=True)


@final
class ExponentialPower(AbstractFamily):
    r"""alpha / (2 scale Gamma(1 / alpha)) exp(-abs(t / scale)**alpha), 0 < alpha <= 2.

    Known as the bridge prior, and as the generalised normal law. The precision is
    ``2 S / scale**2``; given t, S is a positive stable variate of index alpha / 2, tilted by
    exp(-S (t / scale)**2).

    References
    ----------
    West (1987), https://doi.org/10.1093/biomet/74.3.646

    Polson, Scott and Windle (2014), https://doi.org/10.1111/rssb.12042

    Devroye (2009), https://doi.org/10.1145/1596519.1596523

    Examples
    --------
    Draw the precisions of two coefficients under a bridge prior::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import ExponentialPower

        rng, t = pt.random.rng(), pt.vector("t")
        latent = ExponentialPower().latent(rng, t, alpha=0.5, scale=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 4.0])
    """

    name: ClassVar[str] = "exponential power"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "scale")
    positive: ClassVar[tuple[str, ...]] = ("alpha", "scale")
    largest: ClassVar[dict[str, float]] = {"alpha": 2.0}

    def log_density(
        self, t: TensorVariable, *, alpha: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        alpha, scale = as_float64(alpha), as_float64(scale)
        log_height = -np.log(2) - pt.log(scale) - pt.gammaln(1 + 1 / alpha)
        return log_height - pt.abs(t / scale) ** alpha

    def log_density_sum(
        self, t: TensorVariable, *, alpha: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, alpha, scale)

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
        """Nodes of the stable law, weighted by the heights of their normal densities."""
        log_stable, log_weight = positive_stable_nodes(0.5 * alpha)
        height = -np.log(2 * scale) - gammaln(1 + 1 / alpha)
        precision = 2.0 * np.exp(log_stable) / scale**2
        log_weight = log_weight + height + 0.5 * np.log(2 * np.pi / precision)
        return MixingNodes(precision, np.zeros(precision.size), log_weight, discrete=False)
