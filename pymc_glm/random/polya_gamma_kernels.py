"""Numba kernels of the Polya-Gamma law PG(b, c), for any shape b > 0 and any tilt c.

Throughout, x is four times the variate, z is |c| / 2 and cosh(z)**b is the normalising constant
of the tilt: x has the Laplace transform (cosh(z) / cosh(sqrt(z**2 + 2 s)))**b.

Invalid parameters give NaN: a kernel runs where raising is not possible.
"""

from __future__ import annotations

import cmath
import math

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.random.kernels import inverse_gaussian_root

__all__ = [
    "polya_gamma",
    "polya_gamma_mean",
    "polya_gamma_vector",
]

PI = math.pi
HALF_PI = 0.5 * PI
QUARTER_PI_SQUARE = PI * PI / 4.0
LOG_2 = math.log(2.0)
ROOT_2_PI = math.sqrt(2.0 * PI)
# Of shapes up to one, the density is below this part of the proposal's from here on, and below
# rounding further on.
FAR = 3.0
FAR_RATIO = 0.3
TOO_FAR = 40.0
# So it is of larger shapes where terms of the series are that large; larger ones may overflow.
LARGEST_TERM = 1e100
# Up to this shape, or this product of shape and exp(-2 z), proposals are inverse Gaussian.
MOST_BY_SERIES = 1.0
MOST_REJECTED = 0.6
# Of an untilted shape one: where its two hats meet, which part of their mass is above, and a height
# below which both always accept.
CUT = 0.64
ABOVE_CUT = 4.0 / PI * math.exp(-PI * PI / 8.0 * CUT)
ABOVE_CUT /= ABOVE_CUT + 2.0 * math.erfc(math.sqrt(0.5 / CUT))
SURE = 0.99
# Shapes one and two are sums of untilted ones, tilted by rejection, up to this z.
MOST_TILTED = 0.6
# Below these, differences that cancel are replaced by their series.
SMALL_Z = 0.1
SMALL_W = 0.01
# The power that makes the law normal is held above zero, its limit, where it would divide.
SMALLEST_POWER = 1e-9
# How much wider than the curvature at the mode says the proposal is, and how far above it the law
# may be, over the shape. The tests evaluate the second, for all shapes from one on.
WIDER = 0.5
CEILING = 0.08
# Proposals this many standard deviations out, to the fourth power, are compared with the density.
SQUEEZED = 2.5**4
# The polynomial below both bounds of the density: a constant and a quartic, over the shape.
SQUEEZE = CEILING + 1 / 12 + 0.002
RIGHT = 0.025
LEFT = 0.027
LEFT_OF_SMALL = 0.17
# Up to this shape the alternating series costs less than a contour integral and loses no digits.
MOST_FOR_SERIES = 12.0
CONTOUR_STEP = 0.4
CONTOUR_POINTS = 22


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
        ratio = (n - 1.0 + h) / n * ((2.0 * n + h) / (2.0 * n - 2.0 + h))
        ratio *= math.exp(-2.0 * (2.0 * n - 1.0 + h) / x)
        term *= -ratio
        total += term
        if ratio < 1.0 and abs(term) < 1e-17:
            return total


@kernel
def _is_below_series(uniform, x, h):
    """Whether a uniform variate is below `_relative_density`, by as few terms as that takes."""
    if x > FAR and h <= 1.0 and (uniform > FAR_RATIO or x > TOO_FAR):
        return False
    term = 1.0
    total = 1.0
    n = 0.0
    while True:
        n += 1.0
        ratio = (n - 1.0 + h) / n * ((2.0 * n + h) / (2.0 * n - 2.0 + h))
        ratio *= math.exp(-2.0 * (2.0 * n - 1.0 + h) / x)
        term *= -ratio
        total += term
        if ratio < 1.0:
            # The limit is between the last two partial sums.
            if term <= 0.0 and uniform <= total:
                return True
            if term >= 0.0 and uniform > total:
                return False
        elif abs(term) > LARGEST_TERM:
            return False


@kernel
def _untilted_one(rng):
    """A variate of shape one and z = 0, nearly always at the first attempt (Devroye, 2009)."""
    while True:
        uniform = rng.random()
        if uniform < ABOVE_CUT:
            uniform /= ABOVE_CUT
            x = CUT + rng.standard_exponential() * (8.0 / (PI * PI))
            if uniform <= SURE:
                return x
            # The density over the hat; the next term of this series is below rounding.
            q = math.exp(-PI * PI * x)
            if uniform <= 1.0 - q * (3.0 - q * q * (5.0 - 7.0 * q * q * q)):
                return x
        else:
            uniform = (uniform - ABOVE_CUT) / (1.0 - ABOVE_CUT)
            # The tail of a normal variate x**-0.5, from an exponential one.
            while True:
                exponential = rng.standard_exponential()
                if CUT * exponential * exponential <= 2.0 * rng.standard_exponential():
                    break
            root = 1.0 + CUT * exponential
            x = CUT / (root * root)
            if uniform <= SURE or _is_below_series(uniform, x, 1.0):
                return x


@kernel
def _mean_and_slopes(z):
    """tanh(z) / z as a function of w = z**2: its value, minus twice its slope, its curvature."""
    w = z * z
    if z < SMALL_Z:
        mean = 1.0 - w * (1 / 3 - w * (2 / 15 - w * (17 / 315 - w * 62 / 2835)))
        variance = 2 / 3 - w * (8 / 15 - w * (34 / 105 - w * 496 / 2835))
        return mean, variance, 4 / 15 - w * (34 / 105 - w * 248 / 945)
    e = math.exp(-2.0 * z)
    mean = (1.0 - e) / ((1.0 + e) * z)
    variance = (mean + w * mean * mean - 1.0) / w
    curvature = (variance * (1.5 + w * mean) - mean * mean) / (2.0 * w)
    return mean, variance, curvature


@kernel
def _transform(p):
    """At w = p - pi**2 / 4: tanh(sqrt(w)) / sqrt(w), minus twice its slope, log(cosh(sqrt(w)))."""
    w = p - QUARTER_PI_SQUARE
    if abs(w) < SMALL_W:
        mean = 1.0 - w * (1 / 3 - w * (2 / 15 - w * (17 / 315 - w * (62 / 2835 - w * 0.00886))))
        variance = 2 / 3 - w * (8 / 15 - w * (34 / 105 - w * (496 / 2835 - w * 0.0886)))
        return mean, variance, w * (0.5 - w * (1 / 12 - w * (1 / 45 - w * (17 / 2520 - w / 456))))
    if w > 0.0:
        v = math.sqrt(w)
        e = math.exp(-2.0 * v)
        mean = (1.0 - e) / ((1.0 + e) * v)
        log_cosh = v + math.log1p(e) - LOG_2
    else:
        v = math.sqrt(-w)
        # The distance of v from its upper limit, without cancellation.
        rest = p / (HALF_PI + v)
        sine = math.sin(rest)
        mean = math.cos(rest) / (sine * v)
        log_cosh = math.log(sine)
    return mean, (mean + w * mean * mean - 1.0) / w, log_cosh


@kernel
def _saddle(log_mean, t):
    """The logarithm t of p at which `_transform` has a mean, by Newton's rule from a guess on."""
    for _ in range(60):
        p = math.exp(t)
        mean, variance, _log_cosh = _transform(p)
        step = (math.log(mean) - log_mean) * 2.0 * mean / (p * variance)
        t += step
        # The density is stationary in t: its error is the square of this one.
        if abs(step) < 1e-9:
            break
    return t


@kernel
def _contour_ratio(b, p, mean, variance, log_cosh):
    """Density over its saddlepoint approximation, by the inversion integral of the transform.

    The path is a parabola s(y) through the saddle along the steepest descent, where the trapezoidal
    rule converges to rounding.
    """
    w = p - QUARTER_PI_SQUARE
    bend = 0.4
    if abs(w) > 0.1:
        bend = (1.5 + w * mean - mean * mean / variance) / (2.0 * w)
    unit = 1.0 / math.sqrt(b * variance)
    total = 0.5
    for k in range(1, CONTOUR_POINTS + 1):
        y = unit * CONTOUR_STEP * k
        shift = complex(-2 / 3 * bend * y * y, y)
        v = cmath.sqrt(w + 2.0 * shift)
        exponent = shift * mean - (v + cmath.log(1.0 + cmath.exp(-2.0 * v)) - LOG_2 - log_cosh)
        total += (cmath.exp(b * exponent) * complex(1.0, 4 / 3 * bend * y)).real
    return 2.0 * CONTOUR_STEP * total / ROOT_2_PI


@kernel
def _series_ratio(b, p, mean, variance, log_cosh):
    """Density over its saddlepoint approximation, by the alternating series."""
    exponent = LOG_2 - 0.5 / mean + log_cosh - 0.5 * (p - QUARTER_PI_SQUARE) * mean
    first = math.exp(b * exponent) * math.sqrt(variance / mean) / mean
    return first * _relative_density(b * mean, b)


@kernel
def _proposal(b, z):
    """Centre, spread and power: (x / (b centre))**power is near 1 + power * spread * normal."""
    mean, variance, curvature = _mean_and_slopes(z)
    slope = curvature / (variance * variance)
    power = max(1.0 - 4 / 3 * slope * mean, SMALLEST_POWER)
    centre = mean + variance / b * ((1.0 - power) / mean - 2.0 * slope)
    spread = math.sqrt(variance / b) / mean * (1.0 + WIDER * power / b)
    return centre, spread, power


@kernel
def _log_excess(b, z, normal):
    """How far the saddlepoint density is above the proposal's, and what the former is made of."""
    centre, spread, power = _proposal(b, z)
    log_root = math.log1p(power * spread * normal)
    mean, variance, _curvature = _mean_and_slopes(z)
    log_ratio = log_root / power + math.log(centre / mean)
    p = z * z + QUARTER_PI_SQUARE
    t = math.log(p) - log_ratio * 2.0 * mean / (p * variance)
    p = math.exp(_saddle(log_ratio + math.log(mean), t))
    x, x_variance, log_cosh = _transform(p)
    exponent = z + math.log1p(math.exp(-2.0 * z)) - LOG_2 - log_cosh
    exponent += 0.5 * (p - QUARTER_PI_SQUARE - z * z) * x
    excess = b * exponent - 0.5 * math.log(x_variance / variance)
    excess += log_ratio - log_root + 0.5 * normal * normal
    return excess, p, x, x_variance, log_cosh


@kernel
def _stirling(b):
    """Lower bound of the density over its saddlepoint approximation, whose upper bound is one."""
    return math.exp((b - 0.5) * math.log(b) - b - math.lgamma(b)) * ROOT_2_PI


@kernel
def _accept(b, z, normal, exponential):
    """Decide on a proposal by the density itself."""
    excess, p, x, x_variance, log_cosh = _log_excess(b, z, normal)
    margin = exponential + excess - CEILING / b
    if margin < 0.0:
        return False
    if margin * b >= 1 / 12:
        return True
    if b <= MOST_FOR_SERIES:
        ratio = _series_ratio(b, p, x, x_variance, log_cosh)
    else:
        ratio = _contour_ratio(b, p, x, x_variance, log_cosh)
    return margin >= -math.log(min(max(ratio, _stirling(b)), 1.0))


@kernel
def polya_gamma(rng, shape, tilt):
    """A PG(shape, tilt) variate; exactly zero for shape zero, its limit.

    Small shapes and large tilts are proposed from an inverse Gaussian law, the first term of the
    alternating series, and accepted with probability (1 + exp(-2 z))**-b. Elsewhere a power of x is
    nearly normal, as in the gamma sampler of Marsaglia and Tsang (2000), and the density is below
    its saddlepoint approximation and above that times `_stirling`. Most proposals are accepted by
    a polynomial below both, without an evaluation of either, at a cost that no shape makes larger.

    Of shapes below 0.05 some variates may be zero: they are below the smallest number.
    """
    if not (0.0 <= shape < np.inf and abs(tilt) < np.inf):
        return np.nan
    if shape == 0.0:
        return 0.0
    z = 0.5 * abs(tilt)
    if (shape == 1.0 or shape == 2.0) and z < MOST_TILTED:
        while True:
            x = _untilted_one(rng)
            if shape == 2.0:
                x += _untilted_one(rng)
            if z == 0.0 or rng.standard_exponential() >= 0.5 * z * z * x:
                return 0.25 * x
    if shape <= MOST_BY_SERIES or shape * math.exp(-2.0 * z) < MOST_REJECTED:
        mean = 1.0 / z
        while True:
            normal = rng.standard_normal()
            # Over the shape, whose square may be out of range.
            x = shape * inverse_gaussian_root(mean, shape, normal, rng.random())
            if _is_below_series(rng.random(), x, shape):
                return 0.25 * x
    centre, spread, power = _proposal(shape, z)
    inverse = 1.0 / shape
    widest = max(SQUEEZED, shape)
    while True:
        normal = rng.standard_normal()
        root = power * spread * normal
        if root <= -1.0:
            continue
        exponential = rng.standard_exponential()
        square = normal * normal
        quartic = RIGHT if normal > 0.0 else LEFT + LEFT_OF_SMALL * inverse
        fourth = square * square
        bound = SQUEEZE + quartic * fourth
        if exponential * shape < bound or fourth > widest:
            if not _accept(shape, z, normal, exponential):
                continue
        return 0.25 * shape * centre * math.exp(math.log1p(root) / power)


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
