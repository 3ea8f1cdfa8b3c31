"""Summaries of one chain that are kept up to date draw by draw, and how chains are put together.

Bytes of one entry in one chain: 7 moments and 3 numbers of the range in double precision, and a
histogram of e edges and e + 1 counts in single precision; 268 with the default quantiles.
"""

from __future__ import annotations

import itertools
import math

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scipy.special import expit, logit

from pymc_glm.sampling.accumulator_kernels import (
    FIRST,
    MOMENT_ROWS,
    RANGE_ROWS,
    accumulate_histograms,
    accumulate_moments,
    pooled_quantiles,
)

__all__ = ["STATISTICS", "Accumulators", "summarise", "worst_rhat"]

# Rows of a summary before the quantiles.
STATISTICS = ("mean", "sd", "mcse_mean", "ess_mean", "r_hat")
# Widest gap between levels of the histogram's edges, on the logit scale.
GAP = 0.75
# Edges beside a quantile are at most so far from it.
NEAR = 0.1
# Entries that are put together at once.
BLOCK = 8192


class Accumulators:
    """Running summaries of the entries of one chain.

    Parameters
    ----------
    size : int
        Number of entries.
    draws : int
        Draws that the chain is to have: it is cut into halves and batches accordingly.
    quantiles : sequence of float
        Probabilities, to place the edges of the histograms.
    """

    def __init__(self, size: int, draws: int, quantiles: Sequence[float]) -> None:
        self.done = 0
        # The first half has the odd draw.
        self.cut = (draws + 1) // 2
        self.batch = max(1, math.isqrt(draws))
        self.levels = edge_levels(quantiles)
        self.moments = np.zeros((MOMENT_ROWS, size))
        self.ranges = np.zeros((RANGE_ROWS, size))
        self.edges = np.zeros((size, self.levels.size), np.float32)
        self.counts = np.zeros((size, self.levels.size + 1), np.float32)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that changes, but for the number of draws."""
        names = ("moments", "ranges", "edges", "counts")
        return {name: getattr(self, name) for name in names}

    def take(self, draws: np.ndarray) -> None:
        """Take draws in.

        Parameters
        ----------
        draws : ndarray, shape (draws, size)
            C-contiguous.
        """
        accumulate_moments(draws, self.done, self.cut, self.batch, self.moments)
        accumulate_histograms(draws, self.done, self.levels, self.ranges, self.edges, self.counts)
        self.done += len(draws)

    def restore(self, done: int, arrays: dict[str, np.ndarray]) -> None:
        """Go on from where another run was."""
        self.done = done
        for name, array in self.arrays.items():
            array[...] = arrays[name]

    def parts(self, entries: slice) -> list[_Part]:
        """The chain's first and second half, as far as they have draws."""
        lengths = (min(self.done, self.cut), max(0, self.done - self.cut))
        return [
            _Part(length, self.moments[2 * half, entries], self.moments[2 * half + 1, entries])
            for half, length in enumerate(lengths)
            if length
        ]

    def batches(self, entries: slice) -> _Part:
        """Means of the batches that are complete."""
        return _Part(self.done // self.batch, self.moments[5, entries], self.moments[6, entries])


def edge_levels(quantiles: Sequence[float]) -> np.ndarray:
    """Levels of the edges of the histograms, increasing.

    Those of the quantiles themselves, close to each of them, in both tails, and evenly in between
    on the logit scale. At least as many as the histogram needs to hold the first draws.

    Parameters
    ----------
    quantiles : sequence of float
        Probabilities between zero and one.

    Returns
    -------
    levels : ndarray, shape (e,)
    """
    lowest, highest = min(quantiles), max(quantiles)
    levels = {lowest * share for share in (0.125, 0.25, 0.5)}
    levels |= {1.0 - (1.0 - highest) * share for share in (0.125, 0.25, 0.5)}
    for probability in quantiles:
        width = min(probability, 1.0 - probability, NEAR)
        levels |= {probability + share * width for share in (-0.75, -0.25, 0.0, 0.25, 0.75)}
    ordered = sorted({round(level, 12) for level in levels})
    gap = GAP
    while True:
        filled = [
            np.linspace(low, high, math.ceil((high - low) / gap), endpoint=False)
            for low, high in itertools.pairwise(logit(ordered))
        ]
        result = expit(np.concatenate([*filled, logit(ordered[-1:])]))
        if result.size + 1 >= FIRST:
            return result
        gap *= 0.5


class _Part(NamedTuple):
    """Some numbers of each entry: how many, their mean, and their sum of squares about it."""

    length: int
    mean: np.ndarray
    squares: np.ndarray


def _pooled(parts: Sequence[_Part]) -> _Part:
    """All numbers together."""
    total, mean, squares = 0, np.zeros(1), np.zeros(1)
    for part in parts:
        joint = total + part.length
        change = part.mean - mean
        mean = mean + change * (part.length / max(joint, 1))
        squares = squares + part.squares + change**2 * (total * part.length / max(joint, 1))
        total = joint
    return _Part(total, mean, squares)


def _rhat(chains: Sequence[Accumulators], entries: slice) -> np.ndarray:
    """Split R-hat; of whole chains while the second half is less than half as long as the first."""
    started = [chain for chain in chains if chain.done >= 2]
    halves = [chain.parts(entries) for chain in started]
    splits = all(
        len(parts) == 2 and parts[1].length >= max(2, parts[0].length // 2) for parts in halves
    )
    parts = [part for parts in halves for part in (parts if splits else [_pooled(parts)])]
    if len(parts) < 2:
        return np.full(started[0].parts(entries)[0].mean.shape if started else 1, np.nan)
    length = sum(part.length for part in parts) / len(parts)
    between = length * np.var([part.mean for part in parts], axis=0, ddof=1)
    within = np.mean([part.squares / (part.length - 1) for part in parts], axis=0)
    # Of entries that stand still there is nothing to compare.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((between / within + length - 1.0) / length)


def worst_rhat(chains: Sequence[Accumulators]) -> float:
    """Largest R-hat among all entries, NaN where none is defined.

    Parameters
    ----------
    chains : sequence of Accumulators
        One for each chain; they may be at work.

    Returns
    -------
    worst : float
    """
    worst = math.nan
    for entries in _blocks(0, chains[0].moments.shape[1]):
        worst = float(np.fmax(worst, np.fmax.reduce(_rhat(chains, entries))))
    return worst


def summarise(
    chains: Sequence[Accumulators], quantiles: Sequence[float], where: slice = slice(None)
) -> np.ndarray:
    """Summaries of the draws of all chains together.

    Parameters
    ----------
    chains : sequence of Accumulators
        One for each chain, with at least one draw in each.
    quantiles : sequence of float
        Probabilities.
    where : slice
        Entries to summarise, by default all.

    Returns
    -------
    table : ndarray, shape (5 + q, entries)
        Rows are those of ``STATISTICS``, then the quantiles. The Monte Carlo variance is that of
        replicated batch means: the variance of the means of all batches of all chains about the
        common mean, times the length of a batch.

    References
    ----------
    Argon, Andradottir (2006), Naval Research Logistics 53(6), 508-524, doi:10.1002/nav.20158
    """
    first, stop, _ = where.indices(chains[0].moments.shape[1])
    table = np.empty((len(STATISTICS) + len(quantiles), stop - first))
    probabilities = np.array(quantiles, dtype=float)
    taken = np.array([chain.done for chain in chains])
    for entries in _blocks(first, stop):
        together = _pooled([part for chain in chains for part in chain.parts(entries)])
        total = together.length
        rows = table[:, entries.start - first : entries.stop - first]
        rows[0] = together.mean
        variance = together.squares / (total - 1) if total > 1 else np.full_like(rows[0], np.nan)
        rows[1] = np.sqrt(variance)
        ess = _ess(chains, entries, variance, total)
        rows[2] = rows[1] / np.sqrt(ess)
        rows[3] = ess
        rows[4] = _rhat(chains, entries)
        found = np.empty((len(quantiles), rows.shape[1]))
        pooled_quantiles(
            chains[0].levels,
            np.stack([chain.ranges[:, entries] for chain in chains]),
            np.stack([chain.edges[entries] for chain in chains]),
            np.stack([chain.counts[entries] for chain in chains]),
            taken,
            probabilities,
            found,
        )
        rows[len(STATISTICS) :] = found
    return table


def _ess(
    chains: Sequence[Accumulators], entries: slice, variance: np.ndarray, total: int
) -> np.ndarray:
    batches = _pooled([chain.batches(entries) for chain in chains])
    if batches.length < 2 or total < 4:
        return np.full_like(variance, np.nan)
    spread = chains[0].batch * batches.squares / (batches.length - 1)
    # The bounds of ArviZ: entries that stand still count in full, others up to n log n.
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.minimum(total * variance / spread, total * math.log10(total))
    return np.where(variance == 0.0, float(total), size)


def _blocks(first: int, stop: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, stop)) for start in range(first, stop, BLOCK)]
