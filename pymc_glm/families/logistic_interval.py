"""The probability that a logistic variate lies in an interval: ordered logit data."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.normal_interval import middle_of
from pymc_glm.ops import KernelOp

__all__ = ["LogisticInterval"]

_KERNELS = "pymc_glm.families.logit_kernels"
_LOG_DENSITY = KernelOp(f"{_KERNELS}:logistic_interval_log_density")
_SLOPE = KernelOp(f"{_KERNELS}:logistic_interval_slope")
_LATENT = KernelOp(
    f"{_KERNELS}:logistic_interval_latent", (("float64", 1), ("float64", 1)), stochastic=True
)


@final
class LogisticInterval(AbstractFamily):
    r"""F(upper - t) - F(lower - t) with F the standard logistic distribution function.

    Ordered logit data are the intervals between cutpoints. The latent is a pair: the logistic
    variate between the bounds, and its precision, Polya-Gamma of shape 2 and of its distance
    from t.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001
    """

    name: ClassVar[str] = "logistic interval"
    parameters: ClassVar[tuple[str, ...]] = ("lower", "upper")
    positive: ClassVar[tuple[str, ...]] = ()
    infinite: ClassVar[tuple[str, ...]] = ("lower", "upper")
    is_density: ClassVar[bool] = False
    has_location: ClassVar[bool] = True
    is_smooth: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, lower: TensorVariable, upper: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        flat = [as_float64(value).flatten() for value in (t, lower, upper)]
        return _LOG_DENSITY(*flat).reshape(as_float64(t).shape)

    def slope(
        self, t: TensorVariable, *, lower: TensorVariable, upper: TensorVariable
    ) -> TensorVariable:
        """Derivative of each log density by the response."""
        return _SLOPE(as_float64(t), as_float64(lower), as_float64(upper))

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        lower: TensorVariable,
        upper: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the logistic variates and their precisions."""
        return draw_latent(_LATENT, rng, t, lower, upper)

    def mixing_nodes(self, *, lower: float, upper: float) -> MixingNodes:
        """A pair of latents has no order: its tests compare draws with those of the parts."""
        raise NotImplementedError("The latent is a pair, which one rule of nodes does not order.")

    def location(self, *, lower: TensorVariable, upper: TensorVariable) -> TensorVariable:
        """The middle of the interval, or its finite bound."""
        return middle_of(lower, upper)

    def surrogate(self, *, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A point of the interval, two units inside where it is unbounded."""
        low = np.where(np.isfinite(lower), lower, np.minimum(upper - 4.0, 1e300))
        high = np.where(np.isfinite(upper), upper, np.maximum(low + 4.0, -1e300))
        return 0.5 * (low + high), 2.0 + 0.5 * (high - low)
