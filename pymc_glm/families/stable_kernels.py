"""Numba kernels of the symmetric stable family: its density, and the latent draw.

Responses are vectors of length m; each parameter has one entry, or one for each response.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.kernels import stride
from pymc_glm.numba_support import kernel
from pymc_glm.random.stable_kernels import stable_law, symmetric_stable_precision

__all__ = [
    "ANGLE",
    "LOWEST",
    "NODES",
    "REACH",
    "SMALLEST_POWER",
    "THRESHOLD",
    "symmetric_stable_latent",
    "symmetric_stable_log_density_sum",
]

LOG_PI = math.log(math.pi)
# The Fourier inversion runs along a ray in the complex plane, at NODES points of a trapezoidal
# rule that is doubly exponential at both ends; see `SymmetricStable`.
NODES = 128
LOWEST = -3.6
REACH = 40.0
# Angle of the ray as a share of pi / max(alpha, 1).
ANGLE = 0.27
# Below this share of the density's width the integral is expanded about t = 0, else about
# infinity.
THRESHOLD = 0.3
# abs(t)**-alpha is held above this; the density over it has no more digits to lose there.
SMALLEST_POWER = 1e-150


@kernel
def _ray(alpha, near):
    """Points of the Fourier inversion, shape (4, NODES).

    Its first two rows are the rates of decay and of rotation of the factor that depends on t; the
    others are the real and imaginary part of the factor that does not.
    """
    angle = ANGLE * math.pi / max(alpha, 1.0)
    highest = math.log(REACH / math.sin(angle))
    if near:
        highest = math.log(REACH / math.cos(alpha * angle) + 5.0 / alpha) / alpha
    step = (highest - LOWEST) / (NODES - 1)
    ray = np.empty((4, NODES))
    for j in range(NODES):
        s = LOWEST + step * j
        radius = math.exp(s - math.exp(-s))
        power = radius**alpha
        # k * i, and -k**alpha.
        along = (-radius * math.sin(angle), radius * math.cos(angle))
        across = (-power * math.cos(alpha * angle), -power * math.sin(alpha * angle))
        moving, fixed = (along, across) if near else (across, along)
        size = step * (1.0 + math.exp(-s)) * radius * math.exp(fixed[0])
        ray[0, j] = moving[0]
        ray[1, j] = moving[1]
        ray[2, j] = size * math.cos(angle + fixed[1])
        ray[3, j] = size * math.sin(angle + fixed[1])
    return ray


@kernel
def _integral(ray, v):
    """Real part of the integral of fixed * (exp(v moving) - 1) along a ray."""
    total = 0.0
    for j in range(NODES):
        decay = math.expm1(v * ray[0, j])
        half = 0.5 * v * ray[1, j]
        sine = math.sin(half)
        versine = 2.0 * sine * sine
        real = decay * (1.0 - versine) - versine
        imaginary = 2.0 * (decay + 1.0) * sine * math.cos(half)
        total += ray[2, j] * real - ray[3, j] * imaginary
    return total


@kernel
def _log_density(z, alpha, log_peak, near_ray, far_ray):
    """Log density of the standard law at z >= 0; ``log_peak`` is log Gamma(1 + 1 / alpha)."""
    if z == np.inf:
        return -np.inf
    if z * math.exp(log_peak) < THRESHOLD:
        return log_peak + math.log1p(_integral(near_ray, z) * math.exp(-log_peak)) - LOG_PI
    v = max(z**-alpha, SMALLEST_POWER)
    return math.log(_integral(far_ray, v) / v) - (1.0 + alpha) * math.log(z) - LOG_PI


@kernel
def symmetric_stable_log_density_sum(t, alpha, scale):
    """Sum of symmetric stable log densities."""
    step = stride(scale.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    log_peak = math.lgamma(1.0 + 1.0 / alpha[0])
    near_ray = _ray(alpha[0], True)
    far_ray = _ray(alpha[0], False)
    total = 0.0
    for i in range(t.size):
        a = alpha[i * alpha_step]
        if i > 0 and a != alpha[(i - 1) * alpha_step]:
            log_peak = math.lgamma(1.0 + 1.0 / a)
            near_ray = _ray(a, True)
            far_ray = _ray(a, False)
        s = scale[i * step]
        total += _log_density(abs(t[i] / s), a, log_peak, near_ray, far_ray) - math.log(s)
    return total


@kernel
def symmetric_stable_latent(rng, t, alpha, scale, cap):
    """Precision of each symmetric stable response given the response, at most cap / scale**2."""
    step = stride(scale.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    law = stable_law(alpha[0])
    precision = np.empty(t.size)
    for i in range(t.size):
        a = alpha[i * alpha_step]
        if i > 0 and a != alpha[(i - 1) * alpha_step]:
            law = stable_law(a)
        inverse = 1.0 / scale[i * step]
        relative = symmetric_stable_precision(rng, t[i] * inverse, law)
        # The scale goes in one factor at a time: its square may overflow before it is multiplied.
        precision[i] = min(relative, cap[0]) * inverse * inverse
    return precision
