"""Numba kernels of families whose latent is a truncated normal variate: a location, not a scale."""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.kernels import stride
from pymc_glm.families.vector_kernels import exp_minus_abs, scaled_erfc, sum_log
from pymc_glm.numba_support import kernel
from pymc_glm.random.truncated_normal_kernels import normal_excess, truncated_normal

__all__ = [
    "exponentially_modified_information",
    "interval_information",
    "interval_log_density",
    "interval_log_density_sum",
    "interval_slope",
    "skew_normal_information",
]

ROOT_HALF = math.sqrt(0.5)
UNIT_HEIGHT = 1.0 / math.sqrt(2.0 * math.pi)
# Stands for an infinite bound: a normal variate is never that far away.
FAR = 1e150
# Intervals shorter than this have the density at their middle times their width.
SHORT = 1e-5


@kernel
def _write_short_intervals(a, b, near, at_near, at_far):
    """Make the difference of the two terms the density at the middle times the width."""
    for i in range(a.size):
        width = b[i] - a[i]
        if width < SHORT and a[i] * b[i] >= 0.0:
            middle = near[i] + 0.5 * width
            shift = (near[i] - middle) * (near[i] + middle)
            # In standard deviations the width is sqrt(2) times as large.
            at_near[i] = 2.0 * width / ROOT_HALF * UNIT_HEIGHT * math.exp(shift)
            at_far[i] = 0.0


@kernel
def _interval_parts(t, lower, upper, sigma):
    """The probability of each interval in parts that neither cancel nor underflow.

    With a and b the bounds in standard deviations from t, the rows are: half the square of the
    nearer one if both are on one side of t, else zero; the probability over the exponential of
    minus that; and the densities at a and b over the same.
    """
    n = t.size
    step = stride(lower.size, n)
    upper_step = stride(upper.size, n)
    sigma_step = stride(sigma.size, n)
    parts = np.empty((4, n))
    a, b = parts[0], parts[1]
    for i in range(n):
        inverse = ROOT_HALF / sigma[i * sigma_step]
        a[i] = min(max((lower[i * step] - t[i]) * inverse, -FAR), FAR)
        b[i] = min(max((upper[i * upper_step] - t[i]) * inverse, -FAR), FAR)
    near = np.empty(n)
    far = np.empty(n)
    decay = np.empty(n)
    for i in range(n):
        near[i] = min(abs(a[i]), abs(b[i]))
        far[i] = max(abs(a[i]), abs(b[i]))
        decay[i] = (far[i] - near[i]) * (far[i] + near[i])
    at_near = scaled_erfc(near)
    at_far = scaled_erfc(far)
    decay = exp_minus_abs(decay)
    tail_near = exp_minus_abs(near * near)
    tail_far = exp_minus_abs(far * far)
    _write_short_intervals(a, b, near, at_near, at_far)
    # Without branches these loops run on vector registers.
    for i in range(n):
        mixed = (a[i] < 0.0) & (b[i] > 0.0)
        apart = 1.0 - 0.5 * (tail_near[i] * at_near[i] + tail_far[i] * at_far[i])
        beside = 0.5 * (at_near[i] - decay[i] * at_far[i])
        first = UNIT_HEIGHT * (tail_near[i] if mixed else 1.0)
        second = UNIT_HEIGHT * (tail_far[i] if mixed else decay[i])
        a_is_near = abs(a[i]) <= abs(b[i])
        parts[0, i] = 0.0 if mixed else near[i] * near[i]
        parts[1, i] = apart if mixed else beside
        parts[2, i] = first if a_is_near else second
        parts[3, i] = second if a_is_near else first
    return parts


@kernel
def interval_log_density(t, lower, upper, sigma):
    """Log probability that t plus noise lies between the bounds, for each response."""
    parts = _interval_parts(t, lower, upper, sigma)
    out = np.empty(t.size)
    for i in range(t.size):
        out[i] = math.log(parts[1, i]) - parts[0, i]
    return out


@kernel
def interval_log_density_sum(t, lower, upper, sigma):
    """Sum of the log probabilities."""
    parts = _interval_parts(t, lower, upper, sigma)
    return sum_log(parts[1]) - np.sum(parts[0])


@kernel
def interval_slope(t, lower, upper, sigma):
    """Derivative of `interval_log_density` by each response."""
    parts = _interval_parts(t, lower, upper, sigma)
    step = stride(sigma.size, t.size)
    out = np.empty(t.size)
    for i in range(t.size):
        out[i] = (parts[2, i] - parts[3, i]) / (parts[1, i] * sigma[i * step])
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
