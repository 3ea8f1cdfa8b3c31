"""Numba kernels of positive stable variates, as variances of symmetric stable responses.

A is positive stable of index rho = alpha / 2, that is E exp(-l A) = exp(-l**rho), and a response
with normal law N(0, 2 A) given A is symmetric stable of index alpha. Everything is told in log A,
whose range is that of numbers to high powers.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["log_positive_stable", "stable_law", "symmetric_stable_precision"]

LOG_2 = math.log(2.0)
LOG_PI = math.log(math.pi)
# The series in powers of A**-rho is used above SMALLEST_SPLIT alone; then so many terms reach
# the last digit for every index.
SMALLEST_SPLIT = math.log(1.5)
TERMS = 110
NEGLIGIBLE = 1e-17
LOG_LARGEST = math.log(1e300)


@kernel
def _log_angular(rho, eta, u):
    """Log of Kanter's function of the angle, to the power that makes A = angular / E**(eta / rho).

    As a whole it has no digits to lose where eta = 1 - rho is tiny.
    """
    sines = rho * math.log(math.sin(rho * u)) + eta * math.log(math.sin(eta * u))
    return (sines - math.log(math.sin(u))) / rho


@kernel
def log_positive_stable(rng, rho):
    """Log of a positive stable variate (Kanter, 1975)."""
    eta = 1.0 - rho
    u = math.pi * (1.0 - rng.random())
    return _log_angular(rho, eta, u) - eta / rho * math.log(rng.standard_exponential())


@kernel
def stable_law(alpha):
    """What the draws for one index share.

    Returns
    -------
    rho, log_peak, log_tail : float
        Half of alpha; log E A**(-1/2); and log C where the density of A is about C A**(-1 - rho).
    series : ndarray, shape (TERMS,)
        Coefficients h of the density of A over its tail, the sum of h[n] A**(-n rho).
    """
    rho = 0.5 * alpha
    angle = math.pi * (1.0 - rho)
    log_first = math.lgamma(rho + 1.0)
    series = np.empty(TERMS)
    for n in range(1, TERMS + 1):
        log_ratio = math.lgamma(n * rho + 1.0) - math.lgamma(n + 1.0) - log_first
        series[n - 1] = math.exp(log_ratio) * math.sin(n * angle) / math.sin(angle)
    log_peak = LOG_2 - 0.5 * LOG_PI + math.lgamma(1.0 + 1.0 / alpha)
    return rho, log_peak, log_first + math.log(math.sin(angle)) - LOG_PI, series


@kernel
def _relative_density(series, x):
    """Density of A over its tail at x = A**-rho."""
    total = 0.0
    power = 1.0
    for n in range(TERMS):
        total += series[n] * power
        power *= x
        if (n + 2) * power < NEGLIGIBLE:
            break
    return total


@kernel
def _largest_relative_density(series, x):
    """A bound on the density of A over its tail at x and below."""
    total = 0.0
    power = 1.0
    for n in range(TERMS):
        total += abs(series[n]) * power
        power *= x
    return total


@kernel
def _log_add(x, y):
    """log(exp(x) + exp(y))."""
    return max(x, y) + math.log1p(math.exp(-abs(x - y)))


@kernel
def _log_near(rng, rho, log_c):
    """Draw log A for a response near zero, by rejection from the law at zero.

    There the angle has a density that a normal law dominates (Devroye, 2009), and E a gamma law.
    """
    eta = 1.0 - rho
    log_start = math.log(rho) + eta / rho * math.log(eta)
    width = math.sqrt(2.0 / eta)
    flat = width > math.sqrt(2.0 * math.pi)
    while True:
        if flat:
            u = math.pi * (1.0 - rng.random())
            log_hat = 0.0
        else:
            u = width * abs(rng.standard_normal())
            log_hat = -0.25 * eta * u * u
            if not 0.0 < u < math.pi:
                continue
        log_angular = _log_angular(rho, eta, u)
        if rng.standard_exponential() < log_hat + 0.5 * (log_angular - log_start):
            continue
        log_e = math.log(rng.standard_gamma(1.0 + 0.5 * eta / rho))
        log_a = log_angular - eta / rho * log_e
        if rng.standard_exponential() >= math.exp(min(log_c - log_a, LOG_LARGEST)):
            return log_a


@kernel
def _log_far(rng, law, log_c, log_split, log_body, tail_share, bound):
    """Draw log A for another response, by rejection in two pieces.

    Above the split the proposal is c over a gamma variate, exact but for the density over its
    tail. Below it is the stable law, and log_body bounds the log of A**(-1/2) exp(-c / A).
    """
    rho, _, _, series = law
    while True:
        if rng.random() < tail_share:
            log_a = log_c - math.log(rng.standard_gamma(rho + 0.5))
            if log_a > log_split:
                x = math.exp(-rho * log_a)
                if rng.random() * bound <= _relative_density(series, x):
                    return log_a
        else:
            log_a = log_positive_stable(rng, rho)
            if log_a <= log_split:
                log_weight = -0.5 * log_a - math.exp(min(log_c - log_a, LOG_LARGEST))
                if rng.standard_exponential() >= log_body - log_weight:
                    return log_a


@kernel
def symmetric_stable_precision(rng, t, law):
    """Precision 1 / (2 A) of a standard symmetric stable response t given t.

    With c = t**2 / 4 the density of A given t is proportional to A**(-1/2) exp(-c / A) times the
    stable one. Three kinds of exact rejection have envelopes of known mass, and the lightest is
    used: the law at t = 0; the stable law with A**(-1/2) exp(-c / A) at its largest; and that
    below a split of A, with an inverse gamma law above it.

    Parameters
    ----------
    rng : numpy.random.Generator
    t : float
        Response in units of the scale.
    law : tuple
        From `stable_law`.

    Returns
    -------
    precision : float
        Positive and finite.
    """
    rho, log_peak, log_tail, series = law
    if not (0.0 < rho < 1.0 and abs(t) < np.inf):
        return np.nan
    log_c = 2.0 * (math.log(abs(t)) - LOG_2) if t != 0.0 else -np.inf
    # The largest value of A**(-1/2) exp(-c / A) is at A = 2 c.
    log_body = -0.5 * (1.0 + LOG_2 + log_c)
    log_mass = min(log_body, log_peak)
    near = log_peak <= log_body
    log_split = np.inf
    tail_share = 0.0
    bound = 1.0
    log_tail += math.lgamma(rho + 0.5) - (rho + 0.5) * log_c
    if log_tail < log_mass:
        # Where the mass below would be some third of the mass above.
        rate = max(-log_tail - 0.5 * log_c, 1.0)
        rate += 0.5 * math.log(rate) + 1.0
        split = max(log_c - math.log(rate), SMALLEST_SPLIT)
        largest = _largest_relative_density(series, math.exp(-rho * split))
        below = log_body
        if split < LOG_2 + log_c:
            below = -0.5 * split - math.exp(log_c - split)
        above = log_tail + math.log(largest)
        if _log_add(above, below) < log_mass:
            near = False
            log_split, log_body, bound = split, below, largest
            tail_share = 1.0 / (1.0 + math.exp(min(below - above, LOG_LARGEST)))
    if near:
        log_a = _log_near(rng, rho, log_c)
    else:
        log_a = _log_far(rng, law, log_c, log_split, log_body, tail_share, bound)
    return math.exp(min(max(-LOG_2 - log_a, -LOG_LARGEST), LOG_LARGEST))
