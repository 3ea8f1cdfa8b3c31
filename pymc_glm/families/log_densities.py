"""Logarithms of special functions as PyTensor graphs, safe in the tails."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

__all__ = ["log_bessel_k", "log_exponential_gamma_integral", "log_normal_cdf"]

# Where K overflows, its leading term is exact to rounding.
LARGEST_LOG = 500.0
# Where two terms of its expansion are exact to rounding, for orders up to some hundreds.
FAR = 1e7
# In the logarithm of its variable the integrand vanishes twice exponentially to the right of its
# top, and like a power to the left.
STEPS = np.arange(-240, 49) / 8.0


def log_normal_cdf(x: TensorVariable) -> TensorVariable:
    """Log of the standard normal distribution function, with all its digits in both tails.

    Parameters
    ----------
    x : TensorVariable

    Returns
    -------
    value : TensorVariable, shape of x
    """
    # Each branch is kept within its range, so that neither spoils the gradient of the other.
    tail = pt.minimum(x, -1.0)
    body = pt.maximum(x, -1.0)
    return pt.switch(
        x < -1.0,
        pt.log(pt.erfcx(-tail / np.sqrt(2)) / 2) - 0.5 * tail**2,
        pt.log1p(-pt.erfc(body / np.sqrt(2)) / 2),
    )


def log_bessel_k(order: TensorVariable, x: TensorVariable) -> TensorVariable:
    """Log of the modified Bessel function of the second kind.

    Parameters
    ----------
    order : TensorVariable
        Any real number.
    x : TensorVariable
        Positive.

    Returns
    -------
    value : TensorVariable
    """
    order = pt.abs(order)
    overflows = order * pt.log(2 / x) > LARGEST_LOG
    is_far = x > FAR
    outside = overflows | is_far
    inside = pt.switch(outside, 1.0, x)
    leading = pt.gammaln(pt.switch(overflows, order, 1.0)) + order * pt.log(2 / x) - np.log(2)
    far = 0.5 * pt.log(np.pi / (2 * x)) + (4 * order**2 - 1) / (8 * x) - x
    near = pt.log(pt.kve(order, inside)) - inside
    return pt.switch(is_far, far, pt.switch(overflows, leading, near))


def log_exponential_gamma_integral(power: TensorVariable, u: TensorVariable) -> TensorVariable:
    """Log of the integral of y**(power - 1) exp(-y**2 / 2 - u y) over positive y.

    A parabolic cylinder function, by the trapezoidal rule in log(y) around the top, which is exact
    to about twelve digits and differentiable in both arguments.

    Parameters
    ----------
    power : TensorVariable
        At least about one.
    u : TensorVariable
        Not negative.

    Returns
    -------
    value : TensorVariable
    """
    power, u = pt.broadcast_arrays(pt.as_tensor(power), pt.as_tensor(u))
    # Where the derivative of power log(y) - y**2 / 2 - u y vanishes; hypot does not overflow.
    largest = pt.maximum(u, 1.0)
    root = largest * pt.sqrt((u / largest) ** 2 + 4 * power / largest**2)
    top = 2 * power / (u + root)
    y = top[..., None] * np.exp(STEPS / pt.sqrt(power)[..., None])
    terms = power[..., None] * pt.log(y) - 0.5 * y**2 - u[..., None] * y
    step = np.log(STEPS[1] - STEPS[0]) - 0.5 * pt.log(power)
    return pt.logsumexp(terms, axis=-1) + step
