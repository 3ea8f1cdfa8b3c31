"""Operators given by their matrix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_finite, as_shape, check_size, frozen, times
from pymc_glm.operators.stages import Stage, sparse_stage

__all__ = ["AbstractMatrixOperator", "Sparse", "as_csr"]


class AbstractMatrixOperator(AbstractOperator):
    """An operator that is a sparse matrix between flattened arrays.

    A subclass sets ``_matrix``, a `scipy.sparse.csr_matrix` of shape (size_out, size_in).
    """

    _matrix: sparse.csr_matrix

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return (self._matrix @ x.ravel()).reshape(self.shape_out)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return (self._matrix.T @ y.ravel()).reshape(self.shape_in)

    def _content(self) -> tuple[Any, ...]:
        return self._matrix.indptr, self._matrix.indices, self._matrix.data

    def stages(self) -> tuple[Stage, ...]:
        """Return one product by a sparse matrix."""
        return (sparse_stage(self._matrix),)

    def matrix(self) -> sparse.csr_matrix:
        """Return the matrix."""
        return self._matrix


class Sparse(AbstractMatrixOperator):
    """An operator given by a matrix, sparse or dense.

    Parameters
    ----------
    matrix : scipy sparse matrix or array_like, shape (m, n)
        Real and finite. Zeros are dropped.
    shape_in : int or tuple of int, optional
        Shape of what the operator takes, of n entries in C order. Default is ``(n,)``.
    shape_out : int or tuple of int, optional
        Shape of what it returns, of m entries in C order. Default is ``(m,)``.

    Raises
    ------
    ValueError
        If a shape does not fit the matrix.
    InvalidDataError
        If the matrix has NaN or infinite entries.

    Examples
    --------
    Sums of neighbouring entries::

        import numpy as np
        from pymc_glm.operators import Sparse

        sums = Sparse([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
        sums.forward(np.array([1.0, 2.0, 3.0]))  # [3, 5]
    """

    def __init__(
        self,
        matrix: Any,
        shape_in: int | Iterable[int] | None = None,
        shape_out: int | Iterable[int] | None = None,
    ) -> None:
        self._matrix = as_csr(matrix, "matrix")
        m, n = self._matrix.shape
        self.shape_in = (n,) if shape_in is None else as_shape(shape_in, "shape_in")
        self.shape_out = (m,) if shape_out is None else as_shape(shape_out, "shape_out")
        check_size(self.shape_in, n, "shape_in")
        check_size(self.shape_out, m, "shape_out")
        self.name = f"sparse matrix {times((m, n))}"


def as_csr(matrix: Any, name: str) -> sparse.csr_matrix:
    """Return a read-only CSR copy of a matrix, sorted and without zeros or duplicates."""
    if not sparse.issparse(matrix):
        matrix = as_finite(matrix, name)
        if matrix.ndim != 2:
            raise ValueError(f"{name} has shape {matrix.shape}. A matrix has two dimensions.")
    csr = sparse.csr_matrix(matrix, copy=True)
    values = as_finite(csr.data, name)
    csr = sparse.csr_matrix((values, csr.indices, csr.indptr), shape=csr.shape)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    for array in (csr.data, csr.indices, csr.indptr):
        frozen(array)
    return csr
