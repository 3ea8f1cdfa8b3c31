"""The solver that a user asks for, and the operators that leave no choice."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_glm

from pymc_glm.exceptions import ImproperPosteriorError, RecognitionError
from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.operators import (
    AbstractOperator,
    Convolution,
    Differences,
    Mask,
    Sparse,
    gaussian_kernel,
)
from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling.start import StartingPoints

SHAPE = (24, 25)
DATA = np.random.default_rng(0).normal(size=SHAPE)


def image_model(response, prior=True):
    """Total variation, and data on a response."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=SHAPE)
        if prior:
            for axis in (0, 1):
                pymc_glm.expert(f"axis{axis}", pm.Laplace.dist(0, 0.5), pt.diff(x, axis=axis))
        mu = response(x)
        pm.Normal("y", mu, 0.3, observed=np.resize(DATA, mu.type.shape))
    return model


BLUR = Convolution(gaussian_kernel(5, 1.0), SHAPE)
SEEN = np.random.default_rng(1).random(SHAPE) < 0.7


@pytest.mark.parametrize("solver", ["sparse", "banded", "dense", "iterative"])
def test_a_solver_by_name(solver):
    """The plan is what was asked for, and says so."""
    machine = pymc_glm.explain(image_model(lambda x: x), solver=solver)
    assert machine.plan.structure == solver
    assert solver in str(machine)


def test_settings_of_an_iterative_solution_reach_the_plan():
    """Tolerance and correction."""
    settings = pymc_glm.ConjugateGradients(1e-5, corrected=True)
    assert pymc_glm.explain(image_model(lambda x: x), solver=settings).plan.solution == settings


@pytest.mark.parametrize(
    ("solver", "words"),
    [
        ("cholesky", "Choose one of"),
        ("chain", "is not that of a chain"),
        (pymc_glm.ConjugateGradients(0.0), "relative residual"),
        (pymc_glm.ConjugateGradients("a"), "Got a tolerance of 'a'. It is a relative residual"),
        (pymc_glm.ConjugateGradients(corrected="no"), "Got corrected='no'. It is True or False"),
    ],
)
def test_a_solver_that_cannot_be(solver, words):
    """Unknown names, structures that Q has not, tolerances that are none."""
    with pytest.raises(ValueError, match=words):
        pymc_glm.explain(image_model(lambda x: x), solver=solver)


RESPONSES = {
    "blur": lambda x: BLUR(x),
    "blur and mask": lambda x: (Mask(SEEN) @ BLUR)(x),
    "mask of a blur": lambda x: BLUR(x)[SEEN],
    "twice": lambda x: BLUR(BLUR(x)),
    "scaled": lambda x: 2.0 * BLUR(x) + 1.0,
    "weighted": lambda x: DATA * BLUR(x),
    "sum": lambda x: BLUR(x) + 0.5 * x,
    "two terms": lambda x: BLUR(x) - BLUR(x[::-1]),
    "adjoint": lambda x: BLUR.T(x),
    "sharpened": lambda x: x - BLUR(x),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_operators_in_responses(name):
    """Whatever is done before and after, the map is that of the graph: certified, and compared."""
    model = image_model(RESPONSES[name])
    machine = recognize(model).machine
    factor = next(one for one in machine.factors if one.term == "y")
    assert isinstance(factor.linear_map, OperatorMap)
    assert machine.plan.structure == "iterative"
    x = np.random.default_rng(3).normal(size=SHAPE)
    graph = RESPONSES[name](pt.as_tensor(x)).eval().ravel()
    operator = factor.linear_map.operator
    found = operator.forward(x.reshape(operator.shape_in)).ravel() + factor.offset
    sign = np.sign(np.vdot(found, graph - np.resize(DATA, graph.size)))
    np.testing.assert_allclose(sign * found, graph - np.resize(DATA, graph.size), atol=1e-10)


def test_small_and_sparse_operators_are_read_as_matrices():
    """Differences, masks, and anything on few unknowns."""
    machine = recognize(image_model(lambda x: Mask(SEEN)(x))).machine
    assert all(isinstance(factor.linear_map, LinearMap) for factor in machine.factors)
    small = Convolution(gaussian_kernel(3, 1.0), (8, 8))
    with pm.Model() as model:
        x = pm.Normal("x", shape=(8, 8))
        pm.Normal("y", small(x), 1, observed=np.zeros((8, 8)))
        pymc_glm.expert("edges", pm.Laplace.dist(0, 1), Differences((8, 8))(x))
    machine = recognize(model).machine
    assert all(isinstance(factor.linear_map, LinearMap) for factor in machine.factors)


class _WrongAdjoint(AbstractOperator):
    """A scaling whose adjoint forgets the scale."""

    def __init__(self):
        self.shape_in = self.shape_out = SHAPE
        self.name = "twice"

    def _forward(self, x):
        return 2.0 * x

    def _adjoint(self, y):
        return y

    def _content(self):
        return ()


def test_a_wrong_adjoint_is_refused():
    """Draws would follow another law."""
    with pytest.raises(RecognitionError, match="adjoint of twice is wrong"):
        recognize(image_model(lambda x: _WrongAdjoint()(x)))


def test_an_operator_times_a_variable_leaves_the_block():
    """The reason names the product."""
    with pm.Model() as model:
        x = pm.Normal("x", shape=SHAPE)
        gain = pm.HalfNormal("gain")
        pm.Normal("y", gain * BLUR(x), 1.0, observed=DATA)
    with pytest.raises(RecognitionError, match="product of an operator with another"):
        recognize(model)


def test_an_operator_that_leaves_the_level_open():
    """Differences and a blur of kernel zero: the level is not informed."""
    edge = np.array([[0.0, 0, 0], [0, 1, -1], [0, 0, 0]])
    recognition = recognize(image_model(Convolution(edge, SHAPE)))
    with pytest.raises(ImproperPosteriorError, match="moved together"):
        StartingPoints(recognition)
    StartingPoints(recognize(image_model(BLUR)))


def test_a_large_matrix_as_an_operator():
    """A matrix of many entries is applied, not multiplied out."""
    matrix = np.random.default_rng(0).random((40, 5000)) < 0.2
    with pm.Model() as model:
        x = pm.Laplace("x", 0, 1, shape=5000)
        pm.Normal("y", Sparse(matrix.astype(float))(x), 1.0, observed=np.zeros(40))
    machine = recognize(model).machine
    assert isinstance(machine.factors[-1].linear_map, OperatorMap)
