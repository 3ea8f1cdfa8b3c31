"""One sampler in a few numbers, and whether it converged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pymc_glm.compare.draws import Layout, group, is_unadjusted
from pymc_glm.compare.timing import Timing
from pymc_glm.diagnostics import MIN_ESS_PER_CHAIN, RHAT_LIMIT, Diagnostics

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import DataTree

__all__ = ["Summary", "constants", "summarize", "tabulate"]

STEP_UNITS = {"gibbs": "sweep", "mala": "gradient"}


@dataclass(frozen=True)
class Summary:
    """The row of one sampler in the table; the fields are its columns.

    Attributes
    ----------
    min_ess_bulk, median_ess_bulk, worst_bulk : float, float, str
        Bulk effective sample size over all coordinates, and the coordinate with the smallest.
    min_ess_tail, median_ess_tail, worst_tail : float, float, str
        The same for the tails (5% and 95% quantiles).
    ess_per_s : float
        Smaller one of the two minima, per second of drawing: no warm-up, no compilation.
    ess_per_s_total : float
        The same number of effective draws per second of compilation, warm-up and drawing.
    ess_per_step : float
        The same per step of the sampler, see `step_unit`. Warm-up is not counted.
    step_unit : str
        "gradient" for NUTS, MALA and MCLMC, "sweep" for Gibbs, "draw" where no work was recorded.
    max_rhat, worst_rhat : float, str
        Largest rank-normalised split R-hat and its coordinate.
    max_mcse, worst_mcse : float, str
        Largest Monte Carlo standard error of a mean, relative to the posterior standard
        deviation, and its coordinate.
    divergences : int or None
        Divergent transitions after warm-up; None for samplers that cannot have any.
    compile_s, warmup_s, sample_s : float
        Wall time in seconds, see `Timing`.
    draws, chains : int
        Kept draws per chain, and chains.
    unadjusted : bool
        Whether the sampler corrects nothing, so that its draws are biased however many there are;
        read off the attribute of that name of its posterior.
    problems : tuple of str
        Why the sampler does not count as converged; empty if it does.
    """

    min_ess_bulk: float
    median_ess_bulk: float
    worst_bulk: str
    min_ess_tail: float
    median_ess_tail: float
    worst_tail: str
    ess_per_s: float
    ess_per_s_total: float
    ess_per_step: float
    step_unit: str
    max_rhat: float
    worst_rhat: str
    max_mcse: float
    worst_mcse: str
    divergences: int | None
    compile_s: float
    warmup_s: float
    sample_s: float
    draws: int
    chains: int
    unadjusted: bool
    problems: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether every check passed."""
        return not self.problems

    @property
    def min_ess(self) -> float:
        """Smallest effective sample size, bulk or tail, of any coordinate."""
        return min(self.min_ess_bulk, self.min_ess_tail)

    @property
    def worst(self) -> str:
        """The coordinate with the smallest effective sample size."""
        return self.worst_bulk if self.min_ess_bulk <= self.min_ess_tail else self.worst_tail


def constants(diagnostics: Mapping[str, Diagnostics]) -> np.ndarray:
    """Coordinates that are the same number in all draws of all samplers, bool, shape (p,)."""
    parts = list(diagnostics.values())
    same = [np.isclose(part.mean, parts[0].mean) & part.constant for part in parts]
    return np.logical_and.reduce(same)


def summarize(
    name: str,
    tree: DataTree,
    diagnostics: Diagnostics,
    layout: Layout,
    timing: Timing,
    skipped: np.ndarray,
) -> Summary:
    """Condense the diagnostics of one sampler.

    Parameters
    ----------
    name : str
        Name of the sampler; decides what a step is called.
    tree : DataTree
        Its draws.
    diagnostics : Diagnostics
        Diagnostics of every coordinate.
    layout : Layout
        The coordinates.
    timing : Timing
        Wall times.
    skipped : ndarray of bool, shape (p,)
        Coordinates that are constant for every sampler.

    Returns
    -------
    summary : Summary
    """
    labels = layout.labels
    sizes = tree["posterior"].sizes
    bulk, worst_bulk = _extreme(diagnostics.ess_bulk, labels, np.nanargmin)
    tail, worst_tail = _extreme(diagnostics.ess_tail, labels, np.nanargmin)
    rhat, worst_rhat = _extreme(diagnostics.rhat, labels, np.nanargmax)
    with np.errstate(invalid="ignore"):
        relative = diagnostics.mcse_mean / diagnostics.sd
    mcse, worst_mcse = _extreme(relative, labels, np.nanargmax)
    steps, unit = _work(name, tree)
    smallest = min(bulk, tail)
    return Summary(
        min_ess_bulk=bulk,
        median_ess_bulk=_median(diagnostics.ess_bulk),
        worst_bulk=worst_bulk,
        min_ess_tail=tail,
        median_ess_tail=_median(diagnostics.ess_tail),
        worst_tail=worst_tail,
        ess_per_s=_rate(smallest, timing.sample_s),
        ess_per_s_total=_rate(smallest, timing.total_s),
        ess_per_step=_rate(smallest, steps),
        step_unit=unit,
        max_rhat=rhat,
        worst_rhat=worst_rhat,
        max_mcse=mcse,
        worst_mcse=worst_mcse,
        divergences=_divergences(tree),
        compile_s=timing.compile_s,
        warmup_s=timing.warmup_s,
        sample_s=timing.sample_s,
        draws=int(sizes["draw"]),
        chains=int(sizes["chain"]),
        unadjusted=is_unadjusted(tree),
        problems=_problems(diagnostics, labels, skipped, int(sizes["chain"])),
    )


def tabulate(summaries: Mapping[str, Summary]) -> DataFrame:
    """Tabulate all samplers, one row each; the columns are described in `Summary`."""
    import pandas as pd

    rows = []
    for name, summary in summaries.items():
        row = asdict(summary) | {"converged": summary.converged, "sampler": name}
        del row["problems"]
        rows.append(row)
    frame = pd.DataFrame(rows).set_index("sampler")
    return frame.astype({"divergences": "Int64"})


def _extreme(
    values: np.ndarray, labels: tuple[str, ...], pick: Callable[..., Any]
) -> tuple[float, str]:
    """Return the extreme value and its label; NaN and no label where every value is NaN."""
    if np.isnan(values).all():
        return float("nan"), ""
    index = int(pick(values))
    return float(values[index]), labels[index]


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if not np.isnan(values).all() else float("nan")


def _rate(amount: float, cost: float) -> float:
    return amount / cost if cost > 0.0 else float("nan")


def _work(name: str, tree: DataTree) -> tuple[float, str]:
    """Count the steps of the kept draws of all chains; say what a step is called."""
    stats = group(tree, "sample_stats")
    gradients = float(stats["n_steps"].sum()) if "n_steps" in stats else 0.0
    if "n_logp" in stats:
        return float(stats["n_logp"].sum()) + gradients, "evaluation"
    if "n_steps" in stats:
        return gradients, "gradient"
    sizes = tree["posterior"].sizes
    return float(sizes["chain"] * sizes["draw"]), STEP_UNITS.get(name, "draw")


def _divergences(tree: DataTree) -> int | None:
    stats = group(tree, "sample_stats")
    return int(stats["diverging"].sum()) if "diverging" in stats else None


def _problems(
    diagnostics: Diagnostics, labels: tuple[str, ...], skipped: np.ndarray, chains: int
) -> tuple[str, ...]:
    """Reasons not to call a sampler converged, the gravest first."""
    problems = []
    if diagnostics.invalid.any():
        first = labels[int(diagnostics.invalid.argmax())]
        problems.append(
            f"NaN or infinity in {diagnostics.invalid.sum()} of {len(labels)} coordinates ({first})"
        )
    stuck = diagnostics.constant & ~skipped
    if stuck.any():
        first = labels[int(stuck.argmax())]
        problems.append(f"{stuck.sum()} of {len(labels)} coordinates never moved ({first})")
    if skipped.all():
        problems.append("no coordinate that moves")
    if chains == 1:
        problems.append("one chain only, so R-hat cannot be computed")
    rhat, worst = _extreme(diagnostics.rhat, labels, np.nanargmax)
    if rhat > RHAT_LIMIT:
        problems.append(f"R-hat {rhat:.3f} at {worst} (limit {RHAT_LIMIT})")
    ess, worst = _extreme(diagnostics.ess, labels, np.nanargmin)
    if ess < MIN_ESS_PER_CHAIN * chains:
        problems.append(
            f"{ess:.0f} effective draws at {worst} (needed: {MIN_ESS_PER_CHAIN * chains},"
            f" {MIN_ESS_PER_CHAIN} for each chain)"
        )
    return tuple(problems)
