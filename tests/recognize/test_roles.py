"""How each hyperparameter is updated: which exact draw, and whether it moves with the block."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from spellings_linear import COUNTY, X, Y, beta

from pymc_glm import explain
from pymc_glm.machine import CentredDirection, InverseDirection, with_scales

GIG = "generalized inverse Gaussian"
TRANSFORMS = pm.distributions.transforms


def hyperparameters(build, scales="interweave"):
    """Hyperparameters of a model, by name."""
    with pm.Model() as model:
        build()
    machine = with_scales(explain(model), scales)
    assert not machine.guests
    return {hyper.rv_name: hyper for hyper in machine.hyperparameters}


def normal(scale):
    """A normal likelihood of given scale."""
    return lambda: pm.Normal("y", X @ beta(), scale(), observed=Y)


def laplace(scale):
    """A Laplace likelihood of given scale."""
    return lambda: pm.Laplace("y", X @ beta(), scale(), observed=Y)


CONJUGATE = {
    "half-normal sd": (normal(lambda: pm.HalfNormal("s", 2)), GIG, 2),
    "half-Cauchy sd": (normal(lambda: pm.HalfCauchy("s", 2)), "half-t", 2),
    "half-Student sd": (normal(lambda: pm.HalfStudentT("s", 3, 2)), "half-t", 2),
    "uniform sd": (normal(lambda: pm.Uniform("s", 0.1, 9)), "truncated gamma", 2),
    "flat sd": (normal(lambda: pm.HalfFlat("s")), "gamma", 2),
    "flat log sd": (normal(lambda: pt.exp(pm.Flat("s"))), "gamma", 2),
    "flat log variance": (normal(lambda: pt.exp(pm.Flat("s") / 2)), "gamma", 1),
    "inverse-gamma variance": (normal(lambda: pt.sqrt(pm.InverseGamma("s", 3, 2))), "gamma", 1),
    "gamma variance": (normal(lambda: pt.sqrt(pm.Gamma("s", 3, 2))), GIG, 1),
    "exponential variance": (normal(lambda: pt.sqrt(pm.Exponential("s", 3))), GIG, 1),
    "uniform variance": (normal(lambda: pt.sqrt(pm.Uniform("s", 0, 9))), "truncated gamma", 1),
    "gamma precision": (normal(lambda: 1 / pt.sqrt(pm.Gamma("s", 3, 2))), "gamma", -1),
    "exponential precision": (normal(lambda: pm.Exponential("s", 2) ** -0.5), "gamma", -1),
    "scaled": (normal(lambda: 3 * pm.HalfNormal("s", 2)), GIG, 2),
    "scaled by row": (normal(lambda: np.arange(1, 8) * pm.HalfCauchy("s", 2)), "half-t", 2),
    "inverse-gamma Laplace scale": (laplace(lambda: pm.InverseGamma("s", 3, 2)), "gamma", 1),
    "gamma Laplace scale": (laplace(lambda: pm.Gamma("s", 3, 2)), GIG, 1),
    "exponential Laplace scale": (laplace(lambda: pm.Exponential("s", 2)), GIG, 1),
    "uniform Laplace scale": (laplace(lambda: pm.Uniform("s", 0, 9)), "truncated gamma", 1),
    "flat Laplace scale": (laplace(lambda: pm.HalfFlat("s")), "gamma", 1),
    "gamma Laplace rate": (laplace(lambda: 1 / pm.Gamma("s", 3, 2)), "gamma", -1),
    "square of a half-normal": (laplace(lambda: pm.HalfNormal("s", 2) ** 2), GIG, 2),
}


@pytest.mark.parametrize("case", CONJUGATE)
def test_exact_draw(case):
    """The conditional is recognised, with its exponent."""
    build, kind, exponent = CONJUGATE[case]
    hyper = hyperparameters(build)["s"]
    assert (hyper.conjugate.kind, hyper.conjugate.exponent) == (kind, exponent)
    assert hyper.interweaving is None
    assert hyper.update == kind


def student():
    """Degrees of freedom known, scale unknown."""
    pm.StudentT("y", 4, X @ beta(), sigma=pm.HalfNormal("s", 2), observed=Y)


def centred_and_not():
    """One variable is the scale of a prior and of a mean."""
    s = pm.HalfNormal("s", 2)
    pm.Normal("y", X @ pm.Normal("b", 0, s, shape=3) + s, 1.0, observed=Y)


def prior_of_a_prior():
    """A scale whose own prior has an unknown scale."""
    pm.Normal("y", X @ beta(), pm.HalfNormal("other", pm.HalfNormal("s", 1)), observed=Y)


def two_factors_of_different_families():
    """A scale shared by a normal and a Laplace term."""
    s = pm.HalfNormal("s", 2)
    b = pm.Laplace("b", 0, s, shape=3)
    pm.Normal("y", X @ b, s, observed=Y)


SLICE = {
    "half-normal Laplace scale": laplace(lambda: pm.HalfNormal("s", 2)),
    "half-Cauchy variance": normal(lambda: pt.sqrt(pm.HalfCauchy("s", 2))),
    "log-normal": normal(lambda: pm.LogNormal("s")),
    "normal log sd": normal(lambda: pt.exp(pm.Normal("s"))),
    "sum": normal(lambda: pm.HalfNormal("s", 2) + 0.1),
    "Student-t likelihood": student,
    "scale and mean": centred_and_not,
    "prior of a prior": prior_of_a_prior,
    "two families": two_factors_of_different_families,
    "dependent vector": normal(lambda: pt.cumsum(pm.HalfNormal("s", 2, shape=3))[COUNTY]),
    "another transform": normal(
        lambda: pm.HalfNormal("s", 2, default_transform=TRANSFORMS.log_exp_m1)
    ),
    "no transform": normal(lambda: pm.HalfNormal("s", 2, default_transform=None)),
    "another interval": normal(
        lambda: pm.Uniform("s", 0, 2, default_transform=TRANSFORMS.Interval(0, 3))
    ),
    "transforms one after the other": normal(
        lambda: pm.Uniform("s", 0, 2, transform=TRANSFORMS.Interval(-30, 30))
    ),
}


@pytest.mark.parametrize("case", SLICE)
def test_slice_elsewhere(case):
    """Where no exact draw is known, or the value variable is not the usual one."""
    hyper = hyperparameters(SLICE[case])["s"]
    assert hyper.conjugate is None
    assert hyper.update.startswith("slice")


def test_exact_draw_of_an_inner_scale():
    """A prior whose own parameter is unknown still has an exact draw."""
    assert hyperparameters(prior_of_a_prior)["other"].conjugate.kind == GIG


def observe(mean):
    """A likelihood without unknown scale."""
    pm.Normal("y", mean, 0.7, observed=Y)


def tau():
    """The scale."""
    return pm.HalfNormal("tau", 1)


def two_scaled_variables(power=1):
    """Two priors scaled by one variable, the second by a power of it."""
    s = tau()
    observe(pm.Normal("u", 0, s, shape=7) + pm.Normal("v", 1, s**power, shape=7))


def total_variation(n=7):
    """Differences of a path without a direction of its own."""
    x = pm.Flat("x", shape=n)
    pm.Normal("y", x, 0.7, observed=np.arange(n))
    pm.Potential("jumps", pm.logp(pm.Laplace.dist(0, tau()), pt.diff(x)))


def smooth_image():
    """Differences along both axes of an image: cycles."""
    x = pm.Flat("x", shape=(3, 4))
    pm.Normal("y", x, 0.7, observed=np.outer(Y[:3], Y[:4]))
    s = tau()
    pm.Potential("rows", pm.logp(pm.Laplace.dist(0, s), pt.diff(x, axis=0)))
    pm.Potential("columns", pm.logp(pm.Laplace.dist(0, s), pt.diff(x, axis=1)))


def random_walk():
    """A random walk with a fixed start."""
    observe(pm.GaussianRandomWalk("x", sigma=tau(), init_dist=pm.Normal.dist(0, 9), shape=7))


INTERWEAVED = {
    "prior": (lambda: observe(X @ pm.Normal("b", 0, tau(), shape=3)), "inverse"),
    "Laplace prior": (lambda: observe(X @ pm.Laplace("b", 0, tau(), shape=3)), "inverse"),
    "Student-t prior": (
        lambda: observe(X @ pm.StudentT("b", 3, sigma=tau(), shape=3)),
        "inverse",
    ),
    "hierarchical mean": (
        lambda: observe(pm.Normal("t", pm.Normal("mu", 0, 5), tau(), shape=7)),
        "inverse",
    ),
    "two variables": (two_scaled_variables, "inverse"),
    "zero-sum": (lambda: observe(pm.ZeroSumNormal("a", sigma=tau(), shape=7)), "inverse"),
    "covariance": (
        lambda: observe(pm.MvNormal("f", np.ones(7), tau() ** 2 * (np.eye(7) + 0.5))),
        None,
    ),
    "random walk": (random_walk, "inverse"),
    "total variation": (total_variation, "inverse"),
    "long total variation": (lambda: total_variation(400), "centre"),
    "cycles": (smooth_image, None),
    "two powers": (lambda: two_scaled_variables(power=2), None),
    "likelihood": (lambda: pm.Normal("y", X @ beta(), tau(), observed=Y), None),
}


@pytest.mark.parametrize("case", INTERWEAVED)
def test_interweaving(case):
    """A scale of a prior moves with the block; the direction is exact: K d = t."""
    build, kind = INTERWEAVED[case]
    with pm.Model() as model:
        build()
    machine = with_scales(explain(model), "interweave")
    hyper = {hyper.rv_name: hyper for hyper in machine.hyperparameters}["tau"]
    found = hyper.interweaving
    kinds = {InverseDirection: "inverse", CentredDirection: "centre", type(None): None}
    assert kinds[type(found)] == kind
    if found is None:
        assert "interweaved" not in hyper.update
        return
    assert hyper.update.endswith(", interweaved")
    x = np.random.default_rng(23).normal(size=machine.size)
    scaled = [machine.factors[index] for index in found.factors]
    t = np.concatenate([f.linear_map.matrix() @ x + f.offset for f in scaled])
    if kind == "inverse":
        direction = found.inverse @ t
    else:
        direction = x - x.mean()
        assert np.all(found.component == 0)
    moved = np.concatenate([f.linear_map.matrix() @ direction for f in scaled])
    np.testing.assert_allclose(moved, t, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_scale_of_one_entry(shape):
    """A scale of one entry with axes is drawn like a scalar."""
    hyper = hyperparameters(normal(lambda: pm.HalfNormal("s", 2, shape=shape).flatten()))["s"]
    assert hyper.conjugate.kind == GIG
    assert hyper.shape == shape


def test_vector_of_scales():
    """Scales of groups are drawn exactly, each from its own rows, as one variable."""
    hyper = hyperparameters(normal(lambda: pm.HalfNormal("s", 2, shape=3)[COUNTY]))["s"]
    assert hyper.update == f"{GIG}, entries independent"
    np.testing.assert_array_equal(hyper.conjugate.total_power, np.bincount(COUNTY))
    np.testing.assert_array_equal(hyper.scales[0].entries, COUNTY)


def test_vector_of_dependent_scales():
    """A vector of scales that share rows is updated entry by entry, as one variable."""
    hyper = hyperparameters(SLICE["dependent vector"])["s"]
    assert (hyper.update, hyper.size, hyper.rowwise) == ("slice", 3, None)


def lasso():
    """A Laplace prior and a normal likelihood, a scale for each."""
    pm.Normal("y", X @ pm.Laplace("b", 0, tau(), shape=3), pm.HalfNormal("s", 2), observed=Y)


STRATEGIES = {
    "plain": {"tau": "slice", "s": GIG},
    "interweave": {"tau": "slice, interweaved", "s": GIG},
    "collapsed": {
        "tau": "slice without the block, slice given it",
        "s": f"slice without the block, {GIG} given it",
    },
}


@pytest.mark.parametrize("scales", STRATEGIES)
def test_strategy_in_words(scales):
    """What each strategy does with a scale of a prior and with one of noise."""
    found = hyperparameters(lasso, scales)
    assert {name: hyper.update for name, hyper in found.items()} == STRATEGIES[scales]
    assert all(hyper.collapsible for hyper in found.values())


def test_explain_shows_the_default_strategy():
    """The machine that is explained is the one that `sample` uses."""
    with pm.Model() as model:
        lasso()
    machine = explain(model)
    assert machine.hyperparameters == with_scales(machine, "auto").hyperparameters


def shared_scale():
    """Conjugate: the scale of all factors."""
    s = pm.HalfNormal("s", 1)
    pm.Normal("y", X @ pm.Normal("b", 0, 3 * s, shape=3), s, observed=Y)


def shared_with_latents():
    """Given its latents a Laplace factor scales like a normal one."""
    s = pm.HalfCauchy("s", 1)
    pm.Normal("y", X @ pm.Laplace("b", 0, 2 * s, shape=3), s, observed=Y)


def shared_by_two_blocks():
    """One scale of three factors, one of which does not involve the first block."""
    s = pm.HalfNormal("s", 1)
    product = pm.Normal("f", 0, s, shape=(12, 1)) @ pm.Normal("l", 0, s, shape=(1, 10))
    pm.Normal("y", product, s, observed=np.ones((12, 10)))


JOINT = {
    "two normal factors": (shared_scale, (GIG, 7)),
    "one with latents": (shared_with_latents, ("half-t", 7)),
    "noise alone": (normal(lambda: pm.HalfNormal("s", 2)), None),
    "two blocks": (shared_by_two_blocks, None),
}


@pytest.mark.parametrize("case", JOINT)
def test_joint_form(case):
    """A scale of every factor is drawn exactly without the block: n responses fewer."""
    build, expected = JOINT[case]
    joint = hyperparameters(build)["s"].joint
    assert (joint and (joint.kind, joint.total_power.item())) == expected


NOT_COLLAPSIBLE = {
    "degrees of freedom": lambda: pm.StudentT(
        "y", pm.Gamma("s", 2, 0.5), X @ beta(), sigma=0.5, observed=Y
    ),
    "prior of a prior": prior_of_a_prior,
    "many entries": normal(lambda: pt.cumsum(pm.HalfNormal("s", 1, shape=9))[:7]),
    "scales of single rows": normal(lambda: pm.HalfNormal("s", 1, shape=7)),
}


@pytest.mark.parametrize("case", NOT_COLLAPSIBLE)
def test_not_collapsible(case):
    """Latents that depend on the variable, or too many entries, or none that share rows."""
    hyper = hyperparameters(NOT_COLLAPSIBLE[case], "collapsed")["s"]
    assert not hyper.collapsible and not hyper.collapsed
    assert "without the block" not in hyper.update
