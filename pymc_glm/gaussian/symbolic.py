"""Symbolic analysis of a sparse Cholesky factorisation: once for each pattern, before any draw.

The unknowns are ordered by minimum degree. Neighbouring columns of the factor with one pattern
become supernodes, small ones are merged, and each is eliminated in a small dense matrix, its front.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from scipy.sparse.linalg import spilu

__all__ = ["MOST_ENTRIES", "SparseFactor", "analyse"]

# Entries of the largest factor that is considered: 0.4 GB.
MOST_ENTRIES = 50_000_000
# Unknowns with this many times the root of n neighbours are eliminated last.
HUB = 10.0
# Up to this many entries of the factor for each unknown a second order is tried.
FEW_ENTRIES = 64
# Measured times, in operations of a dense factorisation, which are ten for each nanosecond: of a
# front, of an entry of its matrix, and of an operation in it.
FRONT_COST = np.array([1500.0, 8.0, 1.0])


class SparseFactor(NamedTuple):
    """Q's nonzeros in the order of elimination, and the fronts of its Cholesky factorisation.

    Attributes
    ----------
    position : ndarray of int64, shape (n,)
        Unknown j is eliminated at ``position[j]``.
    keys : ndarray of int64, shape (nonzeros,)
        ``low * n + high`` of each stored entry of Q, ``low <= high``, sorted.
    layout : ndarray of int64
        What the kernels read; see `pymc_glm.gaussian.sparse_kernels`.
    entries : int
        Entries of the factor, those that are stored as zeros included.
    operations : float
        Multiplications of one factorisation.
    time : float
        Its time, in operations of a dense one.
    """

    position: np.ndarray
    keys: np.ndarray
    layout: np.ndarray
    entries: int
    operations: float
    time: float

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.keys.size

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Column by column.

        Raises
        ------
        ValueError
            If an entry is not in the pattern.
        """
        n = self.position.size
        wanted = low * n + high
        found = np.searchsorted(self.keys, wanted)
        missing = np.flatnonzero(self.keys[np.minimum(found, self.keys.size - 1)] != wanted)
        if missing.size:
            first = missing[0]
            raise ValueError(
                f"A row joins the unknowns at {low[first]} and {high[first]}, which do not "
                "interact in the plan. Permute the map with linear_map.permuted(plan.position)."
            )
        return found


def analyse(interactions: sp.spmatrix, most: int = MOST_ENTRIES) -> SparseFactor | None:
    """Order the unknowns and find the fronts of the factor.

    Parameters
    ----------
    interactions : sparse matrix, shape (n, n)
        Symmetric pattern of Q.
    most : int, optional
        Entries that the factor may have. The default is fifty million.

    Returns
    -------
    factor : SparseFactor or None
        None where the factor would have more entries.

    References
    ----------
    .. [1] P. R. Amestoy, T. A. Davis and I. S. Duff (1996), "An approximate minimum degree ordering
       algorithm", doi:10.1137/S0895479894278952.
    .. [2] J. W. H. Liu (1985), "Modification of the minimum-degree algorithm by multiple
       elimination", doi:10.1145/214392.214398.
    .. [3] J. W. H. Liu (1992), "The multifrontal method for sparse matrix solution: theory and
       practice", doi:10.1137/1034004.
    """
    # numba stays unimported where it is not needed.
    from pymc_glm.gaussian.symbolic_kernels import amalgamate, postorder

    pattern = sp.csr_matrix(interactions) + sp.identity(interactions.shape[0], format="csr")
    columns = _fewest_operations(pattern, most)
    if columns is None:
        return None
    order, parent, counts = columns
    # A column joins the one before it if that has the same pattern and itself.
    joins = (parent[:-1] == np.arange(1, order.size)) & (counts[:-1] == counts[1:] + 1)
    first = np.flatnonzero(np.concatenate([[True], ~joins]))
    node = np.cumsum(np.concatenate([[True], ~joins])) - 1
    last = np.append(first[1:], order.size) - 1
    above = np.where(parent[last] >= 0, node[parent[last]], -1)
    width, below = last - first + 1, counts[last] - 1
    home, width = amalgamate(width, below, above, FRONT_COST)
    kept = np.flatnonzero(home == np.arange(home.size))
    renumbered = np.full(home.size, -1)
    renumbered[kept] = np.arange(kept.size)
    tree = np.where(above[kept] >= 0, renumbered[home[above[kept]]], -1)
    fronts = postorder(tree)
    rank = np.empty_like(fronts)
    rank[fronts] = np.arange(fronts.size)
    order = order[np.argsort(rank[renumbered[home[node]]], kind="stable")]
    tree = np.where(tree[fronts] >= 0, rank[tree[fronts]], -1)
    return _with_layout(pattern, order, width[kept][fronts], below[kept][fronts], tree)


class _Columns(NamedTuple):
    """Columns of the factor in a postorder: their parents in the tree, and entries of each."""

    order: np.ndarray
    parent: np.ndarray
    counts: np.ndarray


def _fewest_operations(pattern: sp.csr_matrix, most: int) -> _Columns | None:
    """The better of two orders by minimum degree; None where there are too many entries.

    Ours gives up early on graphs without small separators, where SuperLU's takes minutes. On
    grids SuperLU's breaks ties better: up to a fifth fewer operations.
    """
    from pymc_glm.gaussian.ordering_kernels import minimum_degree

    n = pattern.shape[0]
    graph = (pattern - sp.diags(pattern.diagonal())).tocsr()
    graph.eliminate_zeros()
    arrays = (graph.indptr.astype(np.int64), graph.indices.astype(np.int64))
    order, is_possible = minimum_degree(*arrays, most, int(max(16, HUB * np.sqrt(n))))
    found = _columns(pattern, order, most) if is_possible else None
    if found is None or found.counts.sum() > FEW_ENTRIES * n:
        return found
    other = _columns(pattern, _superlu_order(pattern), most)
    if other is None:
        return found
    return min(found, other, key=lambda one: float(one.counts @ one.counts))


def _columns(pattern: sp.csr_matrix, order: np.ndarray, most: int) -> _Columns | None:
    from pymc_glm.gaussian.symbolic_kernels import column_counts, elimination_tree, postorder

    order = order[postorder(elimination_tree(*_permuted(pattern, order)))]
    starts, columns = _permuted(pattern, order)
    parent = elimination_tree(starts, columns)
    counts, is_possible = column_counts(starts, columns, parent, most)
    return _Columns(order, parent, counts) if is_possible else None


def _superlu_order(pattern: sp.csr_matrix) -> np.ndarray:
    """The order that SuperLU eliminates in; of the incomplete factor itself nothing is kept."""
    n = pattern.shape[0]
    degree = np.diff(pattern.indptr)
    values = np.where(pattern.indices == np.repeat(np.arange(n), degree), n + 1.0, -1.0)
    matrix = sp.csc_matrix((values, pattern.indices, pattern.indptr), shape=pattern.shape)
    found = spilu(
        matrix,
        drop_tol=1.0,
        fill_factor=1.0,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return np.argsort(found.perm_c)


def _permuted(pattern: sp.csr_matrix, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moved = pattern[order][:, order].tocsr()
    moved.sort_indices()
    return moved.indptr.astype(np.int64), moved.indices.astype(np.int64)


def _with_layout(
    pattern: sp.csr_matrix,
    order: np.ndarray,
    width: np.ndarray,
    below: np.ndarray,
    parent: np.ndarray,
) -> SparseFactor:
    """Lay out panels, updates and entries of the fronts, which are in postorder."""
    from pymc_glm.gaussian.symbolic_kernels import front_rows, places_in_parents

    n = order.size
    starts, columns = _permuted(pattern, order)
    first, row_starts = _ends(width), _ends(below)
    rows = front_rows(starts, columns, first, parent, row_starts)
    inside = places_in_parents(first, parent, row_starts, rows)
    # Each front is stored by rows from the diagonal on, one entry more for the information.
    panel = _ends(width * (width + below + 1) - width * (width - 1) // 2)
    updates, workspace = _update_starts(below * (below + 3) // 2, parent)
    low = np.repeat(np.arange(n), np.diff(starts))
    upper = columns >= low
    low, high = low[upper], columns[upper]
    entry_starts = _ends(np.bincount(low, minlength=n))[first]
    place = _places_in_panels(low, high, first, width, below, panel, row_starts, rows)
    children = np.argsort(parent, kind="stable")[np.count_nonzero(parent < 0) :]
    child_starts = _ends(np.bincount(parent[parent >= 0], minlength=parent.size))
    header = np.array([n, width.size, panel[-1], workspace, (width + below).max(initial=0)])
    parts = [header, first, row_starts, panel, updates, entry_starts, child_starts]
    layout = np.concatenate([*parts, children, rows, inside, place])
    position = np.empty(n, dtype=np.int64)
    position[order] = np.arange(n)
    size = width + below + 1.0
    operations = float(np.sum(width * size * size - width * width * (size - width / 3.0)))
    time = float(FRONT_COST @ [width.size, size @ size, operations])
    return SparseFactor(
        position=position,
        keys=low * n + high,
        layout=layout.astype(np.int64),
        entries=int(panel[-1]) - n,
        operations=operations,
        time=time,
    )


def _ends(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _update_starts(lengths: np.ndarray, parent: np.ndarray) -> tuple[np.ndarray, int]:
    """Where the update matrix of each front is kept, and the room for all of them.

    Updates of odd and of even depth form two stacks: a front adds to one and empties the other.
    """
    depth = np.zeros(parent.size, dtype=np.int64)
    for s in range(parent.size - 1, -1, -1):
        if parent[s] >= 0:
            depth[s] = depth[parent[s]] + 1
    odd = depth % 2
    begin = np.zeros(parent.size, dtype=np.int64)
    top, most = [0, 0], [0, 0]
    released = np.full(parent.size, -1, dtype=np.int64)
    for s in range(parent.size):
        own = int(odd[s])
        if released[s] >= 0:
            top[1 - own] = int(released[s])
        begin[s] = top[own]
        if parent[s] >= 0 and released[parent[s]] < 0:
            released[parent[s]] = top[own]
        top[own] += int(lengths[s])
        most[own] = max(most[own], top[own])
    return begin + odd * most[0], sum(most)


def _places_in_panels(
    low: np.ndarray,
    high: np.ndarray,
    first: np.ndarray,
    width: np.ndarray,
    below: np.ndarray,
    panel: np.ndarray,
    row_starts: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Where each entry of Q goes in the panels of the factor."""
    n, front = first[-1], np.searchsorted(first, low, side="right") - 1
    # Rows of all fronts in one sorted list.
    key = np.repeat(np.arange(width.size), below) * n + rows
    beyond = width[front] + np.searchsorted(key, front * n + high) - row_starts[front]
    i = low - first[front]
    j = np.where(high < first[front + 1], high - first[front], beyond)
    size = (width + below)[front]
    return panel[front] + i * (size + 1) - i * (i - 1) // 2 + j - i
