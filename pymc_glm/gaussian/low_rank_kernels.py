"""Kernels for Q = a D + b X' W X with D diagonal and fewer rows in X than unknowns.

``matrix`` is X by rows without gaps, ``shape`` its numbers of rows and columns. ``information``
is the part of h that the diagonal rows make, and ``weighted`` holds the weights W and below them
the vector r, with h = a information + b X' r: the two numbers move precisions, not locations. The
product is W^(1/2) X D^-1 X' W^(1/2), which neither of them changes.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import SINGULAR, dot
from pymc_glm.gaussian.marginal_kernels import log_integral, multiplied
from pymc_glm.numba_support import kernel

__all__ = ["gram", "low_rank_draw", "low_rank_from_noise", "low_rank_log_marginal", "weighted_rows"]

# Rows of the product that are computed at once.
STRIP = 32


@kernel
def weighted_rows(weight, offset, information, rows):
    """The weight of each row, and information - weight * offset of each."""
    m = rows[0]
    by_weight = 0 if weight.size == 1 else 1
    by_offset = 0 if offset.size == 1 else 1
    by_information = 0 if information.size == 1 else 1
    out = np.empty((2, m))
    for i in range(m):
        w = weight[by_weight * i]
        out[0, i] = w
        out[1, i] = information[by_information * i] - w * offset[by_offset * i]
    return out


@kernel
def gram(matrix, shape, diagonal, weight):
    """W^(1/2) X D^-1 X' W^(1/2), of NaN where a diagonal entry is not positive."""
    m = shape[0]
    p = shape[1]
    x = matrix.reshape((m, p))
    inverse = np.empty(p)
    for j in range(p):
        inverse[j] = 1.0 / math.sqrt(diagonal[j]) if diagonal[j] > 0.0 else np.nan
    scaled = np.empty((m, p))
    for i in range(m):
        root = math.sqrt(weight[i])
        source = x[i]
        target = scaled[i]
        for j in range(p):
            target[j] = source[j] * root * inverse[j]
    product = np.empty((m, m))
    # By strips, so that little more than one triangle is computed.
    for start in range(0, m, STRIP):
        stop = min(start + STRIP, m)
        product[start:, start:stop] = np.dot(scaled[start:], scaled[start:stop].T)
    for i in range(m):
        for j in range(i + 1, m):
            product[i, j] = product[j, i]
    return product


@kernel
def _factored(product, ratio):
    """Upper Cholesky factor of I + ratio * product by rows, and whether there is none."""
    m = product.shape[0]
    shifted = ratio * product
    for i in range(m):
        shifted[i, i] += 1.0
    factor = shifted
    failed = not np.isfinite(shifted[m - 1, m - 1])
    if not failed:
        try:
            # LAPACK reads the lower triangle by columns, which is the upper one by rows.
            factor = np.linalg.cholesky(shifted.T).T
        except Exception:
            failed = True
    return factor, failed


@kernel
def _forward(factor, vector):
    """Solve U' z = vector in place."""
    for i in range(vector.size):
        row = factor[i, i:]
        rest = vector[i:]
        value = rest[0] / row[0]
        rest[0] = value
        for j in range(1, row.size):
            rest[j] -= row[j] * value


@kernel
def _backward(factor, vector):
    """Solve U z = vector in place."""
    for i in range(vector.size - 1, -1, -1):
        row = factor[i, i:]
        vector[i] = (vector[i] - dot(row[1:], vector[i + 1 :])) / row[0]


@kernel
def _gap(matrix, shape, centre, weighted, by_weight):
    """Residuals of the rows at a point, in units of their standard deviations, and the targets.

    A row of weight zero says nothing; where it has information all the same, the gap is infinite.
    """
    m = shape[0]
    reached = np.zeros(m)
    # The centre is zero where the rows of single entries have no offset.
    if np.any(centre):
        reached = np.dot(matrix.reshape((m, shape[1])), centre)
    gap = np.empty(m)
    squares = 0.0
    for i in range(m):
        root = math.sqrt(by_weight * weighted[0, i])
        target = by_weight * weighted[1, i] / root if weighted[1, i] != 0.0 else 0.0
        squares += target * target
        gap[i] = target - root * reached[i]
    return gap, squares


@kernel
def low_rank_from_noise(
    product, matrix, shape, diagonal, information, weighted, by_diagonal, by_weight, noise
):
    """X is drawn from the diagonal part alone, and corrected by what the rows of X say."""
    m = shape[0]
    p = shape[1]
    a = by_diagonal[0]
    b = by_weight[0]
    factor, failed = _factored(product, b / a)
    if failed or not a > 0.0:
        raise ArithmeticError(SINGULAR)
    draw = np.empty(p)
    for j in range(p):
        draw[j] = information[j] / diagonal[j] + noise[j] / math.sqrt(a * diagonal[j])
    gap, _ = _gap(matrix, shape, draw, weighted, b)
    for i in range(m):
        gap[i] -= noise[p + i]
    _forward(factor, gap)
    _backward(factor, gap)
    for i in range(m):
        gap[i] *= math.sqrt(b * weighted[0, i])
    step = np.dot(gap, matrix.reshape((m, p)))
    improper = 0
    for j in range(p):
        draw[j] += step[j] / (a * diagonal[j])
        improper += not (np.isfinite(draw[j]) and diagonal[j] < np.inf)
    if improper:
        raise ArithmeticError(SINGULAR)
    return draw


@kernel
def low_rank_draw(
    rng, product, matrix, shape, diagonal, information, weighted, by_diagonal, by_weight
):
    """Draw of the block."""
    noise = rng.standard_normal(shape[0] + shape[1])
    return low_rank_from_noise(
        product, matrix, shape, diagonal, information, weighted, by_diagonal, by_weight, noise
    )


@kernel
def low_rank_log_marginal(
    product, matrix, shape, diagonal, information, weighted, by_diagonal, by_weight
):
    """Log integral; the determinant is that of the smaller matrix."""
    m = shape[0]
    p = shape[1]
    a = by_diagonal[0]
    b = by_weight[0]
    if not (0.0 < a < np.inf and 0.0 <= b < np.inf):
        return -np.inf
    factor, failed = _factored(product, b / a)
    if failed:
        return -np.inf
    quadratic = 0.0
    pivots = 1.0
    logarithm = 0.0
    centre = np.empty(p)
    for j in range(p):
        centre[j] = information[j] / diagonal[j]
        quadratic += a * information[j] * centre[j]
        pivots, logarithm = multiplied(pivots, logarithm, diagonal[j])
    log_determinant = p * math.log(a) + logarithm + math.log(pivots)
    gap, squares = _gap(matrix, shape, centre, weighted, b)
    quadratic += squares
    _forward(factor, gap)
    pivots = 1.0
    logarithm = 0.0
    for i in range(m):
        quadratic -= gap[i] * gap[i]
        pivots, logarithm = multiplied(pivots, logarithm, factor[i, i])
    return log_integral(quadratic, log_determinant + 2.0 * (logarithm + math.log(pivots)))
