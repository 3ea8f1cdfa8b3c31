"""Numba kernels of the exponentially tilted positive stable law.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "log_tilted_stable",
    "log_tilted_stable_vector",
    "tilted_stable",
    "tilted_stable_vector",
]

SMALLEST_UNIFORM = 1e-17
ROOT_2 = math.sqrt(2.0)
ROOT_PI = math.sqrt(math.pi)
ROOT_HALF_PI = math.sqrt(0.5 * math.pi)
# Up to this power tilt**index a sum of untilted pieces is cheaper than the double rejection.
MOST_PIECES = 3.5
# Below these, sums that cancel are replaced by their series.
SMALL_ANGLE = 0.05
SMALL_STEP = 1e-3


@kernel
def _log_stable(index, uniform, exponential):
    """Log of a positive stable variate (Kanter, 1975).

    The angle is measured from pi, where the law has its tail and the sine must be resolved.
    """
    angle = math.pi * max(uniform, SMALLEST_UNIFORM)
    rest = 1.0 - index
    other = math.pi - angle
    log_ratio = (
        index * math.log(math.sin(index * other))
        + rest * math.log(math.sin(rest * other))
        - math.log(math.sin(angle))
    )
    return (log_ratio - rest * math.log(exponential)) / index


@kernel
def _log_tilted_pieces(rng, index, tilt, power):
    """Log of a sum of pieces, each tilted by rejection: for a small power = tilt**index.

    A stable variate is the sum of n of them over n**(1 / index). Each is accepted with probability
    exp(-power / n), which is at least exp(-1.5).
    """
    pieces = max(1, math.floor(power + 0.5))
    log_shrink = math.log(pieces) / index
    log_tilt = math.log(tilt) if tilt > 0.0 else -np.inf
    total = -np.inf
    for _ in range(pieces):
        while True:
            x = _log_stable(index, rng.random(), rng.standard_exponential()) - log_shrink
            # Far above zero the exponential may overflow, which refuses the piece, as it should.
            if rng.standard_exponential() >= math.exp(x + log_tilt):
                break
        high, low = max(total, x), min(total, x)
        total = high + math.log1p(math.exp(low - high))
    return total


@kernel
def _log_sinc(x):
    return math.log(math.sin(x) / x)


@kernel
def _log_zolotarev(index, u):
    """log(B(u) / B(0)) of Zolotarev's function: negative, without cancellation near zero."""
    rest = 1.0 - index
    if u < SMALL_ANGLE:
        p = index * rest
        y = u * u
        q = 1.0 - p
        last = (1.0 - p * (3.0 - p * (10.0 / 3.0 - p))) / 4200.0
        return -p * y * (0.5 + y * (q / 36.0 + y * (q * q / 405.0 + y * last)))
    return _log_sinc(u) - index * _log_sinc(index * u) - rest * _log_sinc(rest * u)


@kernel
def _power_minus_line(y, b):
    """(1 + y)**-b - 1 + b y without cancellation."""
    if abs(y) * (1.0 + b) < SMALL_STEP:
        last = (b + 2.0) / 3.0 * y * (1.0 - (b + 3.0) / 4.0 * y * (1.0 - (b + 4.0) / 5.0 * y))
        return 0.5 * b * (b + 1.0) * y * y * (1.0 - last)
    return math.expm1(-b * math.log1p(y)) + b * y


@kernel
def _log_tilted_by_double_rejection(rng, index, tilt, power):
    """Log of a tilted stable variate (Devroye, 2009), at a cost that no tilt makes larger.

    The law is the margin of one in an angle u and a variable x = m (1 + y), with S a power of x. In
    terms of y and of B(u) / B(0) no quantity is beyond the range of numbers, whatever the tilt, and
    none cancels.
    """
    rest = 1.0 - index
    b = rest / index
    gamma = power * index * rest
    root = math.sqrt(gamma)
    c1 = ROOT_HALF_PI
    c2 = 2.0 + c1
    xi = (c2 * ROOT_2 * root + 1.0) / math.pi
    psi = c2 * math.exp(-gamma * math.pi * math.pi / 8.0) * ROOT_PI * root / math.pi
    weight = xi * ROOT_HALF_PI / root if gamma >= 1.0 else xi * math.pi
    total = weight + 2.0 * psi * ROOT_PI
    while True:
        # The angle, and the part log_z of the rejection that it leaves over.
        while True:
            if rng.random() * total >= weight:
                v = rng.random()
                u = math.pi * (1.0 - v * v)
            elif gamma >= 1.0:
                u = abs(rng.standard_normal()) / root
            else:
                u = math.pi * rng.random()
            if not 0.0 < u < math.pi:
                continue
            log_b = _log_zolotarev(index, u)
            zeta = math.exp(0.5 * log_b)
            z = -1.0 / math.expm1(-math.log1p(index * zeta / root) / index)
            density = psi / math.sqrt(math.pi - u)
            density += xi * math.exp(-0.5 * gamma * u * u) if gamma >= 1.0 else xi
            log_z = math.log(math.pi * density / ((1.0 + c1) * root / zeta + z))
            log_z += power * math.expm1(-log_b) - rng.standard_exponential()
            if log_z <= 0.0:
                break
        # x given the angle, log-concave: half a normal, a constant and an exponential around m.
        rate = rest * power * math.exp(-log_b)
        step = math.sqrt(index / rate)
        width = z / rate
        piece = rng.random() * (step * c1 + step + width)
        loss = 0.0
        if piece < step * c1:
            normal = rng.standard_normal()
            y = -step * abs(normal)
            loss = 0.5 * normal * normal
        elif piece < step * c1 + step:
            y = step * rng.random()
        else:
            loss = rng.standard_exponential()
            y = step + width * loss
        if y > -1.0 and rate / b * _power_minus_line(y, b) - loss <= -log_z:
            return math.log(index) - log_b - rest * math.log(tilt) - b * math.log1p(y)


@kernel
def log_tilted_stable(rng, index, tilt):
    """Log of S, whose density is proportional to exp(-tilt s) g(s), g the positive stable density.

    The Laplace transform of g is exp(-l**index), 0 < index <= 1. The logarithm of a draw is within
    range where the draw itself is not, as for small indices.
    """
    if not (0.0 < index <= 1.0 and 0.0 <= tilt < np.inf):
        return np.nan
    if index == 1.0:
        return 0.0
    power = tilt**index
    if power <= MOST_PIECES:
        return _log_tilted_pieces(rng, index, tilt, power)
    return _log_tilted_by_double_rejection(rng, index, tilt, power)


@kernel
def tilted_stable(rng, index, tilt):
    """A tilted positive stable variate; it may be zero or infinite where its index is small."""
    return math.exp(log_tilted_stable(rng, index, tilt))


@kernel
def log_tilted_stable_vector(rng, index, tilt):
    """One `log_tilted_stable` for each row."""
    result = np.empty(index.size)
    for i in range(index.size):
        result[i] = log_tilted_stable(rng, index[i], tilt[i])
    return result


@kernel
def tilted_stable_vector(rng, index, tilt):
    """One `tilted_stable` for each row."""
    result = np.empty(index.size)
    for i in range(index.size):
        result[i] = tilted_stable(rng, index[i], tilt[i])
    return result
