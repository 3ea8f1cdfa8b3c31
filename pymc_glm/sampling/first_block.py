"""A first value of a block whose precision is not stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc_glm.gaussian import NormalEquations, Spectrum
from pymc_glm.machine import LinearMap, OperatorMap

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
    equations = NormalEquations(
        [row.linear_map for row in rows],
        [row.values for row in rows],
        [row.precision for row in rows],
    )
    right = np.zeros(rows[0].linear_map.shape[1])
    for product, row in zip(equations.products, rows, strict=True):
        noise = np.sqrt(row.precision) * rng.standard_normal(row.precision.size)
        right += product.rmatvec(row.precision * (row.location - row.offset) + noise)
    return equations.solve(right, TOLERANCE, ITERATIONS)


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
