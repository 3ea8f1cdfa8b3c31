"""Indicators in a map: coefficients that are exactly zero, against an enumeration of all models."""

from __future__ import annotations

from itertools import product

import numpy as np
import pymc as pm
import pytest

import pymc_glm

RNG = np.random.default_rng(20262)
N, P = 30, 4
X = RNG.normal(size=(N, P))
X[:, 1] += 0.8 * X[:, 0]
Y = 0.6 * X[:, 0] + 0.25 * X[:, 2] + RNG.normal(size=N)
INCLUSION, SLAB = 0.35, 1.5
DRAWS = 4000


def inclusion_probabilities():
    """Exact posterior means of the indicators under a normal slab."""
    models = np.array(list(product([0, 1], repeat=P)))
    scores = []
    for model in models:
        covariance = np.eye(N) + SLAB**2 * (X * model) @ X.T
        _, log_determinant = np.linalg.slogdet(covariance)
        score = -0.5 * log_determinant - 0.5 * Y @ np.linalg.solve(covariance, Y)
        size = model.sum()
        scores.append(score + size * np.log(INCLUSION) + (P - size) * np.log(1 - INCLUSION))
    weight = np.exp(np.array(scores) - max(scores))
    return weight @ models / weight.sum()


def selection(slab):
    """A regression with a point mass at zero for each coefficient."""
    with pm.Model() as model:
        included = pm.Bernoulli("included", INCLUSION, shape=P)
        pm.Normal("y", X @ (included * slab()), 1.0, observed=Y)
    return model


def normal_slab():
    return pm.Normal("size", 0, SLAB, shape=P)


def laplace_slab():
    return pm.Laplace("size", 0, SLAB / np.sqrt(2), shape=P)


def sampled(model):
    """Indicators of two chains."""
    tree = pymc_glm.sample(
        draws=DRAWS,
        tune=200,
        chains=2,
        random_seed=3,
        model=model,
        progressbar=False,
        compute_convergence_checks=False,
    )
    return tree["posterior"]["included"].to_numpy().reshape(-1, P)


def test_inclusion_probabilities_of_a_normal_slab():
    draws = sampled(selection(normal_slab))
    expected = inclusion_probabilities()
    # Flips are nearly independent draws: a quarter of them as effective ones is on the safe side.
    error = np.sqrt(expected * (1 - expected) / (len(draws) / 4))
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 4.5 * error)


def test_a_laplace_slab_includes_about_the_same():
    """Its law is another one: the probabilities differ, but by little."""
    draws = sampled(selection(laplace_slab))
    expected = inclusion_probabilities()
    assert np.all(np.abs(draws.mean(axis=0) - expected) < 0.12)


@pytest.mark.parametrize("scales", ["auto", "plain", "interweave", "collapsed"])
def test_indicators_are_always_flipped_without_the_block(scales):
    machine = pymc_glm.explain(selection(normal_slab), scales=scales)
    [hyper] = machine.hyperparameters
    assert hyper.update == "flips without the block"
