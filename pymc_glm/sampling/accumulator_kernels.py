"""Kernels that take a few draws of many entries into running summaries.

Entries go through in tiles whose accumulators stay in the cache while all draws of the chunk pass,
and the draws of an entry are taken one after the other: how draws are cut into chunks changes no
bit of the result.

Moments follow Welford (1962), doi:10.1080/00401706.1962.10490022. Quantiles are read off a
histogram for each entry, whose edges lie at its quantiles of given levels, as the markers of
P-squared do (Jain and Chlamtac, 1985, doi:10.1145/4372.4378). The first ``FIRST`` draws place the
edges; whenever the number of draws has doubled they are placed anew, and the counts are shared out
among the new bins.
"""

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "FIRST",
    "MOMENT_ROWS",
    "RANGE_ROWS",
    "accumulate_histograms",
    "accumulate_moments",
    "pooled_quantiles",
]

# Rows of the moments: mean and sum of squares of the first and the second part of the chain; sum of
# the current batch; mean and sum of squares of the means of the batches completed.
MOMENT_ROWS = 7
# Rows of the range: first, smallest and largest draw.
RANGE_ROWS = 3
# Draws that are kept as they are before the edges are placed; a power of two.
FIRST = 16
TILE = 512
BISECTIONS = 40


@kernel
def accumulate_moments(x, before, cut, batch, moments):
    """Take draws into means and sums of squares.

    x : (draws, n); before : draws taken already; cut : length of the first part of the chain;
    batch : length of a batch; moments : (MOMENT_ROWS, n), updated.
    """
    draws, n = x.shape
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        for d in range(draws):
            index = before + d
            part = 0 if index < cut else 2
            _welford(x[d], start, stop, index - (0 if index < cut else cut), moments, part)
            total = moments[4]
            row = x[d]
            for j in range(start, stop):
                total[j] += row[j]
            if (index + 1) % batch == 0:
                for j in range(start, stop):
                    total[j] /= batch
                _welford(total, start, stop, index // batch, moments, 5)
                for j in range(start, stop):
                    total[j] = 0.0


@kernel
def _welford(row, start, stop, before, moments, part):
    mean, squares = moments[part], moments[part + 1]
    share = 1.0 / (before + 1.0)
    for j in range(start, stop):
        change = row[j] - mean[j]
        mean[j] += change * share
        squares[j] += change * (row[j] - mean[j])


@kernel
def accumulate_histograms(x, before, levels, ranges, edges, counts):
    """Take draws into the histograms.

    x : (draws, n); before : draws taken already; levels : (e,), increasing; ranges :
    (RANGE_ROWS, n), updated; edges : (n, e) of float32, updated, less the first draw; counts :
    (n, e + 1) of float32, updated. Up to ``FIRST`` draws they hold the draws, less the first one.
    """
    draws, n = x.shape
    size = edges.shape[1]
    first, least, most = ranges[0], ranges[1], ranges[2]
    for start in range(0, n, TILE):
        stop = min(start + TILE, n)
        for d in range(draws):
            row = x[d]
            index = before + d
            if index == 0:
                for j in range(start, stop):
                    first[j] = row[j]
                    least[j] = row[j]
                    most[j] = row[j]
            for j in range(start, stop):
                least[j] = row[j] if row[j] < least[j] else least[j]
                most[j] = row[j] if row[j] > most[j] else most[j]
            if index < FIRST:
                for j in range(start, stop):
                    counts[j, index] = row[j] - first[j]
                if index == FIRST - 1:
                    for j in range(start, stop):
                        _begin(levels, edges[j], counts[j], FIRST)
                continue
            for j in range(start, stop):
                value = np.float32(row[j] - first[j])
                bin_ = 0
                for k in range(size):
                    bin_ += edges[j, k] < value
                counts[j, bin_] += np.float32(1.0)
            if (index + 1) & index == 0:
                for j in range(start, stop):
                    low, high = least[j] - first[j], most[j] - first[j]
                    _place_anew(levels, low, high, edges[j], counts[j])


@kernel
def _begin(levels, edges, counts, taken):
    """Place the edges by the first draws, and count those."""
    ordered = np.sort(counts[:taken])
    for k in range(levels.size):
        position = levels[k] * (taken - 1)
        below = min(int(position), taken - 1)
        above = min(below + 1, taken - 1)
        share = position - below
        edges[k] = np.float32((1.0 - share) * ordered[below] + share * ordered[above])
    counts[:] = 0.0
    for value in ordered:
        bin_ = 0
        for k in range(edges.size):
            bin_ += edges[k] < value
        counts[bin_] += np.float32(1.0)


@kernel
def _place_anew(levels, low, high, edges, counts):
    """Move the edges to where the counts suggest that the quantiles are."""
    size = edges.size
    old, old_counts = edges.copy(), counts.copy()
    total = counts.sum()
    below, k = 0.0, 0
    for m in range(size):
        target = levels[m] * total
        while k < size and below + old_counts[k] < target:
            below += old_counts[k]
            k += 1
        left, right = _sides(old, low, high, k)
        share = (target - below) / max(old_counts[k], 1e-30)
        edges[m] = np.float32(left + min(1.0, share) * (right - left))
    up_to = 0.0
    for m in range(size):
        here = _distribution(old, old_counts, low, high, edges[m])
        counts[m] = np.float32(max(0.0, here - up_to))
        up_to = max(here, up_to)
    counts[size] = np.float32(total - up_to)


@kernel
def _sides(edges, low, high, k):
    """Lower and upper end of bin k."""
    left = low if k == 0 else float(edges[k - 1])
    right = high if k == edges.size else float(edges[k])
    return left, right


@kernel
def _distribution(edges, counts, low, high, x):
    """Number of draws up to x, those of a bin taken as evenly spread."""
    below = 0.0
    for k in range(counts.size):
        left, right = _sides(edges, low, high, k)
        if x < right:
            if x > left:
                below += counts[k] * (x - left) / (right - left)
            return below
        below += counts[k]
    return below


@kernel
def pooled_quantiles(levels, ranges, edges, counts, taken, probabilities, quantiles):
    """Quantiles of the draws of all chains together.

    levels : (e,); ranges : (chains, RANGE_ROWS, n); edges : (chains, n, e); counts :
    (chains, n, e + 1); taken : (chains,), draws in each, at least one; probabilities : (q,);
    quantiles : (q, n), written.
    """
    chains, _, n = ranges.shape
    total = float(taken.sum())
    edge, count = np.empty_like(edges[:, 0]), np.empty_like(counts[:, 0])
    for j in range(n):
        for c in range(chains):
            edge[c], count[c] = edges[c, j], counts[c, j]
            if taken[c] < FIRST:
                _begin(levels, edge[c], count[c], taken[c])
        least, most = ranges[:, 1, j].min(), ranges[:, 2, j].max()
        for q in range(probabilities.size):
            low, high = least, most
            for _ in range(BISECTIONS):
                middle = 0.5 * (low + high)
                below = 0.0
                for c in range(chains):
                    first = ranges[c, 0, j]
                    lowest, highest = ranges[c, 1, j] - first, ranges[c, 2, j] - first
                    below += _distribution(edge[c], count[c], lowest, highest, middle - first)
                if below < probabilities[q] * total:
                    low = middle
                else:
                    high = middle
            quantiles[q, j] = 0.5 * (low + high)
