"""The normal equations K'WK x = h, known by products, and their iterative solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scipy.sparse.linalg import LinearOperator, cg

from pymc_glm.machine import LinearMap, OperatorMap, linear_operator

__all__ = ["NormalEquations"]


class NormalEquations(NamedTuple):
    """A precision Q = sum of K' diag(w) K.

    Attributes
    ----------
    maps : sequence of LinearMap or OperatorMap, each of shape (m, n)
        At least one.
    values : sequence of ndarray or None
        The entries of maps that are symbolic.
    weights : sequence of ndarray, each of shape (m,)
        Precisions of the rows.
    """

    maps: Sequence[LinearMap | OperatorMap]
    values: Sequence[np.ndarray | None]
    weights: Sequence[np.ndarray]

    @property
    def products(self) -> list[LinearOperator]:
        """The maps, as what can be multiplied."""
        return [linear_operator(*pair) for pair in zip(self.maps, self.values, strict=True)]

    def diagonal(self) -> np.ndarray:
        """The diagonal of Q; of an operator without a matrix, at the mean of its weights."""
        total = np.zeros(self.maps[0].shape[1])
        for one, values, weight in zip(self.maps, self.values, self.weights, strict=True):
            if isinstance(one, LinearMap):
                matrix = one.matrix(values)
                total += matrix.multiply(matrix).T @ weight
            else:
                total += weight.mean() * one.operator.gram_diagonal()
        return total

    def precision(self) -> LinearOperator:
        """Q, by its products."""
        pairs = list(zip(self.products, self.weights, strict=True))
        n = self.maps[0].shape[1]
        return LinearOperator(
            (n, n),
            matvec=lambda x: sum(one.rmatvec(w * one.matvec(x)) for one, w in pairs),
            dtype=float,
        )

    def solve(self, right: np.ndarray, tolerance: float, iterations: int) -> np.ndarray:
        """Solve Q x = h by conjugate gradients, as far as some iterations lead.

        Parameters
        ----------
        right : ndarray, shape (n,)
            h.
        tolerance : float
            Residual, relative to the right-hand side.
        iterations : int
            At most so many.

        Returns
        -------
        solution : ndarray, shape (n,)
        """
        q, diagonal = self.precision(), self.diagonal()
        inverse = LinearOperator(q.shape, matvec=lambda x: np.ravel(x) / diagonal, dtype=float)
        return cg(q, right, rtol=tolerance, maxiter=iterations, M=inverse)[0]
