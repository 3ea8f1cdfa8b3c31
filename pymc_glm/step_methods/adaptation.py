"""What a Langevin chain learns while tuning: a step size and a diagonal metric."""

from __future__ import annotations

import numpy as np

from pymc.step_methods.state import DataClassState, WithSamplingState, dataclass_state

__all__ = [
    "DiagonalMetric",
    "DiagonalMetricState",
    "DualAveraging",
    "DualAveragingState",
    "window_ends",
]

FIRST_WINDOW = 25
MIN_STEP_SIZE_STEPS = 50
SHRINKAGE = 5  # weight of the old scale, in draws
VARIANCE_BOUNDS = (1e-40, 1e40)
GRADIENT_ROUNDING = 1e-12  # relative spread below which a gradient is constant


# A single proposal says less about the step size than a NUTS trajectory, whose acceptance is an
# average, so the step size follows it ten times more slowly than in NUTS.
DUAL_AVERAGING_GAMMA = 0.5
DUAL_AVERAGING_KAPPA = 0.75
DUAL_AVERAGING_T0 = 10


@dataclass_state
class DualAveragingState(DataClassState):
    """What a checkpoint keeps of the step size."""

    target_accept: float
    centre: float
    log_step: float
    log_average: float
    shortfall: float
    count: int


@dataclass_state
class DiagonalMetricState(DataClassState):
    """What a checkpoint keeps of the metric and of the running variances."""

    scale: np.ndarray
    count: int
    mean: np.ndarray
    squares: np.ndarray


class DualAveraging(WithSamplingState):
    """A step size that follows the acceptance probability to a target by dual averaging.

    The iterates are pulled to the initial step size itself, not to ten times it as in NUTS:
    a proposal costs one gradient whatever its length, so long steps are not preferred.

    Parameters
    ----------
    step_size : float
        Initial step size, positive.
    target_accept : float
        Mean acceptance probability to reach, between 0 and 1.
    """

    _state_class = DualAveragingState

    def __init__(self, step_size: float, target_accept: float) -> None:
        self.target_accept = target_accept
        self.centre = self.log_step = self.log_average = float(np.log(step_size))
        self.shortfall = 0.0
        self.count = 0

    def step_size(self, tune: bool) -> float:
        """Return the step size to try next, or, after tuning, the averaged one."""
        return float(np.exp(self.log_step if tune else self.log_average))

    def update(self, acceptance_rate: float) -> None:
        """Move the step size after a proposal of the given acceptance probability."""
        self.count += 1
        weight = 1 / (self.count + DUAL_AVERAGING_T0)
        self.shortfall += weight * (self.target_accept - acceptance_rate - self.shortfall)
        self.log_step = self.centre - self.shortfall * self.count**0.5 / DUAL_AVERAGING_GAMMA
        weight = self.count**-DUAL_AVERAGING_KAPPA
        self.log_average += weight * (self.log_step - self.log_average)


class DiagonalMetric(WithSamplingState):
    """The scale of each coordinate, learnt from running variances of draws and gradients.

    Parameters
    ----------
    size : int
        Number of coordinates.

    Attributes
    ----------
    scale : ndarray, shape (p,)
        Positive scale of each coordinate, in the coordinate's own units; ones at first.
    """

    _state_class = DiagonalMetricState

    def __init__(self, size: int) -> None:
        self.scale = np.ones(size)
        self._open_window()

    def add(self, position: np.ndarray, gradient: np.ndarray) -> None:
        """Add one draw and its gradient, each of shape (p,), to the current window."""
        values = np.stack([position, gradient])
        self.count += 1
        deviation = values - self.mean
        self.mean += deviation / self.count
        # The gradient at a bad start may be too large to be squared; the bounds then apply.
        with np.errstate(over="ignore"):
            self.squares += deviation * (values - self.mean)

    def update(self) -> None:
        """Set the scale from the current window, shrunk to the old scale, and open a new one.

        Coordinates that did not move keep their scale. Where the gradient is constant, as in an
        exponential tail, the variance of the draws is all there is.
        """
        draws, gradients = self.squares / self.count
        moved = draws > 0
        curved = np.sqrt(gradients) > GRADIENT_ROUNDING * np.abs(self.mean[1])
        variance = draws.copy()
        variance[curved] = np.sqrt(draws[curved] / gradients[curved])
        np.clip(variance, *VARIANCE_BOUNDS, out=variance)
        # Shrinking logarithms does not depend on the units of the coordinate.
        weight = self.count / (self.count + SHRINKAGE) * moved
        self.scale = self.scale ** (1 - weight) * variance ** (0.5 * weight)
        self._open_window()

    def _open_window(self) -> None:
        self.count = 0
        self.mean = np.zeros((2, self.scale.size))
        self.squares = np.zeros((2, self.scale.size))


def window_ends(tune: int) -> list[int]:
    """Tuning steps after which the metric is updated: windows that double, then a last one.

    What does not fit another doubled window joins the last one. The steps that remain tune the
    step size to the final metric.
    """
    last = tune - max(MIN_STEP_SIZE_STEPS, tune // 3)
    ends: list[int] = []
    start, length = 0, FIRST_WINDOW
    while start + length <= last:
        end = start + length
        length *= 2
        if end + length > last:
            end = last
        ends.append(end)
        start = end
    return ends
