"""Exact draws of a positive scale theta from theta**-a exp(-b theta**-e) times a prior."""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.horseshoe_kernels import SMALLEST, local_precision
from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import generalized_inverse_gaussian

ATTEMPTS = 30
STEPS = 60


@kernel
def gamma_scale(rng, theta, a, b, exponent, power, rate):
    """Prior theta**power exp(-rate theta**-e): a gamma draw of theta**-e for each entry."""
    out = np.empty(theta.size)
    for j in range(theta.size):
        shape = (a[j % a.size] - power[j % power.size] - 1.0) / exponent[0]
        draw = rng.standard_gamma(shape) / (b[j % b.size] + rate[j % rate.size])
        out[j] = draw ** (-1.0 / exponent[0])
    return out


@kernel
def gig_scale(rng, theta, a, b, exponent, power, rate):
    """Prior theta**power exp(-rate theta**e): a generalised inverse Gaussian draw of theta**e."""
    out = np.empty(theta.size)
    for j in range(theta.size):
        order = (power[j % power.size] - a[j % a.size] + 1.0) / exponent[0]
        draw = generalized_inverse_gaussian(
            rng, order, 2.0 * rate[j % rate.size], 2.0 * b[j % b.size]
        )
        out[j] = draw ** (1.0 / exponent[0])
    return out


@kernel
def half_t_scale(rng, theta, a, b, exponent, nu, sigma):
    """Half-t prior: the auxiliary variance of its inverse-gamma mixture, then theta squared.

    A half-Cauchy scale of a single response is drawn without the auxiliary variance, which would
    hardly move while the response is small.
    """
    out = np.empty(theta.size)
    for j in range(theta.size):
        df = nu[j % nu.size]
        width = sigma[j % sigma.size]
        if df == 1.0 and a[j % a.size] == 1.0:
            u = max(b[j % b.size] / (width * width), SMALLEST)
            out[j] = width / math.sqrt(local_precision(rng, u))
            continue
        auxiliary = (df / theta[j] ** 2 + 1.0 / width**2) / rng.standard_gamma(0.5 * (df + 1.0))
        draw = (b[j % b.size] + df / auxiliary) / rng.standard_gamma(0.5 * (a[j % a.size] + df))
        out[j] = math.sqrt(draw)
    return out


@kernel
def log_kernel(log_theta, a, b, exponent):
    """Log density of log theta, up to a constant."""
    return (1.0 - a) * log_theta - b * math.exp(-exponent * log_theta)


@kernel
def truncated_gamma(rng, theta, a, b, exponent, lower, upper):
    """Uniform prior: gamma draws of theta**-e until one is inside, or else a slice move.

    Whether the gamma draws succeed does not depend on the current value, so mixing the two
    updates leaves the conditional invariant.
    """
    shape = (a - 1.0) / exponent
    if shape > 0.0:
        for _ in range(ATTEMPTS):
            draw = (rng.standard_gamma(shape) / b) ** (-1.0 / exponent)
            if lower < draw < upper:
                return draw
    start = math.log(theta)
    level = log_kernel(start, a, b, exponent) - rng.standard_exponential()
    bottom = math.log(lower) if lower > 0.0 else -np.inf
    top = math.log(upper)
    left = start - rng.random()
    right = left + 1.0
    budget = int(STEPS * rng.random())
    other = STEPS - 1 - budget
    while budget > 0 and left > bottom and log_kernel(left, a, b, exponent) > level:
        left -= 1.0
        budget -= 1
    while other > 0 and right < top and log_kernel(right, a, b, exponent) > level:
        right += 1.0
        other -= 1
    left, right = max(left, bottom), min(right, top)
    while True:
        proposal = left + (right - left) * rng.random()
        if log_kernel(proposal, a, b, exponent) > level or proposal == start:
            return math.exp(proposal)
        if proposal < start:
            left = proposal
        else:
            right = proposal


@kernel
def truncated_gamma_scale(rng, theta, a, b, exponent, lower, upper):
    """Uniform prior: gamma draws of theta**-e that are inside, or else a slice move."""
    out = np.empty(theta.size)
    for j in range(theta.size):
        out[j] = truncated_gamma(
            rng,
            theta[j],
            a[j % a.size],
            b[j % b.size],
            exponent[0],
            lower[j % lower.size],
            upper[j % upper.size],
        )
    return out


@kernel
def power_sum_by_entry(t, scale, q, entry, count):
    """Sum of |t / scale|**q over the rows of each entry."""
    step = 0 if scale.size == 1 else 1
    total = np.zeros(count[0])
    for i in range(t.size):
        ratio = abs(t[i] / scale[i * step])
        total[entry[i]] += ratio * ratio if q[0] == 2.0 else ratio ** q[0]
    return total


@kernel
def sum_by_entry(values, entry, count):
    """Sum of the values of each entry; those of entry -1 are left out."""
    step = 0 if values.size == 1 else 1
    total = np.zeros(count[0])
    for i in range(entry.size):
        if entry[i] >= 0:
            total[entry[i]] += values[i * step]
    return total


@kernel
def centred(x, component, count):
    """Each entry less the mean of its connected component; zero where the component is -1."""
    totals = np.zeros(count[0])
    sizes = np.zeros(count[0])
    for i in range(x.size):
        if component[i] >= 0:
            totals[component[i]] += x[i]
            sizes[component[i]] += 1.0
    out = np.zeros(x.size)
    for i in range(x.size):
        if component[i] >= 0:
            out[i] = x[i] - totals[component[i]] / sizes[component[i]]
    return out


@kernel
def quadratic_along(t, direction, scale):
    """First and second coefficient of sum((t + s d) / scale)**2 / 2 in s, two numbers."""
    linear = 0.0
    square = 0.0
    for i in range(t.size):
        precision = 1.0 / scale[i if scale.size > 1 else 0] ** 2
        linear += precision * t[i] * direction[i]
        square += precision * direction[i] * direction[i]
    return np.array([linear, square])


@kernel
def moved(t, direction, step):
    """Take a step from t along a direction."""
    out = np.empty(t.size)
    for i in range(t.size):
        out[i] = t[i] + step[0] * direction[i]
    return out


@kernel
def bernoulli(rng, log_odds):
    """Zero or one for each entry, with given log odds of one."""
    out = np.empty(log_odds.size, dtype=np.int64)
    for j in range(log_odds.size):
        # Not to be read as a zero: the densities at both values are not finite.
        if math.isnan(log_odds[j]):
            raise ArithmeticError("The log odds of an indicator are not a number")
        out[j] = 1 if rng.random() * (1.0 + math.exp(-log_odds[j])) < 1.0 else 0
    return out
