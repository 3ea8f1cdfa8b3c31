"""A matrix by its columns, as runs of consecutive rows whose values are stored once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

__all__ = ["Columns", "columns_in_runs"]


class Columns(NamedTuple):
    """Runs of entries of a sparse matrix, column by column.

    The columns of a blur are shifts of one another: their runs share their values, which then stay
    in the cache.

    Attributes
    ----------
    starts : ndarray of int64, shape (n + 1,)
        Where the runs of each column start.
    rows, lengths, places : ndarray of int64, shape (runs,)
        First row and length of each run, and where its values start.
    values : ndarray of float64
        The distinct values of runs, one after the other.
    """

    starts: np.ndarray
    rows: np.ndarray
    lengths: np.ndarray
    places: np.ndarray
    values: np.ndarray


def columns_in_runs(matrix: sp.spmatrix) -> Columns:
    """Find the runs of a matrix.

    Parameters
    ----------
    matrix : sparse matrix, shape (m, n)
        Any; zeros that are stored count as entries.

    Returns
    -------
    columns : Columns

    Examples
    --------
    Sums of three neighbours::

        import scipy.sparse as sp
        from pymc_glm.sweep.columns import columns_in_runs

        sums = sp.diags([1.0, 1.0, 1.0], [-1, 0, 1], shape=(9, 9))
        columns_in_runs(sums).lengths  # [2, 3, 3, 3, 3, 3, 3, 3, 2]
    """
    csc = sp.csc_matrix(matrix, dtype=float, copy=True)
    csc.sum_duplicates()
    csc.sort_indices()
    nnz, n = csc.nnz, csc.shape[1]
    column = np.repeat(np.arange(n), np.diff(csc.indptr))
    is_first = np.ones(nnz, dtype=bool)
    is_first[1:] = (np.diff(csc.indices) != 1) | (np.diff(column) != 0)
    begin = np.flatnonzero(is_first)
    lengths = np.diff(np.append(begin, nnz))
    places, values = _shared_values(csc.data, begin, lengths)
    starts = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(column[begin], minlength=n), out=starts[1:])
    return Columns(
        starts, csc.indices[begin].astype(np.int64), lengths.astype(np.int64), places, values
    )


def _shared_values(
    data: np.ndarray, begin: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the values of each run are in an array of the distinct ones, and that array."""
    places = np.empty(begin.size, dtype=np.int64)
    stored: list[np.ndarray] = [np.empty(0)]
    size = 0
    for length in np.unique(lengths):
        runs = np.flatnonzero(lengths == length)
        blocks = data[begin[runs][:, None] + np.arange(length)]
        distinct, which = np.unique(blocks, axis=0, return_inverse=True)
        places[runs] = size + which.ravel() * length
        stored.append(distinct.ravel())
        size += distinct.size
    return places, np.concatenate(stored)
