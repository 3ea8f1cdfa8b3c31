"""Probabilities of the components of mixture priors, against numpy and the draws."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from scipy.stats import norm

import pymc_glm

from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling.mixtures import mixture_probabilities

SEED = 20312
RNG = np.random.default_rng(SEED)
X = RNG.normal(size=(30, 4))
Y = X @ [2.0, 0.0, 0.1, -1.0] + RNG.normal(size=30)
SPIKE = 0.1


def spike_and_slab(**options):
    with pm.Model(coords={"predictor": list("abcd")}, **options) as model:
        weight = pm.Beta("weight", 1, 1)
        slab = pm.HalfNormal("slab", 2)
        beta = pm.NormalMixture(
            "beta",
            w=pm.math.stack([1 - weight, weight]),
            mu=0.0,
            sigma=pm.math.stack([SPIKE, slab]),
            dims="predictor",
        )
        pm.Normal("y", X @ beta, 1.0, observed=Y)
    return model


def direct(x, weights, means, scales):
    """Components along the last axis."""
    density = weights * norm.pdf(x[..., None], means, scales)
    return density / density.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def tree():
    return pymc_glm.sample(
        200, chains=2, model=spike_and_slab(), random_seed=SEED, progressbar=False
    )


def test_probabilities_equal_those_of_the_draws(tree):
    posterior = tree["posterior"]
    weight, slab = posterior["weight"].values, posterior["slab"].values
    expected = direct(
        posterior["beta"].values,
        np.stack([1 - weight, weight], axis=-1)[:, :, None],
        0.0,
        np.stack([np.full_like(slab, SPIKE), slab], axis=-1)[:, :, None],
    )
    found = tree["mixture_probabilities"]["beta"]
    np.testing.assert_allclose(found.values, expected.mean(axis=1), rtol=1e-9, atol=1e-12)
    # The twin that averages over coefficients instead of draws is far off.
    assert not np.allclose(found.values, expected.mean(axis=2)[:, :4], atol=0.05)


def test_dims_and_coords(tree):
    found = tree["mixture_probabilities"]["beta"]
    assert found.dims == ("chain", "predictor", "component")
    assert found["predictor"].values.tolist() == list("abcd")
    np.testing.assert_allclose(found.sum("component"), 1.0)
    assert float(found.sel(predictor="a").isel(component=1).mean()) > 0.99


def probabilities(model, seed=SEED, var_names=None):
    """Probabilities at made-up draws of the value variables, and those draws."""
    recognition = recognize(model)
    rng = np.random.default_rng(seed)
    values = {
        variable.value.name: rng.normal(size=(2, 7, *variable.shape))
        for variable in recognition.view.variables
    }
    return mixture_probabilities(model, recognition, values, var_names), values


def test_no_mixture_no_group():
    with pm.Model() as model:
        pm.Normal("y", pm.Laplace("beta", 0, 1, shape=3), 1.0, observed=Y[:3])
    assert probabilities(model)[0] is None


def test_var_names_leave_it_out():
    assert probabilities(spike_and_slab(), var_names=["slab"])[0] is None
    assert probabilities(spike_and_slab(), var_names=["beta"])[0] is not None


def test_each_entry_has_its_own_components():
    weights = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    means, scales = np.array([-1.0, 0.0, 1.0]), np.array([0.5, 1.0, 2.0])
    with pm.Model() as model:
        beta = pm.NormalMixture("beta", w=weights, mu=means, sigma=scales, shape=2)
        pm.Normal("y", beta, 1.0, observed=Y[:2])
    found, values = probabilities(model)
    expected = direct(values["beta"], weights, means, scales).mean(axis=1)
    assert found["beta"].dims == ("chain", "beta_dim_0", "component")
    np.testing.assert_allclose(found["beta"].values, expected, rtol=1e-10)


def test_reversed_entries_of_an_expert_term():
    """The response of entry 2 comes first; the sign and the offset count."""
    mixture = pm.NormalMixture.dist(w=[0.4, 0.6], mu=[0.5, -0.5], sigma=[0.3, 1.0])
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1, shape=3)
        pymc_glm.expert("jumps", mixture, 1.0 - x[::-1])
    found, values = probabilities(model)
    expected = direct(1.0 - values["x"], [0.4, 0.6], [0.5, -0.5], [0.3, 1.0]).mean(axis=1)
    np.testing.assert_allclose(found["jumps"].values, expected, rtol=1e-10)


def test_a_response_of_two_entries_is_no_prior():
    mixture = pm.NormalMixture.dist(w=[0.4, 0.6], mu=[0.0, 0.0], sigma=[0.3, 1.0])
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1, shape=3)
        pymc_glm.expert("jumps", mixture, x[1:] - x[:-1])
    assert probabilities(model)[0] is None


def test_different_numbers_of_components_have_different_dims():
    with pm.Model() as model:
        a = pm.NormalMixture("a", w=[0.5, 0.5], mu=[0.0, 0.0], sigma=[0.1, 1.0], shape=2)
        b = pm.NormalMixture("b", w=[0.2, 0.3, 0.5], mu=[0, 0, 0], sigma=[0.1, 1.0, 2.0], shape=2)
        pm.Normal("y", a + b, 1.0, observed=Y[:2])
    found, _ = probabilities(model)
    assert found["a"].dims[-1] == "a_component"
    assert found["b"].sizes["b_component"] == 3


def test_coords_of_the_user_label_the_components():
    with pm.Model(coords={"component": ["spike", "slab"]}) as model:
        beta = pm.NormalMixture("beta", w=[0.5, 0.5], mu=[0.0, 0.0], sigma=[0.1, 1.0], shape=2)
        pm.Normal("y", beta, 1.0, observed=Y[:2])
    found, _ = probabilities(model)
    assert found["component"].values.tolist() == ["spike", "slab"]


def test_indicators_are_variables_whose_mean_is_the_probability():
    with pm.Model() as model:
        inside = pm.Bernoulli("inside", 0.5, shape=4)
        beta = pm.Normal("beta", 0, pm.math.switch(inside, 2.0, SPIKE), shape=4)
        pm.Normal("y", X @ beta, 1.0, observed=Y)
    tree = pymc_glm.sample(500, chains=2, model=model, random_seed=SEED, progressbar=False)
    assert "mixture_probabilities" not in tree.children
    share = tree["posterior"]["inside"].mean(("chain", "draw"))
    assert share[0] > 0.99 and share[3] > 0.99
    assert share[1] < 0.5
