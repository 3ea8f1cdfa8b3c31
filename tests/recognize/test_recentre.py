"""Standardised effects are read as effects, wherever that is the same model."""

from __future__ import annotations

import itertools

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from spelling import block_multiple, conditional_gaussian
from spellings_linear import COUNTY, X, Y, beta, observe
from test_spellings import differentiated

from pymc_glm import explain
from pymc_glm.recognize import recognize
from pymc_glm.recognize.evaluate import Evaluator


def tau():
    """A scale of all effects."""
    return pm.HalfNormal("tau", 1)


def lam():
    """A scale of each effect."""
    return pm.HalfNormal("lam", 1, shape=3)


def z(**options):
    """Standardised effects."""
    return pm.Normal("z", 0, 1, shape=3, **options)


def in_order(order):
    """Four quantities multiplied one after the other, in some order."""

    def build():
        parts = {"z": z(), "tau": tau(), "lam": lam(), "sigma": pm.HalfNormal("sigma", 2)}
        product = parts[order[0]]
        for name in order[1:]:
            product = product * parts[name]
        pm.Normal("y", X @ product, parts["sigma"], observed=Y)

    return build


def scales_first():
    """The product of scales is computed before."""
    scale = lam() * tau()
    observe(X @ (z() * scale))


def deterministic_used_twice():
    """The effect has a name, and two terms mention it."""
    effect = pm.Deterministic("effect", tau() * z())
    observe(X @ effect)
    pm.Normal("w", effect.sum(), 0.5, observed=0.3)


def written_twice():
    """The same product, written out for each of two terms."""
    s, standardised = tau(), z()
    observe(X @ (s * standardised))
    pm.Normal("w", (s * standardised)[0], 0.5, observed=0.3)


def over_root_of_precision():
    """Division by the root of a precision."""
    observe(X @ (z() / pt.sqrt(pm.Gamma("precision", 2, 1))))


def powers():
    """Powers and products of scales, and a number."""
    observe(X @ (2.5 * z() * tau() ** 1.5 / lam() ** 0.5))


def indexed_after():
    """Effects of groups, taken by index."""
    observe((tau() * z())[COUNTY])


def column():
    """A product with axes."""
    observe((X[None] * (tau() * z())[None, None, :]).sum(axis=-1)[0])


def exponential():
    """A log-normal scale, spelled by its logarithm."""
    observe(X @ (pt.exp(pm.Normal("log_tau", -1, 0.5)) * z()))


def softplus():
    """A positive function of an unconstrained variable."""
    observe(X @ (pt.softplus(pm.Normal("a")) * z()))


def located():
    """A prior around a number."""
    observe(X @ (tau() * pm.Normal("z", 0.4, 1.3, shape=3)))


def around_another():
    """A prior around a variable of the block."""
    mu = pm.Normal("mu", 0, 2)
    z_or_mu = pm.Normal("z", mu, 1, shape=3)
    observe(X @ (tau() * z_or_mu))


def with_own_scale():
    """A prior that has a scale of its own, too."""
    observe(X @ (tau() * pm.Normal("z", 0, lam(), shape=3)))


def matrix():
    """A matrix of effects with a scale for each column."""
    standardised = pm.Normal("z", 0, 1, shape=(3, 2))
    effect = standardised * pm.HalfNormal("lam", 1, shape=2)
    observe((X @ effect).sum(axis=1))


def two_variables():
    """Two variables, standardised by scales of their own."""
    other = pm.Normal("w", 0, 1, shape=7)
    observe(X @ (tau() * z()) + pm.HalfNormal("kappa", 1) * other)


GAUSSIAN = {
    "two variables": two_variables,
    "scales first": scales_first,
    "deterministic used twice": deterministic_used_twice,
    "written twice": written_twice,
    "over root of precision": over_root_of_precision,
    "powers": powers,
    "indexed after": indexed_after,
    "column": column,
    "exponential": exponential,
    "softplus": softplus,
    "located": located,
    "around another": around_another,
    "with own scale": with_own_scale,
    "matrix": matrix,
} | {
    " * ".join(order): in_order(order)
    for order in itertools.islice(itertools.permutations(["z", "tau", "lam", "sigma"]), 0, None, 3)
}


def laplace():
    """Laplace effects."""
    observe(X @ (tau() * pm.Laplace("z", 0, 1, shape=3)))


def student():
    """Student-t effects of unknown degrees of freedom."""
    observe(X @ (tau() * lam() * pm.StudentT("z", pm.Gamma("nu", 3, 0.5), sigma=1, shape=3)))


def cauchy():
    """Cauchy effects around a number."""
    observe(X @ (tau() * pm.Cauchy("z", 0.2, 1.5, shape=3)))


OTHERS = {"Laplace": laplace, "Student-t": student, "Cauchy": cauchy}


def built(build):
    """A model."""
    with pm.Model() as model:
        build()
    return model


def random_point(model, rng):
    """The initial point, moved."""
    return {
        name: value + 0.3 * rng.normal(size=value.shape)
        for name, value in model.initial_point().items()
    }


@pytest.mark.parametrize("case", GAUSSIAN)
def test_recentred_block_is_that_of_the_model(case):
    """The mean and the precision of z are the model's own, and maps are constant."""
    model = built(GAUSSIAN[case])
    machine = explain(model)
    [variable] = [variable for variable in machine.block if variable.rv_name == "z"]
    assert variable.multiple is not None
    if case != "around another":
        assert all(factor.linear_map.is_constant for factor in machine.factors)
    point = random_point(model, np.random.default_rng(41))
    precision, information = conditional_gaussian(machine, point)
    names = [variable.rv_name for variable in machine.block]
    expected_precision, expected_information = differentiated(model, names, point)
    np.testing.assert_allclose(precision, expected_precision, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(information, expected_information, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", [*GAUSSIAN, *OTHERS])
def test_posterior_is_the_same(case):
    """The log density of effects is that of standardised effects, less the Jacobian."""
    model = built((GAUSSIAN | OTHERS)[case])
    machine, view = recognize(model)
    # The certificate compares these terms with the factors.
    total = sum((term.log_density for term in view.terms), start=pt.constant(0.0))
    evaluate = Evaluator([total], [variable.value for variable in view.variables])
    logp = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(42)
    for _ in range(3):
        point = random_point(model, rng)
        multiple = block_multiple(machine, point)
        effects = {
            place.name: point[place.name] * multiple[place.positions].reshape(place.shape)
            for place in machine.block
        }
        found = evaluate({**point, **effects})[0] + np.log(multiple).sum()
        np.testing.assert_allclose(found, logp(point), rtol=1e-9)


def negative():
    """A multiple that is never positive."""
    observe(X @ (-tau() * z()))


def of_any_sign():
    """A multiple of any sign."""
    observe(X @ (pm.Normal("a") ** 3 * z()))


def different_multiples():
    """Two products."""
    standardised = z()
    observe(X @ (tau() * standardised) + (lam() * standardised)[COUNTY])


def bare_too():
    """The standardised effect itself has data."""
    standardised = z()
    observe(X @ (tau() * standardised))
    pm.Normal("w", standardised, 1.0, observed=Y[:3])


def indexed_before():
    """Entries are repeated before they are multiplied."""
    observe(pm.HalfNormal("s", 1, shape=7) * z()[COUNTY])


def summed_before():
    """Entries are summed before they are multiplied."""
    observe(tau() * (X @ z()))


def spread():
    """A scalar times a vector is a vector."""
    observe(pm.HalfNormal("s", 1, shape=7) * pm.Normal("z", 0, 1))


def of_a_number():
    """A number is no unknown scale."""
    observe(X @ (2.0 * z()))


NOT_RECENTRED = {
    "negative": negative,
    "of any sign": of_any_sign,
    "different multiples": different_multiples,
    "bare too": bare_too,
    "indexed before": indexed_before,
    "summed before": summed_before,
    "spread": spread,
    "of a number": of_a_number,
}


@pytest.mark.parametrize("case", NOT_RECENTRED)
def test_other_products_stay_as_they_are(case):
    """Where z is not everywhere the same positive multiple, its own map depends on the scale."""
    model = built(NOT_RECENTRED[case])
    machine = explain(model)
    [variable] = [variable for variable in machine.block if variable.rv_name == "z"]
    assert variable.multiple is None
    point = random_point(model, np.random.default_rng(43))
    precision, information = conditional_gaussian(machine, point)
    expected_precision, expected_information = differentiated(model, ["z"], point)
    np.testing.assert_allclose(precision, expected_precision, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(information, expected_information, rtol=1e-6, atol=1e-8)


def test_a_product_of_two_unknowns_is_not_recentred():
    """Effects times effects: the second are no scale."""

    def build():
        observe(X @ (beta() * z()))

    machine = explain(built(build))
    assert [variable.multiple for variable in machine.block] == [None]


def test_standardised_variable_outside_the_block_is_left_alone():
    """A product that does not end up in the block is not read as an effect."""
    model = built(lambda: observe(X @ beta() + pt.exp(tau() * pm.Normal("z", 0, 1))))
    machine, view = recognize(model)
    assert [variable.rv_name for variable in machine.block] == ["b"]
    assert view.multiples == {}


def test_a_transposed_variable_is_not_recentred():
    """Its entries change places, so that no multiple of the variable is the product."""
    target = np.arange(6.0).reshape(3, 2)
    with pm.Model() as model:
        scale = pm.HalfNormal("scale", 5, shape=2)
        standard = pm.Normal("z", 0, 1, shape=(2, 3))
        pm.Potential("p", -0.5 * ((standard.T * scale - target) ** 2).sum())
    machine = explain(model)
    assert [variable.multiple for variable in machine.block] == [None]


def test_a_variable_outside_all_blocks_is_not_recentred():
    """It is updated as it stands, so its values must be its own."""
    with pm.Model() as model:
        standard = pm.Normal("z", 0, 1, shape=3)
        factor = pm.Normal("f", 0, 1, shape=20)
        product = factor[:, None] * (tau() * standard)[None, :]
        pm.Normal("y", product, 1.0, observed=np.zeros((20, 3)))
    recognition = recognize(model)
    assert [variable.rv_name for variable in recognition.machine.block] == ["f"]
    assert "z" in [hyper.rv_name for hyper in recognition.machine.hyperparameters]
    assert not recognition.view.multiples
