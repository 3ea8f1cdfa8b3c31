"""The probability that a normal variate lies in an interval: probit and censored data."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent, evaluate
from pymc_glm.families.mixing_laws import interval_nodes
from pymc_glm.ops import KernelOp

__all__ = ["NormalInterval", "middle_of"]

_KERNELS = "pymc_glm.families.interval_kernels"
_LOG_DENSITY = KernelOp(f"{_KERNELS}:interval_log_density")
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:interval_log_density_sum", (("float64", 0),))
_SLOPE = KernelOp(f"{_KERNELS}:interval_slope")
_LATENT = KernelOp(
    f"{_KERNELS}:interval_information", (("float64", 1), ("float64", 1)), stochastic=True
)


@final
class NormalInterval(AbstractFamily):
    r"""Phi((upper - t) / sigma) - Phi((lower - t) / sigma), of the mean t of a normal variate.

    Probit data are the intervals (0, inf) and (-inf, 0) with sigma = 1, ordered probit data those
    between cutpoints, censored data those beyond the limit. The latent is the normal variate, of
    precision ``sigma**-2`` around t, between the bounds.

    References
    ----------
    Albert and Chib (1993), https://doi.org/10.1080/01621459.1993.10476321

    Examples
    --------
    Draw the utilities behind a choice and a refusal::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import NormalInterval

        rng, t = pt.random.rng(), pt.vector("t")
        latent = NormalInterval().latent(
            rng, t, lower=np.array([0.0, -np.inf]), upper=np.array([np.inf, 0.0]), sigma=1.0
        )
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.information, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 4.0])
    """

    name: ClassVar[str] = "normal interval"
    parameters: ClassVar[tuple[str, ...]] = ("lower", "upper", "sigma")
    positive: ClassVar[tuple[str, ...]] = ("sigma",)
    infinite: ClassVar[tuple[str, ...]] = ("lower", "upper")
    is_density: ClassVar[bool] = False
    has_location: ClassVar[bool] = True
    is_smooth: ClassVar[bool] = True

    def log_density(
        self,
        t: TensorVariable,
        *,
        lower: TensorVariable,
        upper: TensorVariable,
        sigma: TensorVariable,
    ) -> TensorVariable:
        """Log density of each response."""
        flat = [as_float64(value).flatten() for value in (t, lower, upper, sigma)]
        return _LOG_DENSITY(*flat).reshape(as_float64(t).shape)

    def log_density_sum(
        self,
        t: TensorVariable,
        *,
        lower: TensorVariable,
        upper: TensorVariable,
        sigma: TensorVariable,
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, lower, upper, sigma)

    def slope(
        self,
        t: TensorVariable,
        *,
        lower: TensorVariable,
        upper: TensorVariable,
        sigma: TensorVariable,
    ) -> TensorVariable:
        """Derivative of each log density by the response."""
        return _SLOPE(as_float64(t), as_float64(lower), as_float64(upper), as_float64(sigma))

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        lower: TensorVariable,
        upper: TensorVariable,
        sigma: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the normal variates; the precision is fixed."""
        return draw_latent(_LATENT, rng, t, lower, upper, sigma)

    def mixing_nodes(self, *, lower: float, upper: float, sigma: float) -> MixingNodes:
        """Nodes between the bounds, of flat measure."""
        reach = 60.0 * sigma
        nodes, log_weight = interval_nodes(*np.clip([lower, upper], -reach, reach))
        precision = np.full(nodes.size, sigma**-2.0)
        return MixingNodes(precision, nodes, log_weight, discrete=False)

    def location(
        self, *, lower: TensorVariable, upper: TensorVariable, sigma: TensorVariable
    ) -> TensorVariable:
        """The middle of the interval, or its finite bound."""
        return middle_of(lower, upper)

    def surrogate(
        self, *, lower: np.ndarray, upper: np.ndarray, sigma: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """A point of the interval, a standard deviation inside where it is unbounded."""
        low = np.where(np.isfinite(lower), lower, np.minimum(upper - 2 * sigma, 1e300))
        high = np.where(np.isfinite(upper), upper, np.maximum(low + 2 * sigma, -1e300))
        return 0.5 * (low + high), sigma + 0.5 * (high - low)


def middle_of(lower: TensorVariable, upper: TensorVariable) -> TensorVariable:
    """The middle of intervals, or the finite bound where one is infinite."""
    low, high = as_float64(lower), as_float64(upper)
    # Both are made finite, so that no gradient or difference is formed of infinities.
    low = pt.switch(pt.isinf(low), high, low)
    high = pt.switch(pt.isinf(high), low, high)
    return 0.5 * (low + high)
