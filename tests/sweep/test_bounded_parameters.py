"""Parameters that a family allows only up to a bound, under priors that allow more."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

import pymc_glm

RNG = np.random.default_rng(20264)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + 0.5 * RNG.normal(size=40)


def bridge():
    """The prior of the exponent goes beyond two, where there is no mixture and no density."""
    alpha = pm.HalfNormal("bounded", 1.5)
    beta = pymc_glm.ExponentialPower("beta", 0, alpha=alpha, scale=0.5, shape=3)
    pm.Normal("y", X @ beta, 0.5, observed=Y)


def bridges():
    """The same with an exponent for each coefficient."""
    alpha = pm.HalfNormal("bounded", 1.5, shape=3)
    beta = pymc_glm.ExponentialPower("beta", 0, alpha=alpha, scale=0.5)
    pm.Normal("y", X @ beta, 0.5, observed=Y)


@pytest.mark.parametrize("build", [bridge, bridges])
def test_draws_stay_within_the_bound(build):
    with pm.Model() as model:
        build()
    tree = pymc_glm.sample(
        draws=1500,
        tune=200,
        chains=2,
        random_seed=4,
        model=model,
        progressbar=False,
        compute_convergence_checks=False,
    )
    draws = tree["posterior"]["bounded"].to_numpy()
    assert 1.8 < draws.max() <= 2.0
    assert draws.min() < 0.7
