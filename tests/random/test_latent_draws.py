"""Polya-Gamma, tilted stable, truncated normal and horseshoe draws against exact laws.

Kernels are called as they are: `test_backends_draw_the_same` ties them to the random variables.
"""

import numpy as np
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy import special, stats

from pymc_glm.random import horseshoe_kernels as horseshoe
from pymc_glm.random import (
    horseshoe_precision,
    polya_gamma,
    tilted_stable,
    truncated_normal,
)
from pymc_glm.random import polya_gamma_kernels as polya
from pymc_glm.random import tilted_stable_kernels as stable
from pymc_glm.random import truncated_normal_kernels as truncated

DRAWS = 20_000
FALSE_ALARM = 1e-4
EXTREMES = [0.0, 1e-300, 1e-160, 1e-8, 0.3, 1.0, 40.0, 180.0, 500.0, 1e8, 1e160, 1e300]


def draw(vector_kernel, seed, *parameters, size=DRAWS):
    rows = [np.full(size, value, dtype="float64") for value in parameters]
    return vector_kernel(np.random.default_rng(seed), *rows)


def ks_p_value(draws, cdf):
    assert np.all(np.isfinite(draws))
    return stats.kstest(draws, cdf).pvalue


def transform_p_values(draws, rates, log_expected, mean):
    """Two-sided p-values of Monte Carlo estimates of E exp(-rate (x - mean))."""
    for rate, log_value in zip(rates, log_expected, strict=True):
        terms = np.exp(-rate * (draws - mean))
        value = np.exp(log_value + rate * mean)
        z = (terms.mean() - value) / (terms.std() / np.sqrt(draws.size))
        yield 2 * stats.norm.sf(abs(z))


# Polya-Gamma


def log_cosh(v):
    return np.logaddexp(v, -v) - np.log(2)


def log_polya_gamma_transform(shape, tilt, rate):
    z = 0.5 * abs(tilt)
    return shape * (log_cosh(z) - log_cosh(np.sqrt(z * z + 0.5 * rate)))


def polya_gamma_cdf(shape, tilt):
    """CDF by inversion of the characteristic function (Gil-Pelaez), tabulated.

    With v = sqrt(z**2 - i s) the branch of log(cosh(v)) is v + log(1 + exp(-2 v)) - log(2).
    """
    z = 0.5 * abs(tilt)
    mean = shape * (0.25 if z == 0 else 0.25 * np.tanh(z) / z)
    sd = np.sqrt(shape * polya._mean_and_slopes(z)[1]) / 4
    step = 2 * np.pi / (mean + 40 * sd + 20 / (1 + z * z))
    # The characteristic function falls like exp(-shape sqrt(s) / 2).
    last = min((80 / shape + 4 * z) ** 2 + 40 * (z + 1), 40 / sd + (80 / shape) ** 2)
    s = step * (np.arange(int(last / step)) + 0.5)
    v = np.sqrt(z * z - 0.5j * s)
    phi = np.exp(shape * (log_cosh(z) - (v + np.log1p(np.exp(-2 * v)) - np.log(2))))
    x = np.concatenate([[0], np.linspace(max(mean - 9 * sd, 0), mean + 14 * sd, 700)[1:]])
    values = [0.5 - np.sum(np.imag(phi * np.exp(-1j * s * y)) / (s / step)) / np.pi for y in x]
    return lambda y: np.clip(np.interp(y, x, values), 0, 1)


POLYA_GAMMA = [
    (shape, tilt)
    for shape in (0.7, 1.0, 1.5, 2.0, 3.3, 11.0, 13.0, 60.0, 1e3)
    for tilt in (0.0, 0.5, 2.0, 12.0)
]


@pytest.mark.parametrize(("shape", "tilt"), POLYA_GAMMA)
def test_polya_gamma(shape, tilt):
    draws = draw(polya.polya_gamma_vector, 301, shape, tilt)
    assert np.all(draws > 0)
    assert ks_p_value(draws, polya_gamma_cdf(shape, tilt)) > FALSE_ALARM / len(POLYA_GAMMA)


TRANSFORMS = [
    (shape, tilt)
    for shape in (0.05, 0.3, 1.0, 1.5, 2.7, 20.0, 300.0, 1e5)
    for tilt in (0.0, 0.15, 1.0, 5.0, -30.0, 200.0)
]


@pytest.mark.parametrize(("shape", "tilt"), TRANSFORMS)
def test_polya_gamma_transform(shape, tilt):
    draws = draw(polya.polya_gamma_vector, 302, shape, tilt, size=50_000)
    mean = polya.polya_gamma_mean(shape, tilt)
    rates = np.array([0.1, 1.0, 3.0]) / draws.std()
    expected = log_polya_gamma_transform(shape, tilt, rates)
    p_values = list(transform_p_values(draws, rates, expected, mean))
    z = (draws.mean() - mean) / (draws.std() / np.sqrt(draws.size))
    assert min(*p_values, 2 * stats.norm.sf(abs(z))) > FALSE_ALARM / (4 * len(TRANSFORMS))


@pytest.mark.parametrize(("shape", "tilt"), [(1.0, 0.0), (1.5, 0.0), (2.7, 1.0)])
def test_a_gamma_law_of_the_same_mean_and_variance_is_rejected(shape, tilt):
    mean = polya.polya_gamma_mean(shape, tilt)
    variance = shape * polya._mean_and_slopes(0.5 * tilt)[1] / 16
    gamma = np.random.default_rng(303).gamma(mean**2 / variance, variance / mean, DRAWS)
    assert ks_p_value(gamma, polya_gamma_cdf(shape, tilt)) < FALSE_ALARM / len(POLYA_GAMMA)


def test_polya_gamma_of_a_large_tilt_is_inverse_gaussian():
    draws = draw(polya.polya_gamma_vector, 304, 1.0, 180.0)
    # The mean of the law is 1 / 360 and its shape 1 / 4.
    law = stats.invgauss(4 / 360, scale=1 / 4)
    assert ks_p_value(draws, law.cdf) > FALSE_ALARM


@pytest.mark.parametrize("shape", [0.05, 1.0, 1.5, 12.0, 1e4, 1e6, 1e300])
def test_polya_gamma_is_positive_at_extremes(shape):
    for tilt in EXTREMES:
        draws = draw(polya.polya_gamma_vector, 305, shape, tilt, size=200)
        assert np.all(np.isfinite(draws)) and np.all(draws > 0)


def test_polya_gamma_of_tiny_shapes_may_underflow_and_of_none_is_zero():
    draws = draw(polya.polya_gamma_vector, 306, 1e-3, 0.0)
    assert np.all(np.isfinite(draws)) and np.all(draws >= 0)
    assert np.all(draw(polya.polya_gamma_vector, 306, 0.0, 1.0, size=3) == 0)
    for parameters in ((-1.0, 0.0), (np.nan, 0.0), (1.0, np.inf), (np.inf, 1.0)):
        assert np.isnan(polya.polya_gamma(np.random.default_rng(0), *parameters))


def test_first_term_of_the_series_dominates_small_shapes():
    for shape in np.linspace(0.005, 1, 40):
        ratios = [polya._relative_density(x, shape) for x in np.geomspace(1e-3, 12, 200)]
        assert max(ratios) <= 1 + 1e-15
        assert np.all(np.diff(ratios) <= 1e-14)
        assert polya._relative_density(polya.FAR, shape) < polya.FAR_RATIO


@pytest.mark.parametrize("shape", [1.0, 1.02, 1.3, 2.0, 5.0, 12.0, 40.0, 300.0, 1e4, 1e6])
def test_normal_proposal_dominates_and_its_squeeze_is_below(shape):
    tolerance = 1e-14 * shape
    for z in [*np.arange(0, 8, 0.25), *np.arange(8, 24, 3)]:
        _, spread, power = polya._proposal(shape, z)
        for normal in np.arange(-7, 9, 0.5):
            if power * spread * normal <= -1:
                continue
            excess = polya._log_excess(shape, z, normal)[0]
            assert excess <= polya.CEILING / shape + tolerance
            left = polya.LEFT + polya.LEFT_OF_SMALL / shape
            quartic = polya.RIGHT if normal > 0 else left
            if normal**4 <= max(polya.SQUEEZED, shape):
                squeeze = -(polya.SQUEEZE - 1 / 12 + quartic * normal**4) / shape
                assert squeeze <= excess - polya.CEILING / shape + tolerance


@pytest.mark.parametrize("shape", [1.0, 1.5, 4.0, 8.0, 12.0])
def test_density_is_between_its_saddlepoint_approximation_and_stirling(shape):
    """By series and by contour, which are the same where neither loses digits."""
    last = 1.0
    for p in np.geomspace(200.0, 1.5, 30):
        ratio = polya._series_ratio(shape, p, *polya._transform(p))
        assert polya._stirling(shape) <= ratio <= 1 + 1e-14
        assert ratio <= last + 1e-12
        last = ratio
        if shape >= 8.0:
            contour = polya._contour_ratio(shape, p, *polya._transform(p))
            np.testing.assert_allclose(contour, ratio, rtol=1e-10)
    assert -np.log(polya._stirling(shape)) <= 1 / (12 * shape)


@pytest.mark.parametrize("shape", [13.0, 50.0, 1e3])
def test_large_shapes_are_between_the_same_bounds(shape):
    for p in np.geomspace(200.0, 0.3, 30):
        ratio = polya._contour_ratio(shape, p, *polya._transform(p))
        assert polya._stirling(shape) - 1e-13 <= ratio <= 1 + 1e-13


def test_polya_gamma_mean():
    for tilt in (0.0, 1e-300, 1e-3, 0.0199, 0.0201, 1.0, -700.0, 1e300):
        half = 0.5 * abs(tilt)
        expected = 0.75 * (1.0 if half < 1e-8 else np.tanh(half) / half)
        np.testing.assert_allclose(polya.polya_gamma_mean(3.0, tilt), expected, rtol=1e-14)


# Tilted stable


def log_tilted_stable_cdf(index, tilt):
    """CDF of log S from Zolotarev's integral for the density, by two trapezoidal rules."""
    rest = 1 - index
    u = np.pi * (np.arange(4000) + 0.5) / 4000
    log_a = index * np.log(np.sin(index * u)) + rest * np.log(np.sin(rest * u))
    log_a = (log_a - np.log(np.sin(u))) / rest
    wide = 60 / index if tilt == 0 else 40
    centre = 0.0 if tilt == 0 else np.log(index) + (index - 1) * np.log(tilt)
    y = np.linspace(min(centre, 0) - 5 / index, max(centre, 0) + wide, 3000)

    def log_density(y):
        e = log_a[:, None] - index / rest * y
        with np.errstate(over="ignore"):
            terms = np.exp(e - np.exp(e))
        return np.log(terms.mean(axis=0) + 1e-320) - tilt * np.exp(np.minimum(y, 700))

    for _ in range(2):
        values = log_density(y)
        inside = y[values > values.max() - 30]
        y = np.linspace(inside[0], inside[-1], 3000)
    values = np.exp(log_density(y))
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (values[1:] + values[:-1]))])
    return lambda x: np.interp(x, y, cumulative / cumulative[-1])


STABLE = [(a, c) for a in (0.25, 0.5, 0.8) for c in (0.0, 0.5, 4.0, 30.0, 1e3)]
STABLE += [(0.05, 10.0), (0.95, 5.0)]


@pytest.mark.parametrize(("index", "tilt"), STABLE)
def test_tilted_stable(index, tilt):
    draws = draw(stable.log_tilted_stable_vector, 311, index, tilt)
    cdf = log_tilted_stable_cdf(index, tilt)
    assert ks_p_value(draws, cdf) > FALSE_ALARM / len(STABLE)
    # A twin whose tilt is a fifth too large.
    if tilt > 0 and index > 0.1:
        draws = draw(stable.log_tilted_stable_vector, 312, index, 1.2 * tilt)
        assert ks_p_value(draws, cdf) < FALSE_ALARM / len(STABLE)


STABLE_TRANSFORMS = [
    (index, tilt)
    for index in (0.05, 0.3, 0.5, 0.7, 0.95, 0.9999)
    for tilt in (0.01, 1.0, 3.0, 10.0, 1e3, 1e10)
]


@pytest.mark.parametrize(("index", "tilt"), STABLE_TRANSFORMS)
def test_tilted_stable_transform(index, tilt):
    draws = np.exp(draw(stable.log_tilted_stable_vector, 313, index, tilt, size=50_000))
    # Up to one over the standard deviation, or over the mean if that is smaller.
    size = min(1.0, ((1 - index) / (index * tilt**index)) ** 0.5) * index * tilt ** (index - 1)
    rates = np.array([0.1, 0.3, 1.0]) / size
    expected = -(tilt**index) * np.expm1(index * np.log1p(rates / tilt))
    mean = index * tilt ** (index - 1)
    for p_value in transform_p_values(draws, rates, expected, mean):
        assert p_value > FALSE_ALARM / (3 * len(STABLE_TRANSFORMS))


def test_tilted_stable_of_index_one_half_is_inverse_gaussian():
    tilt = 1e20
    draws = draw(stable.tilted_stable_vector, 314, 0.5, tilt)
    # Relative spread 1e-5 sqrt(2): the law is normal to that precision.
    z = (draws * 2e10 - 1) / np.sqrt(1 / 1e10)
    assert ks_p_value(z, stats.norm.cdf) > FALSE_ALARM


@pytest.mark.parametrize("index", [0.05, 0.3, 0.5, 0.9, 0.9999, 1.0])
def test_tilted_stable_is_finite_at_extremes(index):
    for tilt in EXTREMES:
        draws = draw(stable.log_tilted_stable_vector, 315, index, tilt, size=200)
        assert np.all(np.isfinite(draws))
        if tilt**index > 1e12:
            np.testing.assert_allclose(
                draws, np.log(index) + (index - 1) * np.log(tilt), rtol=1e-5, atol=1e-4
            )
    for parameters in ((0.0, 1.0), (1.1, 1.0), (0.5, -1.0), (np.nan, 1.0), (0.5, np.nan)):
        assert np.isnan(stable.tilted_stable(np.random.default_rng(0), *parameters))


# Truncated normal


def truncated_normal_cdf(a, b):
    """Standard law between bounds, in the tail where the density is highest."""
    if a + b < 0:
        mirrored = truncated_normal_cdf(-b, -a)
        return lambda x: 1 - mirrored(-x)
    log_tail = special.log_ndtr(-a)

    def survival(x):
        return np.exp(special.log_ndtr(-x) - log_tail)

    return lambda x: (1 - survival(x)) / (1 - survival(b))


BOUNDS = [
    (-np.inf, np.inf),
    (-np.inf, 0.5),
    (0.0, np.inf),
    (0.6, np.inf),
    (0.8, np.inf),
    (30.0, np.inf),
    (-np.inf, -9.0),
    (-1.0, 2.0),
    (-0.1, 0.3),
    (0.0, 3.0),
    (-3.0, -0.2),
    (-3.0, 0.5),
    (5.0, 5.01),
    (5.0, 6.0),
    (-200.0, -100.0),
    (0.5, 0.9),
]


@pytest.mark.parametrize(("a", "b"), BOUNDS)
def test_truncated_normal(a, b):
    mean, sd = 1.5, 0.25
    draws = draw(truncated.truncated_normal_vector, 321, mean, sd, mean + sd * a, mean + sd * b)
    assert np.all((mean + sd * a <= draws) & (draws <= mean + sd * b))
    cdf = truncated_normal_cdf(a, b)
    assert ks_p_value((draws - mean) / sd, cdf) > FALSE_ALARM / len(BOUNDS)
    if not np.isinf(a):
        # A twin whose standard deviation is wrong, or which is uniform where that hardly matters.
        twin = draw(truncated.truncated_normal_vector, 322, 0.0, 1.5, a, b)
        if b - a < 0.5:
            twin = a + (b - a) * np.random.default_rng(322).beta(1.2, 1.0, DRAWS)
        assert ks_p_value(twin, cdf) < FALSE_ALARM / len(BOUNDS)


@pytest.mark.parametrize("a", [-np.inf, -3.0, 0.0, 0.7, 0.8, 3.0, 1e4])
def test_normal_above(a):
    rng = np.random.default_rng(323)
    draws = np.array([truncated.normal_above(rng, a) for _ in range(5000)])
    assert np.all(draws >= a)
    if a < 1e4:
        cdf = truncated_normal_cdf(a, np.inf)
        assert ks_p_value(draws, cdf) > FALSE_ALARM / 14
    excess = np.array([truncated.normal_excess(rng, max(a, -9.0)) for _ in range(5000)])
    if a == 1e4:
        assert ks_p_value(excess * a, stats.expon.cdf) > FALSE_ALARM / 14
    else:
        cdf = truncated_normal_cdf(max(a, -9.0), np.inf)
        assert ks_p_value(excess + max(a, -9.0), cdf) > FALSE_ALARM / 14


LARGE = [-np.inf, -1e300, -1e8, -1.0, -1e-300, 0.0, 1e-300, 1.0, 1e8, 1e300, np.inf]


def test_truncated_normal_stays_in_any_bounds():
    rng = np.random.default_rng(324)
    for mean in (-1e300, -3.0, 0.0, 1e8, 1e300):
        for sd in (1e-300, 1e-8, 1.0, 1e300):
            for i, lower in enumerate(LARGE):
                for upper in LARGE[i + 1 :]:
                    x = truncated.truncated_normal(rng, mean, sd, lower, upper)
                    assert lower <= x <= upper
    assert truncated.truncated_normal(rng, 0.0, 1.0, 2.0, 2.0) == 2.0
    assert truncated.normal_above(rng, 1e300) == 1e300
    for parameters in ((0, 1, 2, 1), (0, 0, 0, 1), (np.nan, 1, 0, 1), (0, 1, np.nan, 1)):
        assert np.isnan(truncated.truncated_normal(rng, *map(float, parameters)))
    assert np.isnan(truncated.normal_above(rng, np.nan))


# Horseshoe precision


def horseshoe_cdf(u):
    """1 - E1(u (1 + eta)) / E1(u)."""
    return lambda eta: 1 - special.exp1(u * (1 + eta)) / special.exp1(u)


RESPONSES = [1e-6, 1e-2, 0.5, 1.4, 1.5, 4.0, 20.0]


@pytest.mark.parametrize("t", RESPONSES)
def test_horseshoe_precision(t):
    scale = 2.5
    draws = draw(horseshoe.horseshoe_precision_vector, 331, t * scale, scale) * scale**2
    assert np.all(draws > 0)
    cdf = horseshoe_cdf(0.5 * t * t)
    assert ks_p_value(draws, cdf) > FALSE_ALARM / len(RESPONSES)
    # A twin of the auxiliary of a half-Cauchy scale alone: an exponential variate.
    twin = np.random.default_rng(332).exponential(2 / t**2, DRAWS)
    if t < 10:
        assert ks_p_value(twin, cdf) < FALSE_ALARM / len(RESPONSES)


def test_horseshoe_precision_at_extremes():
    for t in EXTREMES[1:]:
        draws = draw(horseshoe.horseshoe_precision_vector, 333, t, 1.0, size=200)
        assert np.all(np.isfinite(draws)) and np.all(draws >= 0)
    rng = np.random.default_rng(0)
    for parameters in ((0.0, 1.0), (np.nan, 1.0), (1.0, 0.0), (1.0, np.inf)):
        assert np.isnan(horseshoe.horseshoe_precision(rng, *parameters))


# Random variables

LAWS = {
    polya_gamma: ([0.4, 1.0, 3.7, 80.0], [[0.0], [2.0], [-9.0]]),
    tilted_stable: ([0.2, 0.5, 0.9, 1.0], [[0.0], [1.0], [50.0]]),
    truncated_normal: (0.3, [0.1, 1.0, 2.0, 5.0], [[-np.inf], [0.1], [9.0]], 10.0),
    horseshoe_precision: ([0.01, 1.0, -3.0, 50.0], [[0.1], [1.0], [2.0]]),
}
MODES = ("NUMBA", Mode(linker="py", optimizer="merge"))


def _rng(seed):
    return pt.random.shared_rng(np.random.default_rng(seed))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_backends_draw_the_same(law):
    draws = [
        law(*LAWS[law], rng=_rng(341), return_next_rng=True)[1].eval(mode=mode) for mode in MODES
    ]
    assert draws[0].shape == (3, 4)
    np.testing.assert_allclose(*draws, rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "parameters", "message"),
    [
        (polya_gamma, (-1.0, 1.0), r"shape = -1\.0"),
        (polya_gamma, (1.0, np.inf), "tilt that is NaN or infinite"),
        (tilted_stable, (0.0, 1.0), r"index from 0\.0"),
        (tilted_stable, (0.5, -1.0), r"tilt = -1\.0"),
        (truncated_normal, (np.nan, 1.0, 0.0, 1.0), "mean that is NaN"),
        (truncated_normal, (0.0, -1.0, 0.0, 1.0), r"sd = -1\.0"),
        (truncated_normal, (0.0, 1.0, 2.0, 1.0), "lower above upper"),
        (horseshoe_precision, (0.0, 1.0), "at zero the law does not exist"),
        (horseshoe_precision, (1.0, 0.0), r"scale = 0\.0"),
    ],
)
def test_parameters_out_of_range(law, parameters, message):
    _, variate = law(*parameters, rng=_rng(342), return_next_rng=True)
    with pytest.raises(ValueError, match=message):
        variate.eval(mode=MODES[1])
