"""Numba kernels of the families: latent draws, log densities and sufficient statistics.

Responses are vectors of length m; each parameter has one entry, or one for each response. A
mixture's parameters are matrices with one row, or one for each response.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import relative_laplace_precision

__all__ = [
    "gaussian_log_density_sum",
    "laplace_log_density_sum",
    "laplace_precision",
    "normal_mixture_latent",
    "normal_mixture_log_density_sum",
    "power_sum",
    "stride",
    "student_t_log_density_sum",
    "student_t_precision",
    "sum_squares",
]

HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
LOG_2 = math.log(2.0)


@kernel
def stride(size, rows):
    """Step through a parameter: 0 where all rows share it, 1 where each has its own."""
    if size == 1:
        return 0
    if size == rows:
        return 1
    raise ValueError(
        "A parameter has neither one entry nor one for each response. "
        "Broadcast it to the responses."
    )


@kernel
def sum_squares(t):
    """Sum of t**2."""
    total = 0.0
    for i in range(t.size):
        total += t[i] * t[i]
    return total


@kernel
def power_sum(t, scale, q):
    """Sum of |t / scale|**q."""
    step = stride(scale.size, t.size)
    total = 0.0
    for i in range(t.size):
        ratio = abs(t[i] / scale[i * step])
        if q[0] == 1.0:
            total += ratio
        elif q[0] == 2.0:
            total += ratio * ratio
        else:
            total += ratio ** q[0]
    return total


@kernel
def _sum_of_logs(values, rows):
    """Sum of log(values) over the rows."""
    if values.size == 1:
        return rows * math.log(values[0])
    total = 0.0
    for i in range(rows):
        total += math.log(values[i])
    return total


@kernel
def gaussian_log_density_sum(t, scale):
    """Sum of centred normal log densities."""
    step = stride(scale.size, t.size)
    total = 0.0
    for i in range(t.size):
        z = t[i] / scale[i * step]
        total += z * z
    return -0.5 * total - _sum_of_logs(scale, t.size) - t.size * HALF_LOG_2_PI


@kernel
def laplace_log_density_sum(t, scale):
    """Sum of centred Laplace log densities."""
    step = stride(scale.size, t.size)
    total = 0.0
    for i in range(t.size):
        total += abs(t[i]) / scale[i * step]
    return -total - _sum_of_logs(scale, t.size) - t.size * LOG_2


@kernel
def laplace_precision(rng, t, scale, cap):
    """Precision of each Laplace response given the response, at most cap / scale**2."""
    step = stride(scale.size, t.size)
    precision = np.empty(t.size)
    inverse = 1.0 / scale[0]
    for i in range(t.size):
        if step:
            inverse = 1.0 / scale[i]
        relative = relative_laplace_precision(
            abs(t[i]) * inverse, rng.standard_normal(), rng.random()
        )
        # The scale goes in one factor at a time: its square may overflow before it is multiplied.
        precision[i] = min(relative, cap[0]) * inverse * inverse
    return precision


@kernel
def _student_t_log_height(nu):
    """Log density at zero of the standard Student law."""
    if nu < 100.0:
        return math.lgamma(0.5 * nu + 0.5) - math.lgamma(0.5 * nu) - 0.5 * math.log(nu * math.pi)
    # The two log gammas cancel for large nu; this is the series of their difference.
    u = 2.0 / nu
    series = u * (-1 / 8 + u * u * (1 / 192 + u * u * (-1 / 640 + u * u * 17 / 14336)))
    return series - HALF_LOG_2_PI


@kernel
def student_t_log_density_sum(t, nu, scale):
    """Sum of centred Student log densities."""
    step = stride(scale.size, t.size)
    nu_step = stride(nu.size, t.size)
    total = 0.0
    for i in range(t.size):
        df = nu[i * nu_step]
        x = abs(t[i]) / (scale[i * step] * math.sqrt(df))
        # Squaring a larger x could overflow, and adding one to its square changes nothing.
        tail = 2.0 * math.log(x) if x > 1e10 else math.log1p(x * x)
        total -= 0.5 * (df + 1.0) * tail
        if nu_step:
            total += _student_t_log_height(df)
    if not nu_step:
        total += t.size * _student_t_log_height(nu[0])
    return total - _sum_of_logs(scale, t.size)


@kernel
def student_t_precision(rng, t, nu, scale):
    """Precision of each Student response given the response: 2 g / (nu scale**2 + t**2)."""
    step = stride(scale.size, t.size)
    nu_step = stride(nu.size, t.size)
    precision = np.empty(t.size)
    for i in range(t.size):
        df = nu[i * nu_step]
        # The shape is at least one half, so the gamma variate does not underflow however small nu.
        root = math.sqrt(2.0 * rng.standard_gamma(0.5 * (df + 1.0)))
        # hypot and squaring last: neither t**2 nor scale**2 is formed, so neither overflows.
        ratio = root / math.hypot(math.sqrt(df) * scale[i * step], t[i])
        precision[i] = ratio * ratio
    return precision


@kernel
def _row_step(array, rows):
    """`stride` over the rows of a mixture parameter."""
    return stride(array.shape[0], rows)


@kernel
def _log_heights(weights, scales):
    """log(weight / scale) of every component, once where all rows share them."""
    rows = max(weights.shape[0], scales.shape[0])
    weight_step = _row_step(weights, rows)
    scale_step = _row_step(scales, rows)
    heights = np.empty((rows, weights.shape[1]))
    for i in range(rows):
        for k in range(weights.shape[1]):
            heights[i, k] = math.log(weights[i * weight_step, k]) - math.log(
                scales[i * scale_step, k]
            )
    return heights


@kernel
def _component_weights(t, heights, height_row, means, mean_row, scales, scale_row, result):
    """Write unnormalised component weights given t; return the log of their unit and their sum.

    The unit is the density factor exp(-z**2 / 2) of the nearest component, and the others' are
    formed from differences of z, so that a response far from all of them does not underflow.
    Rows come as indices, so that no view is made for each response.
    """
    nearest = np.inf
    for k in range(result.size):
        z = abs((t - means[mean_row, k]) / scales[scale_row, k])
        result[k] = z
        if heights[height_row, k] > -np.inf:
            nearest = min(nearest, z)
    largest = -np.inf
    for k in range(result.size):
        z = result[k]
        result[k] = -np.inf
        if heights[height_row, k] > -np.inf:
            result[k] = heights[height_row, k] - 0.5 * (z - nearest) * (z + nearest)
        largest = max(largest, result[k])
    total = 0.0
    for k in range(result.size):
        result[k] = math.exp(result[k] - largest)
        total += result[k]
    return largest - 0.5 * nearest * nearest, total


@kernel
def normal_mixture_log_density_sum(t, weights, means, scales):
    """Sum of normal mixture log densities."""
    heights = _log_heights(weights, scales)
    height_step = _row_step(heights, t.size)
    mean_step = _row_step(means, t.size)
    scale_step = _row_step(scales, t.size)
    component = np.empty(heights.shape[1])
    total = 0.0
    for i in range(t.size):
        unit, weight = _component_weights(
            t[i],
            heights,
            i * height_step,
            means,
            i * mean_step,
            scales,
            i * scale_step,
            component,
        )
        total += unit + math.log(weight)
    return total - t.size * HALF_LOG_2_PI


@kernel
def normal_mixture_latent(rng, t, weights, means, scales):
    """Draw each response's component; return its precision and precision times mean."""
    heights = _log_heights(weights, scales)
    height_step = _row_step(heights, t.size)
    mean_step = _row_step(means, t.size)
    scale_step = _row_step(scales, t.size)
    component = np.empty(heights.shape[1])
    precision = np.empty(t.size)
    information = np.empty(t.size)
    for i in range(t.size):
        _, weight = _component_weights(
            t[i],
            heights,
            i * height_step,
            means,
            i * mean_step,
            scales,
            i * scale_step,
            component,
        )
        left = rng.random() * weight
        # Rounding may leave a rest after the last component: keep the last with any weight.
        drawn = 0
        for k in range(component.size):
            if component[k] > 0.0:
                drawn = k
                left -= component[k]
                if left < 0.0:
                    break
        precision[i] = scales[i * scale_step, drawn] ** -2
        information[i] = means[i * mean_step, drawn] * precision[i]
    return precision, information
