"""Every benchmark model is the one the speed claims are about, and its block is recognised."""

import numpy as np
import pytest

from models import BENCHMARKS
from pytensor.compile.mode import Mode
from scipy.stats import gamma, halfcauchy, halfnorm, laplace, norm
from scipy.stats import t as student_t
from sklearn.datasets import load_diabetes

import pymc_glm

SEED = 20264
EFFECTS = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
ERRORS = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]

# Name, sizes of the block's variables, hyperparameters.
EXPECTED = [
    ("tv1d", {"x": 1000}, set()),
    ("lasso_diabetes", {"beta": 10}, {"log_sigma", "kappa"}),
    ("nile", {"level": 100}, {"sigma", "jump_scale"}),
    ("eight_schools", {"mu": 1, "theta": 8}, {"tau"}),
    ("eight_schools_noncentred", {"mu": 1, "offset": 8}, {"tau"}),
    ("robust_stackloss", {"intercept": 1, "beta": 3}, {"sigma", "nu"}),
]


@pytest.mark.parametrize(("name", "block", "hyperparameters"), EXPECTED)
def test_recognised_without_guests(name, block, hyperparameters):
    machine = pymc_glm.explain(BENCHMARKS[name]())
    assert {variable.rv_name: variable.size for variable in machine.block} == block
    assert {hyper.rv_name for hyper in machine.hyperparameters} == hyperparameters
    assert not machine.guests


def test_every_benchmark_is_tested():
    assert {name for name, *_ in EXPECTED} == set(BENCHMARKS) == set(DENSITIES)


def tv1d(observed, x):
    rough = -np.abs(np.diff(x)).sum() / 0.02
    return rough + norm.logpdf(observed, x, 0.1).sum()


def lasso_diabetes(observed, log_sigma, kappa, beta):
    data = load_diabetes()
    X = (data.data - data.data.mean(0)) / data.data.std(0)
    prior = gamma.logpdf(kappa, 2.0, scale=5.0) + laplace.logpdf(beta, 0.0, 1.0 / kappa).sum()
    return prior + norm.logpdf(observed, X @ beta, np.exp(log_sigma)).sum()


def nile(observed, level, jump_scale, sigma):
    prior = halfnorm.logpdf(sigma, scale=200.0) + gamma.logpdf(jump_scale, 10.0, scale=2.5)
    jumps = laplace.logpdf(np.diff(level), 0.0, jump_scale).sum()
    return prior + jumps + norm.logpdf(observed, level, sigma).sum()


def schools_prior(mu, tau):
    return norm.logpdf(mu, 0.0, 5.0) + halfcauchy.logpdf(tau, scale=5.0)


def eight_schools(observed, mu, tau, theta):
    np.testing.assert_array_equal(observed, EFFECTS)
    effects = norm.logpdf(theta, mu, tau).sum()
    return schools_prior(mu, tau) + effects + norm.logpdf(EFFECTS, theta, ERRORS).sum()


def eight_schools_noncentred(observed, mu, tau, offset):
    effects = norm.logpdf(offset).sum()
    fit = norm.logpdf(EFFECTS, mu + tau * offset, ERRORS).sum()
    return schools_prior(mu, tau) + effects + fit


def robust_stackloss(observed, intercept, beta, sigma, nu):
    air = [80, 80, 75, 62, 62, 62, 62, 62, 58, 58, 58, 58, 58, 58, 50, 50, 50, 50, 50, 56, 70]
    water = [27, 27, 25, 24, 22, 23, 24, 24, 23, 18, 18, 17, 18, 19, 18, 18, 19, 19, 20, 20, 20]
    acid = [89, 88, 90, 87, 87, 87, 93, 93, 87, 80, 89, 88, 82, 93, 89, 86, 72, 79, 80, 82, 91]
    loss = [42, 37, 37, 28, 18, 18, 19, 20, 15, 14, 14, 13, 11, 12, 8, 7, 8, 8, 9, 15, 15]
    data = np.column_stack([air, water, acid, loss])
    data = (data - data.mean(0)) / data.std(0, ddof=1)
    np.testing.assert_allclose(observed, data[:, 3], rtol=1e-12)
    prior = norm.logpdf(intercept) + norm.logpdf(beta).sum()
    prior += halfnorm.logpdf(sigma) + gamma.logpdf(nu, 2.0, scale=10.0)
    return prior + student_t.logpdf(observed, nu, intercept + data[:, :3] @ beta, sigma).sum()


DENSITIES = {
    density.__name__: density
    for density in (
        tv1d,
        lasso_diabetes,
        nile,
        eight_schools,
        eight_schools_noncentred,
        robust_stackloss,
    )
}


@pytest.mark.parametrize("name", DENSITIES)
def test_density_is_the_published_one(name):
    model = BENCHMARKS[name]()
    rng = np.random.default_rng(SEED)
    point, natural = {}, {}
    for rv in model.free_RVs:
        value = model.rvs_to_values[rv]
        drawn = rng.normal(size=tuple(rv.shape.eval()))
        point[value.name] = drawn
        # Every transformed variable of these models is positive and enters by its logarithm.
        natural[rv.name] = drawn if model.rvs_to_transforms[rv] is None else np.exp(drawn)
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    logp = model.compile_logp(jacobian=False, mode=Mode("py", None))
    expected = DENSITIES[name](np.asarray(observed), **natural)
    # PyMC keeps constants such as 5.0 in single precision, and takes their logarithm in it.
    np.testing.assert_allclose(logp(point), expected, rtol=1e-7)


def test_nile_data_are_those_of_r():
    model = BENCHMARKS["nile"]()
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    flow = np.asarray(observed)
    assert list(flow[:3]) == [1120.0, 1160.0, 963.0]
    assert flow.sum() == 91935.0
    assert flow.std(ddof=1) == pytest.approx(169.2275, abs=1e-4)
    assert tuple(model.coords["year"])[::99] == (1871, 1970)


def test_tv1d_data_are_the_shared_ones():
    model = BENCHMARKS["tv1d"]()
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    noise = 0.1 * np.random.default_rng(20250518).standard_normal(1000)
    levels = np.asarray(observed) - noise
    assert np.flatnonzero(np.abs(np.diff(levels)) > 1e-9).tolist() == [
        jump - 1 for jump in (100, 130, 300, 420, 450, 600, 780, 820)
    ]
    steps = levels[[0, 100, 130, 300, 420, 450, 600, 780, 820]]
    np.testing.assert_allclose(steps, [0, 1, -0.5, 0.3, 1.2, 0.2, -1, 0.6, 0], atol=1e-12)
