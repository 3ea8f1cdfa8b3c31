"""A direction that neither rows nor operators inform, found by products with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from scipy.sparse.linalg import LinearOperator, cg

from pymc_glm.operators import AbstractOperator

__all__ = ["null_direction_by_products"]

ITERATIONS = 1000
# What is left of a random vector after projection on the informed directions.
LEFT = 1e-3
# Length of its image, relative to that of the random vector's.
VANISHING = 1e-9


def null_direction_by_products(
    rows: sp.csr_matrix, operators: Sequence[AbstractOperator]
) -> np.ndarray | None:
    """Look for a vector that all rows and operators send to zero.

    Conjugate gradients for ``K'K u = K'K r``, from zero, converge to the projection of a random r
    on what is informed; what is left, r - u, is then in the null space.

    Parameters
    ----------
    rows : csr_matrix, shape (k, n)
        Rows of positive precision.
    operators : sequence of AbstractOperator
        From n entries; their rows all have positive precision.

    Returns
    -------
    direction : ndarray, shape (n,), or None
        None where no such direction was found.
    """
    n = rows.shape[1]

    def gram(x: np.ndarray) -> np.ndarray:
        total = rows.T @ (rows @ x)
        for operator in operators:
            image = operator.forward(x.reshape(operator.shape_in))
            total = total + operator.adjoint(image).ravel()
        return total

    diagonal = np.asarray(rows.multiply(rows).sum(axis=0)).ravel()
    diagonal += sum(operator.gram_diagonal() for operator in operators)
    unseen = np.flatnonzero(diagonal == 0)
    if unseen.size:
        direction = np.zeros(n)
        direction[unseen[0]] = 1.0
        return direction
    probe = np.random.default_rng(0).standard_normal(n)
    image = gram(probe)
    product = LinearOperator((n, n), matvec=gram, dtype=float)
    inverse = LinearOperator((n, n), matvec=lambda x: np.ravel(x) / diagonal, dtype=float)
    informed, _ = cg(product, image, rtol=1e-11, maxiter=ITERATIONS, M=inverse)
    left = probe - informed
    if np.linalg.norm(left) < LEFT * np.linalg.norm(probe):
        return None
    if np.linalg.norm(gram(left)) > VANISHING * np.linalg.norm(image):
        return None
    return np.where(np.abs(left) > 1e-6 * np.abs(left).max(), left, 0.0)
