"""Kernels for Q = D' diag(w) D + diag(c), D the differences over the edges of a graph.

Products with Q and with its inverse modified incomplete Cholesky factor. Two storages of the edges:
by *offsets*, where edges join unknowns a few fixed distances apart, as on a lattice (edge
``k n + i`` joins i and ``i + offsets[k]``); and by *neighbours*, in lists (edges
``starts[i] ... starts[i + 1]`` join i and the later unknowns ``later[...]``).

The factor keeps the off-diagonal entries of Q and changes the pivots so that row sums are kept,
but for a share. Pivots are sums of the excess over the remaining weights, as in
Grassmann-Taksar-Heyman elimination: nothing is subtracted, so they are positive for weights of any
size.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "neighbours_multiply",
    "neighbours_pivots",
    "neighbours_solve",
    "offsets_multiply",
    "offsets_pivots",
    "offsets_solve",
]

# Share of the row sums of dropped entries that the pivots keep; all of it is less robust.
KEPT = 0.97


@kernel
def offsets_pivots(offsets, weight, diagonal):
    """Reciprocals of the pivots of the incomplete factor."""
    n = diagonal.size
    excess = np.zeros(n + offsets[-1])
    for i in range(n):
        excess[i] = diagonal[i]
    inverse = np.empty(n)
    for i in range(n):
        total = 0.0
        for k in range(offsets.size):
            total += weight[k * n + i]
        own = excess[i]
        reciprocal = 1.0 / (own + total)
        inverse[i] = reciprocal
        for k in range(offsets.size):
            w = weight[k * n + i]
            rest = own + (1.0 - KEPT) * max(total - w, 0.0)
            excess[i + offsets[k]] += w * reciprocal * rest
    return inverse


@kernel
def offsets_solve(offsets, weight, inverse, r, z, buffer):
    """Write M^-1 r into z.

    Unknowns closer than the second offset form a run: what comes from earlier runs is added to all
    of it at once, and only the first offset, where it is one, goes from unknown to unknown.
    """
    n = inverse.size
    stepwise = offsets[0] == 1
    first = 1 if stepwise else 0
    run = n if first == offsets.size else offsets[first]
    for begin in range(0, n, run):
        stop = min(begin + run, n)
        for i in range(begin, stop):
            z[i] = r[i]
        for k in range(first, offsets.size):
            offset = offsets[k]
            if stop <= offset:
                continue
            low = max(begin, offset)
            target = z[low:stop]
            source = z[low - offset : stop - offset]
            w = weight[k * n + low - offset : k * n + stop - offset]
            for i in range(target.size):
                target[i] += w[i] * source[i]
        if stepwise:
            carried = weight[begin - 1] * z[begin - 1] if begin > 0 else 0.0
            for i in range(begin, stop):
                value = (z[i] + carried) * inverse[i]
                z[i] = value
                carried = weight[i] * value
        else:
            for i in range(begin, stop):
                z[i] *= inverse[i]
    begin = ((n - 1) // run) * run
    while begin >= 0:
        stop = min(begin + run, n)
        for i in range(stop - begin):
            buffer[i] = 0.0
        for k in range(first, offsets.size):
            offset = offsets[k]
            high = min(stop, n - offset)
            if high <= begin:
                continue
            source = z[begin + offset : high + offset]
            w = weight[k * n + begin : k * n + high]
            for i in range(source.size):
                buffer[i] += w[i] * source[i]
        if stepwise:
            following = z[stop] if stop < n else 0.0
            for i in range(stop - 1, begin - 1, -1):
                following = (z[i] + inverse[i] * buffer[i - begin]) + (
                    inverse[i] * weight[i]
                ) * following
                z[i] = following
        else:
            for i in range(begin, stop):
                z[i] += inverse[i] * buffer[i - begin]
        begin -= run


@kernel
def offsets_multiply(offsets, weight, diagonal, x, y):
    """Write Q x into y."""
    n = diagonal.size
    for i in range(n):
        y[i] = diagonal[i] * x[i]
    for k in range(offsets.size):
        offset = offsets[k]
        w = weight[k * n : (k + 1) * n - offset]
        low = x[: n - offset]
        high = x[offset:]
        to_low = y[: n - offset]
        to_high = y[offset:]
        for i in range(w.size):
            flow = w[i] * (low[i] - high[i])
            to_low[i] += flow
            to_high[i] -= flow


@kernel
def neighbours_pivots(starts, later, weight, diagonal):
    """Reciprocals of the pivots of the incomplete factor."""
    n = diagonal.size
    excess = diagonal.copy()
    inverse = np.empty(n)
    for i in range(n):
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            total += weight[k]
        own = excess[i]
        reciprocal = 1.0 / (own + total)
        inverse[i] = reciprocal
        for k in range(starts[i], starts[i + 1]):
            rest = own + (1.0 - KEPT) * max(total - weight[k], 0.0)
            excess[later[k]] += weight[k] * reciprocal * rest
    return inverse


@kernel
def neighbours_solve(starts, later, weight, inverse, r, z):
    """Write M^-1 r into z."""
    n = inverse.size
    for i in range(n):
        z[i] = r[i]
    for i in range(n):
        value = z[i] * inverse[i]
        z[i] = value
        for k in range(starts[i], starts[i + 1]):
            z[later[k]] += weight[k] * value
    for i in range(n - 1, -1, -1):
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            total += weight[k] * z[later[k]]
        z[i] += inverse[i] * total


@kernel
def neighbours_multiply(starts, later, weight, diagonal, x, y):
    """Write Q x into y."""
    n = diagonal.size
    for i in range(n):
        y[i] = diagonal[i] * x[i]
    for i in range(n):
        value = x[i]
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            flow = weight[k] * (value - x[later[k]])
            total += flow
            y[later[k]] -= flow
        y[i] += total
