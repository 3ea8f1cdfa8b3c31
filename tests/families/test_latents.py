"""Latent draws and sums at extreme responses, per-row parameters, caps and refusals."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy import stats
from scipy.special import exp1, log_ndtr

from pymc_glm.families import Cauchy, Gaussian, Horseshoe, Laplace, NormalMixture, StudentT
from pymc_glm.families import kernels as family_kernels
from pymc_glm.families.sufficient import sufficient_statistic, sum_squares, weighted_power_sum

PYTHON = Mode(linker="py", optimizer="merge")
DRAWS = 20_000
FALSE_ALARM = 1e-4
RESPONSES = [0.0, 1e-300, 1e-150, 1e-12, 1.0, 1e8]
MIXTURE = {"weights": [0.3, 0.7], "means": [0.0, 4.0], "scales": [1.0, 0.5]}


def draw(family, t, seed, mode=PYTHON, **parameters):
    """Draw latents at the responses t; parameters are numbers or arrays."""
    rng, responses = pt.random.rng(), pt.dvector()
    latent = family.latent(rng, responses, **parameters)
    outputs = [latent.precision, *([] if latent.information is None else [latent.information])]
    generator = pytensor.In(rng, borrow=True, mutable=True)
    function = pytensor.function([generator, responses], outputs, mode=mode, accept_inplace=True)
    return function(np.random.default_rng(seed), t)


def evaluate(output):
    """Evaluate without compiling."""
    return pytensor.function([], output, mode=PYTHON)()


def laplace_precision_cdf(t, scale):
    """Inverse Gaussian CDF of mean 1 / (scale t) and shape scale**-2; at t = 0 the Levy CDF."""

    def cdf(w):
        # numpy's wald returns zeros, which the check must be able to reject.
        root = 1 / (scale * np.sqrt(np.maximum(w, 1e-300)))
        x = w * scale * t
        return stats.norm.cdf(root * (x - 1)) + np.exp(2 * t / scale + log_ndtr(-root * (x + 1)))

    return cdf


@pytest.mark.parametrize("t", RESPONSES)
def test_laplace_precision(t):
    [precision] = draw(Laplace(), np.full(DRAWS, t), 301, scale=0.3)
    assert np.all(np.isfinite(precision)) and np.all(precision > 0)
    p_value = stats.kstest(precision, laplace_precision_cdf(t, 0.3)).pvalue
    assert p_value > FALSE_ALARM / len(RESPONSES)


@pytest.mark.parametrize("t", [0.0, 1e-300, 1e-150, 1e-12, 1.0])
def test_wald_and_wrong_power_of_scale_are_rejected(t):
    cdf = laplace_precision_cdf(t, 0.3)
    [precision] = draw(Laplace(), np.full(DRAWS, t / 0.3), 302, scale=1.0)
    assert stats.kstest(precision / 0.3, cdf).pvalue < FALSE_ALARM / len(RESPONSES)
    if not 1e-300 <= t < 1e-17:
        return
    wald = np.random.default_rng(303).wald(1 / (0.3 * t), 0.3**-2, DRAWS)
    assert stats.kstest(wald, cdf).pvalue < FALSE_ALARM / len(RESPONSES)


@pytest.mark.parametrize("nu", [1e-3, 1.0, 4.0])
@pytest.mark.parametrize("t", RESPONSES)
def test_student_t_precision(t, nu):
    scale = 0.3
    family, parameters = (Cauchy(), {}) if nu == 1.0 else (StudentT(), {"nu": nu})
    [precision] = draw(family, np.full(DRAWS, t), 304, scale=scale, **parameters)
    assert np.all(np.isfinite(precision)) and np.all(precision > 0)
    law = stats.gamma((nu + 1) / 2, scale=2 / (nu * scale**2 + t**2))
    assert stats.kstest(precision, law.cdf).pvalue > FALSE_ALARM / (3 * len(RESPONSES))


def test_student_t_at_the_ends_of_the_range():
    # Neither the square of the response nor that of the scale is a double.
    for t, nu, scale in ((1e150, 1e-8, 1.0), (1e-200, 3.0, 1e-140), (1.0, 1e10, 1e-100)):
        [precision] = draw(StudentT(), np.full(100, t), 305, nu=nu, scale=scale)
        assert np.all(np.isfinite(precision)) and np.all(precision > 0)


def horseshoe_precision_cdf(t, scale):
    """CDF of eta / scale**2, with a density of eta proportional to exp(-u eta) / (1 + eta).

    By quadrature in log(eta), whose density exp(-u eta) eta / (1 + eta) is nearly flat between one
    and 1 / u. At t = 0 the family takes u as 1e-300.
    """
    u = max(0.5 * (t / scale) ** 2, 1e-300)
    x = np.linspace(min(0.0, -np.log(u)) - 40.0, max(0.0, -np.log(u)) + 5.0, 400_001)
    density = np.exp(-u * np.exp(x) - np.logaddexp(0.0, -x))
    cumulative = np.cumsum(density) - 0.5 * density
    return lambda w: np.interp(np.log(w * scale**2), x, cumulative / density.sum())


@pytest.mark.parametrize("t", RESPONSES)
def test_horseshoe_precision(t):
    with np.errstate(all="raise", under="ignore"):
        [precision] = draw(Horseshoe(), np.full(DRAWS, t), 312, scale=0.3)
    assert np.all(np.isfinite(precision)) and np.all(precision > 0)
    cdf = horseshoe_precision_cdf(t, 0.3)
    assert stats.kstest(precision, cdf).pvalue > FALSE_ALARM / len(RESPONSES)


@pytest.mark.parametrize("t", [1e-150, 1e-12, 1.0, 1e8])
def test_half_cauchy_prior_and_wrong_scale_are_rejected(t):
    """Draws that ignore the response, and draws in units of another scale."""
    cdf = horseshoe_precision_cdf(t, 0.3)
    prior = stats.halfcauchy.rvs(size=DRAWS, random_state=313) ** -2.0 / 0.3**2
    assert stats.kstest(prior, cdf).pvalue < FALSE_ALARM / 8
    if t == 1e-150:
        # Nearly flat over seven hundred units of the logarithm, the law hardly has a scale.
        return
    [precision] = draw(Horseshoe(), np.full(DRAWS, t / 0.3), 314, scale=1.0)
    assert stats.kstest(precision / 0.3, cdf).pvalue < FALSE_ALARM / 8


def test_horseshoe_log_density_is_that_of_the_exponential_integral():
    """Over all pieces of the approximation and their edges; both the rows and their sum."""
    u = np.concatenate([np.geomspace(1e-12, 500.0, 4000), [1.0, 2.0, 4.5, 12.0]])
    u = np.concatenate([u, np.nextafter(u[-4:], 0.0), np.nextafter(u[-4:], np.inf)])
    scale = 0.3
    t = scale * np.sqrt(2.0 * u)
    exact = -0.5 * np.log(2.0 * np.pi**3) - np.log(scale) + u + np.log(exp1(u))
    found = evaluate(Horseshoe().log_density(pt.as_tensor(t), scale=scale))
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-13)
    total = evaluate(Horseshoe().log_density_sum(pt.as_tensor(t), scale=scale))
    np.testing.assert_allclose(total, exact.sum(), rtol=1e-12)


def test_horseshoe_log_density_at_extremes():
    """The pole at zero is cut off, the tail is that of the half-Cauchy law."""
    t = np.array([0.0, 1e-300, 1e-160, 1e8, 1e150])
    found = evaluate(Horseshoe().log_density(pt.as_tensor(t), scale=1.0))
    height = -0.5 * np.log(2.0 * np.pi**3)
    pole = height + np.log(300 * np.log(10) - np.euler_gamma)
    np.testing.assert_allclose(found[:3], pole, rtol=1e-13)
    np.testing.assert_allclose(found[3:], height + np.log(2.0) - 2 * np.log(t[3:]), rtol=1e-12)
    for scale in np.array([1e-140, 1e140]):
        found = evaluate(Horseshoe().log_density(pt.as_tensor(t[:4]), scale=scale))
        assert np.all(np.isfinite(found))


@pytest.mark.parametrize("t", [-1e150, -3.0, 1.9, 2.1, 1e150])
def test_normal_mixture_component(t):
    precision, information = draw(NormalMixture(), np.full(DRAWS, t), 306, **MIXTURE)
    second = precision == 4.0
    assert np.all(second | (precision == 1.0))
    np.testing.assert_array_equal(information, np.where(second, 16.0, 0.0))
    log_odds = np.log(0.7 / 0.5) - np.log(0.3) - 0.5 * (((t - 4) / 0.5) ** 2 - t**2)
    probability = 0.0 if log_odds < -700 else 1 / (1 + np.exp(-log_odds))
    p_value = stats.binomtest(int(second.sum()), DRAWS, probability).pvalue
    assert p_value > FALSE_ALARM / 5


def test_normal_mixture_ignores_components_of_no_weight():
    parameters = {"weights": [0.0, 1.0], "means": [0.0, 4.0], "scales": [1.0, 0.5]}
    precision, _ = draw(NormalMixture(), np.array([0.0, 1e150]), 307, **parameters)
    np.testing.assert_array_equal(precision, 4.0)


ROWS = np.array([0.5, -1.0, 2.0])
SHARED = [
    (Gaussian(), {"scale": 0.7}),
    (Laplace(), {"scale": 0.7}),
    (StudentT(), {"nu": 4.0, "scale": 0.7}),
    (Cauchy(), {"scale": 0.7}),
    (NormalMixture(), MIXTURE),
    (Horseshoe(), {"scale": 0.7}),
]


@pytest.mark.parametrize(("family", "parameters"), SHARED, ids=lambda value: type(value).__name__)
def test_parameters_by_row_equal_shared_ones(family, parameters):
    by_row = {
        name: np.repeat(np.atleast_1d(value)[None], 3, axis=0).squeeze()
        for name, value in parameters.items()
    }
    results = [
        (evaluate(family.log_density_sum(pt.as_tensor(ROWS), **values)),)
        + ((draw(family, ROWS, 308, **values),) if family.has_latent else ())
        for values in (parameters, by_row)
    ]
    for shared, separate in zip(*results, strict=True):
        np.testing.assert_allclose(shared, separate, rtol=1e-13)


@pytest.mark.parametrize(("family", "parameters"), SHARED[1:], ids=lambda v: type(v).__name__)
def test_numba_backend_draws_the_same(family, parameters):
    for ours, theirs in zip(
        draw(family, ROWS, 309, mode="NUMBA", **parameters),
        draw(family, ROWS, 309, **parameters),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize(("family", "parameters"), SHARED, ids=lambda v: type(v).__name__)
def test_log_density_sum_on_numba_backend(family, parameters):
    t = pt.dvector()
    total = pytensor.function([t], family.log_density_sum(t, **parameters), mode="NUMBA")
    expected = evaluate(family.log_density(pt.as_tensor(ROWS), **parameters)).sum()
    np.testing.assert_allclose(total(ROWS), expected, rtol=1e-13)


def test_log_density_sum_at_extremes():
    t = np.array([0.0, 1e-300, 1e8, 1e150])
    for nu in (1e-3, 4.0):
        expected = stats.t.logpdf(t[:3], nu).sum() - (nu + 1) * np.log(1e150)
        expected += stats.t.logpdf(0.0, nu) + (nu + 1) / 2 * np.log(nu)
        total = evaluate(StudentT().log_density_sum(pt.as_tensor(t), nu=nu, scale=1.0))
        np.testing.assert_allclose(total, expected, rtol=1e-12)
    total = evaluate(NormalMixture().log_density_sum(pt.as_tensor([1e150]), **MIXTURE))
    np.testing.assert_allclose(total, -0.5e300, rtol=1e-12)


@pytest.mark.parametrize("nu", [99.999, 100.001, 1e4, 1e12])
def test_student_t_height_does_not_cancel(nu):
    # log1p terms are exact at t = 0, and the height tends to the normal one as -1 / (4 nu).
    expected = -0.5 * np.log(2 * np.pi) - 0.25 / nu + 1 / (24 * nu**3) - 1 / (20 * nu**5)
    symbolic = evaluate(StudentT().log_density(pt.zeros(1), nu=nu, scale=1.0))
    kernel = evaluate(StudentT().log_density_sum(pt.zeros(1), nu=nu, scale=1.0))
    np.testing.assert_allclose([symbolic.item(), kernel], expected, rtol=2e-13)


def test_cap_bounds_the_precision():
    t = np.zeros(DRAWS)
    for family in (Laplace(), Horseshoe()):
        [free] = draw(family, t, 310, scale=0.5)
        [capped] = draw(family, t, 310, scale=0.5, cap=10.0)
        assert free.max() > 10.0 / 0.25
        np.testing.assert_array_equal(capped, np.minimum(free, 10.0 / 0.25))
    for family, parameters in SHARED[2:5]:
        for one, other in zip(
            draw(family, ROWS, 311, cap=1e-9, **parameters),
            draw(family, ROWS, 311, **parameters),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_gaussian_has_no_latent():
    rng = pt.random.rng()
    latent = Gaussian().latent(rng, pt.zeros(3), scale=np.array([0.5, 2.0, 1.0]))
    assert latent.rng is rng and latent.information is None and not Gaussian().has_latent
    np.testing.assert_allclose(evaluate(latent.precision), [4.0, 0.25, 1.0])


def test_sufficient_statistics():
    t = pt.as_tensor(ROWS)
    scale = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(evaluate(sum_squares(t)), 5.25)
    np.testing.assert_allclose(evaluate(sufficient_statistic(Gaussian(), t, 2.0)), 5.25 / 4)
    np.testing.assert_allclose(evaluate(sufficient_statistic(Laplace(), t, scale)), 1.5)
    np.testing.assert_allclose(
        evaluate(weighted_power_sum(t, scale, 0.5)), np.sum(np.abs(ROWS / scale) ** 0.5)
    )


def test_refusals():
    with pytest.raises(ValueError, match="Cauchy family has no sufficient statistic"):
        sufficient_statistic(Cauchy(), pt.zeros(3), 1.0)
    with pytest.raises(NotImplementedError, match="StudentT has no sufficient statistic"):
        _ = StudentT().rate_constant
    with pytest.raises(ValueError, match="got means of 3 dimensions"):
        NormalMixture().log_density_sum(
            pt.zeros(3), weights=[1.0], means=np.zeros((1, 1, 1)), scales=[1.0]
        )
    with pytest.raises(ValueError, match="neither one entry nor one for each response"):
        family_kernels.power_sum(np.zeros(3), np.ones(2), np.ones(1))
