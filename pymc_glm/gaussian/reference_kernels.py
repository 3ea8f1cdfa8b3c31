"""Kernels of a dense Gaussian reference: its factor, and coordinates in which it is standard.

With Q = U'U and U'a = h, the block x has the coordinates z = U x - a, standard normal under
N(Q^-1 h, Q^-1). The factor is stored as n rows of n + 1 entries, U and a.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import SINGULAR, dot, factorize
from pymc_glm.numba_support import kernel

__all__ = [
    "block_at",
    "coordinates_of",
    "gradient_of_coordinates",
    "reference_factor",
    "reference_log_marginal",
]


@kernel
def reference_factor(system, layout):
    """The factor; filled with NaN where Q is not positive definite."""
    n = layout[0]
    factor = np.empty(n * (n + 1))
    if not factorize(system, factor, n):
        factor[:] = np.nan
    return factor


@kernel
def reference_log_marginal(factor, layout):
    """``h' Q^-1 h / 2 - log det(Q) / 2``; minus infinity where Q is not positive definite."""
    n = layout[0]
    total = 0.0
    for i in range(n):
        last = factor[i * (n + 1) + n]
        total += 0.5 * last * last - math.log(factor[i * (n + 1) + i])
    return total if total < np.inf else -np.inf


@kernel
def coordinates_of(factor, x):
    """Z = U x - a."""
    n = x.size
    z = np.empty(n)
    for i in range(n):
        row = factor[i * (n + 1) + i : (i + 1) * (n + 1)]
        z[i] = dot(row[: n - i], x[i:]) - row[n - i]
        if not np.isfinite(z[i]):
            raise ArithmeticError(SINGULAR)
    return z


@kernel
def block_at(factor, z):
    """X = U^-1 (z + a)."""
    n = z.size
    x = np.empty(n)
    for i in range(n - 1, -1, -1):
        row = factor[i * (n + 1) + i : (i + 1) * (n + 1)]
        x[i] = (row[n - i] + z[i] - dot(row[1 : n - i], x[i + 1 :])) / row[0]
    return x


@kernel
def gradient_of_coordinates(factor, gradient):
    """U^-T g: the gradient by z from the one by x."""
    n = gradient.size
    out = gradient.copy()
    for i in range(n):
        row = factor[i * (n + 1) + i : i * (n + 1) + n]
        value = out[i] / row[0]
        out[i] = value
        for j in range(1, n - i):
            out[i + j] -= value * row[j]
    return out
