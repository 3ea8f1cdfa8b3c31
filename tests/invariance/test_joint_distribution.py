"""Sweeps leave the joint law of parameters and data invariant; broken twins of them do not.

Parameters and data are drawn from the model, then a few sweeps are made given the data. Whatever
the model, the parameters must have the law that they had before.

Geweke (2004), doi:10.1198/016214504000001132; Gandy and Scott (2020), arXiv:2001.06465.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import kstest

import pymc_glm
import pymc_glm.gaussian.iterative as iterative_module
import pymc_glm.sweep.build as build_module
import pymc_glm.sweep.collapsed as collapsed_module
import pymc_glm.sweep.hyperparameters as hyperparameters_module
import pymc_glm.sweep.interweave as interweave_module
import pymc_glm.sweep.metropolis as metropolis_module
import pymc_glm.sweep.rowwise as rowwise_module
import pymc_glm.sweep.sites as sites_module

from pymc_glm import ConjugateGradients, explain
from pymc_glm.families import (
    BinomialLogit,
    ExponentialPower,
    Laplace,
    NormalInterval,
    VarianceGamma,
)
from pymc_glm.machine import with_block, with_scales
from pymc_glm.recognize.choices import with_choices
from pymc_glm.sweep import build_sweep, compile_sweep
from pymc_glm.sweep.hyperparameters import update_hyperparameter

REPLICATES = 8000
SWEEPS = 4
FALSE_ALARM = 1e-4

RNG = np.random.default_rng(7)
X = RNG.normal(size=(8, 3))
WIDE = RNG.normal(size=(4, 7))
GROUP = np.array([0, 1, 1, 0, 1, 0, 0, 1])
CYCLE = np.array([2, 0, 1])


def lasso():
    """Laplace coefficients, both scales unknown."""
    scale = pm.Gamma("scale", 2, 4)
    sigma = pm.HalfNormal("sigma", 3)
    pm.Normal("y", X @ pm.Laplace("x", 0, scale, shape=3), sigma, shape=8)


def robust():
    """Student-t errors, their scale updated by slice sampling."""
    sigma = pm.Gamma("sigma", 4, 4)
    pm.StudentT("y", 4, X @ pm.Normal("x", 0, 1, shape=3), sigma=sigma, shape=8)


def schools():
    """Groups around an unknown mean."""
    tau = pm.HalfNormal("tau", 2)
    pm.Normal("y", pm.Normal("x", pm.Normal("mu", 0, 2), tau, shape=6), 1.0, shape=6)


def non_centred():
    """The same, standardised: the state is z, the block holds tau * z."""
    z = pm.Normal("x", 0, 1, shape=6)
    pm.Normal("y", pm.Normal("mu", 0, 2) + pm.HalfNormal("tau", 2) * z, 1.0, shape=6)


def jumps():
    """A random walk with Laplace increments of unknown scale."""
    scale = pm.Gamma("scale", 4, 4)
    x = pm.RandomWalk(
        "x",
        init_dist=pm.Normal.dist(0, 1),
        innovation_dist=pm.Laplace.dist(0, scale),
        steps=7,
    )
    pm.Normal("y", x, 2.0, shape=8)


def variances():
    """A variance for each group of rows, with an exact draw."""
    variance = pm.InverseGamma("variance", 4, 3, shape=2)
    pm.Normal("y", X @ pm.Normal("x", 0, 1, shape=3), pt.sqrt(variance)[GROUP], shape=8)


def deviations():
    """A standard deviation for each group of rows, without an exact draw."""
    sigma = pm.Gamma("sigma", 4, 4, shape=2)
    pm.Normal("y", X @ pm.Normal("x", 0, 1, shape=3), sigma[GROUP], shape=8)


def shared_scale():
    """One scale of all factors, the prior's latents included."""
    sigma = pm.InverseGamma("sigma", 4, 3)
    pm.Normal("y", X @ pm.Laplace("x", 0, 0.7 * pt.sqrt(sigma), shape=3), pt.sqrt(sigma), shape=8)


def horseshoe():
    """Standardised coefficients with local scales, all of them variables of the model."""
    local = pm.HalfCauchy("local", 1, shape=3)
    tau = pm.HalfNormal("tau", 1)
    pm.Normal("y", X @ (pm.Normal("x", 0, 1, shape=3) * tau * local), 1.0, shape=8)


def laplace_by_hand():
    """Exponential variances, in another order than that of the coefficients."""
    v = pm.Exponential("v", 0.5, shape=3)
    tau = pm.HalfNormal("tau", 1)
    pm.Normal("y", X @ pm.Normal("x", 0, tau * pt.sqrt(v[CYCLE]), shape=3), 1.0, shape=8)


def student_by_hand():
    """Gamma precisions of the noise, of unknown degrees of freedom."""
    half = pm.Gamma("half", 4, 2)
    w = pm.Gamma("w", half, half, shape=8)
    sigma = pm.HalfNormal("sigma", 1)
    pm.Normal("y", X @ pm.Normal("x", 0, 1, shape=3), sigma / pt.sqrt(w), shape=8)


def selection():
    """Indicators that widen priors; their probability and the noise unknown."""
    z = pm.Bernoulli("z", 0.4, shape=3)
    sigma = pm.HalfNormal("sigma", 1)
    pm.Normal("y", X @ pm.Normal("x", 0, pt.switch(z, 1.5, 0.2), shape=3), sigma, shape=8)


def correlated():
    """Effects of groups with a covariance matrix of their own, standardised."""
    chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.Exponential.dist(1.0))
    effects = pm.Normal("x", 0, 1, shape=(4, 2)) @ chol.T
    index = np.repeat(np.arange(4), 2)
    pm.Normal("y", (effects[index] * np.c_[np.ones(8), X[:, 0]]).sum(axis=1), 0.5, shape=8)


def wide():
    """More unknowns than data."""
    tau = pm.HalfNormal("tau", 1)
    sigma = pm.Gamma("sigma", 4, 4)
    pm.Normal("y", WIDE @ pm.Normal("x", 0, tau, shape=7), sigma, shape=4)


def loadings_and_factors():
    """Two blocks that multiply each other, the scale of one of them unknown."""
    loadings = pm.Normal("loadings", 0, pm.HalfNormal("tau", 1), shape=(5, 2))
    factors = pm.Normal("x", 0, 1, shape=(2, 6))
    pm.Normal("y", loadings @ factors, pm.HalfNormal("sigma", 1), shape=(5, 6))


def logit():
    """Binary outcomes of a hierarchical predictor."""
    tau = pm.HalfNormal("tau", 1)
    pm.Bernoulli("y", logit_p=X @ pm.Normal("x", 0, tau, shape=3), shape=8)


def counts():
    """Negative binomial counts of unknown dispersion."""
    alpha = pm.Gamma("alpha", 4, 2)
    mean = pt.exp(0.5 + X @ pm.Normal("x", 0, 0.5, shape=3))
    pm.NegativeBinomial("y", mu=mean, alpha=alpha, shape=8)


def probit():
    """Probit outcomes."""
    tau = pm.HalfNormal("tau", 1)
    p = pm.math.invprobit(X @ pm.Normal("x", 0, tau, shape=3))
    pm.Bernoulli("y", p=p, shape=8)


def ordered_logit():
    """Three categories between unknown cutpoints."""
    gap = pm.Gamma("gap", 4, 3)
    cutpoints = pt.stack([-0.5, gap])
    eta = X @ pm.Normal("x", 0, 1, shape=3)
    pm.OrderedLogistic("y", eta=eta, cutpoints=cutpoints, compute_p=False, shape=8)


def quantiles():
    """An upper quantile, the scale of its loss unknown."""
    rate = pm.Gamma("rate", 4, 2)
    mu = X @ pm.Normal("x", 0, 1, shape=3)
    pm.AsymmetricLaplace("y", mu=mu, b=rate, q=0.8, shape=8)


def bridge():
    """A bridge prior of unknown scale."""
    scale = pm.Gamma("scale", 4, 4)
    x = pymc_glm.ExponentialPower("x", alpha=0.7, scale=scale, shape=3)
    pm.Normal("y", X @ x, 1.0, shape=8)


def skewed():
    """Variance gamma coefficients: the order of the latent law is small."""
    x = pymc_glm.VarianceGamma("x", order=0.7, alpha=2.0, beta=0.8, shape=3)
    pm.Normal("y", X @ x, pm.HalfNormal("sigma", 1), shape=8)


def point_mass():
    """Coefficients that are zero with a probability that is unknown."""
    z = pm.Bernoulli("z", pm.Beta("p", 2, 2), shape=3)
    pm.Normal("y", X @ (z * pm.Laplace("x", 0, 1, shape=3)), 1.0, shape=8)


SOLVERS = {
    "iterative": "iterative",
    "corrected": ConjugateGradients(tolerance=0.1, corrected=True),
}
# Ways to draw the block, for the models where they differ from the usual one.
DRAWS = {"lasso": ("sites", *SOLVERS), "jumps": ("sites", "iterative")}
SMOOTH = ("logit", "counts", "probit", "ordered_logit")
MODELS = {
    build.__name__: build
    for build in (
        lasso,
        robust,
        schools,
        non_centred,
        jumps,
        variances,
        deviations,
        shared_scale,
        horseshoe,
        laplace_by_hand,
        student_by_hand,
        selection,
        correlated,
        wide,
        loadings_and_factors,
        logit,
        counts,
        probit,
        ordered_logit,
        quantiles,
        bridge,
        skewed,
        point_mass,
    )
}


def wrong_latent_scale(monkeypatch, machine):
    """Latents of a Laplace expert in units of its scale where its square belongs."""
    original = Laplace.latent

    def latent(self, rng, t, *, scale, **more):
        right = original(self, rng, t, scale=scale, **more)
        return right._replace(precision=right.precision * scale)

    monkeypatch.setattr(Laplace, "latent", latent)
    return machine


def no_jacobian(monkeypatch, machine):
    """Each scale updated on the log scale without the Jacobian of the logarithm."""
    return machine._replace(
        hyperparameters=[
            hyper._replace(log_prior=hyper.log_prior - hyper.value)
            for hyper in machine.hyperparameters
        ]
    )


def no_rowwise_jacobian(monkeypatch, machine):
    """The same for a vector of scales."""
    [hyper] = machine.hyperparameters
    [(rows, entries)] = hyper.rowwise.terms
    rowwise = hyper.rowwise._replace(terms=((rows - hyper.value, entries),))
    return machine._replace(hyperparameters=[hyper._replace(rowwise=rowwise)])


def no_ratio(monkeypatch, machine):
    """Scale and block moved together without a look at the other factors."""
    monkeypatch.setattr(interweave_module, "_density_along", lambda *_: pt.constant(0.0))
    return machine


def stale_latents(monkeypatch, machine):
    """Scales updated, without the latents, between the draws of latents and of the block."""
    draw_latents = build_module.draw_latents

    def draw_latents_then_scales(state, plan, rescaled):
        rows = draw_latents(state, plan, rescaled)
        for hyper in machine.hyperparameters:
            update_hyperparameter(state, hyper)
        return rows

    monkeypatch.setattr(build_module, "draw_latents", draw_latents_then_scales)
    monkeypatch.setattr(build_module, "update_hyperparameter", lambda state, hyper: None)
    return machine


def stale_block(monkeypatch, machine):
    """Scales moved without the block after it was drawn, and the block kept."""
    update, draw_gaussian = build_module.update_without_block, build_module.draw_gaussian
    calls = []

    def draw_gaussian_first(rng, plan, rows):
        next_rng, drawn = draw_gaussian(rng, plan, rows)
        state = calls[0][0]
        state.rng = next_rng
        for call in calls:
            update(*call)
        return state.rng, drawn

    monkeypatch.setattr(build_module, "update_without_block", lambda *call: calls.append(call))
    monkeypatch.setattr(build_module, "draw_gaussian", draw_gaussian_first)
    return machine


def latents_that_do_not_rescale(monkeypatch, machine):
    """A scale moves without the block, its latents kept in absolute terms."""
    draw_latents = build_module.draw_latents
    monkeypatch.setattr(
        build_module, "draw_latents", lambda state, plan, rescaled: draw_latents(state, plan, ())
    )
    return machine


def one_shared_draw(monkeypatch, machine):
    """A vector of scales from one gamma variate: right margins, wrong joint law."""
    draw, names = hyperparameters_module._CONJUGATE_DRAWS["gamma"]

    def shared(rng, theta, a, b, exponent, power, rate):
        one = pt.ones(1)
        rng, unit = draw(rng, theta[:1], a[:1], one, exponent, power.flatten()[:1], 0.0 * one)
        return rng, unit[0] * (b + rate) ** (1.0 / exponent)

    monkeypatch.setitem(hyperparameters_module._CONJUGATE_DRAWS, "gamma", (shared, names))
    return machine


def unknowns_not_taken_away(monkeypatch, machine):
    """A scale of all factors drawn without the block, with a response for each row."""
    [hyper] = machine.hyperparameters
    joint = hyper.joint._replace(total_power=hyper.joint.total_power + 0.5 * machine.size)
    return machine._replace(hyperparameters=[hyper._replace(joint=joint)])


def wrong_flips(monkeypatch, machine):
    """Flips without the block, with the roots of their odds."""
    flip = collapsed_module.flip_update
    monkeypatch.setattr(
        collapsed_module,
        "flip_update",
        lambda rng, current, proposal, target: flip(rng, current, proposal, 0.5 * target),
    )
    return machine


def wrong_odds(monkeypatch, machine):
    """Indicators drawn given the block, with the roots of their odds."""
    bernoulli = rowwise_module._bernoulli
    monkeypatch.setattr(
        rowwise_module, "_bernoulli", lambda rng, log_odds: bernoulli(rng, 0.5 * log_odds)
    )
    return machine


def unordered_latents(monkeypatch, machine):
    """Latents handed to the wrong entries of their variable."""
    [latent] = machine.latents
    moved = latent._replace(order=np.argsort(latent.order))
    assert not np.array_equal(moved.order, latent.order)
    return machine._replace(latents=[moved])


def effects_for_standardised_effects(monkeypatch, machine):
    """The state read as effects, though it holds standardised ones."""
    assert any(variable.multiple is not None for variable in machine.block)
    block = [variable._replace(multiple=None) for variable in machine.block]
    return machine._replace(block=block)


def latents_of(family, **changes):
    """Latents drawn for other responses or parameters than those of the factor."""

    def damage(monkeypatch, machine):
        original = family.latent

        def latent(self, rng, t, **parameters):
            changed = {name: change(parameters[name]) for name, change in changes.items()}
            return original(self, rng, t, **(parameters | changed))

        monkeypatch.setattr(family, "latent", latent)
        return machine

    return damage


def wrong_polya_gamma(monkeypatch, machine):
    """Polya-Gamma variates of a larger shape, with the right information."""
    original = BinomialLogit.latent

    def latent(self, rng, t, *, successes, trials, **more):
        right = original(self, rng, t, successes=successes, trials=1.4 * trials, **more)
        return right._replace(information=right.information + 0.2 * trials)

    monkeypatch.setattr(BinomialLogit, "latent", latent)
    return machine


def untilted(monkeypatch, machine):
    """Stable variates of the prior in place of those given the response."""
    original = ExponentialPower.latent
    monkeypatch.setattr(
        ExponentialPower,
        "latent",
        lambda self, rng, t, **parameters: original(self, rng, 0.5 * t, **parameters),
    )
    return machine


def no_rejection(monkeypatch, machine):
    """Metropolis moves that look at half of what the target differs from the reference by."""
    update = metropolis_module.hamiltonian_update
    monkeypatch.setattr(
        metropolis_module,
        "hamiltonian_update",
        lambda rng, z, proposal, excess, *rest: update(rng, z, proposal, 0.5 * excess, *rest),
    )
    return machine


def block_left_behind(monkeypatch, machine):
    """Scales moved at fixed coordinates as if the block had stayed."""
    monkeypatch.setattr(metropolis_module, "_excess", lambda *_: pt.constant(0.0))
    return machine


def wrong_steepness(monkeypatch, machine):
    """Unknowns one by one under Laplace priors of two thirds of their scale."""
    scale = sites_module._scale
    monkeypatch.setattr(sites_module, "_scale", lambda state, index: scale(state, index) / 1.5)
    return machine


def pulled_to_zero(monkeypatch, machine):
    """An iterative draw of nine tenths of the information."""
    assemble = iterative_module.assemble

    def less(plan, rows):
        system = assemble(plan, rows)
        return pt.concatenate([system[: -plan.size], 0.9 * system[-plan.size :]])

    monkeypatch.setattr(iterative_module, "assemble", less)
    return machine


TWINS = {
    "wrong steepness": ("lasso", "sites", wrong_steepness),
    "pulled to zero": ("lasso", "iterative", pulled_to_zero),
    "wrong Polya-Gamma": ("logit", "gibbs", wrong_polya_gamma),
    "untilted stable": ("bridge", "plain", untilted),
    "wrong order": ("skewed", "plain", latents_of(VarianceGamma, order=lambda order: 1.0 - order)),
    "not truncated": (
        "probit",
        "gibbs",
        latents_of(NormalInterval, lower=lambda bound: bound - 5.0),
    ),
    "wrong point-mass flips": ("point_mass", "plain", wrong_flips),
    "half a rejection": ("logit", "metropolis", no_rejection),
    "block left behind": ("logit", "metropolis", block_left_behind),
    "wrong latent scale": ("lasso", "plain", wrong_latent_scale),
    "no Jacobian": ("robust", "plain", no_jacobian),
    "no Jacobian without the block": ("wide", "collapsed", no_jacobian),
    "no Jacobian in a vector": ("deviations", "plain", no_rowwise_jacobian),
    "no ratio": ("schools", "interweave", no_ratio),
    "stale latents": ("jumps", "plain", stale_latents),
    "stale block": ("schools", "collapsed", stale_block),
    "stale block with latents": ("lasso", "collapsed", stale_block),
    "absolute latents": ("lasso", "collapsed", latents_that_do_not_rescale),
    "one shared draw": ("variances", "plain", one_shared_draw),
    "unknowns not taken away": ("shared_scale", "collapsed", unknowns_not_taken_away),
    "wrong flips": ("selection", "collapsed", wrong_flips),
    "wrong odds": ("selection", "plain", wrong_odds),
    "unordered latents": ("laplace_by_hand", "plain", unordered_latents),
    "effects for standardised effects": ("horseshoe", "plain", effects_for_standardised_effects),
}


def machine_given_data(model, strategy):
    """The machine of all variables but y, with y as an input of the sweep.

    A strategy says how scales move or, for smooth likelihoods, how the block does.
    """
    names = [rv.name for rv in model.free_RVs if rv.name != "y"]
    machine = explain(model, vars=names)
    assert [guest.rv_name for guest in machine.guests] == ["y"]
    if strategy in SOLVERS:
        return with_choices(machine, "plain", "gibbs", SOLVERS[strategy])
    if strategy == "sites":
        return with_choices(machine, scales="plain", block="sites")
    if strategy in ("gibbs", "metropolis"):
        return with_scales(with_block(machine, strategy), "collapsed")
    return with_scales(machine, strategy)


@cache
def joint_draws(case, seed):
    """Draws of a model's variables by name, on the scale of its value variables."""
    model = built(case)
    rvs = list(model.free_RVs)
    drawn = pm.draw(rvs, REPLICATES, random_seed=seed, mode="FAST_COMPILE")
    values = {}
    for rv, value in zip(rvs, drawn, strict=True):
        name = model.rvs_to_values[rv].name
        if name.endswith("_log__"):
            value = np.log(value)
        elif name.endswith("_logodds__"):
            value = np.log(value / (1 - value))
        elif name.endswith("_cholesky-cov-packed__"):
            value = value.copy()
            value[:, [0, 2]] = np.log(value[:, [0, 2]])
        values[name] = np.asarray(value)
    return values


def after_sweeps(machine, states, data, rng):
    """Each replicate after a few sweeps given its own data."""
    sweep = build_sweep(machine)
    compiled = compile_sweep(sweep)
    position = machine.plan.position
    out = [np.empty_like(state) for state in states]
    for i in range(REPLICATES):
        state = [np.array(part[i]) for part in states]
        block = np.empty_like(state[0])
        block[position] = state[0]
        state[0] = block
        for _ in range(SWEEPS):
            _, *state = compiled.function(rng, *state, data[i], *compiled.constants)
            state = [np.array(part) for part in state]
        state[0] = state[0][position]
        for part, value in zip(out, state, strict=True):
            part[i] = value
    return out


def statistics(states, data):
    """Functions of parameters and data whose laws are compared."""
    block, *others = (state.reshape(REPLICATES, -1).astype(float) for state in states)
    data = data.reshape(REPLICATES, -1)
    squares = np.log(np.square(block).sum(axis=1))
    steps = np.log(np.square(np.diff(block, axis=1)).sum(axis=1))
    # Of discrete data all may be zero.
    of_data = np.log1p(np.square(data).sum(axis=1))
    found = [block[:, 0], block[:, -1], squares, steps, (block[:, -1:] * data).mean(axis=1)]
    for other in others:
        first, last = other[:, 0], other[:, -1]
        found += [first, last, last - first] if other.shape[1] > 1 else [first]
        found += [other.sum(axis=1) * of_data, first - 0.5 * steps, first - 0.5 * squares]
        found += [last * np.log(np.abs(block[:, -1])), first * np.log(np.abs(block[:, 0]))]
        if other.shape[1] > 1:
            # Entries may belong to unknowns of another order.
            found += [last * np.log(np.abs(block[:, 0])), first * np.log(np.abs(block[:, -1]))]
    found += [one[:, 0] * two[:, -1] for one, two in pairwise(others)]
    return found


def built(case):
    """The model of a name."""
    with pm.Model() as model:
        MODELS[case]()
    return model


def smallest_p_value(case, machine):
    """Of all statistics, times their number."""

    def draw(seed):
        values = joint_draws(case, seed)
        block = [values[place.name].reshape(REPLICATES, -1) for place in machine.block]
        others = [values[updated.name] for updated in machine.updated]
        return [np.concatenate(block, axis=1), *others], values["y"]

    states, data = draw(seed=101)
    found = statistics(after_sweeps(machine, states, data, np.random.default_rng(102)), data)
    expected = statistics(*draw(seed=103))
    p_values = [kstest(a, b, method="asymp").pvalue for a, b in zip(found, expected, strict=True)]
    return min(p_values) * len(p_values)


STRATEGIES = ("auto", "collapsed", "interweave", "plain")
BLOCK_MOVES = ("gibbs", "metropolis")
BOUND = FALSE_ALARM / (len(STRATEGIES) * len(MODELS))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.parametrize("case", MODELS)
def test_joint_distribution(case):
    """Every strategy keeps the joint law; equal machines are tested once."""
    model = built(case)
    tested = []
    block_moves = BLOCK_MOVES if case in SMOOTH else DRAWS.get(case, ())
    for strategy in (*STRATEGIES, *block_moves):
        machine = machine_given_data(model, strategy)
        moves = [(hyper.collapsed, hyper.interweaving) for hyper in machine.hyperparameters]
        shown = [(collapsed, not collapsed and along is not None) for collapsed, along in moves]
        plan = machine.plan
        shown = (machine.reference is None, machine.scans, plan.structure, plan.solution, shown)
        if shown not in tested:
            tested.append(shown)
            assert smallest_p_value(case, machine) > BOUND, strategy


@pytest.mark.slow
@pytest.mark.parametrize("twin", TWINS)
def test_broken_twin_is_rejected(twin, monkeypatch):
    """Each of the mistakes that a sweep could contain is noticed, by the same bound."""
    case, strategy, break_it = TWINS[twin]
    model = built(case)
    machine = break_it(monkeypatch, machine_given_data(model, strategy))
    assert smallest_p_value(case, machine) < BOUND
