"""Numba kernels of families with Polya-Gamma latents.

Given a Polya-Gamma precision w, exp(kappa t) / (2 cosh(t / 2))**n is normal in t with the
information kappa, whatever w is: no pseudo-response kappa / w is formed.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.kernels import stride
from pymc_glm.families.vector_kernels import exp_minus_abs, sum_log_one_plus
from pymc_glm.numba_support import kernel
from pymc_glm.random.polya_gamma_kernels import polya_gamma

__all__ = [
    "binomial_logit_latent",
    "binomial_logit_log_density_sum",
    "binomial_logit_slope",
    "hyperbolic_secant_log_density_sum",
    "hyperbolic_secant_precision",
    "logistic_interval_latent",
    "logistic_interval_log_density",
    "logistic_interval_slope",
    "negative_binomial_logit_latent",
    "negative_binomial_logit_log_density_sum",
    "negative_binomial_logit_slope",
]

LOG_2 = math.log(2.0)


@kernel
def softplus(t):
    """log(1 + exp(t))."""
    return max(t, 0.0) + math.log1p(math.exp(-abs(t)))


@kernel
def log_cosh(t):
    """log(cosh(t))."""
    return abs(t) + math.log1p(math.exp(-2.0 * abs(t))) - LOG_2


@kernel
def logistic(t):
    """1 / (1 + exp(-t)) of each entry."""
    out = exp_minus_abs(t)
    # No strides of parameters in this loop: it runs on vector registers.
    for i in range(t.size):
        p = 1.0 / (1.0 + out[i])
        out[i] = p if t[i] > 0.0 else 1.0 - p
    return out


@kernel
def binomial_logit_log_density_sum(t, successes, trials):
    """Sum of successes t - trials log(1 + exp(t))."""
    step = stride(successes.size, t.size)
    trials_step = stride(trials.size, t.size)
    e = exp_minus_abs(t)
    total = 0.0
    if trials_step == 0:
        for i in range(t.size):
            total += successes[i * step] * t[i] - trials[0] * max(t[i], 0.0)
        return total - trials[0] * sum_log_one_plus(e)
    for i in range(t.size):
        total += successes[i * step] * t[i] - trials[i] * (max(t[i], 0.0) + math.log1p(e[i]))
    return total


@kernel
def binomial_logit_slope(t, successes, trials):
    """Derivative of each row's log density by the response."""
    step = stride(successes.size, t.size)
    trials_step = stride(trials.size, t.size)
    out = logistic(t)
    for i in range(t.size):
        out[i] = successes[i * step] - trials[i * trials_step] * out[i]
    return out


@kernel
def binomial_logit_latent(rng, t, successes, trials):
    """Precision PG(trials, t) and information successes - trials / 2."""
    step = stride(successes.size, t.size)
    trials_step = stride(trials.size, t.size)
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        n = trials[i * trials_step]
        precision[i] = polya_gamma(rng, n, t[i])
        information[i] = successes[i * step] - 0.5 * n
    return precision, information


@kernel
def negative_binomial_logit_log_density_sum(t, count, dispersion):
    """Sum of log densities of counts, but for their factorials."""
    step = stride(count.size, t.size)
    dispersion_step = stride(dispersion.size, t.size)
    e = exp_minus_abs(t)
    total = 0.0
    shared = math.lgamma(dispersion[0])
    for i in range(t.size):
        y = count[i * step]
        r = dispersion[i * dispersion_step]
        total += y * t[i] - (y + r) * (max(t[i], 0.0) + math.log1p(e[i]))
        if y > 0.0:
            total += math.lgamma(y + r) - (math.lgamma(r) if dispersion_step else shared)
    return total


@kernel
def negative_binomial_logit_slope(t, count, dispersion):
    """Derivative of each row's log density by the response."""
    step = stride(count.size, t.size)
    dispersion_step = stride(dispersion.size, t.size)
    out = logistic(t)
    for i in range(t.size):
        y = count[i * step]
        out[i] = y - (y + dispersion[i * dispersion_step]) * out[i]
    return out


@kernel
def negative_binomial_logit_latent(rng, t, count, dispersion):
    """Precision PG(count + dispersion, t) and information (count - dispersion) / 2."""
    step = stride(count.size, t.size)
    dispersion_step = stride(dispersion.size, t.size)
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        y = count[i * step]
        r = dispersion[i * dispersion_step]
        precision[i] = polya_gamma(rng, y + r, t[i])
        information[i] = 0.5 * (y - r)
    return precision, information


@kernel
def _log_secant_height(shape):
    """Log density at zero of the law proportional to cosh(t)**-shape."""
    return math.lgamma(0.5 * shape + 0.5) - math.lgamma(0.5 * shape) - 0.5 * math.log(math.pi)


@kernel
def hyperbolic_secant_log_density_sum(t, shape, scale):
    """Sum of log densities proportional to cosh(t / scale)**-shape."""
    step = stride(scale.size, t.size)
    shape_step = stride(shape.size, t.size)
    total = 0.0
    for i in range(t.size):
        b = shape[i * shape_step]
        s = scale[i * step]
        total += _log_secant_height(b) - math.log(s) - b * log_cosh(t[i] / s)
    return total


@kernel
def hyperbolic_secant_precision(rng, t, shape, scale):
    """Precision 4 PG(shape, 2 t / scale) / scale**2 of each response."""
    step = stride(scale.size, t.size)
    shape_step = stride(shape.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        w = polya_gamma(rng, shape[i * shape_step], 2.0 * t[i] * inverse)
        precision[i] = 4.0 * w * inverse * inverse
    return precision


@kernel
def _log_logistic_interval(a, b):
    """Log of the standard logistic probability of (a, b)."""
    # F(b) - F(a) = (exp(b) - exp(a)) / ((1 + exp(a)) (1 + exp(b))), with the larger factored out.
    width = b - a
    log_gap = math.log(-math.expm1(-width)) if width < np.inf else 0.0
    if b == np.inf:
        return -softplus(a)
    return b + log_gap - softplus(b) - (softplus(a) if a > -np.inf else 0.0)


@kernel
def logistic_interval_log_density(t, lower, upper):
    """Log probability that t plus logistic noise lies between the bounds, for each response."""
    step = stride(lower.size, t.size)
    upper_step = stride(upper.size, t.size)
    out = np.empty(t.size)
    for i in range(t.size):
        out[i] = _log_logistic_interval(lower[i * step] - t[i], upper[i * upper_step] - t[i])
    return out


@kernel
def logistic_interval_slope(t, lower, upper):
    """Derivative of `logistic_interval_log_density` by each response: 1 - F(a) - F(b), centred."""
    step = stride(lower.size, t.size)
    upper_step = stride(upper.size, t.size)
    out = np.empty(t.size)
    for i in range(t.size):
        a = math.tanh(0.5 * (lower[i * step] - t[i]))
        b = math.tanh(0.5 * (upper[i * upper_step] - t[i]))
        out[i] = 0.5 * (a + b)
    return out


@kernel
def _logistic_between(a, b, uniform):
    """A standard logistic variate between a and b, from a uniform variate."""
    if a + b > 0.0:
        return -_logistic_below(-b, -a, uniform)
    return _logistic_below(a, b, uniform)


@kernel
def _logistic_below(a, b, uniform):
    """A logistic variate between a and b where most of the interval is below zero.

    There its distribution function is a small number with all its digits.
    """
    lower = math.exp(a) / (1.0 + math.exp(a)) if a > -np.inf else 0.0
    upper = 1.0 / (1.0 + math.exp(-b))
    if upper == 0.0 or lower >= upper:
        # Far in the tail the law is exponential.
        return b + math.log1p(-uniform * -math.expm1(a - b))
    p = upper - (upper - lower) * uniform
    return min(max(math.log(p) - math.log1p(-p), a), b)


@kernel
def logistic_interval_latent(rng, t, lower, upper):
    """Precision and information of a logistic variate around t between the bounds."""
    step = stride(lower.size, t.size)
    upper_step = stride(upper.size, t.size)
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        distance = _logistic_between(
            lower[i * step] - t[i], upper[i * upper_step] - t[i], rng.random()
        )
        precision[i] = polya_gamma(rng, 2.0, distance)
        information[i] = precision[i] * (t[i] + distance)
    return precision, information
