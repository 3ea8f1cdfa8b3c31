"""An order of the unknowns in which a few that interact with all come last: arrow matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from scipy.sparse.csgraph import reverse_cuthill_mckee

__all__ = ["Envelope", "find_envelope"]

# Numbers of unknowns that are tried as the border, largest degrees first.
MOST_BORDERS = 12


class Envelope(NamedTuple):
    """The envelope of a symmetric matrix: each row from its first entry to the diagonal.

    Attributes
    ----------
    position : ndarray of int64, shape (n,)
        Unknown j sits at ``position[j]``.
    starts : ndarray of int64, shape (n + 1,)
        Row i is stored from ``starts[i]`` up to ``starts[i + 1]``, its diagonal last.
    operations : float
        Operations of its Cholesky factorisation, which fills the envelope and nothing else.
    """

    position: np.ndarray
    starts: np.ndarray
    operations: float


def find_envelope(interactions: sp.spmatrix) -> Envelope:
    """Find the border whose envelope is the cheapest to factorise.

    The border, unknowns of the largest degrees, comes last; the others are in reverse
    Cuthill-McKee order of their own interactions.

    Parameters
    ----------
    interactions : sparse matrix, shape (n, n)
        Symmetric pattern of Q.

    Returns
    -------
    envelope : Envelope

    References
    ----------
    .. [1] A. George and J. W. H. Liu (1981), "Computer Solution of Large Sparse Positive Definite
       Systems", Prentice-Hall, chapter 4.
    """
    matrix = sp.csr_matrix(interactions)
    degree = np.diff(matrix.indptr)
    found = [_envelope(matrix, border) for border in _borders(degree)]
    return min(found, key=lambda envelope: envelope.operations)


def _borders(degree: np.ndarray) -> list[np.ndarray]:
    """Sets of unknowns whose degree is above a threshold: none, and ever larger ones."""
    levels = np.unique(degree)[::-1]
    chosen = [np.flatnonzero(degree >= level) for level in levels[:MOST_BORDERS]]
    return [np.empty(0, dtype=np.int64), *(b for b in chosen if b.size < degree.size)]


def _envelope(matrix: sp.csr_matrix, border: np.ndarray) -> Envelope:
    n = matrix.shape[0]
    inner = np.setdiff1d(np.arange(n), border)
    order = inner[reverse_cuthill_mckee(matrix[inner][:, inner], symmetric_mode=True)]
    position = np.empty(n, dtype=np.int64)
    position[np.concatenate([order, border])] = np.arange(n)
    entries = matrix.tocoo()
    high, low = position[entries.row], position[entries.col]
    first = np.arange(n)
    np.minimum.at(first, high, low)
    lengths = np.arange(n) - first + 1
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Envelope(position, starts, _operations(first))


def _operations(first: np.ndarray) -> float:
    """Multiplications of the factorisation: the overlaps of all pairs of rows in the envelope."""
    total = 0.0
    for i, begin in enumerate(first):
        # Row i meets each row j of its envelope from where the later one of them begins.
        overlap = np.arange(begin, i) - np.maximum(begin, first[begin:i])
        total += float(overlap.sum()) + (i - begin) + 10.0
    return total
