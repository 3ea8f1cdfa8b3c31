"""Numba kernels of the precision of a horseshoe response.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["horseshoe_precision", "horseshoe_precision_vector", "local_precision"]

# Half the square of a standardised response is held above this: at zero there is no law.
SMALLEST = 1e-300
LARGEST = 1e300


@kernel
def local_precision(rng, u):
    """A draw of eta from the density proportional to exp(-u eta) / (1 + eta).

    Rejection with an acceptance of at least 0.59: from an exponential law where u >= 1; elsewhere
    in s = 1 + eta, from 1 / s up to 1 / u and an exponential tail beyond.
    """
    if not u > 0.0:
        return np.nan
    if u >= 1.0:
        while True:
            eta = rng.standard_exponential() / u
            if rng.random() * (1.0 + eta) <= 1.0:
                return eta
    log_u = math.log(u)
    body = -log_u * math.exp(-u)
    tail = math.exp(-1.0)
    while True:
        if rng.random() * (body + tail) < body:
            power = -log_u * rng.random()
            # s - 1 without cancellation: s itself is one in all digits where power is small.
            eta = math.expm1(power)
            if rng.random() <= math.exp(-u * eta):
                return eta
        else:
            s = (1.0 + rng.standard_exponential()) / u
            if rng.random() * u * s <= 1.0:
                return s - 1.0


@kernel
def horseshoe_precision(rng, t, scale):
    """Precision of a horseshoe response t, not zero, given t."""
    if not (abs(t) > 0.0 and abs(t) < np.inf and 0.0 < scale < np.inf):
        return np.nan
    ratio = t / scale
    half_square = min(max(0.5 * ratio * ratio, SMALLEST), LARGEST)
    # The scale goes in one factor at a time: its square may be out of range.
    return local_precision(rng, half_square) / scale / scale


@kernel
def horseshoe_precision_vector(rng, t, scale):
    """One `horseshoe_precision` for each row."""
    result = np.empty(t.size)
    for i in range(t.size):
        result[i] = horseshoe_precision(rng, t[i], scale[i])
    return result
