"""A first value of a block whose precision is not stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from scipy.sparse.linalg import LinearOperator, cg

from pymc_glm.gaussian import Spectrum
from pymc_glm.machine import LinearMap, OperatorMap, linear_operator

__all__ = ["NumericRows", "draw_by_products", "draw_in_basis"]

# A start need not be exact: chains forget it.
TOLERANCE = 1e-4
ITERATIONS = 500


class NumericRows(NamedTuple):
    """A factor at one point, with a Gaussian in place of its expert."""

    linear_map: LinearMap | OperatorMap
    values: np.ndarray
    offset: np.ndarray
    precision: np.ndarray
    location: np.ndarray
    is_allowed: bool


def draw_by_products(rng: np.random.Generator, rows: Sequence[NumericRows]) -> np.ndarray:
    """Draw the block of Gaussian rows, up to a small residual.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is advanced.
    rows : sequence of NumericRows
        The factors.

    Returns
    -------
    block : ndarray, shape (n,)
    """
    maps = [linear_operator(row.linear_map, row.values) for row in rows]
    right = np.zeros(maps[0].shape[1])
    for product, row in zip(maps, rows, strict=True):
        noise = np.sqrt(row.precision) * rng.standard_normal(row.precision.size)
        right += product.rmatvec(row.precision * (row.location - row.offset) + noise)
    diagonal = sum(_diagonal(row) for row in rows)

    def precision(x: np.ndarray) -> np.ndarray:
        return sum(
            one.rmatvec(row.precision * one.matvec(x)) for one, row in zip(maps, rows, strict=True)
        )

    shape = (right.size, right.size)
    q = LinearOperator(shape, matvec=precision, dtype=float)
    inverse = LinearOperator(shape, matvec=lambda x: np.ravel(x) / diagonal, dtype=float)
    return cg(q, right, rtol=TOLERANCE, maxiter=ITERATIONS, M=inverse)[0]


def draw_in_basis(
    rng: np.random.Generator, rows: Sequence[NumericRows], spectrum: Spectrum
) -> np.ndarray:
    """Draw the block of Gaussian rows by its coefficients.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is advanced.
    rows : sequence of NumericRows
        The factors, each with one precision for all rows.
    spectrum : Spectrum
        The basis in which Q is diagonal.

    Returns
    -------
    block : ndarray, shape (n,)
    """
    precision, information = spectrum.moments(
        (row.linear_map, row.precision[0], row.precision * (row.location - row.offset))
        for row in rows
        if row.precision.size
    )
    noise = rng.standard_normal(precision.size)
    return spectrum.basis.array((information + np.sqrt(precision) * noise) / precision)


def _diagonal(row: NumericRows) -> np.ndarray:
    if isinstance(row.linear_map, LinearMap):
        matrix = row.linear_map.matrix(row.values)
        return matrix.multiply(matrix).T @ row.precision
    return row.precision.mean() * row.linear_map.operator.gram_diagonal()
