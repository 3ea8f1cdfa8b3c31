"""Exact draws of a positive scale theta from theta**-a exp(-b theta**-e) times a prior."""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import generalized_inverse_gaussian

ATTEMPTS = 30
STEPS = 60


@kernel
def gamma_scale(rng, theta, a, b, exponent, power, rate):
    """Prior theta**power exp(-rate theta**-e): a gamma draw of theta**-e."""
    shape = (a[0] - power[0] - 1.0) / exponent[0]
    draw = rng.standard_gamma(shape) / (b[0] + rate[0])
    return draw ** (-1.0 / exponent[0])


@kernel
def gig_scale(rng, theta, a, b, exponent, power, rate):
    """Prior theta**power exp(-rate theta**e): a generalised inverse Gaussian draw of theta**e."""
    order = (power[0] - a[0] + 1.0) / exponent[0]
    draw = generalized_inverse_gaussian(rng, order, 2.0 * rate[0], 2.0 * b[0])
    return draw ** (1.0 / exponent[0])


@kernel
def half_t_scale(rng, theta, a, b, exponent, nu, sigma):
    """Half-t prior: the auxiliary variance of its inverse-gamma mixture, then theta squared."""
    auxiliary = (nu[0] / theta[0] ** 2 + 1.0 / sigma[0] ** 2) / rng.standard_gamma(
        0.5 * (nu[0] + 1.0)
    )
    draw = (b[0] + nu[0] / auxiliary) / rng.standard_gamma(0.5 * (a[0] + nu[0]))
    return math.sqrt(draw)


@kernel
def log_kernel(log_theta, a, b, exponent):
    """Log density of log theta, up to a constant."""
    return (1.0 - a) * log_theta - b * math.exp(-exponent * log_theta)


@kernel
def truncated_gamma_scale(rng, theta, a, b, exponent, lower, upper):
    """Uniform prior: gamma draws of theta**-e until one is inside, or else a slice move.

    Whether the gamma draws succeed does not depend on the current value, so mixing the two
    updates leaves the conditional invariant.
    """
    shape = (a[0] - 1.0) / exponent[0]
    if shape > 0.0:
        for _ in range(ATTEMPTS):
            draw = (rng.standard_gamma(shape) / b[0]) ** (-1.0 / exponent[0])
            if lower[0] < draw < upper[0]:
                return draw
    start = math.log(theta[0])
    level = log_kernel(start, a[0], b[0], exponent[0]) - rng.standard_exponential()
    bottom = math.log(lower[0]) if lower[0] > 0.0 else -np.inf
    top = math.log(upper[0])
    left = start - rng.random()
    right = left + 1.0
    budget = int(STEPS * rng.random())
    other = STEPS - 1 - budget
    while budget > 0 and left > bottom and log_kernel(left, a[0], b[0], exponent[0]) > level:
        left -= 1.0
        budget -= 1
    while other > 0 and right < top and log_kernel(right, a[0], b[0], exponent[0]) > level:
        right += 1.0
        other -= 1
    left, right = max(left, bottom), min(right, top)
    while True:
        proposal = left + (right - left) * rng.random()
        if log_kernel(proposal, a[0], b[0], exponent[0]) > level or proposal == start:
            return math.exp(proposal)
        if proposal < start:
            left = proposal
        else:
            right = proposal


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
