"""How long a run takes: compilation and warm-up once, then effective draws at a rate."""

from __future__ import annotations

import math

from typing import NamedTuple

from pymc_glm.compare.summary import Summary

__all__ = ["Pace", "break_even", "figure", "pace_of"]


class Pace(NamedTuple):
    """Time that a sampler needs on one model.

    Attributes
    ----------
    once_s : float
        Seconds of compilation and warm-up.
    rate : float
        Effective draws of the worst coordinate per second of sampling.
    """

    once_s: float
    rate: float

    def seconds(self, effective_draws: float) -> float:
        """Wall time until the worst coordinate has so many effective draws."""
        return self.once_s + effective_draws / self.rate


def pace_of(summary: Summary) -> Pace:
    """Pace that a sampler showed in one run."""
    return Pace(summary.compile_s + summary.warmup_s, summary.ess_per_s)


def break_even(slow_start: Pace, fast_start: Pace) -> float:
    """Effective draws from which on the sampler with the slower start is done sooner.

    Infinite where it never is, because it is slower afterwards as well.
    """
    gained = 1.0 / fast_start.rate - 1.0 / slow_start.rate
    if not gained > 0.0:
        return math.inf
    return max(0.0, (slow_start.once_s - fast_start.once_s) / gained)


def figure(value: float) -> str:
    """Show a number with three significant digits, never in exponent notation."""
    if value >= 100.0:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1e-3 or value == 0.0 else "<0.001"
