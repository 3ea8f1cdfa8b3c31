"""Updates of hyperparameters against their conditionals, integrated numerically."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import kstest

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
