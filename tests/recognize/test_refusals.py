"""What is refused, and the sentence the user reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from spellings_linear import COUNTY, X, Y, beta, observe

import pymc_glm

from pymc_glm import ImproperPosteriorError, InvalidDataError, RecognitionError, expert, explain
from pymc_glm.recognize import recognize
from pymc_glm.sampling.start import StartingPoints

ORDERED = pm.distributions.transforms.ordered
NEIGHBOURS = np.diag(np.ones(6), 1) + np.diag(np.ones(6), -1)


def quartic(value, mean):
    """No family's log density."""
    return -((value - mean) ** 4)


def potential(function: Callable) -> Callable:
    """A model with one raw potential of a regression's coefficients."""

    def build():
        b = beta()
        observe(X @ b)
        pm.Potential("p", function(b))

    return build


def likelihood(distribution: Callable) -> Callable:
    """A model with one likelihood of a linear predictor."""
    return lambda: distribution(X @ beta())


def spoiled(array, index, value):
    """A copy of an array with one bad number."""
    copy = array.copy()
    copy[index] = value
    return copy


NO_BLOCK = {
    "abs": (lambda: observe(pt.abs(X @ beta())), r"b because of 'y' \(.* applies abs\(...\)"),
    "square": (lambda: observe((X @ beta()) ** 2), r"applies pow\(...\) to it"),
    "exp": (lambda: observe(pt.exp(X @ beta())), r"applies exp\(...\) to it"),
    "sort": (lambda: observe(pt.sort(beta(7))), "applies sort to it"),
    "round": (lambda: observe(pt.round(beta(7))), r"applies round\(...\) to it"),
    "discrete index": (
        lambda: observe(beta()[pm.Categorical("k", np.ones(3) / 3, shape=7)]),
        "applies indexing or reshaping by another model variable to it",
    ),
    "Poisson": (
        likelihood(lambda eta: pm.Poisson("y", pt.exp(eta), observed=np.arange(7))),
        "a Poisson likelihood with a log link is no Gaussian mixture; NegativeBinomial",
    ),
    "Bernoulli of another link": (
        likelihood(lambda eta: pm.Bernoulli("y", p=1 - pt.exp(-pt.exp(eta)), observed=Y > 0)),
        "its probability is neither a logistic nor a probit function of a predictor",
    ),
    "Binomial probit": (
        likelihood(
            lambda eta: pm.Binomial("y", n=9, p=pm.math.invprobit(eta), observed=np.arange(7))
        ),
        "a binomial count with a probit link has a latent for each trial",
    ),
    "NegativeBinomial of another link": (
        likelihood(
            lambda eta: pm.NegativeBinomial(
                "y", mu=pt.softplus(eta), alpha=2, observed=np.arange(7)
            )
        ),
        r"the response applies \w+\(...\) to it",
    ),
    "Categorical": (
        likelihood(
            lambda eta: pm.Categorical(
                "y", p=pm.math.softmax(pt.stack([eta, 2 * eta], axis=1), axis=1), observed=Y > 0
            )
        ),
        "a softmax couples the predictors of all categories",
    ),
    "Gumbel": (
        likelihood(lambda eta: pm.Gumbel("y", eta, 1, observed=Y)),
        "its left tail falls faster than that of any Gaussian mixture",
    ),
    "Uniform": (
        likelihood(lambda eta: pm.Uniform("y", eta - 9, eta + 9, observed=Y)),
        "it is flat with ends, and a Gaussian mixture has none",
    ),
    "VonMises": (
        likelihood(lambda eta: pm.VonMises("y", eta, 1, observed=Y)),
        "it lives on a circle",
    ),
    "TruncatedNormal": (
        likelihood(lambda eta: pm.TruncatedNormal("y", eta, 1, lower=-9, observed=Y)),
        "its normaliser depends on its mean",
    ),
    "Censored Student-t": (
        likelihood(
            lambda eta: pm.Censored(
                "y",
                pm.StudentT.dist(nu=4, mu=eta, sigma=1),
                lower=-1,
                upper=1,
                observed=Y.clip(-1, 1),
            )
        ),
        "only censored normals are Gaussian given what was not seen",
    ),
    "Truncated": (
        likelihood(
            lambda eta: pm.Truncated("y", pm.Normal.dist(eta, 1), lower=-9, upper=9, observed=Y)
        ),
        "its normaliser depends on its mean",
    ),
    "Huber": (
        potential(lambda b: -pt.sum(pt.switch(pt.abs(b) < 1, 0.5 * b**2, pt.abs(b) - 0.5))),
        "b because of 'p'",
    ),
    "CustomDist": (
        likelihood(lambda eta: pm.CustomDist("y", eta, logp=quartic, observed=Y)),
        "known here for CustomDist",
    ),
    "ICAR": (lambda: observe(pm.ICAR("x", W=NEIGHBOURS)), "known here for ICAR"),
    "scale": (
        lambda: pm.Normal("y", 0, pt.exp(beta()), observed=np.zeros(3)),
        "b because of 'y' .it enters through the scale.",
    ),
    "constrained": (
        lambda: pm.Normal("y", 0, pm.HalfNormal("s"), observed=Y),
        "s because its support is constrained or discrete",
    ),
    "ordered": (
        lambda: observe(X @ pm.Normal("b", shape=3, transform=ORDERED, initval=[-1, 0, 1])),
        "b because its support is constrained or discrete",
    ),
    "tilt": (potential(pt.sum), r"b because of 'p' \(it is linear in the block"),
    "asymmetric potential": (
        potential(lambda b: -pt.sum(pt.switch(b > 0, 2 * b, -b))),
        "b because of 'p' .it is a function of 2 different affine expressions at once",
    ),
    "quartic potential": (
        potential(lambda b: -pt.sum(b**4)),
        "its univariate function is not one of the known families",
    ),
    "growing potential": (potential(lambda b: 0.5 * pt.sum(b**2)), "not one of the known families"),
    "group norm": (
        potential(lambda b: -pt.sqrt(pt.sum(b**2))),
        "is neither affine nor elementwise in the block",
    ),
    "mixture of other families": (
        lambda: observe(
            pm.Mixture("b", [0.5, 0.5], [pm.Normal.dist(), pm.Laplace.dist(0, 1)], shape=7)
        ),
        "only mixtures of normals are Gaussian given a component",
    ),
    "mixture likelihood": (
        lambda: pm.NormalMixture("y", [0.5, 0.5], mu=beta(2), sigma=1.0, observed=Y),
        "b because of 'y' .it enters through the means.",
    ),
    "multivariate walk": (
        lambda: observe(
            pm.MvGaussianRandomWalk(
                "w",
                np.zeros(2),
                cov=np.eye(2),
                init_dist=pm.MvNormal.dist(np.zeros(2), np.eye(2)),
                shape=(7, 2),
            )[:, 0]
        ),
        "only random walks of univariate steps are supported",
    ),
    "walk of unknown steps": (
        lambda: observe(
            pm.RandomWalk(
                "w", init_dist=pm.Normal.dist(), innovation_dist=pm.Gumbel.dist(0, 1), steps=6
            )
        ),
        "its left tail falls faster",
    ),
    "no variable": (lambda: pm.Normal("y", observed=Y), "The model has no free variable"),
    "shape mismatch": (
        lambda: observe(X @ beta(), Y[:5]),
        r"PyMC cannot write the model's log density: .*\(5,\), \(7,\)",
    ),
    "negative scale": (
        likelihood(lambda eta: pm.Normal("y", eta, -1.0, observed=Y)),
        "The scale of 'y' is -1.0 somewhere, and it must be positive",
    ),
    "zero scale": (
        likelihood(lambda eta: pm.Normal("y", eta, np.arange(7.0), observed=Y)),
        "The scale of 'y' is 0.0 somewhere",
    ),
    "NaN scale": (
        likelihood(lambda eta: pm.Normal("y", eta, np.nan, observed=Y)),
        "The scale of 'y' is NaN or infinite at 1 of 1 entries",
    ),
}


def build_model(build) -> pm.Model:
    """A model from a function that declares its variables."""
    with pm.Model() as model:
        build()
    return model


@pytest.mark.parametrize("case", NO_BLOCK)
def test_no_block(case):
    """A model without a Gaussian block is refused, with the reason."""
    build, message = NO_BLOCK[case]
    model = build_model(build)
    with pytest.raises(RecognitionError, match=message):
        explain(model)


def test_smaller_factor_of_a_product_leaves():
    """Of x * y the smaller variable becomes a hyperparameter."""
    machine = explain(build_model(lambda: observe(pm.Normal("a") * (X @ beta()))))
    assert [variable.rv_name for variable in machine.block] == ["b"]
    assert machine.refused == [("a", "y", "it multiplies b, which is in the block")]
    assert [hyper.rv_name for hyper in machine.hyperparameters] == ["a"]


def test_others_stay_where_one_response_has_no_matrix():
    """A response that no matrix is read from costs its own variables only."""

    def build():
        observe(pm.Normal("a", shape=3)[pm.Categorical("k", np.ones(3) / 3, shape=7)])
        pm.Normal("z", X @ beta(), 1.0, observed=Y)

    machine = explain(build_model(build))
    assert [variable.rv_name for variable in machine.block] == ["b"]
    [refusal] = machine.refused
    assert refusal.variable == "a"
    assert "another model variable" in refusal.reason


def test_restricted_block():
    """vars= keeps variables out, and says so."""
    model = build_model(lambda: observe(X @ beta() + pm.Normal("a", shape=7)))
    machine = explain(model, vars=[model["b"]])
    assert [variable.rv_name for variable in machine.block] == ["b"]
    assert machine.refused == [("a", "vars=", "it was not asked for")]


def test_unknown_name():
    """vars= must name free variables."""
    model = build_model(lambda: observe(X @ beta()))
    with pytest.raises(RecognitionError, match=r"'c' is not a free variable.* are b"):
        explain(model, vars=["c"])


def test_discrete_variable_is_a_guest():
    """A discrete variable in the mean is left to other steps; scales are still updated."""

    def build():
        mean = X @ beta() + pm.Poisson("k", 0.5)
        pm.Normal("y", mean, pm.HalfNormal("s"), observed=Y)

    model = build_model(build)
    machine = explain(model)
    [guest] = machine.guests
    assert guest.rv_name == "k"
    assert guest.reason.startswith("it is discrete")
    assert [hyper.rv_name for hyper in machine.hyperparameters] == ["s"]
    with pytest.raises(RecognitionError, match=r"k \(it is discrete.*\).*pm.sample\(step="):
        pymc_glm.sample(draws=5, model=model, progressbar=False)


def test_long_vector_is_a_guest():
    """Slice updates of many entries that depend on each other would be slow without a word."""

    def build():
        s = pm.HalfNormal("s", shape=65)
        pm.Normal("y", beta(65), s + s[::-1], observed=np.zeros(65))

    [guest] = explain(build_model(build)).guests
    assert guest.reason == "it has 65 entries, more than the 64 updated one by one"


def test_long_vector_of_independent_entries_is_updated():
    """Entries that do not depend on each other are updated all at once, however many."""

    def build():
        pm.Normal("y", beta(65), pm.HalfNormal("s", shape=65), observed=np.zeros(65))

    machine = explain(build_model(build))
    assert not machine.guests
    assert [hyper.update for hyper in machine.hyperparameters] == [
        "generalized inverse Gaussian, entries independent"
    ]


BAD_DATA = {
    "NaN in the design": (
        lambda: observe(spoiled(X, (2, 1), np.nan) @ beta()),
        r"definition of 'y' holds 1 NaN or infinite values, the first is nan at index \(2, 1\)",
    ),
    "infinite observation": (
        lambda: observe(X @ beta(), spoiled(Y, 3, np.inf)),
        r"Observed data of 'y' holds 1 .* the first is inf at index \(3,\)",
    ),
    "infinite scalar observation": (
        lambda: observe(beta()[0], np.array(np.inf)),
        r"Observed data of 'y' holds 1 .* inf at index \(\)",
    ),
    "infinite pm.Data": (
        lambda: observe(pm.Data("design", spoiled(X, (0, 0), -np.inf)) @ beta()),
        r"Data of 'design' holds 1 .* -inf at index \(0, 0\)",
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case):
    """Numbers that are none are found, with name and index."""
    build, message = BAD_DATA[case]
    model = build_model(build)
    with pytest.raises(InvalidDataError, match=message):
        explain(model)


def groups(count, scale):
    """Group effects with a flat mean."""
    observe(pm.Normal("theta", pm.Flat("mu"), scale(), shape=count), Y[:count])


IMPROPER = {
    "one observation": (
        lambda: pm.Normal("y", pm.Normal("a"), pm.HalfFlat("s"), observed=1.0),
        "posterior of 's' is improper: its prior is flat, and the number of responses it scales, 1",
    ),
    "no degree of freedom left": (
        lambda: pm.Normal("y", X[:3] @ pm.Flat("b", shape=3), pm.HalfFlat("s"), observed=Y[:3]),
        "it scales, 3, less the 3 unknowns of the block",
    ),
    "two groups": (lambda: groups(2, lambda: pm.HalfFlat("tau")), "it scales, 2, less the 1"),
    "flat on the logarithm": (
        lambda: groups(7, lambda: pt.exp(pm.Flat("log_tau"))),
        "posterior of 'log_tau' is improper: its prior is infinite at a scale of zero",
    ),
}


@pytest.mark.parametrize("case", IMPROPER)
def test_improper_scale(case):
    """A flat prior on a scale that the data do not make proper."""
    build, message = IMPROPER[case]
    model = build_model(build)
    with pytest.raises(ImproperPosteriorError, match=message):
        explain(model)


PROPER = {
    "three groups": lambda: groups(3, lambda: pm.HalfFlat("tau")),
    "regression": lambda: pm.Normal(
        "y", X @ pm.Flat("b", shape=3), pt.exp(pm.Flat("s")), observed=Y
    ),
    "flat precision": lambda: pm.Normal("y", X @ beta(), tau=pm.HalfFlat("s"), observed=Y),
}


@pytest.mark.parametrize("case", PROPER)
def test_proper_scale(case):
    """A flat prior that the data make proper is accepted, with its exact draw."""
    [hyper] = explain(build_model(PROPER[case])).hyperparameters
    assert hyper.conjugate.kind == "gamma"


def test_rank_deficient_design():
    """A flat prior with too few rows is found before sampling, and named."""
    model = build_model(lambda: observe(X[:2] @ pm.Flat("b", shape=3), Y[:2]))
    with pytest.raises(ImproperPosteriorError, match=r"no factor informs b\[0\]"):
        StartingPoints(recognize(model))


def test_collinear_intercepts():
    """An intercept next to flat group effects: the direction names both."""

    def build():
        a = pm.Flat("a")
        observe(a + pm.Flat("group_effect", shape=3)[COUNTY])

    with pytest.raises(ImproperPosteriorError, match=r"a .*group_effect"):
        StartingPoints(recognize(build_model(build)))


def test_expert_needs_a_distribution():
    """A model variable is no distribution."""
    with pm.Model(), pytest.raises(TypeError, match="'jumps' needs a distribution, got ndarray"):
        expert("jumps", X, pm.Normal("b"))
