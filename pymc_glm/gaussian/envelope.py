"""An order of the unknowns in which a few that interact with all come last: arrow matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from scipy.sparse.csgraph import reverse_cuthill_mckee

__all__ = ["Envelope", "find_envelope"]

# Thresholds of the degree that are tried for the border.
MOST_BORDERS = 12
# Envelopes of more entries are not considered: 40 MB.
MOST_ENTRIES = 5_000_000
# Measured costs, in operations of a dense factorisation, which are ten for each nanosecond: of an
# unknown (a root and a division), of an entry of the envelope, and of a product in its sum.
ROW_COST = 150.0
ENTRY_COST = 50.0
PRODUCT_COST = 5.0


class Envelope(NamedTuple):
    """The envelope of a symmetric matrix: each row from its first entry to the diagonal.

    Attributes
    ----------
    position : ndarray of int64, shape (n,)
        Unknown j sits at ``position[j]``.
    starts : ndarray of int64, shape (n + 1,)
        Row i is stored from ``starts[i]`` up to ``starts[i + 1]``, its diagonal last.
    operations : float
        Multiplications of its Cholesky factorisation, which fills the envelope and nothing else.
    """

    position: np.ndarray
    starts: np.ndarray
    operations: float

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return int(self.starts[-1])

    @property
    def layout(self) -> np.ndarray:
        """Where rows start."""
        return self.starts

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Rows of the lower triangle, the diagonal last."""
        return self.starts[high + 1] - 1 - (high - low)

    @property
    def cost(self) -> float:
        """Time of a factorisation, in operations of a dense one."""
        n, entries = self.position.size, float(self.starts[-1])
        return ROW_COST * n + ENTRY_COST * entries + PRODUCT_COST * (self.operations - entries)


def find_envelope(interactions: sp.spmatrix) -> Envelope | None:
    """Find the border whose envelope is the cheapest to factorise.

    The border, unknowns of the largest degrees, comes last; the others are in reverse
    Cuthill-McKee order of their own interactions.

    Parameters
    ----------
    interactions : sparse matrix, shape (n, n)
        Symmetric pattern of Q.

    Returns
    -------
    envelope : Envelope or None
        None where all have more than five million entries.

    References
    ----------
    .. [1] A. George and J. W. H. Liu (1981), "Computer Solution of Large Sparse Positive Definite
       Systems", Prentice-Hall, chapter 4.
    """
    matrix = sp.csr_matrix(interactions)
    degree = np.diff(matrix.indptr)
    tried = [_envelope(matrix, border) for border in _borders(degree)]
    found = [envelope for envelope in tried if envelope is not None]
    return min(found, key=lambda envelope: envelope.cost, default=None)


def _borders(degree: np.ndarray) -> list[np.ndarray]:
    """Sets of unknowns whose degree is above a threshold: none, and ever larger ones."""
    levels = np.unique(degree)[::-1]
    tried = np.unique(np.geomspace(1, levels.size, MOST_BORDERS).astype(np.int64)) - 1
    chosen = [np.flatnonzero(degree >= level) for level in levels[tried]]
    return [np.empty(0, dtype=np.int64), *(b for b in chosen if b.size < degree.size)]


def _envelope(matrix: sp.csr_matrix, border: np.ndarray) -> Envelope | None:
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
    if starts[-1] > MOST_ENTRIES:
        return None
    return Envelope(position, starts, _operations(first))


def _operations(first: np.ndarray) -> float:
    """Multiplications: one for each entry of the envelope, and the overlaps of pairs of rows."""
    lengths = np.arange(first.size) - first + 1
    ends = np.cumsum(lengths)
    row_first = np.repeat(first, lengths)
    column = np.arange(ends[-1]) - np.repeat(ends - lengths - first, lengths)
    # Row i meets each row j of its envelope from where the later one of them begins.
    overlap = column - np.maximum(row_first, first[column])
    return float(overlap.sum() + ends[-1])
