"""Latents written out by hand: lifted into a family where that is exact, and left elsewhere."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from spelling import conditional_gaussian
from spellings_linear import X, Y, observe
from test_spellings import differentiated

from pymc_glm import explain
from pymc_glm.families import Gaussian, Horseshoe, Laplace, StudentT
from pymc_glm.machine import Guest
from pymc_glm.recognize import recognize
from pymc_glm.recognize.evaluate import Evaluator

GRID = np.arange(-30.0, 30.0, 0.2)
PERMUTED = np.array([2, 0, 1])


def coefficients(scale, location=0.0):
    """Coefficients of given standard deviations, and a regression on them."""
    observe(X @ pm.Normal("b", location, scale, shape=3))


def tau():
    """A scale of all coefficients."""
    return pm.HalfNormal("tau", 1)


def exponential(rate=0.7, shape=3):
    """An exponential variance."""
    return pm.Exponential("v", rate, shape=shape)


def inverse_gamma(a=1.5, b=0.8):
    """An inverse-gamma variance."""
    return pm.InverseGamma("v", a, b, shape=3)


def gamma(a=1.5, b=0.8):
    """A gamma precision."""
    return pm.Gamma("v", a, b, shape=3)


def half_cauchy(scale=1.0):
    """A half-Cauchy standard deviation."""
    return pm.HalfCauchy("v", scale, shape=3)


def precisions(precision):
    """Coefficients of given precisions, by the parameter of that name."""
    observe(X @ pm.Normal("b", 0, tau=precision, shape=3))


def likelihood(build):
    """Latents of the noise."""

    def noise():
        mean = X @ pm.Normal("b", 0, 2, shape=3)
        pm.Normal("y", mean, build(), observed=Y)

    return noise


def double_exponential():
    """Noise of exponential variance, spelled by a standard exponential and a scale."""
    return tau() * pt.sqrt(2.0 * pm.Exponential("v", 1.0, shape=7))


def recentred():
    """Standardised effects with local scales."""
    observe(X @ (pm.Normal("z", 0, 1, shape=3) * half_cauchy() * tau()))


def columns():
    """A matrix of coefficients, a latent for each."""
    v = pm.Exponential("v", 0.5, shape=(3, 2))
    observe((X @ pm.Normal("b", 0, pt.sqrt(v), shape=(3, 2))).sum(axis=1))


def vector_rates():
    """A rate for each latent, in the order of the latents."""
    v = pm.Exponential("v", [0.3, 1.0, 4.0], shape=3)
    coefficients(pt.sqrt(v[PERMUTED]))


def lasso_of_park_and_casella():
    """Variances relative to that of the noise, with a rate of their own."""
    v = exponential(pm.Gamma("rate", 2, 1))
    sigma = pm.HalfNormal("sigma", 1)
    pm.Normal("y", X @ pm.Normal("b", 0, sigma * pt.sqrt(v), shape=3), sigma, observed=Y)


LIFTED = {
    "exponential, variance": (lambda: coefficients(pt.sqrt(exponential())), Laplace),
    "exponential, power": (lambda: coefficients(exponential() ** 0.5), Laplace),
    "exponential, precision": (lambda: precisions(1 / exponential()), Laplace),
    "exponential, scaled": (lambda: coefficients(tau() * pt.sqrt(exponential())), Laplace),
    "exponential, inside": (lambda: coefficients(pt.sqrt(tau() ** 2 * exponential())), Laplace),
    "exponential, permuted": (lambda: coefficients(pt.sqrt(exponential()[PERMUTED])), Laplace),
    "exponential, rates": (vector_rates, Laplace),
    "exponential, hyperparameter": (
        lambda: coefficients(pt.sqrt(exponential(pm.Gamma("rate", 2, 1)))),
        Laplace,
    ),
    "exponential, located": (
        lambda: coefficients(pt.sqrt(exponential()), pm.Normal("mu", 0, 1)),
        Laplace,
    ),
    "exponential, both scales": (lasso_of_park_and_casella, Laplace),
    "exponential, matrix": (columns, Laplace),
    "exponential, noise": (likelihood(double_exponential), Laplace),
    "inverse gamma, variance": (lambda: coefficients(pt.sqrt(inverse_gamma())), StudentT),
    "inverse gamma, precision": (lambda: precisions(1 / inverse_gamma()), StudentT),
    "inverse gamma, hyperparameters": (
        lambda: coefficients(
            tau() * pt.sqrt(inverse_gamma(pm.Gamma("a", 3, 2), pm.Gamma("c", 2, 2)))
        ),
        StudentT,
    ),
    "gamma, precision": (lambda: precisions(gamma()), StudentT),
    "gamma, sd": (lambda: coefficients(1 / pt.sqrt(gamma())), StudentT),
    "gamma, power": (lambda: coefficients(tau() * gamma() ** -0.5), StudentT),
    "gamma, degrees of freedom": (
        lambda: coefficients(tau() / pt.sqrt(_chi_squared(pm.Gamma("nu", 4, 1)))),
        StudentT,
    ),
    "half-Cauchy, sd": (lambda: coefficients(half_cauchy()), Horseshoe),
    "half-Cauchy, global": (lambda: coefficients(half_cauchy() * tau()), Horseshoe),
    "half-Cauchy, inside": (lambda: coefficients(half_cauchy(tau())), Horseshoe),
    "half-Cauchy, variance": (
        lambda: coefficients(pt.sqrt(half_cauchy() ** 2 * tau() ** 2)),
        Horseshoe,
    ),
    "half-Cauchy, precision": (lambda: precisions(half_cauchy() ** -2), Horseshoe),
    "half-Cauchy, permuted": (lambda: coefficients(tau() * half_cauchy()[PERMUTED]), Horseshoe),
    "half-Cauchy, recentred": (recentred, Horseshoe),
}


def _chi_squared(nu):
    return gamma(nu / 2, nu / 2)


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


@pytest.mark.parametrize("case", LIFTED)
def test_family_is_the_integral_over_the_latent(case):
    """The family's density of every row is that of the pair, integrated by quadrature."""
    build, family = LIFTED[case]
    model = built(build)
    machine, view = recognize(model)
    [latent] = machine.latents
    factor = machine.factors[latent.factor]
    assert latent.rv_name == "v" and type(factor.family) is family
    assert "v" not in [hyper.rv_name for hyper in machine.hyperparameters]
    assert not machine.guests
    terms = {term.name: term for term in view.terms}
    own, conditional = terms["v"], terms[factor.term]
    block = [view_value(view, variable.name) for variable in machine.block]
    flat = pt.concatenate([value.flatten() for value in block])
    response = pt.dot(factor.linear_map.matrix().toarray(), flat) + factor.offset
    parameters = {name: pt.as_tensor(value) for name, value in factor.parameters.items()}
    claimed = factor.family.log_density(response, **parameters)
    values = [variable.value for variable in view.variables]
    evaluate = Evaluator([own.rows.flatten(), conditional.rows.flatten(), claimed], values)
    point = random_point(model, np.random.default_rng(51))
    rows = np.empty((GRID.size, factor.size))
    entries = np.argsort(latent.order)
    for i, number in enumerate(GRID):
        here = {**point, latent.name: np.full(latent.shape, number)}
        mixing, normal, density = evaluate(here)
        rows[i] = mixing[entries] + normal
    integral = np.log(np.exp(rows).sum(axis=0) * (GRID[1] - GRID[0]))
    np.testing.assert_allclose(density, integral, rtol=1e-6)


def view_value(view, name):
    """Value variable of a name."""
    return next(v.value for v in view.variables if v.value.name == name)


@pytest.mark.parametrize("case", LIFTED)
def test_given_the_latents_the_model_is_gaussian(case):
    """Base, power and order of the latent: with them the block has the model's own precision."""
    model = built(LIFTED[case][0])
    machine = explain(model)
    point = random_point(model, np.random.default_rng(52))
    names = [variable.rv_name for variable in machine.block]
    precision, information = conditional_gaussian(machine, point)
    expected_precision, expected_information = differentiated(model, names, point)
    np.testing.assert_allclose(precision, expected_precision, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(information, expected_information, rtol=1e-6, atol=1e-8)


def shared_by_two_rows():
    """One latent for two coefficients."""
    coefficients(pt.sqrt(exponential(shape=2)[np.array([0, 1, 1])]))


def unused_entry():
    """A latent without a row."""
    coefficients(pt.sqrt(exponential(shape=4)[:3]))


def in_another_term():
    """A latent with data of its own."""
    v = exponential()
    coefficients(pt.sqrt(v))
    pm.Normal("w", v, 1.0, observed=Y[:3])


def in_a_potential():
    """A latent that a potential favours."""
    v = exponential()
    coefficients(pt.sqrt(v))
    pm.Potential("p", -v.sum())


def in_two_factors():
    """A latent of two coefficients, in two terms."""
    v = exponential()
    other = pm.Normal("c", 0, pt.sqrt(v), shape=3)
    observe(X @ (pm.Normal("b", 0, pt.sqrt(v), shape=3) + other))


def in_the_prior_of_another():
    """A latent whose size another variable is drawn around."""
    v = exponential()
    coefficients(pt.sqrt(v) * pm.HalfNormal("s", v, shape=3))


def in_the_mean():
    """A latent that moves the response, too."""
    v = exponential()
    coefficients(pt.sqrt(v), v)


def truncated():
    """An exponential law that is cut off."""
    law = pm.Exponential.dist(1.0)
    transform = pm.distributions.transforms.log
    v = pm.Truncated("v", law, upper=4.0, shape=3, default_transform=transform)
    coefficients(pt.sqrt(v))


def other_transform():
    """A latent that is sampled on another scale than its logarithm."""
    transform = pm.distributions.transforms.log_exp_m1
    coefficients(pt.sqrt(pm.Exponential("v", 1.0, shape=3, default_transform=transform)))


def of_a_laplace():
    """A latent of what is a mixture already."""
    observe(X @ pm.Laplace("b", 0, pt.sqrt(exponential()), shape=3))


NOT_LIFTED = {
    "shared by two rows": shared_by_two_rows,
    "unused entry": unused_entry,
    "in another term": in_another_term,
    "in a potential": in_a_potential,
    "in two factors": in_two_factors,
    "in the prior of another": in_the_prior_of_another,
    "in the mean": in_the_mean,
    "truncated": truncated,
    "other transform": other_transform,
    "of a Laplace": of_a_laplace,
    "exponential sd": lambda: coefficients(exponential()),
    "exponential precision of variance": lambda: precisions(exponential() ** 2),
    "half-Cauchy variance": lambda: coefficients(pt.sqrt(half_cauchy())),
    "inverse-gamma precision": lambda: precisions(inverse_gamma()),
    "gamma variance": lambda: coefficients(pt.sqrt(gamma())),
    "shifted": lambda: coefficients(pt.sqrt(exponential() + 0.1)),
    "half-normal sd": lambda: coefficients(pm.HalfNormal("v", 1, shape=3)),
    "half-Student sd": lambda: coefficients(pm.HalfStudentT("v", 3, 1, shape=3)),
    "sum with another": lambda: coefficients(pt.sqrt(exponential() + tau() ** 2)),
}


@pytest.mark.parametrize("case", NOT_LIFTED)
def test_look_alikes_are_not_lifted(case):
    """They are updated as hyperparameters, or left to others: the law is not the family's."""
    machine = explain(built(NOT_LIFTED[case]))
    assert machine.latents == []
    [role] = [role for role in [*machine.hyperparameters, *machine.guests] if role.rv_name == "v"]
    if case == "in another term":
        assert isinstance(role, Guest) and "'w'" in role.reason
    if case != "of a Laplace":
        touched = machine.factors
        assert all(isinstance(factor.family, Gaussian) for factor in touched)


def test_latent_that_was_not_asked_for_stays_a_guest():
    """`vars` without the latent: the block is drawn given its present value."""
    model = built(lambda: coefficients(pt.sqrt(exponential())))
    machine = explain(model, vars=["b"])
    assert machine.latents == [] and [guest.rv_name for guest in machine.guests] == ["v"]
    assert isinstance(machine.factors[0].family, Gaussian)
