"""Moves of a block from a Gaussian reference: the move itself, and whole chains."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy.stats import kstest, norm

import pymc_glm

from pymc_glm.recognize import recognize
from pymc_glm.recognize.variational import SmoothTarget, closest_gaussian, fewest_steps
from pymc_glm.sweep.hamiltonian import hamiltonian_update

RNG = np.random.default_rng(20263)
X = RNG.normal(size=(60, 3))
ETA = X @ np.array([1.0, -0.5, 0.2])
OUTCOMES = (ETA + RNG.logistic(size=60) > 0).astype(int)
COUNTS = RNG.poisson(np.exp(0.5 + 0.5 * ETA) * RNG.gamma(2.0, 0.5, size=60))
PYTHON = Mode(linker="py", optimizer="merge")


def move(excess, gradient, mode, steps=3, spread=0.0, size=4):
    """A compiled move of a target, as a function of generator and coordinates."""
    rng, current = pt.random.rng(), pt.tensor("z", dtype="float64", shape=(size,))
    proposal = current.type("proposal")
    _, updated = hamiltonian_update(
        rng, current, proposal, excess(proposal), gradient(proposal), steps, spread
    )
    inputs = [pytensor.In(rng, borrow=True, mutable=True), current]
    return pytensor.function(inputs, updated, mode=mode, accept_inplace=True)


def quartic(z):
    return -0.1 * pt.sum(z**4)


def quartic_slope(z):
    return -0.4 * z**3


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_compiled_moves_are_those_of_python(spread):
    """One seed, the same moves and rejections."""
    moves = [move(quartic, quartic_slope, mode, spread=spread) for mode in (PYTHON, "NUMBA")]
    chains = []
    for one in moves:
        rng, z = np.random.default_rng(5), np.full(4, 1.5)
        chains.append([])
        for _ in range(200):
            z = one(rng, z)
            chains[-1].append(z.copy())
    np.testing.assert_allclose(chains[0], chains[1], rtol=1e-9, atol=1e-12)
    assert 0.02 < np.mean(np.all(np.diff(chains[0], axis=0) == 0, axis=1)) < 0.9


def test_the_reference_itself_is_left_invariant_without_rejections():
    def free(z):
        return 0.0 * pt.sum(z)

    one = move(free, lambda z: 0.0 * z, "NUMBA")
    rng, z = np.random.default_rng(6), np.zeros(4)
    draws = np.array([z := one(rng, z) for _ in range(4000)])
    assert not np.any(np.all(np.diff(draws, axis=0) == 0, axis=1))
    assert kstest(draws[::3, 0], "norm").pvalue > 1e-4


def test_a_narrower_target_has_its_own_law():
    """Twice the precision in each coordinate."""
    one = move(lambda z: -0.5 * pt.sum(z**2), lambda z: -z, "NUMBA", steps=4, spread=0.3)
    rng, z = np.random.default_rng(7), np.zeros(4)
    draws = np.array([z := one(rng, z) for _ in range(6000)])
    assert kstest(draws[::4, 1], norm(scale=np.sqrt(0.5)).cdf).pvalue > 1e-4


def test_no_density_at_the_start_is_an_error():
    one = move(lambda z: pt.sum(z) * np.nan, lambda z: z, "NUMBA")
    with pytest.raises(ArithmeticError, match="not finite at its current value"):
        one(np.random.default_rng(8), np.zeros(4))


def gaussian_target(precision=2.0):
    """Rows that are Gaussian already."""
    return SmoothTarget(
        np.eye(3),
        np.zeros(3),
        X[:10],
        np.zeros(10),
        lambda t: -0.5 * precision * (t - 1.0) ** 2,
        lambda t: -precision * (t - 1.0),
    )


def test_the_closest_gaussian_of_a_gaussian_is_that():
    surrogate = closest_gaussian(gaussian_target())
    np.testing.assert_allclose(surrogate.precision, 2.0, rtol=1e-5)
    np.testing.assert_allclose(surrogate.information, 2.0, rtol=1e-5)
    steps = fewest_steps(gaussian_target(), surrogate, (2, 3), 1.7, 0.8, np.random.default_rng(1))
    assert steps.number == 2 and steps.rate > 0.999


def test_there_is_no_gaussian_close_to_a_density_without_a_mode():
    flat = gaussian_target()._replace(
        precision=np.zeros((3, 3)), slope=lambda t: np.ones_like(t), log_density=lambda t: t
    )
    assert closest_gaussian(flat) is None


def logistic():
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 1)
        pm.Bernoulli("y", logit_p=X @ pm.Normal("beta", 0, tau, shape=3), observed=OUTCOMES)
    return model


def counts():
    with pm.Model() as model:
        intercept = pm.Normal("intercept", 0, 2)
        alpha = pm.Gamma("alpha", 2, 1)
        mean = pt.exp(intercept + X @ pm.Normal("beta", 0, 1, shape=3))
        pm.NegativeBinomial("y", mu=mean, alpha=alpha, observed=COUNTS)
    return model


def probit():
    with pm.Model() as model:
        p = pm.math.invprobit(X @ pm.Normal("beta", 0, 1, shape=3))
        pm.Bernoulli("y", p=p, observed=OUTCOMES)
    return model


def laplace():
    with pm.Model() as model:
        scale = pm.Gamma("scale", 2, 2)
        pm.Bernoulli("y", logit_p=X @ pm.Laplace("beta", 0, scale, shape=3), observed=OUTCOMES)
    return model


def moments(model, **options):
    """Means of all variables and of their squares, with their standard errors by batches."""
    tree = pymc_glm.sample(
        draws=5000,
        tune=300,
        chains=2,
        random_seed=9,
        model=model,
        progressbar=False,
        compute_convergence_checks=False,
        **options,
    )
    draws = [tree["posterior"][rv.name].to_numpy().reshape(10_000, -1) for rv in model.free_RVs]
    values = np.concatenate(draws, axis=1)
    values = np.concatenate([values, values**2], axis=1)
    batches = values.reshape(40, 250, -1).mean(axis=1)
    return batches.mean(axis=0), batches.std(axis=0) / np.sqrt(40)


@pytest.mark.parametrize(
    "build",
    [logistic, *(pytest.param(one, marks=pytest.mark.slow) for one in (counts, probit, laplace))],
)
def test_moves_and_draws_agree(build):
    """The same posterior with and without latents."""
    model = build()
    assert pymc_glm.explain(model).reference is not None
    one, error = moments(model, block="metropolis", scales="collapsed")
    two, other = moments(model, block="gibbs")
    assert np.all(np.abs(one - two) < 5 * np.hypot(error, other))


def test_the_reference_follows_the_dispersion():
    """Counts say what their mean is, whatever the dispersion: the pseudo-responses move with it."""
    machine = recognize(counts()).machine
    [rows] = machine.reference.rows
    assert rows.shift is not None
    assert machine.reference.acceptance > 0.8


def far_counts():
    """Counts near a thousand that are hardly dispersed, far from the initial value of alpha."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=60)
    mean = np.exp(7 + 0.3 * x)
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 5), pm.Normal("b", 0, 2)
        alpha = pt.exp(pm.Normal("log_alpha", 0, 5))
        observed = rng.negative_binomial(800, 800 / (800 + mean))
        pm.NegativeBinomial("y", mu=pt.exp(a + b * x), alpha=alpha, observed=observed)
    return model


def far_limits():
    """Censored data of a scale that is far from its initial value."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=60)
    y = np.maximum(0, 100 * (1 + x + rng.normal(size=60)))
    with pm.Model() as model:
        mean = pm.Normal("a", 0, 300) + pm.Normal("b", 0, 300) * x
        pm.Censored(
            "y", pm.Normal.dist(mean, pm.HalfCauchy("s", 5)), lower=0, upper=None, observed=y
        )
    return model


@pytest.mark.parametrize("build", [far_counts, pytest.param(far_limits, marks=pytest.mark.slow)])
def test_initial_values_of_parameters_may_be_far_from_the_data(build):
    """The reference is found at likely parameters, and chains start there."""
    model = build()
    one, error = moments(model)
    two, other = moments(model, block="gibbs")
    # The dispersion mixes slowly given latents, and its square has heavy tails: the block counts.
    in_block = [0, 1, 3, 4]
    assert np.all(np.abs(one - two)[in_block] < 5 * np.hypot(error, other)[in_block])


def test_what_is_asked_for():
    model = logistic()
    assert pymc_glm.explain(model, block="gibbs").reference is None
    assert "joint Metropolis move" in repr(pymc_glm.explain(model))
    assert "About" in pymc_glm.explain(model)._repr_html_()
    with pytest.raises(ValueError, match="Got block='hmc'"):
        pymc_glm.explain(model, block="hmc")
    with pm.Model() as normal:
        pm.Normal("y", X @ pm.Normal("beta", 0, 1, shape=3), 1.0, observed=ETA)
    with pytest.raises(ValueError, match="because no term is a smooth likelihood"):
        pymc_glm.sample(model=normal, block="metropolis")
