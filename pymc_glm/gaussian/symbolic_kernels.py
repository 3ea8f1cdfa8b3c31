"""Kernels of the symbolic analysis of a sparse Cholesky factorisation.

Patterns are symmetric, given by the sorted columns of each row, ``starts`` and ``columns``, in the
order of elimination.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "amalgamate",
    "column_counts",
    "elimination_tree",
    "front_rows",
    "places_in_parents",
    "postorder",
]


@kernel
def elimination_tree(starts, columns):
    """Parent of each column: the first one below it that it updates; -1 for roots.

    Paths to the current root are shortened as they are walked.
    """
    n = starts.size - 1
    parent = np.full(n, -1)
    shortcut = np.full(n, -1)
    for i in range(n):
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            while j != -1 and j < i:
                following = shortcut[j]
                shortcut[j] = i
                if following == -1:
                    parent[j] = i
                j = following
    return parent


@kernel
def postorder(parent):
    """Columns in an order in which every subtree is a contiguous range that ends in its root."""
    n = parent.size
    child = np.full(n, -1)
    sibling = np.full(n, -1)
    for j in range(n - 1, -1, -1):
        if parent[j] >= 0:
            sibling[j] = child[parent[j]]
            child[parent[j]] = j
    order = np.empty(n, np.int64)
    stack = np.empty(n, np.int64)
    k = 0
    for root in range(n):
        if parent[root] >= 0:
            continue
        top = 0
        stack[0] = root
        while top >= 0:
            j = stack[top]
            if child[j] >= 0:
                top += 1
                stack[top] = child[j]
                child[j] = sibling[child[j]]
            else:
                order[k] = j
                k += 1
                top -= 1
    return order


@kernel
def column_counts(starts, columns, parent, most):
    """Entries of each column of the factor, its diagonal included; and whether there are too many.

    Row i of the factor is the subtree of paths from the columns of row i of the pattern to i.
    """
    n = starts.size - 1
    counts = np.ones(n, np.int64)
    seen = np.full(n, -1)
    total = n
    for i in range(n):
        seen[i] = i
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            while j < i and seen[j] != i:
                seen[j] = i
                counts[j] += 1
                total += 1
                j = parent[j]
        if total > most:
            return counts, False
    return counts, True


@kernel
def front_time(width, below, cost):
    """Time of a front of some pivots and rows below them; `cost` of front, entry, operation."""
    size = width + below + 1.0
    operations = width * size * size - width * width * (size - width / 3.0)
    return cost[0] + cost[1] * size * size + cost[2] * operations


@kernel
def amalgamate(width, below, parent, cost):
    """Merge supernodes into their parents where one larger front is cheaper than two.

    Supernodes are in postorder. Returns which supernode each one ends up in, and the widths.
    """
    count = width.size
    home = np.arange(count)
    width = width.copy()
    child = np.full(count, -1)
    sibling = np.full(count, -1)
    for s in range(count):
        kept = -1
        c = child[s]
        while c >= 0:
            following = sibling[c]
            together = front_time(width[s] + width[c], below[s], cost)
            apart = front_time(width[s], below[s], cost) + front_time(width[c], below[c], cost)
            if together <= apart:
                home[c] = s
                width[s] += width[c]
            else:
                sibling[c] = kept
                kept = c
            c = following
        child[s] = kept
        if parent[s] >= 0:
            sibling[s] = child[parent[s]]
            child[parent[s]] = s
    for s in range(count - 1, -1, -1):
        home[s] = home[home[s]]
    return home, width


@kernel
def front_rows(starts, columns, first, parent, row_starts):
    """Rows of each front below its pivots, sorted: those of the pattern and of the children."""
    count = first.size - 1
    rows = np.empty(row_starts[count], np.int64)
    seen = np.full(starts.size - 1, -1)
    used = row_starts[:-1].copy()
    child = np.full(count, -1)
    sibling = np.full(count, -1)
    for s in range(count):
        last = first[s + 1]
        for entry in range(starts[first[s]], starts[last]):
            i = columns[entry]
            if i >= last and seen[i] != s:
                seen[i] = s
                rows[used[s]] = i
                used[s] += 1
        c = child[s]
        while c >= 0:
            for entry in range(row_starts[c], row_starts[c + 1]):
                i = rows[entry]
                if i >= last and seen[i] != s:
                    seen[i] = s
                    rows[used[s]] = i
                    used[s] += 1
            c = sibling[c]
        rows[row_starts[s] : row_starts[s + 1]].sort()
        if parent[s] >= 0:
            sibling[s] = child[parent[s]]
            child[parent[s]] = s
    return rows


@kernel
def places_in_parents(first, parent, row_starts, rows):
    """Where each row of a front is found in the parent's front: among its pivots, or below."""
    places = np.empty_like(rows)
    for s in range(parent.size):
        if parent[s] < 0:
            continue
        p = parent[s]
        width = first[p + 1] - first[p]
        other = row_starts[p]
        for entry in range(row_starts[s], row_starts[s + 1]):
            i = rows[entry]
            if i < first[p + 1]:
                places[entry] = i - first[p]
                continue
            while rows[other] < i:
                other += 1
            places[entry] = width + other - row_starts[p]
    return places
