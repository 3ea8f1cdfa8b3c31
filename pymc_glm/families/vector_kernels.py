"""Numba kernels that run on vector registers where those of the standard library do not."""

from __future__ import annotations

import math

import numpy as np

from numpy.polynomial import chebyshev
from scipy.special import erfcx

from pymc_glm.numba_support import kernel

__all__ = ["exp_minus_abs", "scaled_erfc", "sum_log", "sum_log_one_plus"]

LOG2_E = 1.0 / math.log(2.0)
# log(2) in two parts: multiples of the first have no rounding.
LOG_2_HIGH = 6.93147180369123816490e-01
LOG_2_LOW = 1.90821492927058770002e-10
# Added to a number of moderate size, it leaves the nearest integer in the lowest bits.
SHIFTER = 1.5 * 2.0**52
LARGEST = 700.0
TAYLOR = np.array([1.0 / math.factorial(k) for k in range(13)])
# (1 + 2 x) exp(x**2) erfc(x) in powers of (x - HALFWAY) / (x + HALFWAY), exact to rounding.
HALFWAY = 3.75
DEGREE = 25


def _scaled_erfc_of(x):
    return (1.0 + 2.0 * x) * erfcx(x)


SCALED_ERFC = chebyshev.cheb2poly(
    chebyshev.chebinterpolate(lambda y: _scaled_erfc_of(HALFWAY * (1.0 + y) / (1.0 - y)), DEGREE)
)
SMALLEST_PRODUCT = 1e-200
# Factors between one and two, of which so many do not overflow.
FACTORS = 512


@kernel
def exp_minus_abs(t):
    """exp(-|t|) of each entry, to two units in the last place; at least exp(-700).

    exp(x) is 2**k exp(r) with k an integer and r at most log(2) / 2 in size. There are no branches
    in the loops, so that each runs on vector registers.
    """
    n = t.size
    out = np.empty(n)
    bits = np.empty(n, dtype=np.int64)
    shifted = bits.view(np.float64)
    for i in range(n):
        x = -min(abs(t[i]), LARGEST)
        y = x * LOG2_E + SHIFTER
        shifted[i] = y
        k = y - SHIFTER
        out[i] = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
    for i in range(n):
        bits[i] = (bits[i] << 52) + (np.int64(1023) << 52)
    for i in range(n):
        r = out[i]
        s = TAYLOR[12]
        s = s * r + TAYLOR[11]
        s = s * r + TAYLOR[10]
        s = s * r + TAYLOR[9]
        s = s * r + TAYLOR[8]
        s = s * r + TAYLOR[7]
        s = s * r + TAYLOR[6]
        s = s * r + TAYLOR[5]
        s = s * r + TAYLOR[4]
        s = s * r + TAYLOR[3]
        s = s * r + TAYLOR[2]
        s = s * r + TAYLOR[1]
        s = s * r + TAYLOR[0]
        out[i] = s * shifted[i]
    return out


@kernel
def sum_log_one_plus(e):
    """Sum of log(1 + e) for entries between zero and one, one logarithm for many entries.

    Where the entries are so small that one plus them rounds, the error is that of the sum.
    """
    total = 0.0
    for first in range(0, e.size, FACTORS):
        product = 1.0
        for i in range(first, min(first + FACTORS, e.size)):
            product *= 1.0 + e[i]
        total += math.log(product)
    return total


@kernel
def scaled_erfc(x):
    """exp(x**2) erfc(x) of each entry, none of them negative, to 14 digits."""
    n = x.size
    y = np.empty(n)
    out = np.empty(n)
    for i in range(n):
        y[i] = (x[i] - HALFWAY) / (x[i] + HALFWAY)
        out[i] = SCALED_ERFC[DEGREE]
    # One power after the other for all entries: the inner loop runs on vector registers.
    for k in range(DEGREE - 1, -1, -1):
        coefficient = SCALED_ERFC[k]
        for i in range(n):
            out[i] = out[i] * y[i] + coefficient
    for i in range(n):
        out[i] /= 1.0 + 2.0 * x[i]
    return out


@kernel
def sum_log(r):
    """Sum of the logarithms of entries of at most about one."""
    total = 0.0
    product = 1.0
    for i in range(r.size):
        product *= r[i]
        if product < SMALLEST_PRODUCT:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)
