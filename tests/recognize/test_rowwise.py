"""Vectors whose entries are independent given all else, and those whose entries are not."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from spellings_linear import COUNTY, X, Y, beta, observe

from pymc_glm import explain
from pymc_glm.machine import with_scales
from pymc_glm.recognize import recognize
from pymc_glm.recognize.evaluate import Evaluator


def scales(**options):
    """Standard deviations of groups, without an exact draw."""
    return pm.Gamma("v", 3, 2, shape=3, **options)


def indicators(probability=0.4, shape=3):
    """Indicators of coefficients."""
    return pm.Bernoulli("v", probability, shape=shape)


def coefficients(scale, location=0.0):
    """Coefficients of given standard deviations, and a regression on them."""
    observe(X @ pm.Normal("b", location, scale, shape=3))


def noise(scale):
    """Noise of given standard deviations."""
    pm.Normal("y", X @ beta(), scale, observed=Y)


def horseshoe_plus():
    """A half-Cauchy scale for each half-Cauchy scale."""
    inner = pm.HalfCauchy("v", 1, shape=3)
    coefficients(pm.HalfCauchy("lam", inner, shape=3) * pm.HalfNormal("tau", 1))


def regularised_horseshoe():
    """Local scales that a slab bounds."""
    tau, slab = pm.HalfNormal("tau", 1), pm.InverseGamma("slab", 3, 2)
    v = pm.HalfCauchy("v", 1, shape=3)
    coefficients(tau * v * pt.sqrt(slab / (slab + tau**2 * v**2)))


def own_hyperparameters():
    """Scales around a common scale."""
    noise(pm.Gamma("v", pm.Exponential("a", 1) + 1, 2, shape=3)[COUNTY])


def two_terms():
    """Scales of noise, and of coefficients."""
    v = scales()
    pm.Normal("y", X @ pm.Normal("b", 0, v, shape=3), v[COUNTY], observed=Y)


def matrix():
    """A matrix of scales, one for each of several coefficients."""
    v = pm.Gamma("v", 3, 2, shape=(3, 2))
    observe((X @ pm.Normal("b", 0, v, shape=(3, 2))).sum(axis=1))


def degrees_of_freedom():
    """A parameter of each group that is no scale."""
    nu = pm.Gamma("v", 3, 0.5, shape=3)
    pm.StudentT("y", nu[COUNTY], X @ beta(), sigma=0.7, observed=Y)


def blocks_of_a_vector():
    """Two likelihoods, each with an entry as the scale of all its rows."""
    v = pm.Gamma("v", 3, 2, shape=2)
    b = beta()
    pm.Normal("y", X @ b, v[0], observed=Y)
    pm.Normal("w", X @ b, v[1], observed=2 * Y)


def known_unknowns():
    """Some rows of known scale."""
    v = scales()
    noise(pt.concatenate([v, np.ones(4)]))


ROWWISE = {
    "groups by index": lambda: noise(scales()[COUNTY]),
    "coefficients": lambda: coefficients(scales()),
    "coefficients, precision": lambda: observe(X @ pm.Normal("b", 0, tau=0.2 + scales(), shape=3)),
    "shifted": lambda: coefficients(0.1 + scales()),
    "floored": lambda: coefficients(pt.maximum(scales(), 0.3)),
    "Laplace coefficients": lambda: observe(X @ pm.Laplace("b", 0, 1 + scales(), shape=3)),
    "own hyperparameters": own_hyperparameters,
    "two terms": two_terms,
    "matrix": matrix,
    "horseshoe+": horseshoe_plus,
    "regularised horseshoe": regularised_horseshoe,
    "degrees of freedom": degrees_of_freedom,
    "blocks of a vector": blocks_of_a_vector,
    "known unknowns": known_unknowns,
    "no transform": lambda: coefficients(scales(default_transform=None)),
}

BINARY = {
    "switch": lambda: coefficients(pt.switch(indicators(), 2.0, 0.1)),
    "equality": lambda: coefficients(pt.where(pt.eq(indicators(), 1), 2.0, 0.1)),
    "arithmetic": lambda: coefficients(0.1 + 1.9 * indicators()),
    "weights": lambda: _weighted(indicators()),
    "power": lambda: coefficients(20.0 ** indicators() / 10.0),
    "indexing": lambda: noise(pt.switch(indicators()[COUNTY], np.float64(2.0), np.float64(0.5))),
    "own probability": lambda: coefficients(
        pt.switch(indicators(pm.Beta("p", 2, 2)), 2.0, pm.HalfNormal("s", 1))
    ),
    "logits": lambda: coefficients(
        pt.switch(pm.Bernoulli("v", logit_p=[0.3, -1.0, 2.0], shape=3), 2.0, 0.1)
    ),
    "outliers": lambda: noise(1.0 + 5.0 * indicators(0.1, 7)),
    "one for all": lambda: coefficients(pt.switch(indicators(0.3, ()), 2.0, 0.1)),
}


def _weighted(v):
    coefficients((1 - v) * 0.1 + v * 2.0)


def built(build):
    """A model."""
    with pm.Model() as model:
        build()
    return model


@pytest.mark.parametrize("case", [*ROWWISE, *BINARY])
def test_entries_have_the_conditionals_of_the_model(case):
    """The log density of each entry changes as the model's does, with all latents integrated out.

    Entry j of the target is the sum of the rows that belong to it; it must not change with other
    entries.
    """
    model = built((ROWWISE | BINARY)[case])
    machine, view = recognize(model)
    assert not machine.guests
    hyper = next(hyper for hyper in machine.hyperparameters if hyper.rv_name == "v")
    target = hyper.rowwise
    assert target.is_binary == (case in BINARY)
    rows, entries = map(list, zip(*target.terms, strict=True))
    block = pt.concatenate([variable.value.flatten() for variable in machine.block])
    for index, of_rows in target.factors:
        factor = machine.factors[index]
        response = pt.dot(factor.linear_map.matrix().toarray(), block) + factor.offset
        parameters = {name: pt.as_tensor(value) for name, value in factor.parameters.items()}
        rows.append(factor.family.log_density(response, **parameters))
        entries.append(of_rows)
    absorbed = {latent.rv_name for latent in machine.latents}
    absorbed |= {machine.factors[latent.factor].term for latent in machine.latents}
    total = sum(term.log_density for term in view.terms if term.name not in absorbed)
    total += sum(
        rows[-1].sum() for index, _ in target.factors if machine.factors[index].term in absorbed
    )
    evaluate = Evaluator([total, *rows], [variable.value for variable in view.variables])
    rng = np.random.default_rng(71)
    point = {
        name: value if value.dtype.kind == "i" else value + 0.2 * rng.normal(size=value.shape)
        for name, value in model.initial_point().items()
    }

    def at(value):
        joint, *parts = evaluate({**point, hyper.name: value})
        by_entry = [
            np.bincount(e[e >= 0], np.broadcast_to(p, e.shape)[e >= 0], minlength=hyper.size)
            for p, e in zip(parts, entries, strict=True)
        ]
        return joint, np.sum(by_entry, axis=0)

    start = point[hyper.name]
    joint, by_entry = at(start)
    for j in range(hyper.size):
        moved = start.copy()
        moved.flat[j] = 1 - moved.flat[j] if target.is_binary else moved.flat[j] + 0.4
        new_joint, new_by_entry = at(moved)
        change = new_by_entry - by_entry
        np.testing.assert_allclose(change[j], new_joint - joint, rtol=1e-9, atol=1e-10)
        np.testing.assert_array_equal(change[np.arange(hyper.size) != j], 0.0)
        assert change[j] != 0.0


NOT_ROWWISE = {
    "cumulative": lambda: coefficients(pt.cumsum(scales())),
    "normalised": lambda: _normalised(scales()),
    "pairs": lambda: _pairs(scales()),
    "in the mean": lambda: coefficients(1.0, scales()),
    "in the map": lambda: observe(X @ (beta() * scales()) + pm.Normal("c")),
    "simplex": lambda: coefficients(pm.Dirichlet("v", np.ones(3))),
    "ordered": lambda: coefficients(
        pm.HalfNormal(
            "v",
            1,
            shape=3,
            transform=pm.distributions.transforms.ordered,
            default_transform=None,
            initval=[0.5, 1.0, 2.0],
        )
    ),
    "potential of the sum": lambda: _with_potential(scales()),
    "prior of another": lambda: _prior_of_another(scales()),
}


def _normalised(v):
    coefficients(v / v.sum())


def _pairs(v):
    noise(pt.sqrt(v[COUNTY] ** 2 + v[COUNTY[::-1]] ** 2))


def _with_potential(v):
    coefficients(v)
    pm.Potential("p", -((v.sum() - 2.0) ** 2))


def _prior_of_another(v):
    coefficients(v)
    pm.Potential("q", pm.logp(pm.HalfNormal.dist(v.max()), pm.HalfNormal("u", 1)))


@pytest.mark.parametrize("case", NOT_ROWWISE)
def test_dependent_entries_are_not_taken_for_independent(case):
    """They are moved one by one, each by the whole density."""
    machine = explain(built(NOT_ROWWISE[case]))
    hyper = next(hyper for hyper in machine.hyperparameters if hyper.rv_name == "v")
    assert hyper.rowwise is None and hyper.conjugate is None


COUPLED = {
    "in the mean": lambda: observe(X @ beta() + indicators()[COUNTY]),
    "in the map": lambda: observe(X @ (beta() * indicators())),
    "sum": lambda: coefficients(0.1 + indicators().sum() * np.ones(3)),
    "chain": lambda: coefficients(0.1 + pt.cumsum(indicators())),
}


@pytest.mark.parametrize("case", COUPLED)
def test_coupled_indicators_are_flipped_without_the_block(case):
    """Whatever the strategy: given the block they would hardly ever flip, or not at all."""
    machine = with_scales(explain(built(COUPLED[case])), "plain")
    [hyper] = machine.hyperparameters
    assert hyper.rv_name == "v" and hyper.only_collapsed and hyper.collapsed
    assert hyper.update == "flips without the block"


NOT_BINARY = {
    "categories": (
        lambda: coefficients(0.1 + pm.Categorical("v", np.ones(3) / 3, shape=3)),
        "it is discrete",
    ),
    "counts": (lambda: coefficients(0.1 + pm.Poisson("v", 2, shape=3)), "it is discrete"),
    "data of its own": (
        lambda: _observed_indicators(indicators()),
        "it enters 'w', which is no recognised factor of the block",
    ),
}


def _observed_indicators(v):
    coefficients(pt.switch(v, 2.0, 0.1))
    pm.Poisson("w", 1 + v, observed=[0, 1, 2])


@pytest.mark.parametrize("case", NOT_BINARY)
def test_other_discrete_variables_are_left_to_others(case):
    """With the reason."""
    build, reason = NOT_BINARY[case]
    [guest] = explain(built(build)).guests
    assert (guest.rv_name, guest.reason) == ("v", reason)


def test_updates_in_words():
    """What the table says of vectors."""
    found = {
        case: with_scales(explain(built((ROWWISE | BINARY)[case])), "plain").hyperparameters[-1]
        for case in ("groups by index", "switch")
    }
    assert found["groups by index"].update == "slice, entries independent"
    assert found["switch"].update == "independent Bernoulli draws"
    flips = with_scales(explain(built(BINARY["switch"])), "collapsed").hyperparameters[-1]
    assert flips.update == "flips without the block, independent Bernoulli draws given it"
