"""Numba kernels of families whose latent is a truncated normal variate: a location, not a scale."""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.kernels import stride
from pymc_glm.numba_support import kernel
from pymc_glm.random.truncated_normal_kernels import normal_excess, truncated_normal

__all__ = [
    "exponentially_modified_information",
    "interval_information",
    "interval_log_density",
    "interval_slope",
    "log_interval_probability",
    "log_normal_cdf",
    "skew_normal_information",
]

HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
ROOT_HALF = math.sqrt(0.5)
# Below this an asymptotic fraction is exact to rounding and the error function near underflow.
TAIL = -12.0
FRACTION_TERMS = 20
# Intervals shorter than this have the density at their middle times their width.
SHORT = 1e-5


@kernel
def log_normal_cdf(x):
    """Log of the standard normal distribution function."""
    if x > TAIL:
        return math.log(0.5 * math.erfc(-x * ROOT_HALF))
    if x == -np.inf:
        return -np.inf
    # The continued fraction of Mills' ratio, from the tail up.
    ratio = -x
    for k in range(FRACTION_TERMS, 0, -1):
        ratio = -x + k / ratio
    return -0.5 * x * x - HALF_LOG_2_PI - math.log(ratio)


@kernel
def log_interval_probability(a, b):
    """Log of the standard normal probability of (a, b)."""
    if a + b > 0.0:
        # The mirror image, whose probabilities are small numbers with all their digits.
        a, b = -b, -a
    if b - a < SHORT:
        middle = 0.5 * (a + b)
        return math.log(b - a) - 0.5 * middle * middle - HALF_LOG_2_PI
    if a == -np.inf:
        return log_normal_cdf(b)
    if b > TAIL:
        difference = 0.5 * (math.erfc(-b * ROOT_HALF) - math.erfc(-a * ROOT_HALF))
        return math.log(difference)
    upper = log_normal_cdf(b)
    return upper + math.log(-math.expm1(log_normal_cdf(a) - upper))


@kernel
def _bounds(i, t, lower, upper, sigma):
    """Standardised bounds of one row."""
    inverse = 1.0 / sigma[i * stride(sigma.size, t.size)]
    a = (lower[i * stride(lower.size, t.size)] - t[i]) * inverse
    b = (upper[i * stride(upper.size, t.size)] - t[i]) * inverse
    return a, b


@kernel
def interval_log_density(t, lower, upper, sigma):
    """Log probability that t plus noise lies between the bounds, for each response."""
    out = np.empty(t.size)
    for i in range(t.size):
        a, b = _bounds(i, t, lower, upper, sigma)
        out[i] = log_interval_probability(a, b)
    return out


@kernel
def interval_slope(t, lower, upper, sigma):
    """Derivative of `interval_log_density` by each response."""
    out = np.empty(t.size)
    for i in range(t.size):
        a, b = _bounds(i, t, lower, upper, sigma)
        total = log_interval_probability(a, b) + HALF_LOG_2_PI
        # An infinite bound has no density: exp(-inf) is zero.
        difference = math.exp(-0.5 * a * a - total) - math.exp(-0.5 * b * b - total)
        out[i] = difference / sigma[i * stride(sigma.size, t.size)]
    return out


@kernel
def interval_information(rng, t, lower, upper, sigma):
    """Precision and information: a normal variate around t between the bounds, over sigma**2."""
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        s = sigma[i * stride(sigma.size, t.size)]
        low = lower[i * stride(lower.size, t.size)]
        high = upper[i * stride(upper.size, t.size)]
        precision[i] = 1.0 / (s * s)
        information[i] = truncated_normal(rng, t[i], s, low, high) * precision[i]
    return precision, information


@kernel
def skew_normal_information(rng, t, alpha, scale):
    """Precision and information of a skew-normal response, given its half-normal part."""
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        a = alpha[i * stride(alpha.size, t.size)]
        inverse = 1.0 / scale[i * stride(scale.size, t.size)]
        # With r = sqrt(1 + a**2): delta = a / r, and 1 - delta**2 = 1 / r**2.
        r = math.hypot(1.0, a)
        # Positive normal variates of this mean: what they are in excess of minus it.
        half_normal = normal_excess(rng, -a * t[i] * inverse) / r
        precision[i] = (r * inverse) * (r * inverse)
        information[i] = a * r * half_normal * inverse
    return precision, information


@kernel
def exponentially_modified_information(rng, t, nu, sigma):
    """Precision and information of a normal plus an exponential variate of mean nu, given it."""
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        mean = nu[i * stride(nu.size, t.size)]
        s = sigma[i * stride(sigma.size, t.size)]
        delay = s * normal_excess(rng, s / mean - t[i] / s)
        precision[i] = 1.0 / (s * s)
        information[i] = delay * precision[i]
    return precision, information
