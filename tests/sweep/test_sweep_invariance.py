"""A sweep started from exact posterior draws gives exact posterior draws."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import kstest, multivariate_normal, norm

import pymc_glm.sweep.interweave as interweave_module

from pymc_glm import explain
from pymc_glm.machine import with_scales

DRAWS = 1500
FALSE_ALARM = 1e-4

EFFECT = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERROR = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
SCHOOLS = EFFECT.size


def centred_schools():
    """Eight schools, the effects in the block."""
    mu = pm.Normal("mu", 0, 10)
    tau = pm.HalfCauchy("tau", 10)
    pm.Normal("y", pm.Normal("theta", mu, tau, shape=SCHOOLS), ERROR, observed=EFFECT)


def non_centred_schools():
    """Eight schools, the standardised effects in the block."""
    mu = pm.Normal("mu", 0, 10)
    tau = pm.HalfCauchy("tau", 10)
    z = pm.Normal("z", 0, 1, shape=SCHOOLS)
    pm.Normal("y", mu + tau * z, ERROR, observed=EFFECT)


def posterior_of_log_tau(law):
    """Marginal posterior of log tau: the effects and their mean integrated out."""

    def log_density(log_tau):
        tau = np.exp(log_tau)
        covariance = np.diag(tau**2 + ERROR**2) + 10.0**2
        likelihood = multivariate_normal(np.zeros(SCHOOLS), covariance).logpdf(EFFECT)
        return likelihood - np.log1p((tau / 10) ** 2) + log_tau

    return law(log_density)


def exact_draw(rng, log_tau, is_centred):
    """Mean and effects given log tau, from their joint normal law."""
    tau = np.exp(log_tau)
    scale = 1.0 if is_centred else tau
    design = np.zeros((SCHOOLS, SCHOOLS + 1))
    design[:, 1:] = scale * np.eye(SCHOOLS)
    design[:, 0] = 0.0 if is_centred else 1.0
    prior = np.eye(SCHOOLS + 1)[1:]
    prior[:, 0] = -1.0 if is_centred else 0.0
    precision = design.T @ np.diag(ERROR**-2) @ design
    precision += prior.T @ prior * (tau**-2 if is_centred else 1.0)
    precision[0, 0] += 10.0**-2
    mean = np.linalg.solve(precision, design.T @ (ERROR**-2 * EFFECT))
    root = np.linalg.cholesky(precision)
    return mean + np.linalg.solve(root.T, rng.standard_normal(SCHOOLS + 1))


def after_one_sweep(machine, one_sweep, law, is_centred, seed):
    """Values that are uniform if the sweep leaves the posterior invariant, by name."""
    rng = np.random.default_rng(seed)
    sweep = one_sweep(machine)
    drawn = []
    for log_tau in law.draw(rng, DRAWS):
        state = np.empty(SCHOOLS + 1)
        state[machine.plan.position] = exact_draw(rng, log_tau, is_centred)
        drawn.append(sweep(rng, state, log_tau))
    after = np.array([log_tau for _, log_tau in drawn])
    blocks = np.array([block for block, _ in drawn])[:, machine.plan.position]
    # Given the new tau, the block's law is normal; standardise two of its directions.
    uniform = {"tau": law.cdf(after)}
    for name, index in {"mu": 0, "first effect": 1}.items():
        exact = np.array([exact_draw(rng, log_tau, is_centred)[index] for log_tau in after])
        uniform[name] = (blocks[:, index], exact)
    return uniform


def p_values(uniform):
    """Of the one-sample test for tau, and of two-sample tests for the block."""
    return {
        name: kstest(*value).pvalue if isinstance(value, tuple) else kstest(value, "uniform").pvalue
        for name, value in uniform.items()
    }


STRATEGIES = ("collapsed", "interweave", "plain")


@pytest.mark.parametrize("scales", STRATEGIES)
@pytest.mark.parametrize("build", [centred_schools, non_centred_schools])
def test_eight_schools(build, scales, one_sweep, conditional_law):
    """Both parametrisations; scale moved without the block, with it, and given it."""
    with pm.Model() as model:
        build()
    machine = explain(model)
    is_centred = build is centred_schools
    [hyper] = machine.hyperparameters
    # The standardised effects are recentred, so that their scale can move along with them.
    assert (machine.block[1].multiple is None) == is_centred
    assert hyper.interweaving is not None and hyper.collapsible
    machine = with_scales(machine, scales)
    law = posterior_of_log_tau(conditional_law)
    found = p_values(after_one_sweep(machine, one_sweep, law, is_centred, seed=81))
    assert min(found.values()) > FALSE_ALARM / (6 * len(found)), found


def test_interweaving_without_the_other_factors_is_noticed(one_sweep, conditional_law, monkeypatch):
    """A broken twin: the factors that the block meets on its way are forgotten."""
    monkeypatch.setattr(interweave_module, "_density_along", lambda *_: pt.constant(0.0))
    with pm.Model() as model:
        centred_schools()
    law = posterior_of_log_tau(conditional_law)
    machine = with_scales(explain(model), "interweave")
    uniform = after_one_sweep(machine, one_sweep, law, is_centred=True, seed=82)
    assert p_values(uniform)["tau"] < FALSE_ALARM


DESIGNS = {
    "dense": np.random.default_rng(83).normal(size=(9, 3)),
    "permutation": np.eye(3)[[1, 2, 0]],
    "selection": np.eye(3)[[2, 0, 0]],
    "differences": np.diff(np.eye(3), axis=0),
}


@pytest.mark.parametrize("case", DESIGNS)
def test_gaussian_model_is_drawn_independently(case, one_sweep):
    """Without latents and hyperparameters, draws are independent and exact from any start."""
    design = DESIGNS[case]
    target = np.arange(float(len(design)))
    with pm.Model() as model:
        b = pm.Normal("b", 1.0, [0.5, 1, 2], shape=3)
        pm.Normal("y", design @ b, 0.7, observed=target)
    machine = explain(model)
    precision = design.T @ design / 0.7**2 + np.diag([4, 1, 0.25])
    mean = np.linalg.solve(precision, design.T @ target / 0.7**2 + [4, 1, 0.25])
    sweep, rng = one_sweep(machine), np.random.default_rng(84)
    drawn = np.array([sweep(rng, np.full(3, 1e6))[0] for _ in range(DRAWS)])
    drawn = drawn[:, machine.plan.position]
    white = (drawn - mean) @ np.linalg.cholesky(precision)
    statistics = [*white.T, white.sum(axis=1) / np.sqrt(3)]
    p_values = [kstest(s, norm.cdf).pvalue for s in statistics]
    assert min(p_values) > FALSE_ALARM / (len(DESIGNS) * len(p_values))


@pytest.mark.parametrize("scales", ["collapsed", "plain"])
@pytest.mark.parametrize("index", [[1, 2, 0], [2, 0, 0], [0, 1, 2]])
def test_scale_of_permuted_responses(index, scales, one_sweep, conditional_law):
    """The scale of as many responses as unknowns, in another order than theirs."""
    target = np.array([3.0, -2.0, 0.5])
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=3)
        pm.Normal("y", b[index], pm.HalfNormal("s", 2), observed=target)
    machine = with_scales(explain(model), scales)
    selection = np.eye(3)[index]

    def log_density(log_scale):
        covariance = np.exp(2 * log_scale) * np.eye(3) + selection @ selection.T
        normal_law = multivariate_normal(np.zeros(3), covariance, allow_singular=True)
        likelihood = normal_law.logpdf(target)
        return likelihood - np.exp(2 * log_scale) / 8 + log_scale

    def block(rng, log_scale):
        precision = np.eye(3) + np.exp(-2 * log_scale) * selection.T @ selection
        mean = np.linalg.solve(precision, np.exp(-2 * log_scale) * selection.T @ target)
        root = np.linalg.cholesky(precision)
        return mean + np.linalg.solve(root.T, rng.standard_normal(3))

    law = conditional_law(log_density)
    sweep, rng = one_sweep(machine), np.random.default_rng(86)
    blocks, after = [], []
    for log_scale in law.draw(rng, DRAWS):
        # The scale is updated given the block first: both start from their joint law.
        start = np.empty(3)
        start[machine.plan.position] = block(rng, log_scale)
        drawn, log_scale = sweep(rng, start, log_scale)
        blocks.append(drawn[machine.plan.position])
        after.append(log_scale.item())
    assert kstest(law.cdf(np.array(after)), "uniform").pvalue > FALSE_ALARM / 12
    # Given the new scale, the block is as exact draws are.
    exact = np.array([block(rng, log_scale) for log_scale in after])
    sums = (np.array(blocks) @ [1.0, 2.0, 3.0], exact @ [1.0, 2.0, 3.0])
    assert kstest(*sums).pvalue > FALSE_ALARM / 12


def test_latents_leave_the_posterior_invariant(one_sweep, conditional_law):
    """One Laplace expert against one Gaussian: the posterior of the block by quadrature."""
    with pm.Model() as model:
        x = pm.Laplace("x", 0.5, 0.4)
        pm.StudentT("y", 3, x, sigma=0.6, observed=1.7)
    machine = explain(model)
    function = model.compile_fn(model.logp(), mode="FAST_COMPILE")
    law = conditional_law(lambda value: function({"x": value}).item())
    sweep, rng = one_sweep(machine), np.random.default_rng(85)
    start = law.draw(rng, DRAWS)
    drawn = np.array([sweep(rng, [value])[0].item() for value in start])
    assert kstest(law.cdf(drawn), "uniform").pvalue > FALSE_ALARM
    assert np.corrcoef(start, drawn)[0, 1] < 0.9
