"""Numba kernels of the declared distributions: one draw each, through the mixture.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import generalized_inverse_gaussian

__all__ = [
    "charbonnier",
    "dirichlet_laplace",
    "exponential_power",
    "generalized_double_pareto",
    "generalized_hyperbolic",
    "group_laplace",
    "horseshoe",
    "hyperbolic_secant",
    "normal_exponential_gamma",
    "symmetric_stable",
    "variance_gamma",
]


@kernel
def _log_gamma(rng, order):
    """Log of a gamma variate, which does not underflow where the order is small."""
    return math.log(rng.standard_gamma(order + 1.0)) - rng.standard_exponential() / order


@kernel
def _signed(rng, magnitude):
    """A magnitude with a random sign."""
    return magnitude if rng.random() < 0.5 else -magnitude


@kernel
def _drifting_normal(rng, variance, beta):
    """A normal variate of mean beta v and variance v."""
    return beta * variance + math.sqrt(variance) * rng.standard_normal()


@kernel
def charbonnier(rng, mu, rate, delta):
    """Normal of a variance that is generalized inverse Gaussian of order one."""
    if not (rate > 0.0 and delta > 0.0):
        return np.nan
    variance = generalized_inverse_gaussian(rng, 1.0, rate * rate, delta * delta)
    return mu + _drifting_normal(rng, variance, 0.0)


@kernel
def hyperbolic_secant(rng, mu, alpha, scale):
    """Half the logit of a symmetric beta variate: the difference of two logs of gamma variates."""
    if not (alpha > 0.0 and scale > 0.0):
        return np.nan
    return mu + 0.5 * scale * (_log_gamma(rng, 0.5 * alpha) - _log_gamma(rng, 0.5 * alpha))


@kernel
def exponential_power(rng, mu, alpha, scale):
    """The magnitude to the power alpha is gamma."""
    if not (0.0 < alpha <= 2.0 and scale > 0.0):
        return np.nan
    return mu + _signed(rng, scale * rng.standard_gamma(1.0 / alpha) ** (1.0 / alpha))


@kernel
def symmetric_stable(rng, mu, alpha, scale):
    """A function of an angle and an exponential variate (Chambers, Mallows and Stuck, 1976)."""
    if not (0.0 < alpha < 2.0 and scale > 0.0):
        return np.nan
    angle = math.pi * (rng.random() - 0.5)
    rest = math.log(math.cos((1.0 - alpha) * angle) / rng.standard_exponential())
    log_size = ((1.0 - alpha) * rest - math.log(math.cos(angle))) / alpha
    return mu + scale * math.sin(alpha * angle) * math.exp(log_size)


@kernel
def horseshoe(rng, mu, scale):
    """A normal variate times the ratio of two, which is Cauchy."""
    if not scale > 0.0:
        return np.nan
    ratio = rng.standard_normal() / rng.standard_normal()
    return mu + scale * rng.standard_normal() * ratio


@kernel
def generalized_hyperbolic(rng, mu, order, alpha, beta, delta):
    """Normal of a mean and a variance that share one generalized inverse Gaussian variate."""
    if not (alpha > abs(beta) and delta > 0.0):
        return np.nan
    rate = (alpha - beta) * (alpha + beta)
    variance = generalized_inverse_gaussian(rng, order, rate, delta * delta)
    return mu + _drifting_normal(rng, variance, beta)


@kernel
def variance_gamma(rng, mu, order, alpha, beta):
    """Normal of a mean and a variance that share one gamma variate."""
    if not (alpha > abs(beta) and order > 0.0):
        return np.nan
    rate = 0.5 * (alpha - beta) * (alpha + beta)
    return mu + _drifting_normal(rng, rng.standard_gamma(order) / rate, beta)


@kernel
def normal_exponential_gamma(rng, mu, alpha, scale):
    """Normal of an exponential variance whose rate is gamma."""
    if not (alpha > 0.0 and scale > 0.0):
        return np.nan
    sd = math.sqrt(rng.standard_exponential()) * math.exp(-0.5 * _log_gamma(rng, alpha))
    return mu + scale * sd * rng.standard_normal()


@kernel
def generalized_double_pareto(rng, mu, alpha, scale):
    """The inverse of the distribution function, with a random sign."""
    if not (alpha > 0.0 and scale > 0.0):
        return np.nan
    return mu + _signed(rng, scale * math.expm1(rng.standard_exponential() / alpha))


@kernel
def dirichlet_laplace(rng, mu, concentration, scale):
    """Laplace of a scale that is gamma of rate one half."""
    if not (concentration > 0.0 and scale > 0.0):
        return np.nan
    local_scale = 2.0 * scale * rng.standard_gamma(concentration)
    return mu + _signed(rng, local_scale * rng.standard_exponential())


@kernel
def group_laplace(rng, mu, scale):
    """A uniform direction of a length that is gamma."""
    direction = np.empty(mu.size)
    square = 0.0
    for i in range(mu.size):
        direction[i] = rng.standard_normal()
        square += direction[i] * direction[i]
    length = scale * rng.standard_gamma(float(mu.size)) if scale > 0.0 else np.nan
    return mu + length / math.sqrt(square) * direction
