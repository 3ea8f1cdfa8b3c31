"""Multifrontal sparse Cholesky factorisation, draws and integrals with it.

q holds the lower triangle of Q column by column, in the order of elimination. Each front of w
pivots and u rows below them is the upper trapezoid of a matrix U of w rows, its panel, above the
upper triangle of u rows that updates the parent, both by rows from the diagonal on. Each row ends
with its entry of the information, so that the forward substitution is part of the factorisation.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import SINGULAR, dot
from pymc_glm.gaussian.marginal_kernels import log_integral, multiplied
from pymc_glm.numba_support import kernel

__all__ = ["factor_sparse", "sparse_draw", "sparse_from_noise", "sparse_log_marginal"]


@kernel
def _tables(layout):
    """Parts of the layout: see `pymc_glm.gaussian.symbolic`."""
    fronts = layout[1]
    begin = 5
    first = layout[begin : begin + fronts + 1]
    begin += fronts + 1
    row_starts = layout[begin : begin + fronts + 1]
    begin += fronts + 1
    panel = layout[begin : begin + fronts + 1]
    return first, row_starts, panel, begin + fronts + 1


@kernel
def _subtract(target, pivots, size, begin, count):
    """Complete a row by the rows of a panel of ``size + 1`` columns above it, four at a time."""
    length = target.size
    k = 0
    start = begin
    while k + 3 < count:
        first = pivots[start : start + length]
        start += size - k
        second = pivots[start : start + length]
        start += size - k - 1
        third = pivots[start : start + length]
        start += size - k - 2
        fourth = pivots[start : start + length]
        start += size - k - 3
        a = first[0]
        b = second[0]
        c = third[0]
        d = fourth[0]
        for j in range(length):
            target[j] -= (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j])
        k += 4
    while k < count:
        first = pivots[start : start + length]
        start += size - k
        a = first[0]
        for j in range(length):
            target[j] -= a * first[j]
        k += 1


@kernel
def _add_update(update, inside, pivots, own, width, size):
    """Add the update of a child to the front of its parent."""
    count = inside.size
    entry = 0
    for i in range(count):
        row = inside[i]
        if row < width:
            begin = row * (size + 1) - row * (row - 1) // 2
            target = pivots[begin : begin + size + 1 - row]
        else:
            k = row - width
            begin = k * (size - width + 1) - k * (k - 1) // 2
            target = own[begin : begin + size + 1 - row]
        for j in range(i, count):
            target[inside[j] - row] += update[entry]
            entry += 1
        target[size - row] += update[entry]
        entry += 1


@kernel
def factor_sparse(system, layout):
    """Panels of U and z of Q = U'U, U'z = h, reciprocals of pivots in them; whether Q is proper."""
    fronts = layout[1]
    first, row_starts, panel, begin = _tables(layout)
    update_starts = layout[begin : begin + fronts]
    begin += fronts
    entry_starts = layout[begin : begin + fronts + 1]
    begin += fronts + 1
    child_starts = layout[begin : begin + fronts + 1]
    begin += fronts + 1
    children = layout[begin : begin + child_starts[fronts]]
    begin += child_starts[fronts] + row_starts[fronts]
    inside = layout[begin : begin + row_starts[fronts]]
    begin += row_starts[fronts]
    place = layout[begin:]
    information = system[place.size :]
    factor = np.empty(layout[2])
    work = np.empty(layout[3])
    for s in range(fronts):
        width = first[s + 1] - first[s]
        below = row_starts[s + 1] - row_starts[s]
        size = width + below
        pivots = factor[panel[s] : panel[s + 1]]
        own = work[update_starts[s] : update_starts[s] + below * (below + 3) // 2]
        pivots[:] = 0.0
        own[:] = 0.0
        for entry in range(entry_starts[s], entry_starts[s + 1]):
            factor[place[entry]] = system[entry]
        last = size
        for i in range(width):
            pivots[last] = information[first[s] + i]
            last += size - i
        for number in range(child_starts[s], child_starts[s + 1]):
            c = children[number]
            count = row_starts[c + 1] - row_starts[c]
            update = work[update_starts[c] : update_starts[c] + count * (count + 3) // 2]
            _add_update(update, inside[row_starts[c] : row_starts[c + 1]], pivots, own, width, size)
        start = 0
        for i in range(width):
            target = pivots[start : start + size + 1 - i]
            _subtract(target, pivots, size, i, i)
            if not 0.0 < target[0] < np.inf:
                return factor, False
            scale = 1.0 / np.sqrt(target[0])
            for j in range(1, target.size):
                target[j] *= scale
            target[0] = scale
            start += target.size
        start = 0
        for i in range(below):
            target = own[start : start + below + 1 - i]
            _subtract(target, pivots, size, width + i, width)
            start += target.size
    return factor, True


@kernel
def sparse_from_noise(system, noise, layout):
    """Sparse Q by the lower triangle of its nonzeros."""
    fronts = layout[1]
    factor, is_proper = factor_sparse(system, layout)
    if not is_proper:
        raise ArithmeticError(SINGULAR)
    first, row_starts, panel, begin = _tables(layout)
    begin += 3 * fronts + 2
    # The last of the starts of children tells how many there are.
    rows = layout[begin + layout[begin - 1] :]
    x = np.empty(noise.size)
    local = np.empty(layout[4])
    for s in range(fronts - 1, -1, -1):
        width = first[s + 1] - first[s]
        below = row_starts[s + 1] - row_starts[s]
        size = width + below
        for i in range(below):
            local[width + i] = x[rows[row_starts[s] + i]]
        end = panel[s + 1]
        for i in range(width - 1, -1, -1):
            row = factor[end - (size + 1 - i) : end]
            last = size - i
            value = row[last] + noise[first[s] + i] - dot(row[1:last], local[i + 1 : size])
            value *= row[0]
            if not np.isfinite(value):
                raise ArithmeticError(SINGULAR)
            local[i] = value
            x[first[s] + i] = value
            end -= row.size
    return x


@kernel
def sparse_draw(rng, system, layout):
    """Draw for sparse Q."""
    return sparse_from_noise(system, rng.standard_normal(layout[0]), layout)


@kernel
def sparse_log_marginal(system, layout):
    """Sparse Q by the lower triangle of its nonzeros."""
    fronts = layout[1]
    factor, is_proper = factor_sparse(system, layout)
    if not is_proper:
        return -np.inf
    first, row_starts, panel, _ = _tables(layout)
    quadratic = 0.0
    product = 1.0
    logarithm = 0.0
    for s in range(fronts):
        width = first[s + 1] - first[s]
        size = width + row_starts[s + 1] - row_starts[s]
        start = panel[s]
        for i in range(width):
            solved = factor[start + size - i]
            quadratic += solved * solved
            product, logarithm = multiplied(product, logarithm, factor[start])
            start += size + 1 - i
    # The diagonal holds inverse roots of pivots.
    return log_integral(quadratic, -2.0 * (logarithm + math.log(product)))
