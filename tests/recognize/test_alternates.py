"""Variables that multiply the block form blocks of their own, each affine given the others."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from test_spellings import differentiated

from pymc_glm import explain
from pymc_glm.machine import with_scales
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.sweep import build_sweep

RNG = np.random.default_rng(3)
Y = RNG.normal(size=(5, 30))


def factor_model():
    """Loadings times factors."""
    loadings = pm.Normal("loadings", 0, pm.HalfNormal("width", 1), shape=(5, 2))
    factors = pm.Normal("factors", 0, 1, shape=(2, 30))
    pm.Normal("y", loadings @ factors, pm.HalfNormal("noise", 1), observed=Y)


def standardised_loadings():
    """Loadings that are multiples of standard normals."""
    loadings = pm.Normal("loadings", 0, 1, shape=(10, 1)) * pm.HalfNormal("width", 1)
    factors = pm.Normal("factors", 0, 1, shape=(1, 15))
    pm.StudentT("y", 4, mu=loadings @ factors, sigma=0.5, observed=Y.reshape(10, 15))


def few_loadings():
    """Too few to be worth a block: they are hyperparameters."""
    loadings = pm.Normal("loadings", 0, 1, shape=(5, 1))
    factors = pm.Normal("factors", 0, 1, shape=(1, 30))
    pm.Normal("y", loadings @ factors, 0.5, observed=Y)


def machine_of(build):
    with pm.Model() as model:
        build()
    return model, explain(model)


@pytest.mark.parametrize("build", [factor_model, standardised_loadings])
def test_smaller_side_is_an_alternate_block(build):
    _, machine = machine_of(build)
    assert [variable.rv_name for variable in machine.block] == ["factors"]
    [alternate] = machine.alternates
    assert [variable.rv_name for variable in alternate.block] == ["loadings"]
    assert not machine.guests and not machine.refused
    assert "loadings" in str(machine) and "alternate block" in str(machine)


def test_few_entries_stay_hyperparameters():
    _, machine = machine_of(few_loadings)
    assert not machine.alternates
    [loadings] = machine.hyperparameters
    assert loadings.rv_name == "loadings" and loadings.size == 5


def test_conditional_of_an_alternate_block_is_the_models():
    """Its mean and precision given the first block, against the gradient of the model."""
    model, machine = machine_of(factor_model)
    [alternate] = machine.alternates
    rng = np.random.default_rng(5)
    point = {
        name: value + rng.normal(size=value.shape) for name, value in model.initial_point().items()
    }
    others = [hyper.value for hyper in machine.hyperparameters]
    others += [variable.value for variable in machine.block]
    precision, information = np.zeros((10, 10)), np.zeros(10)
    for factor in alternate.factors:
        graphs = [factor.linear_map.symbolic_values(), factor.offset, factor.parameters["scale"]]
        graphs = [pm.math.constant(g) if isinstance(g, np.ndarray) else g for g in graphs]
        values, offset, scale = Evaluator(graphs, others)(point)
        matrix = factor.linear_map.matrix(values).toarray()
        weight = np.broadcast_to(scale**-2.0, (factor.size,))
        precision += matrix.T @ (weight[:, None] * matrix)
        information -= matrix.T @ (weight * offset)
    expected_precision, expected_information = differentiated(model, ["loadings"], point)
    np.testing.assert_allclose(precision, expected_precision, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(information, expected_information, rtol=1e-7, atol=1e-7)


def test_scale_of_an_alternate_block_sees_its_responses():
    """The width of the loadings is drawn from the sum of their squares."""
    _, machine = machine_of(factor_model)
    [width] = [hyper for hyper in machine.hyperparameters if hyper.rv_name == "width"]
    assert width.conjugate is not None
    assert float(width.conjugate.total_power[0]) == 10.0
    assert not width.collapsible


@pytest.mark.parametrize("scales", ["auto", "collapsed", "plain"])
def test_sweep_updates_both_blocks(scales):
    _, machine = machine_of(standardised_loadings)
    sweep = build_sweep(with_scales(machine, scales))
    names = [variable.name for variable in machine.updated]
    assert names[-1] == "loadings" and len(sweep.inputs) == len(sweep.outputs) == 1 + len(names)
