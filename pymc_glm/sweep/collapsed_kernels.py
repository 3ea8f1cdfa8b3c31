"""Kernels of the updates that integrate the block out."""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "absolute_precision",
    "explicit_log_latent",
    "half_squares",
    "relative_precision",
    "sum_log",
]


@kernel
def relative_precision(precision, scale):
    """Precision times scale**2 of each row."""
    step = 0 if scale.size == 1 else 1
    out = np.empty(precision.size)
    for i in range(precision.size):
        s = scale[i * step]
        out[i] = precision[i] * s * s
    return out


@kernel
def absolute_precision(relative, scale):
    """Relative precision over scale**2 of each row."""
    step = 0 if scale.size == 1 else 1
    by_row = 0 if relative.size == 1 else 1
    out = np.empty(max(relative.size, scale.size))
    inverse = 1.0 / scale[0]
    for i in range(out.size):
        if step:
            inverse = 1.0 / scale[i]
        out[i] = relative[i * by_row] * inverse * inverse
    return out


@kernel
def half_squares(precision, offset):
    """Half the sum of precision * offset**2."""
    step = 0 if precision.size == 1 else 1
    by_row = 0 if offset.size == 1 else 1
    total = 0.0
    for i in range(max(offset.size, precision.size)):
        total += precision[i * step] * offset[i * by_row] * offset[i * by_row]
    return 0.5 * total


@kernel
def sum_log(scale, rows):
    """Sum of the logarithms of the rows' scales."""
    if scale.size == 1:
        return rows[0] * math.log(scale[0])
    total = 0.0
    for i in range(scale.size):
        total += math.log(scale[i])
    return total


@kernel
def explicit_log_latent(precision, base, order, power):
    """Logarithm of theta for each entry, with precision = (base * theta**power)**-2 in its row."""
    step = 0 if base.size == 1 else 1
    out = np.empty(order.size)
    for j in range(order.size):
        i = order[j]
        out[j] = -(0.5 * math.log(precision[i]) + math.log(base[i * step])) / power[0]
    return out
