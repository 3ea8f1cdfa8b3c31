"""Approximate minimum degree: an order of elimination that keeps a Cholesky factor sparse.

The graph of what is left is kept as a quotient graph. A variable has a list of elements, cliques
that eliminations left behind, and of other variables. Variables with equal lists are merged, and an
element whose variables all belong to a newer one is absorbed by it.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["minimum_degree"]


@kernel
def _unlink(i, head, following, previous, degree):
    """Take a variable out of the list of its degree."""
    after = following[i]
    before = previous[i]
    if after >= 0:
        previous[after] = before
    if before >= 0:
        following[before] = after
    else:
        head[degree[i]] = after


@kernel
def _form_element(me, pool, begin, start, elements, length, size, alive):
    """Collect the variables next to a pivot at ``begin``, their sizes made negative.

    Elements of the pivot are absorbed. Returns where the list ends.
    """
    end = begin
    for entry in range(start[me], start[me] + length[me]):
        other = pool[entry]
        if entry >= start[me] + elements[me]:
            if size[other] > 0:
                size[other] = -size[other]
                pool[end] = other
                end += 1
            continue
        if not alive[other]:
            continue
        alive[other] = False
        for place in range(start[other], start[other] + length[other]):
            i = pool[place]
            if size[i] > 0:
                size[i] = -size[i]
                pool[end] = i
                end += 1
    return end


@kernel
def _are_equal(i, j, pool, start, length, seen, stamp):
    """Whether two variables have the same lists; those of the first are marked by the stamp."""
    if length[i] != length[j]:
        return False
    for entry in range(start[j], start[j] + length[j]):
        if seen[pool[entry]] != stamp:
            return False
    return True


@kernel
def minimum_degree(starts, columns, most, dense):
    """Order a symmetric pattern; and whether the factor has no more than ``most`` entries.

    Variables with more than ``dense`` neighbours come last. Where there are too many entries the
    search ends early.
    """
    n = starts.size - 1
    nonzeros = columns.size
    pool = np.empty(2 * nonzeros + n, np.int64)
    pool[:nonzeros] = columns
    free = nonzeros
    start = starts[:-1].copy()
    length = np.diff(starts)
    elements = np.zeros(n, np.int64)
    size = np.ones(n, np.int64)
    alive = np.zeros(n, np.bool_)
    joined = np.full(n, -1)
    rank = np.full(n, n)
    degree = np.zeros(n, np.int64)
    head = np.full(n + 1, -1)
    following = np.full(n, -1)
    previous = np.full(n, -1)
    bucket = np.full(n, -1)
    next_in_bucket = np.full(n, -1)
    hashes = np.zeros(n, np.int64)
    outside = np.zeros(n, np.int64)
    seen = np.zeros(n, np.int64)
    stamp = 0
    flag = 1
    left = n
    entries = 0
    for i in range(n):
        if length[i] > dense:
            size[i] = 0
            left -= 1
    for i in range(n):
        if size[i] == 0:
            continue
        degree[i] = min(length[i], left - 1)
        following[i] = head[degree[i]]
        if head[degree[i]] >= 0:
            previous[head[degree[i]]] = i
        head[degree[i]] = i
    least = 0
    pivot = 0
    while left > 0:
        while head[least] < 0:
            least += 1
        me = head[least]
        _unlink(me, head, following, previous, degree)
        own = size[me]
        # Its size is zero while its neighbours are collected, so that it is not among them.
        size[me] = 0
        needed = length[me] - elements[me]
        for entry in range(start[me], start[me] + elements[me]):
            if alive[pool[entry]]:
                needed += length[pool[entry]]
        if free + needed > pool.size:
            larger = np.empty(2 * (free + needed), np.int64)
            larger[:free] = pool[:free]
            pool = larger
        begin = free
        end = _form_element(me, pool, begin, start, elements, length, size, alive)
        weight = 0
        for place in range(begin, end):
            i = pool[place]
            weight -= size[i]
            _unlink(i, head, following, previous, degree)
        # How many variables of each element are not in the new one.
        flag += n + 1
        for place in range(begin, end):
            i = pool[place]
            for entry in range(start[i], start[i] + elements[i]):
                e = pool[entry]
                if not alive[e]:
                    continue
                if outside[e] < flag:
                    outside[e] = degree[e] + flag
                outside[e] += size[i]
        for place in range(begin, end):
            i = pool[place]
            first = start[i]
            kept = first
            reach = 0
            total = 0
            for entry in range(first, first + elements[i]):
                e = pool[entry]
                if not alive[e]:
                    continue
                if outside[e] == flag:
                    alive[e] = False
                    continue
                reach += outside[e] - flag
                total += e
                pool[kept] = e
                kept += 1
            count = kept - first
            for entry in range(first + elements[i], first + length[i]):
                j = pool[entry]
                if size[j] > 0:
                    reach += size[j]
                    total += j
                    pool[kept] = j
                    kept += 1
            if reach == 0:
                # Its neighbours are those of the pivot: both are eliminated at once.
                joined[i] = me
                own -= size[i]
                weight += size[i]
                size[i] = 0
                continue
            # The pivot as an element, in the place of one that went.
            pool[kept] = pool[first + count]
            pool[first + count] = me
            elements[i] = count + 1
            length[i] = kept + 1 - first
            degree[i] = min(degree[i], reach)
            hashes[i] = total % n
            next_in_bucket[i] = bucket[hashes[i]]
            bucket[hashes[i]] = i
        for place in range(begin, end):
            i = pool[place]
            if size[i] == 0:
                continue
            i = bucket[hashes[i]]
            if i >= 0:
                bucket[hashes[i]] = -1
            while i >= 0 and next_in_bucket[i] >= 0:
                stamp += 1
                for entry in range(start[i], start[i] + length[i]):
                    seen[pool[entry]] = stamp
                before = i
                j = next_in_bucket[i]
                while j >= 0:
                    after = next_in_bucket[j]
                    if _are_equal(i, j, pool, start, length, seen, stamp):
                        joined[j] = i
                        size[i] += size[j]
                        size[j] = 0
                        next_in_bucket[before] = after
                    else:
                        before = j
                    j = after
                i = next_in_bucket[i]
        left -= own
        kept = begin
        for place in range(begin, end):
            i = pool[place]
            if size[i] == 0:
                continue
            size[i] = -size[i]
            degree[i] = min(degree[i] + weight - size[i], left - size[i])
            following[i] = head[degree[i]]
            previous[i] = -1
            if head[degree[i]] >= 0:
                previous[head[degree[i]]] = i
            head[degree[i]] = i
            least = min(least, degree[i])
            pool[kept] = i
            kept += 1
        start[me] = begin
        length[me] = kept - begin
        degree[me] = weight
        alive[me] = kept > begin
        free = kept
        rank[me] = pivot
        pivot += 1
        entries += own * (own + 1) // 2 + own * weight
        # The neighbours of the pivot are now a clique, whose factor is full.
        if entries + weight * (weight + 1) // 2 > most:
            return rank, False
    for i in range(n):
        root = i
        while joined[root] >= 0:
            root = joined[root]
        rank[i] = rank[root]
    return np.argsort(rank, kind="mergesort"), True
