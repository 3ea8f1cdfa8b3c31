"""Numba kernels of the truncated normal law, exact however far in the tail.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "normal_above",
    "normal_excess",
    "truncated_normal",
    "truncated_normal_vector",
]

# Above this bound an exponential proposal is accepted more often than half a normal one.
TAIL = 0.75
# Widths, over the scale on which the density falls, up to which a uniform proposal is used.
NARROW = 1.4
WIDE = math.sqrt(2.0 * math.pi)


@kernel
def _tail_excess(rng, a):
    """A standard normal variate given that it is above a > 0, minus a (Robert, 1995).

    The rate r of the exponential proposal solves r (r - a) = 1, so that its distance from the best
    fit is e - 1 / r: neither a nor r is subtracted from the other.
    """
    rate = 0.5 * (a + math.hypot(a, 2.0))
    while True:
        excess = rng.standard_exponential() / rate
        distance = excess - 1.0 / rate
        if 2.0 * rng.standard_exponential() >= distance * distance:
            return excess


@kernel
def normal_excess(rng, a):
    """A standard normal variate given that it is above a, minus a: small ones keep all digits."""
    if a >= TAIL:
        return _tail_excess(rng, a)
    if not a > -np.inf:
        return np.nan
    while True:
        x = rng.standard_normal()
        if a >= 0.0:
            x = abs(x)
        if x >= a:
            return x - a


@kernel
def normal_above(rng, a):
    """A standard normal variate given that it is above a, any real number or minus infinity."""
    if a >= TAIL:
        return a + _tail_excess(rng, a)
    if not a >= -np.inf:
        return np.nan
    while True:
        x = rng.standard_normal()
        if a >= 0.0:
            x = abs(x)
        if x >= a:
            return x


@kernel
def _fraction_of_interval(rng, a, width):
    """Place of a standard normal variate in a short interval from a on, as a fraction of it."""
    # The density is highest at the end next to zero, or at zero.
    top = min(max(-a, 0.0), width)
    while True:
        u = rng.random()
        # Half the difference of squares, factored.
        drop = 0.5 * (u * width - top) * (2.0 * a + u * width + top)
        if rng.standard_exponential() >= drop:
            return u


@kernel
def truncated_normal(rng, mean, sd, lower, upper):
    """A normal variate given that it lies between two bounds, either of which may be infinite.

    At least 0.4 of all proposals are accepted. Equal bounds are the law's limit, a point.
    """
    if not (0.0 < sd < np.inf and abs(mean) < np.inf and lower <= upper):
        return np.nan
    if lower == upper:
        return lower if abs(lower) < np.inf else np.nan
    a = (lower - mean) / sd
    b = (upper - mean) / sd
    # In the mirror image, if need be, zero is inside or below the interval.
    flip = b < 0.0
    if flip:
        a, b = -b, -a
    width = (upper - lower) / sd
    if a > 0.0:
        start = upper if flip else lower
        sign = -sd if flip else sd
        if a == np.inf:
            return start
        rate = 0.5 * (a + math.hypot(a, 2.0))
        if width * rate < NARROW:
            fraction = _fraction_of_interval(rng, a, width)
            x = start + (upper - lower) * (-fraction if flip else fraction)
        else:
            while True:
                excess = normal_excess(rng, a)
                if excess <= width:
                    break
            x = start + sign * excess
    elif width < WIDE:
        x = lower + (upper - lower) * _fraction_of_interval(rng, a, width)
    else:
        while True:
            x = rng.standard_normal()
            # Of an interval on one side of zero, half of the proposals would be lost.
            if a == 0.0:
                x = abs(x)
            if a <= x <= b:
                break
        x = mean - sd * x if flip else mean + sd * x
    return min(max(x, lower), upper)


@kernel
def truncated_normal_vector(rng, mean, sd, lower, upper):
    """One `truncated_normal` for each row."""
    result = np.empty(mean.size)
    for i in range(mean.size):
        result[i] = truncated_normal(rng, mean[i], sd[i], lower[i], upper[i])
    return result
