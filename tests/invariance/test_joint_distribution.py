"""Sweeps leave the joint law of parameters and data invariant; broken twins of them do not.

Parameters and data are drawn from the model, then a few sweeps are made given the data. Whatever
the model, the parameters must have the law that they had before.

Geweke (2004), doi:10.1198/016214504000001132; Gandy and Scott (2020), arXiv:2001.06465.
"""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import kstest

import pymc_glm.sweep.build as build_module
import pymc_glm.sweep.interweave as interweave_module

from pymc_glm import explain
from pymc_glm.families import Laplace
from pymc_glm.machine import Guest
from pymc_glm.sweep import build_sweep, compile_sweep
from pymc_glm.sweep.hyperparameters import update_hyperparameter

REPLICATES = 8000
SWEEPS = 4
FALSE_ALARM = 1e-4

X = np.random.default_rng(7).normal(size=(8, 3))


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


def no_ratio(monkeypatch, machine):
    """Scale and block moved together without a look at the other factors."""
    monkeypatch.setattr(interweave_module, "_density_along", lambda *_: pt.constant(0.0))
    return machine


def stale_latents(monkeypatch, machine):
    """Scales updated, without the latents, between the draws of latents and of the block."""
    draw_gaussian, draw_block = build_module.draw_gaussian, build_module._draw_block
    states = []

    def draw_block_remembering(state, machine):
        states.append(state)
        draw_block(state, machine)

    def draw_gaussian_later(rng, plan, rows):
        [state] = states
        state.rng = rng
        for hyper in machine.hyperparameters:
            update_hyperparameter(state, hyper)
        return draw_gaussian(state.rng, plan, rows)

    monkeypatch.setattr(build_module, "_draw_block", draw_block_remembering)
    monkeypatch.setattr(build_module, "draw_gaussian", draw_gaussian_later)
    monkeypatch.setattr(build_module, "update_hyperparameter", lambda state, hyper: None)
    monkeypatch.setattr(build_module, "interweave", lambda state, hyper: None)
    return machine


def machine_given_data(model):
    """The machine of all variables but y, with y as an input of the sweep."""
    names = [rv.name for rv in model.free_RVs if rv.name != "y"]
    machine = explain(model, vars=names)
    [data] = [hyper for hyper in machine.hyperparameters if hyper.rv_name == "y"]
    guest = Guest(data.name, data.rv_name, data.value, "it is the data")
    kept = [hyper for hyper in machine.hyperparameters if hyper is not data]
    return machine._replace(hyperparameters=kept, guests=[guest])


def joint_draws(model, names, seed):
    """Draws of the model's variables, on the scale of its value variables."""
    rvs = [rv for rv in model.free_RVs]
    drawn = pm.draw(rvs, REPLICATES, random_seed=seed, mode="FAST_COMPILE")
    values = {}
    for rv, value in zip(rvs, drawn, strict=True):
        name = model.rvs_to_values[rv].name
        values[name] = np.log(value) if name.endswith("_log__") else value
    return [np.asarray(values[name], dtype=float) for name in names]


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
    block, *hypers = states
    n = data.shape[1]
    return [
        *hypers,
        block[:, 0],
        block[:, -1],
        np.log(np.square(block).sum(axis=1)),
        np.square(np.diff(block, axis=1)).sum(axis=1),
        (block[:, -1:] * data).sum(axis=1) / n,
        *(hyper * np.log(np.square(data).sum(axis=1)) for hyper in hypers),
        *(hyper - 0.5 * np.log(np.square(np.diff(block, axis=1)).sum(axis=1)) for hyper in hypers),
    ]


CASES = {
    "lasso": (lasso, wrong_latent_scale),
    "robust": (robust, no_jacobian),
    "schools": (schools, no_ratio),
    "jumps": (jumps, stale_latents),
}


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True], ids=["exact", "broken"])
@pytest.mark.parametrize("case", CASES)
def test_joint_distribution(case, broken, monkeypatch):
    """The exact sweep passes and its twin fails, by the same bound."""
    build, break_it = CASES[case]
    with pm.Model() as model:
        build()
    machine = machine_given_data(model)
    names = [hyper.name for hyper in machine.hyperparameters]
    blocks = [variable.name for variable in machine.block]

    def draw(seed):
        drawn = joint_draws(model, [*blocks, *names, "y"], seed)
        parts = [part.reshape(REPLICATES, -1) for part in drawn[: len(blocks)]]
        return [np.concatenate(parts, axis=1), *drawn[len(blocks) : -1]], drawn[-1]

    if broken:
        machine = break_it(monkeypatch, machine)
    states, data = draw(seed=101)
    found = statistics(after_sweeps(machine, states, data, np.random.default_rng(102)), data)
    expected = statistics(*draw(seed=103))
    p_values = [kstest(a, b).pvalue for a, b in zip(found, expected, strict=True)]
    bound = FALSE_ALARM / (len(CASES) * len(p_values))
    assert (min(p_values) < bound) == broken, p_values
