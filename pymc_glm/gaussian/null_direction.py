"""A direction that neither rows nor operators inform, found by products with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from pymc_glm.gaussian.normal_equations import NormalEquations
from pymc_glm.machine import LinearMap, OperatorMap
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
    maps: list[LinearMap | OperatorMap] = [LinearMap.from_matrix(rows)]
    maps += [OperatorMap(operator) for operator in operators]
    equations = NormalEquations(maps, [None] * len(maps), [np.ones(one.shape[0]) for one in maps])
    unseen = np.flatnonzero(equations.diagonal() == 0)
    if unseen.size:
        direction = np.zeros(rows.shape[1])
        direction[unseen[0]] = 1.0
        return direction
    gram = equations.precision()
    probe = np.random.default_rng(0).standard_normal(rows.shape[1])
    image = gram.matvec(probe)
    informed = equations.solve(image, tolerance=1e-11, iterations=ITERATIONS)
    left = probe - informed
    if np.linalg.norm(left) < LEFT * np.linalg.norm(probe):
        return None
    if np.linalg.norm(gram.matvec(left)) > VANISHING * np.linalg.norm(image):
        return None
    return np.where(np.abs(left) > 1e-6 * np.abs(left).max(), left, 0.0)
