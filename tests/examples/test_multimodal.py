"""Targets of the benchmark of diffusion samplers are what they claim: densities, draws, masses."""

from functools import cache
from itertools import islice, product

import enumerated
import numpy as np
import pymc as pm
import pytest
import unimodal

from likelihoods import shared_data
from multimodal import TARGETS, build
from pytensor.compile.mode import Mode
from scipy.integrate import quad
from scipy.special import expit, logsumexp
from scipy.stats import bernoulli, binom, gamma, lognorm, multivariate_normal, norm
from scipy.stats import t as student_t
from sklearn.datasets import load_breast_cancer

from pymc_glm.diagnostics import diagnose_array

SEED = 20265
DRAWS = 4000
# Of the standard error. Some hundred means are compared.
BOUND = 5.0
# Coordinates of each variable at which a slope is taken.
COORDINATES = 6
MULTIMODAL = [name for name in TARGETS if name not in unimodal.UNIMODAL]
SIZES = {
    "funnel": 10,
    "seeds": 26,
    "breast_cancer": 31,
    "german_credit": 25,
    "ionosphere": 35,
    "sonar": 61,
    "brownian": 32,
    "gaussian_mixture_2": 2,
    "gaussian_mixture_10": 10,
    "gaussian_mixture_50": 50,
    "separated_mixture": 10,
    "student_mixture": 10,
    "spike_slab_bimodal": 6,
    "mixture_product": 4,
    "label_switching": 3,
    "conflicting_data": 3,
}


@cache
def built(name):
    """A target; the test is skipped where its data are missing."""
    try:
        return build(name)
    except FileNotFoundError as error:
        pytest.skip(str(error))


# Densities of points along leading axes.


def funnel(v, x):
    return norm.logpdf(v, 0.0, 3.0) + norm.logpdf(x, 0.0, np.exp(v / 2)[..., None]).sum(-1)


def seeds(tau, a0, a1, a2, a12, b):
    r = [10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10, 8, 10, 8, 23, 0, 3, 22, 15, 32, 3]
    n = [39, 62, 81, 51, 39, 6, 74, 72, 51, 79, 13, 16, 30, 28, 45, 4, 12, 41, 30, 51, 7]
    x1, x2 = np.arange(21) >= 11, np.isin(np.arange(21), [5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20])
    eta = a0 + a1 * x1 + a2 * x2 + a12 * (x1 & x2) + b
    prior = gamma.logpdf(tau, 0.01, scale=100.0) + norm.logpdf([a0, a1, a2, a12], 0.0, 10.0).sum()
    return prior + norm.logpdf(b, 0.0, tau**-0.5).sum() + binom.logpmf(r, n, expit(eta)).sum()


def logistic(X, y, w, sd):
    fit = expit(w[0] + X @ w[1:])
    return norm.logpdf(w, 0.0, sd).sum() + bernoulli.logpmf(y, fit).sum()


def breast_cancer(w):
    X, y = load_breast_cancer(return_X_y=True)
    return logistic(X / X.std(0), y, w, 10.0)


def german_credit(w):
    data = shared_data("german_credit_numeric").to_numpy(float)
    return logistic(data[:, :-1] / data[:, :-1].std(0), data[:, -1] == 1, w, 10.0)


def signs(name, w):
    data = shared_data(name).to_numpy(float)
    X = data[:, 1:] - data[:, 1:].mean(0)
    return logistic(X / np.maximum(X.std(0), 1e-12), data[:, 0] == 1, w, 1.0)


def ionosphere(w):
    return signs("ionosphere", w)


def sonar(w):
    return signs("sonar", w)


def brownian(innovation, noise, location):
    prior = lognorm.logpdf([innovation, noise], 2.0).sum()
    steps = norm.logpdf(np.diff(location, prepend=0.0), 0.0, innovation).sum()
    seen = np.r_[location[:10], location[20:]]
    return prior + steps + norm.logpdf(unimodal.BROWNIAN_LOCATIONS, seen, noise).sum()


def gaussian_mixture(size, spread, sds, seed, x):
    rng = np.random.default_rng(seed)
    means, sd = rng.uniform(-spread, spread, size), rng.uniform(*sds, size)
    weights = rng.uniform(0.5, 1.5, size[0])
    terms = norm.logpdf(x[..., None, :], means, sd).sum(-1)
    return logsumexp(terms, axis=-1, b=weights / weights.sum())


def gaussian_mixture_2(x):
    return gaussian_mixture((8, 2), 6.0, (0.3, 0.7), 50, x)


def gaussian_mixture_10(x):
    return gaussian_mixture((5, 10), 4.0, (0.5, 1.5), 1, x)


def gaussian_mixture_50(x):
    return gaussian_mixture((10, 50), 10.0, (0.5, 1.0), 3, x)


def separated_mixture(x):
    return gaussian_mixture((5, 10), 10.0, (0.5, 1.0), 7, x)


def student_mixture(x):
    means = np.random.default_rng(0).uniform(-10.0, 10.0, (10, 10))
    return logsumexp(student_t.logpdf(x[..., None, :], 2.0, means).sum(-1), axis=-1, b=0.1)


def paired():
    model = built("spike_slab_bimodal").model
    X, y = enumerated._paired_data()
    np.testing.assert_array_equal(model.rvs_to_values[model["y"]].data, y)
    gram = np.eye(6)
    gram[[0, 1, 2, 3], [1, 0, 3, 2]] = 0.98
    np.testing.assert_allclose(X.T @ X / 60, gram, atol=1e-12)
    return X, y


def spike_slab_bimodal(beta):
    X, y = paired()
    prior = np.logaddexp(
        np.log(0.9) + norm.logpdf(beta, 0.0, 0.01), np.log(0.1) + norm.logpdf(beta, 0.0, 5.0)
    )
    return prior.sum(-1) + norm.logpdf(y, beta @ X.T, 1.0).sum(-1)


def mixture_product(x):
    responses = np.concatenate([np.roll(x, -1, -1) - x, x.sum(-1, keepdims=True)], axis=-1)
    up = np.array([0.5, 0.6, 0.4, 0.55, 0.7])
    density = up * norm.pdf(responses, 1.0, 0.2) + (1 - up) * norm.pdf(responses, -1.0, 0.2)
    return np.log(density).sum(-1)


def label_switching(mu):
    y = np.array([-6.3, -5.2, -4.6, -0.9, 0.2, 1.1, 4.4, 5.3, 5.9])
    likelihood = np.log(norm.pdf(y, mu[..., None], 1.0).mean(-2)).sum(-1)
    return norm.logpdf(mu, 0.0, 5.0).sum(-1) + likelihood


def conflicting_data(x):
    tails = student_t.logpdf(enumerated.CONFLICTS, 3.0, x[..., None], 0.3).sum((-2, -1))
    return norm.logpdf(x, 0.0, 10.0).sum(-1) + tails


DENSITIES = {
    density.__name__: density
    for density in (
        funnel,
        seeds,
        breast_cancer,
        german_credit,
        ionosphere,
        sonar,
        brownian,
        gaussian_mixture_2,
        gaussian_mixture_10,
        gaussian_mixture_50,
        separated_mixture,
        student_mixture,
        spike_slab_bimodal,
        mixture_product,
        label_switching,
        conflicting_data,
    )
}


@pytest.mark.parametrize("name", TARGETS)
def test_density_is_the_published_one(name):
    model = built(name).model
    rng = np.random.default_rng(SEED)
    logp = model.compile_logp(mode=Mode("py", None))
    for _ in range(3):
        point, natural, jacobian = {}, {}, 0.0
        for rv in model.free_RVs:
            value = model.rvs_to_values[rv]
            drawn = 0.5 * rng.normal(size=tuple(rv.shape.eval()))
            point[value.name] = drawn
            # What is transformed is positive and enters by its logarithm.
            logged = model.rvs_to_transforms[rv] is not None
            natural[rv.name] = np.exp(drawn) if logged else drawn
            jacobian += drawn.sum() if logged else 0.0
        expected = DENSITIES[name](**natural) + jacobian
        # PyMC takes logarithms of constants such as 10.0 in single precision.
        np.testing.assert_allclose(logp(point), expected, rtol=1e-6)


@pytest.mark.parametrize("name", TARGETS)
def test_target_is_complete(name):
    target = built(name)
    start = target.model.initial_point()
    assert target.name == name
    assert sum(np.size(value) for value in start.values()) == SIZES[name]
    assert all(value.dtype == "float64" for value in target.model.value_vars)
    assert target.reference
    assert np.isfinite(target.log_z)
    assert (target.modes is None) == (target.mode_masses is None) == (name not in MULTIMODAL)
    if target.mode_masses is not None:
        assert target.mode_masses.sum() == pytest.approx(1.0, abs=1e-10)
        assert (target.mode_masses > 0.02).all()


@pytest.mark.parametrize("name", ["funnel", *MULTIMODAL])
def test_draws_satisfy_steins_identity(name):
    """The mean of x times the slope of the log density is -1, and that of the slope is zero."""
    values = drawn(name, np.random.default_rng(SEED))
    density = DENSITIES[name]
    for key, x in values.items():
        for index in islice(np.ndindex(x.shape[1:]), COORDINATES):
            slope = 0.0
            for sign in (1.0, -1.0):
                moved = x.copy()
                moved[:, *index] += sign * 1e-5
                slope = slope + sign * density(**values | {key: moved}) / 2e-5
            coordinate = x[:, *index]
            for sample in (slope, (coordinate - coordinate.mean()) * slope + 1.0):
                error = sample.std() / np.sqrt(len(sample))
                assert abs(sample.mean()) < BOUND * error, (key, index)


def drawn(name, rng):
    values = built(name).draws(rng, DRAWS)
    shapes = {rv.name: (DRAWS, *rv.shape.eval()) for rv in built(name).model.free_RVs}
    assert {key: value.shape for key, value in values.items()} == shapes
    return values


@pytest.mark.parametrize("name", MULTIMODAL)
def test_draws_visit_modes_as_often_as_they_weigh(name):
    target = built(name)
    modes = target.modes(drawn(name, np.random.default_rng(SEED)))
    masses = target.mode_masses
    shares = np.bincount(modes, minlength=len(masses)) / DRAWS
    assert len(shares) == len(masses)
    assert (np.abs(shares - masses) < BOUND * np.sqrt(masses * (1 - masses) / DRAWS)).all()


def test_evidence_of_spike_and_slab():
    X, y = paired()
    total = []
    for slab in product((0, 1), repeat=6):
        prior = np.where(slab, 5.0**2, 0.01**2)
        law = multivariate_normal(cov=np.eye(60) + (X * prior) @ X.T)
        total.append(np.log(np.where(slab, 0.1, 0.9)).sum() + law.logpdf(y))
    assert built("spike_slab_bimodal").log_z == pytest.approx(logsumexp(total), abs=1e-8)


def test_evidence_of_product():
    # Three differences and the sum are four coordinates x, at a determinant of 4; the fourth
    # difference closes the cycle, and the density of a sum of four at zero is left.
    up = [0.5, 0.6, 0.4, 0.55]
    at_zero = 0.0
    for side in product((0, 1), repeat=4):
        weight = np.prod(np.where(side, up, 1.0 - np.array(up)))
        at_zero += weight * norm.pdf(0.0, 2 * sum(side) - 4, 0.4)
    assert built("mixture_product").log_z == pytest.approx(np.log(at_zero / 4.0), abs=1e-9)


def test_evidence_of_label_switching():
    grid = np.linspace(-12.0, 12.0, 97)
    axes = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1)
    log_z = logsumexp([logsumexp(label_switching(plane)) for plane in axes])
    log_z += 3.0 * np.log(grid[1] - grid[0])
    assert built("label_switching").log_z == pytest.approx(log_z, abs=1e-6)


def test_evidence_of_conflicting_data():
    def density(x, place):
        data = student_t.logpdf(enumerated.CONFLICTS[place], 3.0, x, 0.3).sum()
        return np.exp(norm.logpdf(x, 0.0, 10.0) + data)

    log_z = 0.0
    above = []
    for place in range(3):
        sides = [
            quad(density, *side, args=(place,), epsabs=0.0, limit=200)[0]
            for side in ((-8.0, 0.0), (0.0, 8.0))
        ]
        log_z += np.log(sum(sides))
        above.append(sides[1] / sum(sides))
    target = built("conflicting_data")
    assert target.log_z == pytest.approx(log_z, abs=1e-6)
    bits = np.array(list(product((0, 1), repeat=3)))
    masses = np.where(bits, above, 1.0 - np.array(above)).prod(axis=1)
    np.testing.assert_allclose(target.mode_masses, masses, atol=1e-6)


def test_evidence_of_brownian_motion():
    seen = np.r_[1:11, 21:31]
    eigenvalues, vectors = np.linalg.eigh(np.minimum.outer(seen, seen).astype(float))
    turned = vectors.T @ unimodal.BROWNIAN_LOCATIONS

    grid = np.linspace(-12.0, 6.0, 200)
    innovation, noise = np.meshgrid(grid, grid)
    variance = np.exp(2 * innovation)[..., None] * eigenvalues + np.exp(2 * noise)[..., None]
    log_density = norm.logpdf(turned, 0.0, np.sqrt(variance)).sum(-1)
    log_density += norm.logpdf(innovation, 0.0, 2.0) + norm.logpdf(noise, 0.0, 2.0)
    log_z = logsumexp(log_density) + 2.0 * np.log(grid[1] - grid[0])
    assert built("brownian").log_z == pytest.approx(log_z, abs=1e-4)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_larger_of_two_gaussians(shift):
    mean, covariance = np.array([0.5, -shift]), np.array([[1.0, -0.6], [-0.6, 0.8]])

    def second_is_larger(first):
        slope = covariance[0, 1] / covariance[0, 0]
        sd = np.sqrt(covariance[1, 1] - slope * covariance[0, 1])
        law = norm(mean[1] + slope * (first - mean[0]), sd)
        return norm.pdf(first, mean[0]) * (law.cdf(-abs(first)) + law.sf(abs(first)))

    expected = quad(second_is_larger, -10.0, 0.0)[0] + quad(second_is_larger, 0.0, 10.0)[0]
    assert enumerated._second_is_larger(mean, covariance) == pytest.approx(expected, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", MULTIMODAL)
def test_nuts_does_not_mix(name):
    with built(name).model as model:
        trace = pm.sample(
            500, tune=500, chains=4, cores=1, random_seed=SEED, progressbar=False, quiet=True
        )
    (variable,) = model.free_RVs
    draws = np.moveaxis(trace["posterior"][variable.name].to_numpy(), -1, 0)
    assert diagnose_array(draws).rhat.max() > 1.1


def test_unknown_target():
    with pytest.raises(ValueError, match=r"no target called 'banana'\. Choose out of funnel, "):
        build("banana")
