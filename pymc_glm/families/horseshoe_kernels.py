"""Numba kernels of the horseshoe family: its density, and draws of the precisions."""

from __future__ import annotations

import math

from itertools import pairwise

import numpy as np

from numpy.polynomial import chebyshev

from pymc_glm.numba_support import kernel
from pymc_glm.random.horseshoe_kernels import SMALLEST, local_precision

__all__ = [
    "horseshoe_log_density_sum",
    "horseshoe_precision",
    "horseshoe_terms",
    "local_precision",
    "log_scaled_exponential_integrals",
]

# -log(2 pi**3) / 2, from the integral of exp(u) E1(u) over the line.
LOG_HEIGHT = -0.5 * math.log(2.0 * math.pi**3)
EULER_GAMMA = 0.5772156649015329
# exp(u) E1(u) beyond one is interpolated in 1 / u, piece by piece, to rounding.
EDGES = (1.0, 2.0, 4.5, 12.0, np.inf)
DEGREE = 19
TERMS = 120


def _scaled_integral(w: np.ndarray) -> np.ndarray:
    """E1(u) u exp(u) at u = 1 / w by its continued fraction, from the tail up."""
    tail = np.zeros_like(w)
    for k in range(TERMS, 0, -1):
        tail = k * k * w * w / (1.0 + (2 * k + 1) * w - tail)
    return 1.0 / (1.0 + w - tail)


def _piece(lower: float, upper: float) -> np.ndarray:
    """Chebyshev coefficients between two values of u."""
    first, last = 1.0 / upper if upper < np.inf else 0.0, 1.0 / lower
    half, middle = 0.5 * (last - first), 0.5 * (last + first)
    return chebyshev.chebinterpolate(lambda x: _scaled_integral(half * x + middle), DEGREE)


PIECES = np.stack([_piece(*edges) for edges in pairwise(EDGES)])
# E1(u) + log(u) up to one, where the series -gamma - sum of (-u)**k / (k k!) ends soon.
SERIES = np.array([-EULER_GAMMA, *(-((-1.0) ** k) / (k * math.factorial(k)) for k in range(1, 17))])
LARGE = 1e200
# From here on exp(u) E1(u) is 1 / u to rounding; factors below stay above the smallest number.
LARGEST_FACTOR = 1e50
HALVES = np.array([0.25, 0.5 * (0.5 - 1 / 4.5), 0.5 * (1 / 4.5 - 1 / 12), 0.5 / 12])
MIDDLES = np.array([0.75, 0.5 * (0.5 + 1 / 4.5), 0.5 * (1 / 4.5 + 1 / 12), 0.5 / 12])


@kernel
def _integral_below_one(u, log_u):
    """E1(u) for u <= 1, by two interleaved sums."""
    square = u * u
    even = SERIES[16]
    odd = SERIES[15]
    for k in range(14, 0, -2):
        even = even * square + SERIES[k]
        odd = odd * square + SERIES[k - 1]
    return (even * square + SERIES[0]) + odd * u - log_u


@kernel
def _scaled_integral_above_one(u):
    """exp(u) E1(u) for u >= 1."""
    piece = 0
    while piece < 3 and u > EDGES[piece + 1]:
        piece += 1
    x = (1.0 / u - MIDDLES[piece]) / HALVES[piece]
    later = 0.0
    last = 0.0
    for k in range(DEGREE, 0, -1):
        later, last = last, PIECES[piece, k] + 2.0 * x * last - later
    return (PIECES[piece, 0] + x * last - later) / u


@kernel
def log_scaled_exponential_integral(u):
    """log(exp(u) E1(u)) for u > 0."""
    if u < 1.0:
        return u + math.log(_integral_below_one(u, math.log(u)))
    return math.log(_scaled_integral_above_one(u))


@kernel
def _half_square(t, scale):
    ratio = t / scale
    return max(0.5 * ratio * ratio, SMALLEST)


@kernel
def log_scaled_exponential_integrals(u):
    """log(exp(u) E1(u)) of each entry, with those below the smallest held at it."""
    out = np.empty(u.size)
    for i in range(u.size):
        out[i] = log_scaled_exponential_integral(max(u[i], SMALLEST))
    return out


@kernel
def horseshoe_terms(t):
    """Half the square of each response, and its logarithm: what all scales have in common."""
    terms = np.empty((2, t.size))
    for i in range(t.size):
        half_square = max(0.5 * t[i] * t[i], SMALLEST)
        terms[0, i] = half_square
        terms[1, i] = math.log(half_square)
    return terms


@kernel
def _integrals_below_one(terms, inverse, log_square):
    """E1 of each half square times ``inverse``; those above one are taken as one.

    Without branches or recurrences in it, the loop runs on vector registers.
    """
    out = np.empty(terms.shape[1])
    for i in range(out.size):
        u = min(terms[0, i] * inverse, 1.0)
        out[i] = _integral_below_one(u, min(terms[1, i] - log_square, 0.0))
    return out


@kernel
def horseshoe_log_density_sum(terms, scale):
    """Sum of the log densities."""
    m = terms.shape[1]
    if scale.size == 1:
        log_scale = math.log(scale[0])
        inverse = 1.0 / (scale[0] * scale[0])
        integrals = _integrals_below_one(terms, inverse, 2.0 * log_scale)
        total = m * (LOG_HEIGHT - log_scale)
    else:
        inverse = 0.0
        integrals = np.empty(0)
        total = m * LOG_HEIGHT
    product = 1.0
    for i in range(m):
        u = terms[0, i] * inverse
        if scale.size > 1:
            u = terms[0, i] / (scale[i] * scale[i])
            total -= math.log(scale[i])
        if u < 1.0:
            total += u
            # At most some 700, for the smallest u.
            product *= integrals[i] if scale.size == 1 else _integral_below_one(u, math.log(u))
        elif u < LARGEST_FACTOR:
            product *= _scaled_integral_above_one(u)
        else:
            total -= math.log(u)
        if not 1.0 / LARGE < product < LARGE:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@kernel
def horseshoe_precision(rng, t, scale, cap):
    """Precision of each horseshoe response given the response, at most cap / scale**2."""
    step = 0 if scale.size == 1 else 1
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        relative = local_precision(rng, _half_square(t[i], scale[i * step]))
        precision[i] = min(relative, cap[0]) * inverse * inverse
    return precision
