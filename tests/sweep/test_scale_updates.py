"""Updates of hyperparameters against their conditionals, integrated numerically."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import binomtest, kstest, norm

import pymc_glm.sweep.hyperparameters as hyperparameters_module

from pymc_glm import explain
from pymc_glm.sweep.hyperparameters import update_hyperparameter

DRAWS = 700
FALSE_ALARM = 1e-4

DATA = np.random.default_rng(5)
X = DATA.normal(size=(6, 2))
Y = DATA.normal(size=6)
BLOCK = {"b": np.array([0.4, -0.8])}


def regression(family, scale):
    """A model of six rows whose scale is the only hyperparameter."""

    def build():
        b = pm.Normal("b", 0, 1, shape=2)
        family("y", X @ b, scale(), observed=Y)

    return build


def normal(scale):
    """A normal likelihood of given scale."""
    return regression(pm.Normal, scale)


def laplace(scale):
    """A Laplace likelihood of given scale."""
    return regression(pm.Laplace, scale)


def student():
    """A scale without a sufficient statistic."""
    pm.StudentT("y", 4, X @ pm.Normal("b", shape=2), sigma=pm.HalfNormal("s", 2), observed=Y)


def degrees_of_freedom():
    """A parameter that is no scale."""
    pm.StudentT("y", pm.Gamma("s", 2, 0.5), X @ pm.Normal("b", shape=2), sigma=0.5, observed=Y)


def scale_and_mean():
    """A variable in the map, the offset and the scale."""
    s = pm.HalfNormal("s", 2)
    b = pm.Normal("b", 0, s, shape=2)
    pm.Normal("y", s * (X @ b) + s, 1.0, observed=Y)


def two_families():
    """A scale shared by a Laplace prior and a normal likelihood."""
    s = pm.HalfNormal("s", 2)
    pm.Normal("y", X @ pm.Laplace("b", 0, s, shape=2), s, observed=Y)


def prior_of_a_prior():
    """A scale that enters only the prior of another."""
    inner = pm.HalfNormal("inner", pm.HalfNormal("s", 1))
    pm.Normal("y", X @ pm.Normal("b", shape=2), inner, observed=Y)


def with_correction():
    """A potential without its normaliser."""
    b = pm.Normal("b", shape=2)
    s = pm.Gamma("s", 2, 1)
    pm.Potential("p", -s * pt.abs(X @ b - Y).sum())


def shared():
    """One scale, with one power, of two factors."""
    s = pm.HalfCauchy("s", 2)
    pm.Normal("y", X @ pm.Normal("b", 0, 3 * s, shape=2), s, observed=Y)


CASES = {
    "half-normal": normal(lambda: pm.HalfNormal("s", 2)),
    "half-Cauchy": normal(lambda: pm.HalfCauchy("s", 2)),
    "half-Student": normal(lambda: pm.HalfStudentT("s", 3, 0.2)),
    "uniform": normal(lambda: pm.Uniform("s", 0, 9)),
    "uniform, cut": normal(lambda: pm.Uniform("s", 1.0, 1.3)),
    "uniform, far": normal(lambda: pm.Uniform("s", 8, 9)),
    "flat": normal(lambda: pm.HalfFlat("s")),
    "flat log": normal(lambda: pt.exp(pm.Flat("s"))),
    "flat log variance": normal(lambda: pt.exp(pm.Flat("s") / 2)),
    "inverse-gamma variance": normal(lambda: pt.sqrt(pm.InverseGamma("s", 3, 2))),
    "gamma variance": normal(lambda: pt.sqrt(pm.Gamma("s", 3, 2))),
    "gamma precision": normal(lambda: 1 / pt.sqrt(pm.Gamma("s", 3, 2))),
    "exponential precision": normal(lambda: pm.Exponential("s", 2) ** -0.5),
    "scaled rows": normal(lambda: np.arange(1, 7) * pm.HalfNormal("s", 2)),
    "inverse-gamma Laplace": laplace(lambda: pm.InverseGamma("s", 3, 2)),
    "gamma Laplace": laplace(lambda: pm.Gamma("s", 3, 2)),
    "exponential Laplace": laplace(lambda: pm.Exponential("s", 2)),
    "uniform Laplace": laplace(lambda: pm.Uniform("s", 0.5, 1)),
    "gamma Laplace rate": laplace(lambda: 1 / pm.Gamma("s", 3, 2)),
    "one entry": normal(lambda: pm.HalfNormal("s", 2, shape=(1,))),
    "two factors": shared,
    "slice, half-normal Laplace": laplace(lambda: pm.HalfNormal("s", 2)),
    "slice, log-normal": normal(lambda: pm.LogNormal("s", 0, 0.3)),
    "slice, sum": normal(lambda: pm.HalfNormal("s", 2) + 0.3),
    "slice, Student-t": student,
    "slice, degrees of freedom": degrees_of_freedom,
    "slice, everywhere": scale_and_mean,
    "slice, two families": two_families,
    "slice, prior of a prior": prior_of_a_prior,
    "slice, correction": with_correction,
}


@pytest.mark.parametrize("case", CASES)
def test_update_leaves_the_conditional_invariant(case, conditional, single_update):
    """Independent exact draws stay exact after one update, and do not stay where they were."""
    with pm.Model() as model:
        CASES[case]()
    machine = explain(model)
    [hyper] = [hyper for hyper in machine.hyperparameters if hyper.rv_name == "s"]
    assert (hyper.conjugate is None) == case.startswith("slice")
    point = model.initial_point()
    law = conditional(model, hyper.name, BLOCK, point)
    update = single_update(machine, update_hyperparameter, hyper.name, BLOCK, point)
    rng = np.random.default_rng(71)
    start = law.draw(rng, DRAWS)
    drawn = np.array([update(rng, value) for value in start])
    assert kstest(law.cdf(drawn), "uniform").pvalue > FALSE_ALARM / len(CASES)
    # Ergodic: the update forgets.
    assert abs(np.corrcoef(law.cdf(start), law.cdf(drawn))[0, 1]) < 0.8


def test_a_wrong_conditional_is_noticed(conditional, single_update):
    """The check above fails for a prior that differs by its Jacobian."""
    with pm.Model() as model:
        CASES["slice, half-normal Laplace"]()
    machine = explain(model)
    [hyper] = machine.hyperparameters
    machine = machine._replace(
        hyperparameters=[hyper._replace(log_prior=hyper.log_prior - hyper.value)]
    )
    point = model.initial_point()
    law = conditional(model, hyper.name, BLOCK, point)
    update = single_update(machine, update_hyperparameter, hyper.name, BLOCK, point)
    rng = np.random.default_rng(72)
    drawn = np.array([update(rng, value) for value in law.draw(rng, DRAWS)])
    assert kstest(law.cdf(drawn), "uniform").pvalue < FALSE_ALARM / len(CASES)


GROUP = np.array([0, 1, 1, 0, 1, 1])
VECTOR_DRAWS = 400


def groups(scale):
    """A normal likelihood with a scale for each of two groups of rows."""
    return normal(lambda: scale()[GROUP])


def alone():
    """A group of one row: its half-Cauchy scale is drawn without an auxiliary variable."""
    scale = pm.HalfCauchy("s", 1, shape=2)[[0, 0, 0, 0, 0, 1]]
    pm.Normal("y", X @ pm.Normal("b", 0, 1, shape=2), scale, observed=Y)


def two_likelihoods():
    """Each entry is the scale of all rows of one likelihood, so that rows are merged."""
    b = pm.Normal("b", 0, 1, shape=2)
    s = pm.Gamma("s", 3, 2, shape=2)
    design, target = np.tile(X, (4, 1)), np.tile(Y, 4) * np.linspace(0.5, 2, 24)
    pm.Normal("y", design @ b, s[0], observed=target)
    pm.Normal("w", design @ b, s[1], observed=3 * target)


def two_degrees_of_freedom():
    """A parameter of each group that is no scale."""
    nu = pm.Gamma("s", 3, 0.5, shape=2)
    pm.StudentT("y", nu[GROUP], X @ pm.Normal("b", 0, 1, shape=2), sigma=0.5, observed=Y)


def variances(**parameters):
    """Inverse-gamma variances of the groups."""
    return groups(lambda: pt.sqrt(pm.InverseGamma("s", **parameters, shape=2)))


VECTORS = {
    "half-normal": groups(lambda: pm.HalfNormal("s", [0.5, 2], shape=2)),
    "half-Cauchy": groups(lambda: pm.HalfCauchy("s", 1, shape=2)),
    "half-Cauchy, one row": alone,
    "uniform": groups(lambda: pm.Uniform("s", [0.1, 0.3], 3, shape=2)),
    "inverse-gamma variance": variances(alpha=[3, 5], beta=2),
    "gamma precision": groups(lambda: pm.Gamma("s", 3, [1, 2], shape=2) ** -0.5),
    "slice, gamma": groups(lambda: pm.Gamma("s", 3, 2, shape=2)),
    "slice, prior of coefficients": lambda: pm.Normal(
        "y", X @ pm.Normal("b", 0, pm.LogNormal("s", 0, [0.5, 1], shape=2)), 1.0, observed=Y
    ),
    "slice, merged rows": two_likelihoods,
    "slice, degrees of freedom": two_degrees_of_freedom,
}


def after_vector_update(case, conditional, single_update, seed):
    """Both entries and what they have in common, as variates that are uniform if all is right."""
    with pm.Model() as model:
        VECTORS[case]()
    [hyper] = (machine := explain(model)).hyperparameters
    assert hyper.rowwise is not None and (hyper.conjugate is None) == case.startswith("slice")
    point = model.initial_point()
    laws = [conditional(model, hyper.name, BLOCK, point, entry) for entry in (0, 1)]
    update = single_update(machine, update_hyperparameter, hyper.name, BLOCK, point)
    rng = np.random.default_rng(seed)
    starts = np.stack([law.draw(rng, VECTOR_DRAWS) for law in laws], axis=1)
    drawn = np.array([update(rng, start) for start in starts])
    before, after = (
        np.array([law.cdf(x) for law, x in zip(laws, values.T, strict=True)])
        for values in (starts, drawn)
    )
    # Normal and independent, the two have a normal difference; from one variate they have none.
    scores = norm.ppf(after.clip(1e-12, 1 - 1e-12))
    return before, [*after, norm.cdf((scores[1] - scores[0]) / np.sqrt(2))]


@pytest.mark.parametrize("case", VECTORS)
def test_update_of_a_vector_leaves_its_law_invariant(case, conditional, single_update):
    """Each entry keeps its conditional, and entries stay independent of each other."""
    before, after = after_vector_update(case, conditional, single_update, seed=73)
    p_values = [kstest(uniform, "uniform").pvalue for uniform in after]
    assert min(p_values) > FALSE_ALARM / (3 * len(VECTORS))
    for start, end in zip(before, after[:2], strict=True):
        assert abs(np.corrcoef(start, end)[0, 1]) < 0.8


def test_one_draw_for_all_entries_is_noticed(conditional, single_update, monkeypatch):
    """A broken twin: entries have the right laws, from one gamma variate."""
    draw, names = hyperparameters_module._CONJUGATE_DRAWS["gamma"]

    def shared(rng, theta, a, b, exponent, power, rate):
        one = pt.ones(1)
        rng, unit = draw(rng, theta[:1], a[:1], one, exponent, power[:1], 0.0 * one)
        return rng, unit[0] * (b + rate) ** (1.0 / exponent)

    monkeypatch.setitem(hyperparameters_module._CONJUGATE_DRAWS, "gamma", (shared, names))
    monkeypatch.setitem(VECTORS, "shared", variances(alpha=[3, 2], beta=[2, 2]))
    _, after = after_vector_update("shared", conditional, single_update, seed=74)
    p_values = [kstest(uniform, "uniform").pvalue for uniform in after]
    assert min(p_values[:2]) > FALSE_ALARM and p_values[2] < FALSE_ALARM / (3 * len(VECTORS))


@pytest.mark.parametrize("build", ["switch", "arithmetic"])
def test_indicators_are_drawn_with_their_odds(build, conditional, single_update):
    """Exact Bernoulli draws, whatever the present values are."""
    with pm.Model() as model:
        s = pm.Bernoulli("s", [0.2, 0.6], shape=2)
        scale = pt.switch(s, 2.0, 0.5) if build == "switch" else 0.5 + 1.5 * s
        pm.Normal("y", X @ pm.Normal("b", 0, scale, shape=2), 1.0, observed=Y)
    [hyper] = (machine := explain(model)).hyperparameters
    point = model.initial_point()
    update = single_update(machine, update_hyperparameter, hyper.name, BLOCK, point)
    rng = np.random.default_rng(75)
    drawn = np.array([update(rng, rng.integers(0, 2, size=2)) for _ in range(DRAWS)])
    density = norm.pdf(BLOCK["b"], scale=np.array([[0.5], [2.0]])) * [[0.8, 0.4], [0.2, 0.6]]
    probability = density[1] / density.sum(axis=0)
    for entry in (0, 1):
        found = binomtest(int(drawn[:, entry].sum()), DRAWS, probability[entry])
        assert found.pvalue > FALSE_ALARM / 4
