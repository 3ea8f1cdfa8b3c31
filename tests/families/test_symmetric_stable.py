"""Symmetric stable density and latent draws against quadrature and other people's numbers."""

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy.special import logsumexp
from scipy.stats import cauchy, kstest, levy_stable

from pymc_glm.families import stable_kernels as kernels
from pymc_glm.families import symmetric_stable as family
from pymc_glm.families.symmetric_stable import SymmetricStable
from pymc_glm.random.stable_kernels import log_positive_stable
from pymc_glm.testing import check_family

MODE = Mode(linker="py", optimizer="merge")
FALSE_ALARM = 1e-4
DRAWS = 20_000
ONE = np.ones(1)
# Log densities by 40-digit quadrature with mpmath, on another contour; those of alpha >= 1 and
# t in [0.5, 40] agreed with its quadrature of cos(k t) exp(-k**alpha) over the real line.
DISTANCES = np.array([1e-3, 0.05, 0.5, 2.0, 7.0, 40.0, 1e4, 1e8])
REFERENCE = {
    0.3: [
        1.04128525369258832,
        -0.29528566684987305,
        -2.23269721739995557,
        -3.66497469216384612,
        -5.0677815986333068,
        -7.13181177505778034,
        -14.0720153583622877,
        -25.9930002741929209,
    ],
    0.7: [
        -0.909011884987310858,
        -0.921067198473842556,
        -1.5121308542286967,
        -2.99291537351256367,
        -4.83847482014823519,
        -7.67542001348855012,
        -17.0145040462843128,
        -32.6710999361587443,
    ],
    1.5: [
        -1.24704508805407948,
        -1.24796772074003476,
        -1.33827843810603245,
        -2.47053494178887435,
        -5.89708403543821664,
        -10.4161812580634348,
        -24.2324683440571978,
        -47.2583224655341758,
    ],
    1.9: [
        -1.26423092993618566,
        -1.26489148450520584,
        -1.33023452224321612,
        -2.29895484664690867,
        -7.74281133646403402,
        -13.0859626727220193,
        -29.1069652225904408,
        -55.8169525435022436,
    ],
    1.99: [
        -1.2654177429398953,
        -1.26604576165802569,
        -1.32823788033279035,
        -2.26869532141269686,
        -10.0838152178548852,
        -15.6365051574799949,
        -32.153336963955174,
        -59.6922548050079001,
    ],
}


def log_density(t, alpha, scale=1.0):
    output = SymmetricStable().log_density(pt.as_tensor(t), alpha=alpha, scale=scale)
    return pytensor.function([], output, mode=MODE)()


def precisions(t, alpha, rng, scale=1.0, cap=np.inf):
    return kernels.symmetric_stable_latent(
        rng, np.atleast_1d(t), np.atleast_1d(alpha), np.atleast_1d(scale), np.atleast_1d(cap)
    )


@cache
def mixing_nodes(alpha):
    return SymmetricStable().mixing_nodes(alpha=alpha, scale=1.0)


def p_value(precision, t, alpha):
    """Of draws of the precision given t, by the distribution function from quadrature."""
    nodes = mixing_nodes(alpha)
    log_mass = nodes.log_weight + 0.5 * np.log(nodes.precision) - 0.5 * nodes.precision * t**2
    mass = np.exp(log_mass - logsumexp(log_mass))
    below = np.cumsum(mass) - 0.5 * mass
    uniform = np.interp(np.log(precision), np.log(nodes.precision), below)
    return kstest(uniform, "uniform").pvalue


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5, 1.9])
def test_family_keeps_its_contract(alpha):
    points = np.array([-2.3, 0.05, 0.7, 11.0])
    parameters = {"alpha": alpha, "scale": 0.8}
    check_family(SymmetricStable(), parameters, points, rng=np.random.default_rng(201))


@pytest.mark.parametrize("alpha", REFERENCE)
def test_density_has_the_digits_of_forty_digit_quadrature(alpha):
    # Near two the tail is the small difference of large numbers.
    tolerance = 3e-13 / (2 - alpha)
    computed = log_density(DISTANCES, alpha)
    np.testing.assert_allclose(computed, REFERENCE[alpha], rtol=1e-15, atol=tolerance)


def test_density_is_scipys():
    # Its S1 parameterization has the same scale; its quadrature has about nine digits.
    t = np.array([0.0, 0.4, 1.7, 6.0])
    for alpha in (0.7, 1.5, 1.9):
        expected = levy_stable.pdf(t, alpha, 0.0)
        np.testing.assert_allclose(np.exp(log_density(t, alpha)), expected, rtol=1e-7)


def test_alpha_of_one_is_cauchy_and_joins_its_neighbours():
    t = np.concatenate([[0.0], np.geomspace(1e-300, 1e150, 300)])
    expected = cauchy.logpdf(t)
    np.testing.assert_allclose(log_density(t, 1.0), expected, rtol=1e-14)
    for alpha in (1 - 1e-9, 1 + 1e-9):
        np.testing.assert_allclose(log_density(t, alpha), expected, rtol=1e-8)


def test_density_has_no_step_where_its_two_forms_meet():
    for alpha in (0.2, 0.7, 1.3, 1.95):
        edge = kernels.THRESHOLD * np.exp(-np.float64(pt.gammaln(1 + 1 / alpha).eval()))
        below, above = log_density(edge * np.array([1 - 1e-14, 1 + 1e-14]), alpha)
        np.testing.assert_allclose(below, above, rtol=0, atol=5e-12)


def test_densities_have_the_tail_of_a_power():
    t = np.array([1e200, 1e300])
    for alpha in (0.3, 1.0, 1.9, 1.99):
        low, high = log_density(t, alpha)
        np.testing.assert_allclose(high - low, -(1 + alpha) * np.log(1e100), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 0.7, 1.0, 1.9, np.array([0.4, 0.4, 1.2, 1.95])])
def test_kernel_is_the_density(alpha):
    t = np.array([[0.0, 1e-9, 0.3, 2.0], [0.05, 1.0, 30.0, 1e9]])
    scale = np.array([1.0, 0.2, 3.0, 0.7])
    for row in t:
        total = kernels.symmetric_stable_log_density_sum(row, np.atleast_1d(alpha), scale)
        np.testing.assert_allclose(total, log_density(row, alpha, scale).sum(), rtol=1e-12)


def test_constants_are_those_of_the_kernels():
    names = ("NODES", "LOWEST", "REACH", "ANGLE", "THRESHOLD", "SMALLEST_POWER")
    assert [getattr(family, f"_{name}") for name in names] == [
        getattr(kernels, name) for name in names
    ]


def test_gradient_is_that_of_differences():
    variables = [pt.dvector("t"), pt.dscalar("alpha"), pt.dscalar("scale")]
    t, alpha, scale = variables
    total = SymmetricStable().log_density(t, alpha=alpha, scale=scale).sum()
    slopes = pytensor.function(variables, pytensor.grad(total, variables), mode=MODE)
    for point in (-1e6, -40.0, -3.0, -0.2, 0.01, 0.6, 2.0, 9.0, 1e4):
        for value in (0.3, 0.7, 1.0, 1.5, 1.95):
            arguments = [np.array([point]), np.float64(value), np.float64(0.7)]
            computed = [float(np.squeeze(slope)) for slope in slopes(*arguments)]
            for i, slope in enumerate(computed):
                step = 1e-3 * np.abs(np.squeeze(arguments[i]))
                if i == 1:
                    step = min(step, 1e-2 * (2 - value))
                shifted = []
                for shift in (-2, -1, 1, 2):
                    moved = list(arguments)
                    moved[i] = moved[i] + shift * step
                    shifted.append(
                        kernels.symmetric_stable_log_density_sum(*map(np.atleast_1d, moved))
                    )
                expected = np.dot(shifted, [1, -8, 8, -1]) / (12 * step)
                # Fourth differences of values with some thirteen digits.
                np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=3e-9 / step * 1e-3)


def test_gradient_is_finite_at_the_ends():
    t, alpha = pt.dvector("t"), pt.dscalar("alpha")
    total = SymmetricStable().log_density(t, alpha=alpha, scale=1.0).sum()
    slopes = pytensor.function([t, alpha], pytensor.grad(total, [t, alpha]), mode=MODE)
    for value in (0.3, 1.0, 1.99):
        for slope in slopes(np.array([0.0, 1e-300, 1e300]), value):
            assert np.isfinite(slope).all()


@pytest.mark.parametrize("alpha", [0.3, 0.7, 1.0, 1.5, 1.9, 1.97])
def test_latent_draws_follow_the_law_near_zero_and_far_out(alpha):
    distances = [0.0, 1e-300, 1e-150, 1e-12, 1e-3, 0.3, 1.0, 3.0, 5.0, 8.0, 1e3, 1e8]
    rng = np.random.default_rng(202)
    for t in distances:
        precision = precisions(np.full(DRAWS, t), alpha, rng)
        assert p_value(precision, t, alpha) > FALSE_ALARM / len(distances), t


def test_cauchy_draws_are_gamma():
    rng = np.random.default_rng(203)
    for t in (0.0, 0.7, 4.0, 1e5):
        precision = precisions(np.full(DRAWS, t), 1.0, rng)
        uniform = -np.expm1(-0.5 * precision * (1 + t**2))
        assert kstest(uniform, "uniform").pvalue > FALSE_ALARM / 4, t


def test_draws_without_the_height_of_the_normal_density_are_rejected():
    """The broken twin tilts the stable law by exp(-c / A) alone."""
    rng = np.random.default_rng(204)
    for alpha, t in ((0.7, 1.0), (1.5, 2.0), (1.9, 3.0)):
        variance = 2 * np.exp([log_positive_stable(rng, 0.5 * alpha) for _ in range(20_000)])
        kept = rng.random(variance.size) < np.exp(-0.5 * t**2 / variance)
        assert p_value(1 / variance[kept], t, alpha) < FALSE_ALARM


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 1.6, 1.9, 1.995, 1.999999])
def test_precisions_are_positive_and_finite(alpha):
    t = np.concatenate([[0.0], np.geomspace(1e-300, 1e300, 241)])
    rng = np.random.default_rng(205)
    for scale in (1e-3, 1.0, 1e3):
        precision = precisions(np.repeat(t, 20), alpha, rng, scale)
        assert np.isfinite(precision).all()
        assert (precision > 0).all()


def test_each_response_has_its_own_parameters_and_the_cap_is_in_units_of_the_scale():
    rng = np.random.default_rng(206)
    alpha = np.tile([0.7, 1.9], DRAWS)
    scale = np.tile([2.0, 0.1], DRAWS)
    precision = precisions(scale * 0.4, alpha, rng, scale) * scale**2
    for i in (0, 1):
        assert p_value(precision[i::2], 0.4, alpha[i]) > FALSE_ALARM / 2
    capped = precisions(np.zeros(200), 0.7, rng, 2.0, cap=0.8)
    assert capped.max() == 0.2


def test_invalid_parameters_give_nan():
    rng = np.random.default_rng(207)
    for t, alpha in ((np.nan, 1.5), (1.0, 2.0), (1.0, np.nan), (np.inf, 1.0)):
        assert np.isnan(precisions(t, alpha, rng)).all()


def test_latent_is_an_op_of_one_generator():
    generator, t = pt.random.rng(), pt.dvector("t")
    latent = SymmetricStable().latent(generator, t, alpha=1.5, scale=1.0)
    assert latent.information is None
    assert latent.rng.owner is latent.precision.owner
