"""Kernels for Q = D + X' W X with D diagonal and fewer rows in X than unknowns.

``matrix`` is X by rows without gaps, ``shape`` its numbers of rows and columns. ``information``
is the part of h that the diagonal rows make, and ``weighted`` holds the weights W and below them
the vector r with h = information + X' r. The product is W^(1/2) X D^-1 X' W^(1/2).
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import SINGULAR
from pymc_glm.numba_support import kernel

__all__ = ["gram", "low_rank_draw", "low_rank_from_noise", "low_rank_log_marginal", "weighted_rows"]


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
    scaled = np.empty((m, p))
    inverse = np.empty(p)
    for j in range(p):
        inverse[j] = 1.0 / math.sqrt(diagonal[j]) if diagonal[j] > 0.0 else np.nan
    for i in range(m):
        root = math.sqrt(weight[i])
        for j in range(p):
            scaled[i, j] = x[i, j] * root * inverse[j]
    return np.dot(scaled, scaled.T)


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
        value = vector[i] / factor[i, i]
        vector[i] = value
        for j in range(i + 1, vector.size):
            vector[j] -= factor[i, j] * value


@kernel
def _backward(factor, vector):
    """Solve U z = vector in place."""
    for i in range(vector.size - 1, -1, -1):
        value = vector[i]
        for j in range(i + 1, vector.size):
            value -= factor[i, j] * vector[j]
        vector[i] = value / factor[i, i]


@kernel
def low_rank_from_noise(product, matrix, shape, diagonal, information, weighted, noise):
    """X is drawn from the diagonal part alone, and corrected by what the rows of X say."""
    m = shape[0]
    p = shape[1]
    x = matrix.reshape((m, p))
    factor, failed = _factored(product, 1.0)
    if failed:
        raise ArithmeticError(SINGULAR)
    draw = np.empty(p)
    for j in range(p):
        draw[j] = (information[j] + noise[j] * math.sqrt(diagonal[j])) / diagonal[j]
    reached = np.dot(x, draw)
    gap = np.empty(m)
    for i in range(m):
        root = math.sqrt(weighted[0, i])
        target = weighted[1, i] / root if root > 0.0 else 0.0
        gap[i] = target - root * reached[i] - noise[p + i]
    _forward(factor, gap)
    _backward(factor, gap)
    for i in range(m):
        gap[i] *= math.sqrt(weighted[0, i])
    step = np.dot(gap, x)
    finite = True
    for j in range(p):
        draw[j] += step[j] / diagonal[j]
        finite = finite and np.isfinite(draw[j])
    if not finite:
        raise ArithmeticError(SINGULAR)
    return draw


@kernel
def low_rank_draw(rng, product, matrix, shape, diagonal, information, weighted):
    """Draw of the block."""
    noise = rng.standard_normal(shape[0] + shape[1])
    return low_rank_from_noise(product, matrix, shape, diagonal, information, weighted, noise)


@kernel
def low_rank_log_marginal(
    product, matrix, shape, diagonal, information, weighted, by_diagonal, by_weight
):
    """Log integral for the diagonal part and the weights times a number each.

    Information and residuals grow with their parts. The determinant is that of the smaller matrix.
    """
    m = shape[0]
    p = shape[1]
    a = by_diagonal[0]
    b = by_weight[0]
    if not (a > 0.0 and b >= 0.0 and a < np.inf and b < np.inf):
        return -np.inf
    factor, failed = _factored(product, b / a)
    if failed:
        return -np.inf
    log_determinant = p * math.log(a)
    quadratic = 0.0
    centre = np.empty(p)
    for j in range(p):
        log_determinant += math.log(diagonal[j])
        centre[j] = information[j] / diagonal[j]
        quadratic += a * information[j] * centre[j]
    reached = np.dot(matrix.reshape((m, p)), centre)
    gap = np.empty(m)
    for i in range(m):
        root = math.sqrt(b * weighted[0, i])
        target = b * weighted[1, i] / root if root > 0.0 else 0.0
        quadratic += target * target
        gap[i] = target - root * reached[i]
    _forward(factor, gap)
    for i in range(m):
        quadratic -= gap[i] * gap[i]
        log_determinant += 2.0 * math.log(factor[i, i])
    value = 0.5 * (quadratic - log_determinant)
    return value if math.isfinite(value) else -np.inf
