"""How long a sampler took: compilation, warm-up and draws apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pymc_glm.compare.draws import group

if TYPE_CHECKING:
    from xarray import DataArray, DataTree

__all__ = ["Timing", "read_timing"]


@dataclass(frozen=True)
class Timing:
    """Wall time of one sampler, in seconds. NaN where it is not known.

    Attributes
    ----------
    compile_s : float
        Everything outside the sampling loop: reading the model, compilation, start-up of the
        chains, packing the draws.
    warmup_s : float
        Tuning draws.
    sample_s : float
        Draws that are kept. Effective draws per second are relative to this number.
    rule : str
        How warm-up was told apart from sampling.
    """

    compile_s: float
    warmup_s: float
    sample_s: float
    rule: str

    @property
    def total_s(self) -> float:
        """Compilation, warm-up and draws together, in seconds."""
        return self.compile_s + self.warmup_s + self.sample_s


def read_timing(tree: DataTree, tune: int, wall_s: float | None = None) -> Timing:
    """Find out how long the kept draws took.

    The first rule that applies is used:

    1. the posterior's attributes ``tuning_time`` and ``sampling_time`` (pymc_glm's own chains,
       which time the two stages apart);
    2. the time stamps of every kept draw (PyMC's NUTS): the time during which at least one chain
       was drawing;
    3. the number of gradients in warm-up and afterwards (nutpie);
    4. the number of warm-up and kept draws.

    Rules 2 to 4 divide the attribute ``sampling_time``, which in PyMC covers warm-up and draws,
    or the wall time where that attribute is missing.

    Parameters
    ----------
    tree : DataTree
        Draws of one sampler.
    tune : int
        Number of warm-up draws per chain, where the attribute ``tuning_steps`` does not say.
    wall_s : float, optional
        Wall time of the whole call, in seconds. Default: not known, and the attribute
        ``compile_time`` is used for the time outside the loop.

    Returns
    -------
    timing : Timing
    """
    attrs = tree["posterior"].attrs
    tune = int(attrs.get("tuning_steps", tune))
    loop_s = attrs.get("sampling_time", wall_s)
    if loop_s is None:
        return Timing(float("nan"), float("nan"), float("nan"), "no time was recorded")
    if "tuning_time" in attrs:
        sample_s, warmup_s = float(loop_s), float(attrs["tuning_time"])
        rule = "stages timed apart by the sampler"
    else:
        share, rule = _share_of_draws(tree, tune, float(loop_s))
        sample_s, warmup_s = share * float(loop_s), (1.0 - share) * float(loop_s)
    if wall_s is None:
        outside_s = float(attrs.get("compile_time", 0.0))
    else:
        outside_s = max(0.0, wall_s - warmup_s - sample_s)
    return Timing(outside_s, warmup_s, sample_s, rule)


def _share_of_draws(tree: DataTree, tune: int, loop_s: float) -> tuple[float, str]:
    """Fraction of the loop spent on kept draws, and the rule that gave it."""
    if tune == 0:
        return 1.0, "no warm-up"
    stats = group(tree, "sample_stats")
    if "perf_counter_start" in stats and "perf_counter_diff" in stats and loop_s > 0.0:
        busy_s = _time_drawing(stats["perf_counter_start"], stats["perf_counter_diff"])
        return min(1.0, busy_s / loop_s), "time stamps of the draws"
    warmup = group(tree, "warmup_sample_stats")
    if "n_steps" in stats and "n_steps" in warmup:
        kept, tuning = float(stats["n_steps"].sum()), float(warmup["n_steps"].sum())
        return kept / (kept + tuning), "numbers of gradients"
    draws = tree["posterior"].sizes["draw"]
    return draws / (draws + tune), "numbers of draws"


def _time_drawing(start: DataArray, duration: DataArray) -> float:
    """Length of the union over chains of the interval from the first kept draw to the last."""
    ends = (start + duration).values
    begins = start.values
    chains = len(begins)
    first = begins.reshape(chains, -1).min(axis=1)
    last = ends.reshape(chains, -1).max(axis=1)
    covered, until = 0.0, -np.inf
    for chain in np.argsort(first):
        covered += max(0.0, last[chain] - max(until, first[chain]))
        until = max(until, last[chain])
    return float(covered)
