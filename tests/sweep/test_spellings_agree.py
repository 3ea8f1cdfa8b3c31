"""Spellings of one model give one machine, and the same draws from the same seed."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_glm

from pymc_glm import explain
from pymc_glm.machine import with_scales
from pymc_glm.recognize.evaluate import Evaluator

RNG = np.random.default_rng(91)
X = RNG.normal(size=(9, 3))
Y = RNG.normal(size=9)
SWEEPS = 4


def observe(effects):
    """Data of the effects, with noise of unknown scale."""
    pm.Normal("y", X @ effects, pm.HalfNormal("sigma", 1), observed=Y)


def named(effects):
    """Data of effects that have a name."""
    observe(pm.Deterministic("effects", effects))


def normal(scale):
    """Centred effects."""
    return pm.Normal("b", 0, scale, shape=3)


def tau():
    """The scale of all effects."""
    return pm.HalfNormal("tau", 1)


def v(law, *parameters):
    """A latent of each effect."""
    return law("v", *parameters, shape=3)


def standardised(scale, law=pm.Normal, **options):
    """Non-centred effects."""
    return scale * law("b", **options, shape=3)


SPELLINGS = {
    "normal": {
        "centred": lambda: named(normal(tau())),
        "non-centred": lambda: named(standardised(tau())),
        "precision": lambda: named(pm.Normal("b", 0, tau=tau() ** -2, shape=3)),
        "variance": lambda: named(normal(pt.sqrt(tau() ** 2))),
    },
    "Laplace": {
        "family": lambda: named(pm.Laplace("b", 0, tau(), shape=3)),
        "non-centred": lambda: named(standardised(tau(), pm.Laplace, mu=0, b=1)),
        "explicit": lambda: named(normal(tau() * pt.sqrt(v(pm.Exponential, 0.5)))),
        "explicit, non-centred": lambda: named(
            standardised(tau() * pt.sqrt(v(pm.Exponential, 0.5)))
        ),
        "explicit, precision": lambda: named(
            pm.Normal("b", 0, tau=1 / (tau() ** 2 * v(pm.Exponential, 0.5)), shape=3)
        ),
        "explicit, permuted": lambda: named(
            normal(tau() * pt.sqrt(v(pm.Exponential, 0.5)[np.array([1, 2, 0])]))
        ),
    },
    "Student-t": {
        "family": lambda: named(pm.StudentT("b", 5, sigma=tau(), shape=3)),
        "non-centred": lambda: named(standardised(tau(), pm.StudentT, nu=5, sigma=1)),
        "variance": lambda: named(normal(tau() * pt.sqrt(v(pm.InverseGamma, 2.5, 2.5)))),
        "precision": lambda: named(normal(tau() / pt.sqrt(v(pm.Gamma, 2.5, 2.5)))),
    },
    "horseshoe": {
        "centred": lambda: named(normal(tau() * v(pm.HalfCauchy, 1))),
        "non-centred": lambda: named(standardised(tau() * v(pm.HalfCauchy, 1))),
        "one after the other": lambda: named(standardised(tau()) * v(pm.HalfCauchy, 1)),
        "precision": lambda: named(
            pm.Normal("b", 0, tau=(tau() * v(pm.HalfCauchy, 1)) ** -2, shape=3)
        ),
        "inside": lambda: named(normal(pm.HalfCauchy("v", tau(), shape=3))),
    },
}


def chain(model, scales, one_sweep):
    """Effects, scales of effects and of noise, after each of a few sweeps from one state."""
    machine = with_scales(explain(model), scales)
    assert [hyper.rv_name for hyper in machine.hyperparameters] == ["tau", "sigma"]
    sweep, rng = one_sweep(machine), np.random.default_rng(92)
    others = [updated.value for updated in machine.updated]
    multiple = machine.block[0].multiple
    evaluate = Evaluator([pt.ones(3) if multiple is None else multiple], others)

    def multiples(state):
        point = {u.name: value for u, value in zip(machine.updated, state, strict=True)}
        return np.broadcast_to(evaluate(point)[0], (3,))

    effects = np.array([0.3, -0.5, 0.1])
    hypers = [np.array(-0.4), np.array(0.1), *(np.full(3, 0.2) for _ in machine.latents)]
    found = []
    for _ in range(SWEEPS):
        natural = effects / multiples(hypers)
        block, *hypers = sweep(rng, natural[np.argsort(machine.plan.position)], *hypers)
        effects = block[machine.plan.position] * multiples(hypers)
        found.append(np.concatenate([effects, np.ravel(hypers[0]), np.ravel(hypers[1])]))
    return np.array(found)


@pytest.mark.parametrize("scales", ["collapsed", "plain"])
@pytest.mark.parametrize("family", SPELLINGS)
def test_spellings_make_the_same_sweeps(family, scales, one_sweep):
    """The same random numbers give the same effects and scales, to rounding."""
    chains = {}
    for spelling, build in SPELLINGS[family].items():
        with pm.Model() as model:
            build()
        chains[spelling] = chain(model, scales, one_sweep)
    first, *others = chains
    for other in others:
        np.testing.assert_allclose(
            chains[other], chains[first], rtol=1e-6, err_msg=f"{other} against {first}"
        )


def test_sample_draws_the_same_from_both_parametrisations():
    """Whole compiled chains: starts, sweeps and what is stored."""
    draws = []
    for spelling in ("centred", "non-centred"):
        with pm.Model() as model:
            SPELLINGS["normal"][spelling]()
        tree = pymc_glm.sample(
            20,
            tune=0,
            chains=2,
            random_seed=93,
            model=model,
            progressbar=False,
            compute_convergence_checks=False,
        )
        draws.append([tree.posterior[name].values for name in ("effects", "tau", "sigma")])
    for one, other in zip(*draws, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
