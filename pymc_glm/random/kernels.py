"""Numba kernels of the random variables: one scalar draw each, and one loop over rows each.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "generalized_inverse_gaussian",
    "generalized_inverse_gaussian_vector",
    "inverse_gaussian",
    "inverse_gaussian_root",
    "inverse_gaussian_vector",
    "laplace_latent",
    "laplace_latent_vector",
    "log_standard_gig",
    "relative_laplace_precision",
]

LOG_2 = math.log(2.0)
COSH_1 = math.cosh(1.0)
# Beyond this ratio the law is a point mass to far below rounding, and squares may overflow.
POINT_MASS_RATIO = 1e100
LARGEST_RATIO = 1e300
SMALLEST_HALF_SQUARE = 1e-33


@kernel
def _half_square(normal):
    """Half the square of a normal variate, kept off zero, where the roots below are 0 / 0.

    The floor is below the resolution of the generator: an exact zero stands for all smaller values.
    """
    return max(0.5 * normal * normal, SMALLEST_HALF_SQUARE)


@kernel
def inverse_gaussian_root(mean, shape, normal, uniform):
    """Turn a normal and a uniform variate into an inverse Gaussian one, without cancellation.

    With q = shape / mean, c = N**2 / 2 and s = q + c + sqrt(c (c + 2 q)), the roots are shape / s
    and mean * (s / q), taken with probabilities s / (s + q) and q / (s + q). An infinite mean is
    q = 0, the Levy limit.
    """
    if not (mean > 0.0 and shape > 0.0):
        return np.nan
    q = shape / mean
    if q > POINT_MASS_RATIO:
        return mean
    c = _half_square(normal)
    s = q + c + math.sqrt(c * (c + 2.0 * q))
    if uniform * (s + q) <= s:
        return shape / s
    return mean * (s / q)


@kernel
def relative_laplace_precision(d, normal, uniform):
    """Precision of a Laplace response at distance d = |t| / scale, in units of scale**-2.

    It is inverse Gaussian with mean 1/d and shape 1. Writing its roots as 1/s and s/d**2 lets
    d = 0 (one over a squared normal) go through the same arithmetic, without a branch. The
    variates are arguments because handing over a generator costs half as much as the draw.
    """
    if d > LARGEST_RATIO:
        d = LARGEST_RATIO
    c = _half_square(normal)
    s = d + c + math.sqrt(c * (c + 2.0 * d))
    small = uniform * (s + d) <= s or d > POINT_MASS_RATIO
    numerator = 1.0 if small else s
    denominator = s if small else d * d
    return numerator / denominator


@kernel
def inverse_gaussian(rng, mean, shape):
    """Inverse Gaussian variate; an infinite mean is the Levy limit."""
    return inverse_gaussian_root(mean, shape, rng.standard_normal(), rng.random())


@kernel
def laplace_latent(rng, t, scale):
    """Variance of a Laplace response t given t."""
    if not scale > 0.0:
        return np.nan
    relative = relative_laplace_precision(abs(t) / scale, rng.standard_normal(), rng.random())
    # The scale goes in one factor at a time: its square may overflow before it is divided.
    return scale / relative * scale


@kernel
def _exp_minus_line(x):
    """exp(x) - x - 1 without cancellation."""
    if abs(x) < 0.02:
        return x * x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))))
    return math.exp(x) - x - 1.0


@kernel
def _scaled_cosh_minus_one(x, alpha, log_alpha):
    """Compute alpha (cosh(x) - 1) without cancellation, nor overflow where alpha is tiny."""
    x = abs(x)
    if x < 0.02:
        y = x * x
        return alpha * y * (0.5 + y * (1 / 24 + y / 720))
    if x < 40.0:
        e = math.exp(x)
        return alpha * (0.5 * (e + 1.0 / e) - 1.0)
    return math.exp(x + log_alpha - LOG_2)


@kernel
def _scaled_sinh(x, alpha, log_alpha):
    """Compute alpha sinh(x) for x > 0, as `_scaled_cosh_minus_one`."""
    if x < 40.0:
        return alpha * math.sinh(x)
    return math.exp(x + log_alpha - LOG_2)


@kernel
def log_standard_gig(rng, order, log_omega):
    """Log of a GIG(order, omega, omega) variate, order >= 0 (Devroye, 2014)."""
    omega = math.exp(log_omega)
    root = math.hypot(omega, order)
    # alpha = sqrt(omega^2 + order^2) - order, in a form that does not cancel.
    log_alpha = 2.0 * log_omega - math.log(root + order)
    alpha = math.exp(log_alpha)

    drop = alpha * (COSH_1 - 1.0) + order * (math.e - 2.0)
    if drop > 2.0:
        right = math.sqrt(2.0 / (alpha + order))
    elif drop >= 0.5:
        right = 1.0
    else:
        right = math.log(4.0 / (alpha + 2.0 * order))
    drop = alpha * (COSH_1 - 1.0) + order / math.e
    if drop > 2.0:
        left = math.sqrt(4.0 / (alpha * COSH_1 + order))
    elif drop >= 0.5:
        left = 1.0
    else:
        # log(1 + 1/alpha + sqrt(1/alpha^2 + 2/alpha)), whose 1/alpha may overflow.
        left = math.log1p(alpha + math.sqrt(1.0 + 2.0 * alpha)) - log_alpha
        if order * left > 1.0:
            left = 1.0 / order

    eta = _scaled_cosh_minus_one(right, alpha, log_alpha) + order * _exp_minus_line(right)
    zeta = _scaled_sinh(right, alpha, log_alpha) + order * math.expm1(right)
    theta = _scaled_cosh_minus_one(left, alpha, log_alpha) + order * _exp_minus_line(-left)
    xi = _scaled_sinh(left, alpha, log_alpha) - order * math.expm1(-left)
    right_width = 1.0 / zeta
    left_width = 1.0 / xi
    right_end = right - eta * right_width
    left_end = left - theta * left_width
    middle_width = right_end + left_end
    total = left_width + middle_width + right_width
    while True:
        piece = rng.random() * total
        if piece < middle_width:
            x = -left_end + middle_width * rng.random()
            log_hat = 0.0
        elif piece < middle_width + right_width:
            x = right_end - right_width * math.log1p(-rng.random())
            log_hat = -eta - zeta * (x - right)
        else:
            x = -left_end + left_width * math.log1p(-rng.random())
            log_hat = -theta + xi * (x + left)
        log_target = -_scaled_cosh_minus_one(x, alpha, log_alpha) - order * _exp_minus_line(x)
        if math.log1p(-rng.random()) + log_hat <= log_target:
            return x + math.log(order + root) - log_omega


@kernel
def generalized_inverse_gaussian(rng, p, a, b):
    """GIG(p, a, b), density proportional to x**(p - 1) exp(-(a x + b / x) / 2)."""
    if not (a >= 0.0 and b >= 0.0 and a < np.inf and b < np.inf and abs(p) < np.inf):
        return np.nan
    if b == 0.0:
        return 2.0 * rng.standard_gamma(p) / a if p > 0.0 and a > 0.0 else np.nan
    if a == 0.0:
        return 0.5 * b / rng.standard_gamma(-p) if p < 0.0 else np.nan
    log_a, log_b = math.log(a), math.log(b)
    x = log_standard_gig(rng, abs(p), 0.5 * (log_a + log_b))
    return math.exp((x if p >= 0.0 else -x) + 0.5 * (log_b - log_a))


@kernel
def inverse_gaussian_vector(rng, mean, shape):
    """One `inverse_gaussian` for each row."""
    result = np.empty(mean.size)
    for i in range(mean.size):
        result[i] = inverse_gaussian(rng, mean[i], shape[i])
    return result


@kernel
def generalized_inverse_gaussian_vector(rng, p, a, b):
    """One `generalized_inverse_gaussian` for each row."""
    result = np.empty(p.size)
    for i in range(p.size):
        result[i] = generalized_inverse_gaussian(rng, p[i], a[i], b[i])
    return result


@kernel
def laplace_latent_vector(rng, t, scale):
    """One `laplace_latent` for each row."""
    result = np.empty(t.size)
    for i in range(t.size):
        result[i] = laplace_latent(rng, t[i], scale[i])
    return result
