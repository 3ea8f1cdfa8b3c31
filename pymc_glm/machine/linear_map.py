"""Linear maps from the block to the responses: a fixed sparsity pattern, constant or symbolic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable

__all__ = ["LinearMap"]


class LinearMap(NamedTuple):
    """The matrix K of a response t = K x + c, by rows, columns and values.

    Attributes
    ----------
    rows : ndarray of int64, shape (nnz,)
        Row of each entry, in increasing order. No (row, column) pair occurs twice.
    columns : ndarray of int64, shape (nnz,)
        Column of each entry: a position in the block.
    values : ndarray or TensorVariable, shape (nnz,)
        A graph of other model variables where the matrix depends on them.
    shape : tuple of (int, int)
        Number of responses and number of unknowns of the block.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray | TensorVariable
    shape: tuple[int, int]

    @property
    def is_constant(self) -> bool:
        """Whether the values are numbers."""
        return isinstance(self.values, np.ndarray)

    @property
    def is_empty(self) -> bool:
        """Whether no response involves the block."""
        return self.rows.size == 0

    @property
    def has_single_entries(self) -> bool:
        """Whether each row has one entry at most."""
        return int(np.bincount(self.rows, minlength=1).max(initial=0)) <= 1

    @property
    def graphs(self) -> tuple[TensorVariable, ...]:
        """What the map depends on besides the block."""
        return () if isinstance(self.values, np.ndarray) else (self.values,)

    @property
    def pattern(self) -> sp.csr_matrix:
        """The sparsity pattern, with ones as values."""
        ones = np.ones(self.rows.size)
        return sp.csr_matrix((ones, (self.rows, self.columns)), shape=self.shape)

    def matrix(self, values: np.ndarray | None = None) -> sp.csr_matrix:
        """The matrix, of its own values or of given ones.

        Parameters
        ----------
        values : ndarray, shape (nnz,), optional
            Needed where the map is symbolic.
        """
        values = self.values if values is None else values
        if not isinstance(values, np.ndarray):
            raise TypeError(
                "The values of this linear map are symbolic. Pass the evaluated values."
            )
        return sp.csr_matrix((values, (self.rows, self.columns)), shape=self.shape)

    def permuted(self, position: np.ndarray) -> LinearMap:
        """The same map for a block whose unknown j has moved to ``position[j]``."""
        return self._replace(columns=position[self.columns])

    def structure(self) -> str:
        """One word for the table: identity, selection, differences, sparse or dense."""
        m, n = self.shape
        if m and self.has_single_entries:
            if not self.is_constant:
                return "scaled selection"
            if np.all(np.abs(self.values) == 1.0):
                is_identity = m == n and np.array_equal(self.columns, np.arange(n))
                return "identity" if is_identity else "selection"
            return "scaled selection"
        if self.is_constant and np.all(np.bincount(self.rows, minlength=m) == 2):
            first, second = self.values[0::2], self.values[1::2]
            if np.allclose(first, -second):
                return "differences"
        return "dense" if self.rows.size > 0.25 * m * n else "sparse"

    @classmethod
    def from_matrix(cls, matrix: sp.spmatrix | np.ndarray) -> LinearMap:
        """A constant map from a dense or scipy.sparse matrix."""
        csr = sp.csr_matrix(matrix, dtype=float, copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.sort_indices()
        rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        return cls(rows.astype(np.int64), csr.indices.astype(np.int64), csr.data, csr.shape)

    def symbolic_values(self) -> TensorVariable:
        """The values as a tensor."""
        return pt.as_tensor(self.values)
