"""Gaussian factors of many rows, by the few rows that say the same about the block.

Rows that share one scale enter only through the sum of squares of their responses. That sum is
unchanged by an orthogonal transformation, so a tall matrix is replaced by its triangular factor,
and equal rows by one; what the block cannot explain is a last row without unknowns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from pymc_glm.families import Gaussian
from pymc_glm.machine import Factor, LinearMap

__all__ = ["sufficient_rows"]

# The rows that are left must be this many times fewer to be worth another rounding.
GAIN = 2
# Share of entries above which a matrix is factored as a dense one.
DENSE_SHARE = 0.5


def sufficient_rows(factor: Factor) -> Factor:
    """Replace a Gaussian factor by an equivalent one of fewer rows, where there is one.

    Parameters
    ----------
    factor : Factor
        Any factor.

    Returns
    -------
    factor : Factor
        The same, or one whose `merged` says how many responses its rows stand for besides.
    """
    if not _is_reducible(factor):
        return factor
    matrix = factor.stored_map.matrix()
    offset = np.broadcast_to(np.asarray(factor.offset, dtype=float), (factor.size,))
    used = np.flatnonzero(np.diff(matrix.tocsc().indptr))
    is_dense = matrix.nnz > DENSE_SHARE * factor.size * used.size
    if is_dense and factor.size < GAIN * (used.size + 1):
        return factor
    rows = _triangular(matrix, used, offset) if is_dense else _merged(matrix, offset)
    if factor.size < GAIN * (rows.offset.size + 1):
        return factor
    stacked = sp.vstack([rows.matrix, sp.csr_matrix((1, matrix.shape[1]))])
    return factor._replace(
        linear_map=LinearMap.from_matrix(stacked),
        offset=np.append(rows.offset, rows.rest),
        merged=factor.size - rows.offset.size - 1,
    )


class _Sufficient(NamedTuple):
    """Rows of equal sum of squares, but for a constant: the square of the rest."""

    matrix: sp.csr_matrix
    offset: np.ndarray
    rest: float


def _is_reducible(factor: Factor) -> bool:
    return (
        isinstance(factor.family, Gaussian)
        and np.ndim(factor.parameters["scale"]) == 0
        and isinstance(factor.linear_map, LinearMap)
        and factor.linear_map.is_constant
        and isinstance(factor.offset, np.ndarray)
        and not factor.linear_map.is_empty
    )


def _triangular(matrix: sp.csr_matrix, used: np.ndarray, offset: np.ndarray) -> _Sufficient:
    """The triangular factor of a dense matrix."""
    orthogonal, triangle = scipy.linalg.qr(matrix[:, used].toarray(), mode="economic")
    target = orthogonal.T @ offset
    full = np.zeros((used.size, matrix.shape[1]))
    full[:, used] = triangle
    rest = float(np.linalg.norm(offset - orthogonal @ target))
    return _Sufficient(sp.csr_matrix(full), target, rest)


def _merged(matrix: sp.csr_matrix, offset: np.ndarray) -> _Sufficient:
    """Equal rows as one of them, times the root of their number."""
    # Equal rows have equal products with fixed random numbers; unequal ones do with probability
    # zero, but for rounding, so that those of a group are compared.
    marks = matrix @ np.random.default_rng(0).random(matrix.shape[1])
    _, first, group, count = np.unique(
        marks, return_index=True, return_inverse=True, return_counts=True
    )
    if abs(matrix - matrix[first[group]]).max() > 0:
        return _Sufficient(matrix, offset, 0.0)
    root = np.sqrt(count)
    mean = np.bincount(group, weights=offset) / count
    rest = float(np.linalg.norm(offset - mean[group]))
    return _Sufficient(sp.diags(root) @ matrix[first], root * mean, rest)
