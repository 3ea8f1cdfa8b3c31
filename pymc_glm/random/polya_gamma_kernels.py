"""Numba kernels of the Polya-Gamma law PG(b, c), for any shape b > 0 and any tilt c.

Throughout, x is four times the variate, z is |c| / 2 and cosh(z)**b is the normalising constant
of the tilt: x has the Laplace transform (cosh(z) / cosh(sqrt(z**2 + 2 s)))**b.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import inverse_gaussian_root
from pymc_glm.random.truncated_normal_kernels import normal_above

__all__ = [
    "polya_gamma",
    "polya_gamma_mean",
    "polya_gamma_vector",
]

PI = math.pi
EIGHTH_PI_SQUARE = PI * PI / 8.0
HALF_PI = 0.5 * PI
ROOT_HALF = math.sqrt(0.5)
# Where the hats of the two pieces meet, for shapes up to one.
CUT = 0.64
ROOT_CUT = math.sqrt(CUT)
# Beyond z = LARGE + log(1 + b) / 2 the law is inverse Gaussian to a relative 4e-18.
LARGE = 20.0


@kernel
def _normal_cdf(x):
    return 0.5 * math.erfc(-x * ROOT_HALF)


@kernel
def _relative_density(x, h):
    """Density of an untilted x over the first term of its alternating series.

    Ratios of successive terms fall with their index, for every h > 0: once one is below 1 the
    partial sums are bounds of the limit, in turn, and the error is below the next term.
    """
    term = 1.0
    total = 1.0
    n = 0.0
    while True:
        n += 1.0
        ratio = (n - 1.0 + h) * (2.0 * n + h) / (n * (2.0 * n - 2.0 + h))
        ratio *= math.exp(-2.0 * (2.0 * n - 1.0 + h) / x)
        term *= -ratio
        total += term
        if ratio < 1.0 and abs(term) < 1e-17:
            return total


@kernel
def _small_inverse_gaussian(rng, h, z):
    """An inverse Gaussian variate of mean h / z and shape h**2 below the cut."""
    if z * CUT < h:
        bound = h / ROOT_CUT
        while True:
            root = h / normal_above(rng, bound)
            if rng.standard_exponential() >= 0.5 * z * z * root * root:
                return root * root
    while True:
        x = inverse_gaussian_root(h / z, h * h, rng.standard_normal(), rng.random())
        if x <= CUT:
            return x


@kernel
def _up_to_one(rng, h, z):
    """A variate of shape 0 < h <= 1 (Devroye, 2009, for h = 1).

    Below the cut the hat is the first term of the series; above it, the leading singularity of the
    transform, (pi / 2)**h x**(h - 1) exp(-pi**2 x / 8) / Gamma(h), with the power at the cut.
    """
    rate = EIGHTH_PI_SQUARE + 0.5 * z * z
    left = _normal_cdf((CUT * z - h) / ROOT_CUT)
    left += math.exp(2.0 * h * z) * _normal_cdf(-(CUT * z + h) / ROOT_CUT)
    left *= (1.0 + math.exp(-2.0 * z)) ** h
    height = (HALF_PI * math.cosh(z)) ** h / math.gamma(h)
    right = height * CUT ** (h - 1.0) * math.exp(-rate * CUT) / rate
    while True:
        if rng.random() * (left + right) < left:
            x = _small_inverse_gaussian(rng, h, z)
            if rng.random() <= _relative_density(x, h):
                return x
        else:
            x = CUT + rng.standard_exponential() / rate
            first = 2.0**h * h / math.sqrt(2.0 * PI * x * x * x) * math.exp(-0.5 * h * h / x)
            hat = HALF_PI**h / math.gamma(h) * CUT ** (h - 1.0) * math.exp(-EIGHTH_PI_SQUARE * x)
            if rng.random() * hat <= first * _relative_density(x, h):
                return x


@kernel
def polya_gamma(rng, shape, tilt):
    """A PG(shape, tilt) variate; exactly zero for shape zero, its limit."""
    if not (0.0 <= shape < np.inf and abs(tilt) < np.inf):
        return np.nan
    if shape == 0.0:
        return 0.0
    z = 0.5 * abs(tilt)
    if z > LARGE + 0.5 * math.log1p(shape):
        normal, uniform = rng.standard_normal(), rng.random()
        return 0.25 * inverse_gaussian_root(shape / z, shape * shape, normal, uniform)
    whole = math.ceil(shape) - 1.0
    x = _up_to_one(rng, shape - whole, z)
    for _ in range(int(whole)):
        x += _up_to_one(rng, 1.0, z)
    return 0.25 * x


@kernel
def polya_gamma_mean(shape, tilt):
    """Mean of PG(shape, tilt)."""
    z = 0.5 * abs(tilt)
    if z < 1e-2:
        y = z * z
        return 0.25 * shape * (1.0 - y * (1 / 3 - y * (2 / 15 - y * 17 / 315)))
    return 0.25 * shape * math.tanh(z) / z


@kernel
def polya_gamma_vector(rng, shape, tilt):
    """One `polya_gamma` for each row."""
    result = np.empty(shape.size)
    for i in range(shape.size):
        result[i] = polya_gamma(rng, shape[i], tilt[i])
    return result
