"""Distributions that PyMC lacks: densities, draws, gradients and recognition."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from numpy.testing import assert_allclose, assert_array_equal
from pymc.logprob.utils import ParameterValueError
from scipy.stats import kstest

import pymc_glm

from pymc_glm import (
    Charbonnier,
    DirichletLaplace,
    ExponentialPower,
    GeneralizedDoublePareto,
    GeneralizedHyperbolic,
    GroupLaplace,
    Horseshoe,
    Hyperbolic,
    HyperbolicSecant,
    NormalExponentialGamma,
    NormalInverseGaussian,
    SymmetricStable,
    VarianceGamma,
    expert,
    explain,
    hinge,
)
from pymc_glm.recognize.dependence import PYTHON_MODE

FALSE_ALARM = 1e-4
# Without a gradient in the density.
ORDERS = {"order", "concentration"}

LAWS = [
    (Charbonnier, {"rate": 1.7, "delta": 0.4}, "Charbonnier"),
    (HyperbolicSecant, {"alpha": 3.7, "scale": 0.8}, "hyperbolic secant"),
    (HyperbolicSecant, {"alpha": 0.3, "scale": 0.8}, "hyperbolic secant"),
    (Horseshoe, {"scale": 0.7}, "horseshoe"),
    (ExponentialPower, {"alpha": 0.5, "scale": 0.8}, "exponential power"),
    (ExponentialPower, {"alpha": 1.7, "scale": 0.8}, "exponential power"),
    (SymmetricStable, {"alpha": 1.5, "scale": 0.8}, "symmetric stable"),
    (SymmetricStable, {"alpha": 0.8, "scale": 0.8}, "symmetric stable"),
    (
        GeneralizedHyperbolic,
        {"order": 0.3, "alpha": 0.9, "beta": -0.4, "delta": 1.5},
        "generalized hyperbolic",
    ),
    (
        NormalInverseGaussian,
        {"alpha": 2.0, "beta": 0.6, "delta": 0.5},
        "generalized hyperbolic",
    ),
    (Hyperbolic, {"alpha": 2.0, "beta": 0.6, "delta": 0.5}, "generalized hyperbolic"),
    (VarianceGamma, {"order": 1.4, "alpha": 2.0, "beta": 0.6}, "variance gamma"),
    (VarianceGamma, {"order": 0.4, "alpha": 2.0, "beta": -0.3}, "variance gamma"),
    (NormalExponentialGamma, {"alpha": 0.5, "scale": 0.7}, "normal-exponential-gamma"),
    (GeneralizedDoublePareto, {"alpha": 1.5, "scale": 0.7}, "generalized double Pareto"),
    (DirichletLaplace, {"concentration": 0.5, "scale": 0.7}, "Dirichlet-Laplace"),
    (DirichletLaplace, {"concentration": 1.3, "scale": 0.7}, "Dirichlet-Laplace"),
]
laws = pytest.mark.parametrize(
    ("law", "parameters", "family"),
    LAWS,
    ids=[f"{row[0].__name__}-{i}" for i, row in enumerate(LAWS)],
)


def evaluate(*outputs):
    """Values of graphs without inputs, by PyTensor's Python backend."""
    return pytensor.function([], list(outputs), mode=PYTHON_MODE)()


def log_density(distribution, value):
    """Log density at numbers."""
    [found] = evaluate(pm.logp(distribution, pt.as_tensor(np.asarray(value, dtype="float64"))))
    return found


def distribution_function(law, parameters, step=0.04):
    """Points and the distribution function there, on a grid that is even in the log of either side.

    In the log the integrand is smooth, whatever the pole, and vanishes at both ends.
    """
    x = np.arange(-80.0, 330.0, step)
    points = np.concatenate([-np.exp(x[::-1]), np.exp(x)])
    mass = np.exp(log_density(law.dist(0, **parameters), points)) * np.abs(points) * step
    return points, np.cumsum(mass) - 0.5 * mass


@laws
def test_draws_follow_the_density(law, parameters, family):
    """The density integrates to one, and draws around a location follow it."""
    points, cumulative = distribution_function(law, parameters)
    assert_allclose(cumulative[-1], 1.0, rtol=1e-6)
    x = law.dist(2.5, shape=8000, **parameters)
    draws = pm.draw(x, random_seed=31, mode=PYTHON_MODE) - 2.5
    p_value = kstest(draws, lambda t: np.interp(t, points, cumulative)).pvalue
    assert p_value > FALSE_ALARM / len(LAWS)


@pytest.mark.parametrize("law", [Charbonnier, SymmetricStable])
def test_wrong_draws_are_found(law):
    """The comparison above rejects draws of a law that is a fifth wider."""
    parameters = next(row[1] for row in LAWS if row[0] is law)
    points, cumulative = distribution_function(law, parameters)
    x = law.dist(0, shape=8000, **parameters)
    draws = 1.2 * pm.draw(x, random_seed=31, mode=PYTHON_MODE)
    p_value = kstest(draws, lambda t: np.interp(t, points, cumulative)).pvalue
    assert p_value < FALSE_ALARM


def group_log_density(points, scale):
    return log_density(GroupLaplace.dist(np.zeros(points.shape[-1]), scale), points)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_groups_follow_their_density(size):
    """The length of a group is gamma, and its direction uniform."""
    draws = pm.draw(GroupLaplace.dist(0, 0.7, shape=(8000, size)), random_seed=32, mode=PYTHON_MODE)
    length = np.linalg.norm(draws, axis=-1)
    assert kstest(length / 0.7, "gamma", args=(size,)).pvalue > FALSE_ALARM
    # The first coordinate of a direction is Beta(1/2, (size - 1) / 2) when squared.
    square = (draws[:, 0] / length) ** 2
    if size > 1:
        assert kstest(square, "beta", args=(0.5, 0.5 * (size - 1))).pvalue > FALSE_ALARM
    assert abs(np.mean(draws[:, 0] > 0) - 0.5) < 0.03


def test_group_density_integrates_to_one():
    """In the plane, by radii; and it depends on the length alone."""
    radius = np.arange(0.0005, 40.0, 0.001)
    points = np.stack([0.6 * radius, -0.8 * radius], axis=1)
    found = group_log_density(points, 0.7)
    assert_allclose(np.sum(2 * np.pi * radius * np.exp(found)) * 0.001, 1.0, rtol=1e-6)
    assert_allclose(group_log_density(points[:, ::-1], 0.7), found, rtol=1e-12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ExponentialPower.dist(0.3, 1.0, 0.7), pm.Laplace.dist(0.3, 0.7)),
        (ExponentialPower.dist(0.3, 2.0, 0.7), pm.Normal.dist(0.3, 0.7 / np.sqrt(2))),
        (HyperbolicSecant.dist(0.3, 2.0, 0.7), pm.Logistic.dist(0.3, 0.35)),
        (SymmetricStable.dist(0.3, 1.0, 0.7), pm.Cauchy.dist(0.3, 0.7)),
        (VarianceGamma.dist(0.3, 1.0, 2.0), pm.Laplace.dist(0.3, 0.5)),
        (Hyperbolic.dist(0.3, 2.0, 0.0, 0.6), Charbonnier.dist(0.3, 2.0, 0.6)),
        (GeneralizedHyperbolic.dist(0.3, 1, 2.0, 0.5, 0.6), Hyperbolic.dist(0.3, 2.0, 0.5, 0.6)),
        (
            GeneralizedHyperbolic.dist(0.3, -0.5, 2.0, 0.5, 0.6),
            NormalInverseGaussian.dist(0.3, 2.0, 0.5, 0.6),
        ),
    ],
)
def test_special_cases(one, other):
    """Laws that two distributions share."""
    x = np.array([-30.0, -1.2, 0.29, 0.31, 4.0])
    assert_allclose(log_density(one, x), log_density(other, x), rtol=1e-10)


def slopes(law, parameters, points):
    """Log densities, and for each argument its values, the slopes, and those by differences."""
    values = {"value": points, "mu": 0.0 * points}
    values |= {name: np.full(points.size, number) for name, number in parameters.items()}
    inputs = {name: pt.dvector(name) for name in values}
    rest = {name: inputs[name] for name in parameters}
    graph = pm.logp(law.dist(inputs["mu"], **rest), inputs["value"])
    names = [name for name in values if name not in ORDERS]
    gradients = pytensor.grad(graph.sum(), [inputs[name] for name in names])
    function = pytensor.function(list(inputs.values()), [graph, *gradients], mode=PYTHON_MODE)
    logs, *found = function(*values.values())
    for name, slope in zip(names, found, strict=True):
        step = 1e-3 * np.abs(values[name] if name not in ("mu", "value") else points)

        def moved(multiple, name=name, step=step):
            return function(*{**values, name: values[name] + multiple * step}.values())[0]

        wide, narrow = moved(2.0) - moved(-2.0), moved(1.0) - moved(-1.0)
        # What rounding makes of a difference.
        noise = 3e-12 * (1.0 + np.abs(logs)) / step
        yield name, slope, (8.0 * narrow - wide) / (12.0 * step), noise


@laws
def test_gradient(law, parameters, family):
    """In the value, the location and every parameter but orders, from 1e-8 scales to 1e6."""
    size = np.array([1e-8, 1e-5, 1e-2, 0.3, 2.1, 25.0, 1e3, 1e6])
    for name, slope, expected, noise in slopes(law, parameters, np.concatenate([-size, size])):
        assert np.all(np.isfinite(slope)), name
        error = np.abs(slope - expected)
        assert np.all(error <= 1e-6 * np.abs(expected) + noise), (name, slope, expected)


@laws
def test_gradient_at_the_location(law, parameters, family):
    """Where a sampler starts; also of those that have a cusp or a pole there."""
    value = pt.dvector("value")
    graph = pm.logp(law.dist(0.5, **parameters), value)
    function = pytensor.function([value], [graph, pt.grad(graph.sum(), value)], mode=PYTHON_MODE)
    assert np.all(np.isfinite(function(np.full(2, 0.5))))


def test_gradient_of_groups():
    """In the value and the scale; zero where a whole group is."""
    points = np.array([[0.3, -0.4], [0.0, 0.0], [0.0, 2.0], [3e-8, 4e-8]])
    value, scale = pt.dmatrix("value"), pt.dscalar("scale")
    graph = pm.logp(GroupLaplace.dist(0, scale, shape=(4, 2)), pt.specify_shape(value, (4, 2)))
    gradients = pytensor.grad(graph.sum(), [value, scale])
    function = pytensor.function([value, scale], gradients, mode=PYTHON_MODE)
    slope, scale_slope = function(points, 0.5)
    length = np.linalg.norm(points, axis=1, keepdims=True)
    assert_allclose(slope, -points / np.maximum(length, 1e-300) / 0.5, atol=1e-12)
    assert_allclose(scale_slope, np.sum(length / 0.25 - 2 / 0.5))


def test_horseshoe_gradient_is_compiled():
    """The kernel and its gradient on the default backend, and on that of Python."""
    value = pt.dvector("value")
    graph = pm.logp(Horseshoe.dist(0, 0.7), value)
    outputs = [graph, pt.grad(graph.sum(), value)]
    points = np.array([-1e6, -3.0, 1e-8, 0.4, 1e3])
    compiled = pytensor.function([value], outputs)(points)
    python = pytensor.function([value], outputs, mode=PYTHON_MODE)(points)
    assert_allclose(compiled, python, rtol=1e-12)


@pytest.mark.parametrize(
    "x",
    [
        GeneralizedHyperbolic.dist([0, 1], 0.3, [[0.9], [2.0], [3.0]], -0.4, 1.5),
        GroupLaplace.dist([0.0, 1.0, 2.0], [0.5, 2.0]),
    ],
)
def test_backends_draw_the_same(x):
    """One kernel draws on both, over the rows in the same order."""
    python = pm.draw(x, draws=3, random_seed=33, mode=PYTHON_MODE)
    compiled = pm.draw(x, draws=3, random_seed=33)
    assert python.shape == (3, 3, 2) or python.shape == (3, 2, 3)
    assert_allclose(compiled, python, rtol=1e-12)


def data(mean, size):
    pm.Normal("y", mean, 1.0, observed=np.linspace(-1.0, 2.0, size))


@laws
def test_recognised_as_its_family(law, parameters, family):
    """As a prior, with a location of its own, and as an expert."""
    with pm.Model() as model:
        m = pm.Normal("m", 0, 1)
        b = law("b", m, shape=3, **parameters)
        expert("jumps", law.dist(0, **parameters), pt.diff(b))
        data(b, 3)
    machine = explain(model)
    assert {variable.rv_name for variable in machine.block} == {"m", "b"}
    names = {factor.term: factor.family.name for factor in machine.factors}
    assert (names["b"], names["jumps"]) == (family, family)


@pytest.mark.parametrize("scale", [0.7, np.array([0.5, 2.0])])
def test_groups_are_recognised(scale):
    with pm.Model(coords={"group": [1, 2], "entry": [1, 2, 3]}) as model:
        b = GroupLaplace("b", 0, scale, dims=("group", "entry"))
        expert("jumps", GroupLaplace.dist(np.zeros(3), 0.5), pt.diff(b, axis=0))
        data(b.flatten(), 6)
    factors = {factor.term: factor.family for factor in explain(model).factors}
    assert factors["b"].name == factors["jumps"].name == "group Laplace"
    assert factors["b"].group_size == factors["jumps"].group_size == 3


@pytest.mark.parametrize("weight", [2.0, 0.7])
def test_hinge(weight):
    """A pseudo-likelihood, recognised by its values."""
    label = np.array([1.0, -1.0, 1.0])
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=3)
        hinge("loss", label * b, weight)
    factors = {factor.term: factor.family.name for factor in explain(model).factors}
    assert factors == {"b": "Gaussian", "loss": "hinge"}
    [graph] = model.replace_rvs_by_values([model["loss"]])
    found = graph.eval({"b": np.array([3.0, 3.0, -0.5])}, mode="FAST_COMPILE")
    assert_allclose(found, -weight * np.array([0.0, 4.0, 1.5]))


def test_shapes():
    """Parameters broadcast, and shape and dims add axes."""
    x = GeneralizedDoublePareto.dist([0.0, 1.0, 2.0], [[1.0], [2.0]])
    assert log_density(x, np.zeros((2, 3))).shape == (2, 3)
    with pm.Model(coords={"row": range(4), "column": range(3)}) as model:
        Horseshoe("b", [0.0, 1.0, 2.0], dims=("row", "column"))
        GroupLaplace("g", model["b"][0], dims=("row", "column"))
        SymmetricStable("s", alpha=1.5, observed=np.zeros(5))
    assert model["b"].eval(mode="FAST_COMPILE").shape == (4, 3)
    assert model["g"].eval(mode="FAST_COMPILE").shape == (4, 3)
    point = model.initial_point()
    assert_array_equal(point["b"], np.tile([0.0, 1.0, 2.0], (4, 1)))
    assert_array_equal(point["g"], np.tile([0.0, 1.0, 2.0], (4, 1)))
    logs = pytensor.function(
        model.value_vars, model.logp(sum=False), mode=PYTHON_MODE, on_unused_input="ignore"
    )(**point)
    assert [found.shape for found in logs] == [(4, 3), (4,), (5,)]


def test_prior_predictive():
    """With dims, and unknown parameters."""
    with pm.Model(coords={"row": range(4)}):
        b = Charbonnier("b", 0, rate=pm.Exponential("rate", 1), delta=0.1, dims="row")
        Horseshoe("y", b, observed=np.zeros(4))
        prior = pm.sample_prior_predictive(20, random_seed=34)
    assert prior.prior["b"].dims == ("chain", "draw", "row")
    assert np.isfinite(prior.prior_predictive["y"]).all()
    assert len(np.unique(prior.prior["b"])) == 80


@pytest.mark.parametrize(
    ("law", "parameters", "message"),
    [
        (Charbonnier, {"rate": 1.0, "delta": -1.0}, "delta > 0"),
        (HyperbolicSecant, {"alpha": 0.0}, "alpha > 0"),
        (ExponentialPower, {"alpha": 2.5}, "alpha <= 2"),
        (SymmetricStable, {"alpha": 2.0}, "alpha < 2"),
        (Horseshoe, {"scale": -1.0}, "scale > 0"),
        (NormalInverseGaussian, {"alpha": 1.0, "beta": -1.0}, r"alpha > abs\(beta\)"),
        (VarianceGamma, {"order": 0.0, "alpha": 1.0}, "order > 0"),
        (GroupLaplace, {"scale": -1.0, "shape": (1, 2)}, "scale > 0"),
    ],
)
def test_bad_parameters(law, parameters, message):
    """The density and the draw name the condition."""
    x = law.dist(0, **parameters)
    with pytest.raises(ParameterValueError, match=message):
        log_density(x, np.zeros(x.type.shape))
    with pytest.raises(ValueError, match=f"needs {message}. Other values"):
        pm.draw(x, mode=PYTHON_MODE)


def test_missing_parameters():
    """A shape has no default."""
    with pytest.raises(TypeError, match=r"Charbonnier needs rate and delta\. Only the location"):
        Charbonnier.dist(0)
    with pytest.raises(ValueError, match=r"without axes and no shape\. Its last axis"):
        GroupLaplace.dist(0, 1.0)
    with pytest.raises(ValueError, match=r"unknown length\. It is the group"):
        pm.logp(GroupLaplace.dist(pt.dvector("mu")), pt.dvector("x"))


@pytest.mark.slow
def test_nuts_agrees_with_the_sweep():
    """Two of them in one model: posterior moments by NUTS and by exact draws."""
    rng = np.random.default_rng(35)
    X = rng.normal(size=(30, 4))
    y = X @ np.array([2.0, 0.0, 0.0, -1.0]) + rng.logistic(size=30)
    with pm.Model():
        b = Charbonnier("b", 0, pm.HalfNormal("rate", 3), 0.1, shape=4)
        HyperbolicSecant("y", X @ b, scale=pm.HalfNormal("s", 2), observed=y)
        nuts = pm.sample(1500, tune=1000, chains=2, cores=1, random_seed=36, progressbar=False)
        exact = pymc_glm.sample(draws=5000, chains=2, random_seed=37, progressbar=False)
    for name in ("b", "rate", "s"):
        one, other = (result.posterior[name] for result in (nuts, exact))
        sd = other.std(("chain", "draw"))
        difference = one.mean(("chain", "draw")) - other.mean(("chain", "draw"))
        # Some 1000 effective draws each; four standard errors.
        assert np.all(np.abs(difference / sd) < 0.18)
        assert np.all(np.abs(one.std(("chain", "draw")) / sd - 1) < 0.15)
