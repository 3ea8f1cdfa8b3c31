"""Numba kernels of families whose latents are generalized inverse Gaussian, gamma or stable.

Responses are vectors of length m; each parameter has one entry, or one for each response.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.families.kernels import stride
from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import log_standard_gig, relative_laplace_precision
from pymc_glm.random.tilted_stable_kernels import log_tilted_stable

__all__ = [
    "asymmetric_laplace_log_density_sum",
    "charbonnier_precision",
    "dirichlet_laplace_precision",
    "exponential_power_log_density_sum",
    "exponential_power_precision",
    "generalized_double_pareto_precision",
    "generalized_hyperbolic_precision",
    "group_laplace_precision",
    "group_student_t_precision",
    "hinge_precision",
    "normal_exponential_gamma_precision",
]

LOG_2 = math.log(2.0)
# Responses are held this far from the pole of a density, and precisions below its inverse.
SMALLEST = 1e-300
LARGEST = 1e300
LOG_LARGEST = math.log(LARGEST)


@kernel
def _bounded_exp(x):
    """exp(x) within the range of positive numbers."""
    return math.exp(min(max(x, -LOG_LARGEST), LOG_LARGEST))


@kernel
def _scaled(relative, inverse, cap):
    """A relative precision, at most ``cap``, over the square of a scale."""
    # One factor at a time: the square may overflow before it is multiplied.
    return min(min(relative, cap) * inverse * inverse, LARGEST)


@kernel
def asymmetric_laplace_log_density_sum(t, quantile, scale):
    """Sum of log densities q (1 - q) / s exp(-t (q - [t < 0]) / s)."""
    step = stride(scale.size, t.size)
    quantile_step = stride(quantile.size, t.size)
    total = 0.0
    for i in range(t.size):
        q = quantile[i * quantile_step]
        s = scale[i * step]
        weight = q if t[i] > 0.0 else q - 1.0
        total += math.log(q * (1.0 - q) / s) - t[i] * weight / s
    return total


@kernel
def exponential_power_log_density_sum(t, alpha, scale):
    """Sum of log densities proportional to exp(-|t / scale|**alpha)."""
    step = stride(scale.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    total = 0.0
    for i in range(t.size):
        a = alpha[i * alpha_step]
        s = scale[i * step]
        total -= abs(t[i] / s) ** a + math.lgamma(1.0 + 1.0 / a) + math.log(2.0 * s)
    return total


@kernel
def exponential_power_precision(rng, t, alpha, scale, cap):
    """Precision 2 S / scale**2, S a stable variate tilted by the squared response."""
    step = stride(scale.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        u = t[i] * inverse
        log_stable = log_tilted_stable(rng, 0.5 * alpha[i * alpha_step], min(u * u, LARGEST))
        precision[i] = _scaled(_bounded_exp(LOG_2 + log_stable), inverse, cap[0])
    return precision


@kernel
def generalized_hyperbolic_precision(rng, t, order, alpha, delta):
    """One over a GIG(order - 1/2, alpha**2, delta**2 + t**2) variate."""
    order_step = stride(order.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    delta_step = stride(delta.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        log_alpha = math.log(alpha[i * alpha_step])
        p = order[i * order_step] - 0.5
        # At zero the precision has no finite mean for small orders, and none at all for some.
        log_distance = math.log(max(math.hypot(delta[i * delta_step], t[i]), SMALLEST))
        x = log_standard_gig(rng, abs(p), log_alpha + log_distance)
        log_variance = (x if p >= 0.0 else -x) + log_distance - log_alpha
        precision[i] = _bounded_exp(-log_variance)
    return precision


@kernel
def charbonnier_precision(rng, t, rate, delta):
    """Precision of a Laplace response at the distance sqrt(delta**2 + t**2)."""
    rate_step = stride(rate.size, t.size)
    delta_step = stride(delta.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = rate[i * rate_step]
        distance = math.hypot(delta[i * delta_step], t[i]) * inverse
        relative = relative_laplace_precision(distance, rng.standard_normal(), rng.random())
        precision[i] = _scaled(relative, inverse, LARGEST)
    return precision


@kernel
def dirichlet_laplace_precision(rng, t, concentration, scale, cap):
    """Precision of a Laplace response whose own scale is drawn from GIG(a - 1, 1, 2 |t|)."""
    step = stride(scale.size, t.size)
    concentration_step = stride(concentration.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        u = max(abs(t[i]) * inverse, SMALLEST)
        order = concentration[i * concentration_step] - 1.0
        half_log = 0.5 * math.log(2.0 * u)
        x = log_standard_gig(rng, abs(order), half_log)
        log_local = (x if order >= 0.0 else -x) + half_log
        distance = _bounded_exp(math.log(u) - log_local)
        relative = relative_laplace_precision(distance, rng.standard_normal(), rng.random())
        relative = _bounded_exp(math.log(relative) - 2.0 * log_local)
        precision[i] = _scaled(relative, inverse, cap[0])
    return precision


@kernel
def generalized_double_pareto_precision(rng, t, alpha, scale, cap):
    """Precision of a Laplace response whose rate is drawn from Gamma(alpha + 1, 1 + |t|)."""
    step = stride(scale.size, t.size)
    alpha_step = stride(alpha.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        u = abs(t[i]) * inverse
        rate = rng.standard_gamma(alpha[i * alpha_step] + 1.0) / (1.0 + u)
        relative = relative_laplace_precision(u * rate, rng.standard_normal(), rng.random())
        precision[i] = _scaled(relative * rate * rate, inverse, cap[0])
    return precision


@kernel
def _exponential_gamma_rate(rng, shape, u):
    """A draw of y from the density proportional to y**(2 shape) exp(-y**2 / 2 - u y).

    The tangent of the square at m makes it a gamma law, of mean m; a draw y is accepted with
    probability exp(-(y - m)**2 / 2), whose mean is at least about one half.
    """
    power = 2.0 * shape + 1.0
    m = 2.0 * power / (u + math.hypot(u, 2.0 * math.sqrt(power)))
    while True:
        y = rng.standard_gamma(power) / (u + m)
        if rng.standard_exponential() >= 0.5 * (y - m) * (y - m):
            return y


@kernel
def normal_exponential_gamma_precision(rng, t, shape, scale, cap):
    """Precision of a Laplace response whose rate has the square root of a gamma law."""
    step = stride(scale.size, t.size)
    shape_step = stride(shape.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        inverse = 1.0 / scale[i * step]
        u = abs(t[i]) * inverse
        rate = _exponential_gamma_rate(rng, shape[i * shape_step], u)
        relative = relative_laplace_precision(u * rate, rng.standard_normal(), rng.random())
        precision[i] = _scaled(relative * rate * rate, inverse, cap[0])
    return precision


@kernel
def hinge_precision(rng, t, weight):
    """Precision and information of exp(-weight max(-t, 0)), a Laplace term with a tilt."""
    step = stride(weight.size, t.size)
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        half = 0.5 * weight[i * step]
        relative = relative_laplace_precision(abs(t[i]) * half, rng.standard_normal(), rng.random())
        precision[i] = _scaled(relative, half, LARGEST)
        information[i] = half
    return precision, information


@kernel
def _norm(t, first, size):
    """Length of one group of responses, without overflow."""
    total = 0.0
    for k in range(first, first + size):
        total = math.hypot(total, t[k])
    return total


@kernel
def group_laplace_precision(rng, t, scale, cap, size):
    """One precision for each group of neighbouring responses, repeated over the group."""
    step = stride(scale.size, t.size)
    width = size[0]
    precision = np.empty(t.size)
    for first in range(0, t.size, width):
        inverse = 1.0 / scale[first * step]
        relative = relative_laplace_precision(
            _norm(t, first, width) * inverse, rng.standard_normal(), rng.random()
        )
        precision[first : first + width] = _scaled(relative, inverse, cap[0])
    return precision


@kernel
def group_student_t_precision(rng, t, nu, scale, size):
    """One precision for each group of neighbouring responses, repeated over the group."""
    step = stride(scale.size, t.size)
    nu_step = stride(nu.size, t.size)
    width = size[0]
    precision = np.empty(t.size)
    for first in range(0, t.size, width):
        df = nu[first * nu_step]
        root = math.sqrt(2.0 * rng.standard_gamma(0.5 * (df + width)))
        ratio = root / math.hypot(math.sqrt(df) * scale[first * step], _norm(t, first, width))
        precision[first : first + width] = ratio * ratio
    return precision
