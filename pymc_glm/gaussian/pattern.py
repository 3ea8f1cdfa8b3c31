"""Which unknowns interact, read off the linear maps of all factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from scipy.sparse.csgraph import reverse_cuthill_mckee

from pymc_glm.gaussian.edges import is_far
from pymc_glm.machine import LinearMap

__all__ = ["Pattern", "find_pattern"]


class Pattern(NamedTuple):
    """Interactions of the unknowns, and an order of small bandwidth.

    Attributes
    ----------
    position : ndarray of int64, shape (n,)
        Unknown j sits at ``position[j]``: the natural or the reverse Cuthill-McKee order.
    bandwidth : int
        Largest distance between two unknowns that interact, in that order.
    interactions : sparse matrix, shape (n, n), or None
        Symmetric pattern of Q; None where one row involves all unknowns.
    is_chain : bool
        Whether all rows are constant and have one entry or are ``a (x[i] - x[j])``.
    data_rows : int or None
        Number of rows with several entries, where they are constant and all unknowns have rows of
        their own; None elsewhere.
    """

    position: np.ndarray
    bandwidth: int
    interactions: sp.coo_matrix | None
    is_chain: bool
    data_rows: int | None

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.position.size


def find_pattern(maps: Sequence[LinearMap]) -> Pattern:
    """Find the pattern of Q = sum of K' diag(w) K.

    Parameters
    ----------
    maps : sequence of LinearMap, each of shape (m, n)
        At least one.

    Returns
    -------
    pattern : Pattern

    References
    ----------
    .. [1] E. Cuthill and J. McKee (1969), "Reducing the bandwidth of sparse symmetric matrices",
       doi:10.1145/800195.805928.
    """
    n = maps[0].shape[1]
    natural = np.arange(n, dtype=np.int64)
    is_chain = all(one.is_constant and not is_far(one) for one in maps)
    data_rows = _data_rows(maps)
    stacked = _distinct_rows(sp.vstack([linear_map.pattern for linear_map in maps], format="csr"))
    if n > 1 and np.any(np.diff(stacked.indptr) == n):
        return Pattern(natural, n - 1, None, is_chain, data_rows)
    interactions = (stacked.T @ stacked).tocoo()
    bandwidth = _bandwidth(interactions, natural)
    if bandwidth <= 1:
        return Pattern(natural, bandwidth, interactions, is_chain, data_rows)
    order = reverse_cuthill_mckee(interactions.tocsr(), symmetric_mode=True)
    position = np.empty(n, dtype=np.int64)
    position[order] = natural
    reduced = _bandwidth(interactions, position)
    if reduced < bandwidth:
        return Pattern(position, reduced, interactions, is_chain, data_rows)
    return Pattern(natural, bandwidth, interactions, is_chain, data_rows)


def _data_rows(maps: Sequence[LinearMap]) -> int | None:
    single = [one for one in maps if one.has_single_entries]
    others = [one for one in maps if not one.has_single_entries]
    if not others or not all(one.is_constant for one in others):
        return None
    covered = np.concatenate([np.empty(0, dtype=np.int64), *(one.columns for one in single)])
    if np.unique(covered).size < maps[0].shape[1]:
        return None
    return sum(one.shape[0] for one in others)


def _distinct_rows(pattern: sp.csr_matrix) -> sp.csr_matrix:
    """Each row pattern once: the product with itself would repeat its work for each copy."""
    # Equal rows have equal sums of fixed random numbers; unequal ones do with probability zero.
    marks = pattern @ np.random.default_rng(0).random(pattern.shape[1])
    return pattern[np.unique(marks, return_index=True)[1]]


def _bandwidth(interactions: sp.coo_matrix, position: np.ndarray) -> int:
    return int(np.abs(position[interactions.row] - position[interactions.col]).max(initial=0))
