"""Differences of pairs of unknowns as the edges of a graph, stored by offsets or by neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc_glm.machine import LinearMap, OperatorMap

__all__ = ["Edges", "find_edges", "is_far"]

# Storage by offsets pays where there are few of them, most places hold an edge, and runs between
# the second offset and the next are long enough to be vectorised.
MOST_OFFSETS = 8
LEAST_FILLED = 0.3
SHORTEST_RUN = 16


class Edges(NamedTuple):
    """Weights of the edges of a graph, then n diagonal entries without them: a storage of Q.

    Attributes
    ----------
    n : int
        Number of unknowns.
    low, high : ndarray of int64, shape (edges,)
        The two ends of each edge, ``low < high``, sorted by low, then by high.
    offsets : ndarray of int64
        The distinct values of ``high - low`` where edges are stored by offsets, else empty.
    """

    n: int
    low: np.ndarray
    high: np.ndarray
    offsets: np.ndarray

    @property
    def weights(self) -> int:
        """Places for weights."""
        return self.offsets.size * self.n if self.offsets.size else self.low.size

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.weights + self.n

    @property
    def layout(self) -> np.ndarray:
        """What the kernels read: the offsets, or where neighbours start and which they are."""
        if self.offsets.size:
            return self.offsets
        starts = np.zeros(self.n + 1, dtype=np.int64)
        np.cumsum(np.bincount(self.low, minlength=self.n), out=starts[1:])
        return np.concatenate([starts, self.high])

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Of the weight of an edge, ``low < high``, or of a row with one entry."""
        if self.offsets.size:
            edge = np.searchsorted(self.offsets, high - low) * self.n + low
        else:
            edge = np.searchsorted(self.low * self.n + self.high, low * self.n + high)
        return np.where(low < high, edge, self.weights + low)


def is_far(linear_map: LinearMap | OperatorMap) -> bool:
    """Whether some row has several entries and is no difference a (x[i] - x[j]).

    Parameters
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        Rows of two symbolic entries count as others: their values are not known.
    """
    if isinstance(linear_map, OperatorMap):
        return True
    if linear_map.has_single_entries:
        return False
    per_row = np.bincount(linear_map.rows, minlength=linear_map.shape[0])
    if not isinstance(linear_map.values, np.ndarray) or per_row.max() > 2:
        return True
    values = linear_map.values[per_row[linear_map.rows] == 2]
    return not bool(np.all(values[0::2] == -values[1::2]))


def find_edges(maps: Sequence[LinearMap], n: int) -> Edges:
    """Collect the pairs of unknowns whose differences are rows of some map.

    Parameters
    ----------
    maps : sequence of LinearMap, each of shape (m, n)
        Maps whose rows have one entry or are differences.
    n : int
        Number of unknowns.

    Returns
    -------
    edges : Edges
    """
    keys = [np.empty(0, dtype=np.int64)]
    for linear_map in maps:
        per_row = np.bincount(linear_map.rows, minlength=linear_map.shape[0])
        ends = linear_map.columns[per_row[linear_map.rows] == 2].reshape(-1, 2)
        keys.append(ends.min(axis=1) * n + ends.max(axis=1))
    key = np.unique(np.concatenate(keys))
    low, high = key // n, key % n
    offsets = np.unique(high - low)
    return Edges(n, low, high, offsets if _is_lattice(offsets, key.size, n) else offsets[:0])


def _is_lattice(offsets: np.ndarray, edges: int, n: int) -> bool:
    if not 0 < offsets.size <= MOST_OFFSETS or edges < LEAST_FILLED * offsets.size * n:
        return False
    farther = offsets[offsets > 1]
    return farther.size == 0 or farther[0] >= SHORTEST_RUN
