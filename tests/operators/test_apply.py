"""Operators in graphs: gradients, shapes, batches, compiled code."""

import pickle
import threading

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.graph.replace import vectorize_graph

from pymc_glm.operators import (
    DCT,
    AbstractOperator,
    Convolution,
    Differences,
    Fourier,
    Mask,
    Sparse,
    gaussian_kernel,
)
from pymc_glm.operators.apply import ApplyOperator
from pymc_glm.operators.program import program
from pymc_glm.operators.program_kernels import apply_program, apply_program_adjoint
from pymc_glm.operators.registry import last_failure

SHAPE = (6, 8)
LOW = np.hypot(np.fft.fftfreq(6)[:, None], np.fft.rfftfreq(8)) < 0.3
OPERATORS = {
    "stencils": Convolution(gaussian_kernel(3, 1.0), SHAPE),
    "matrix": Differences(SHAPE),
    "Python": Fourier(SHAPE, LOW),
    "composition": Mask(np.arange(48).reshape(SHAPE) % 3 > 0)
    @ Convolution(np.random.default_rng(0).normal(size=(3, 3)), SHAPE, "reflect", "fft"),
}


class Failing(AbstractOperator):
    """Cannot be multiplied by arrays with a negative entry."""

    name = "failing"
    shape_in = shape_out = (3,)

    def _forward(self, x):
        if x.min() < 0:
            raise ZeroDivisionError("no negative entries, please")
        return x.copy()

    def _adjoint(self, y):
        return self._forward(y)

    def _content(self):
        return ()


@pytest.fixture(scope="module")
def compiled():
    """One compiled function of a product, its gradient and a batch, for an operator."""

    def build(operator):
        x = pt.tensor("x", shape=operator.shape_in)
        batch = pt.tensor("batch", shape=(None, *operator.shape_in))
        y = operator(x)
        energy = (y**2).sum()
        outputs = [y, pytensor.grad(energy, x), vectorize_graph(y, {x: batch})]
        return pytensor.function([x, batch], outputs, mode="NUMBA")

    return build


@pytest.mark.parametrize("name", OPERATORS)
def test_compiled_graph_has_the_products_of_python(name, compiled):
    operator = OPERATORS[name]
    rng = np.random.default_rng(4)
    x, batch = rng.normal(size=operator.shape_in), rng.normal(size=(2, *operator.shape_in))
    product, gradient, products = compiled(operator)(x, batch)
    np.testing.assert_allclose(product, operator.forward(x), atol=1e-13)
    np.testing.assert_allclose(gradient, 2 * operator.adjoint(product), atol=1e-12)
    expected = [operator.forward(entry) for entry in batch]
    np.testing.assert_allclose(products, expected, atol=1e-13)


def test_gradient_of_a_model_is_its_finite_difference():
    operator = OPERATORS["composition"]
    data = np.random.default_rng(5).normal(size=operator.shape_out)
    with pm.Model() as model:
        image = pm.Normal("image", shape=operator.shape_in)
        sigma = pm.HalfNormal("sigma")
        pm.StudentT("data", nu=4, mu=sigma * operator(image), sigma=1, observed=data)
    assert model["image"].type.shape == SHAPE
    logp = model.compile_fn(model.logp(), mode="NUMBA")
    dlogp = model.compile_fn(model.dlogp(), mode="NUMBA")
    rng = np.random.default_rng(6)
    point = {"image": rng.normal(size=SHAPE), "sigma_log__": np.array(0.3)}
    direction = {"image": rng.normal(size=SHAPE), "sigma_log__": np.array(0.7)}
    step = 1e-5

    def moved(by):
        return logp({name: value + by * direction[name] for name, value in point.items()})

    difference = (moved(step) - moved(-step)) / (2 * step)
    order = [value.name for value in model.value_vars]
    along = np.concatenate([np.ravel(direction[name]) for name in order])
    np.testing.assert_allclose(dlogp(point) @ along, difference, rtol=1e-7)


def test_push_forward_is_the_product_of_the_tangent():
    operator = OPERATORS["matrix"]
    x, tangent = pt.tensor("x", shape=SHAPE), pt.tensor("tangent", shape=SHAPE)
    push = pytensor.gradient.pushforward(operator(x) ** 2, x, tangent, use_op_pushforward=True)
    rng = np.random.default_rng(7)
    values = rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    actual = push.eval(dict(zip([x, tangent], values, strict=True)), mode="FAST_COMPILE")
    expected = 2 * operator.forward(values[0]) * operator.forward(values[1])
    np.testing.assert_allclose(actual, expected)


def test_equal_products_are_computed_once():
    x = pt.tensor("x", shape=SHAPE)
    first, second = (Convolution(np.ones((3, 3)), SHAPE)(x) for _ in range(2))
    function = pytensor.function([x], first.sum() * second.max(), mode="FAST_COMPILE")
    nodes = function.maker.fgraph.apply_nodes
    assert sum(isinstance(node.op, ApplyOperator) for node in nodes) == 1


def test_operators_compare_by_content():
    kernel = gaussian_kernel(3, 1.0)
    assert Convolution(kernel, SHAPE) == Convolution(kernel, SHAPE)
    assert Convolution(kernel, SHAPE) != Convolution(kernel, SHAPE, "zero")
    assert Convolution(kernel, SHAPE) != Convolution(kernel, (8, 6))
    assert Convolution(kernel, SHAPE) != Convolution(kernel + 1e-16 * np.eye(3), SHAPE)
    assert Differences(SHAPE) != Differences(SHAPE).T
    assert DCT(3) != Sparse(np.eye(3))
    assert len({DCT(3), DCT(3), DCT(4)}) == 2


def test_a_pickled_graph_is_compiled():
    x = pt.tensor("x", shape=SHAPE)
    copy_x, copy = pickle.loads(pickle.dumps((x, OPERATORS["stencils"](x))))
    value = np.random.default_rng(8).normal(size=SHAPE)
    function = pytensor.function([copy_x], copy, mode="NUMBA")
    np.testing.assert_allclose(function(value), OPERATORS["stencils"].forward(value), atol=1e-14)


def test_integers_are_cast_and_products_are_fresh():
    x = pt.tensor("x", shape=(2,), dtype="int64")
    flip = Sparse([[0, 1], [1, 0]])
    np.testing.assert_array_equal(flip(x).eval({x: np.array([1, 2])}), [2.0, 1.0])
    assert (flip @ x).type == flip(x).type


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DCT(3)(pt.vector("v", shape=(4,))), ValueError, r"got v of shape \(4\). It takes"),
        (lambda: DCT(3)(pt.matrix("m")), ValueError, r"got m of shape \(\?, \?\)"),
        (lambda: DCT(2)(pt.zvector("z")), TypeError, "got z of dtype complex128"),
        (lambda: DCT(3).forward(np.ones(4)), ValueError, r"got an array of shape \(4,\)"),
        (lambda: Sparse(np.ones((2, 3))).adjoint(np.ones(3)), ValueError, r"of shape \(2,\)"),
    ],
)
def test_wrong_tensors_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_vector_of_unknown_length_is_checked_when_compiled_code_runs():
    x = pt.vector("x")
    function = pytensor.function([x], Differences(4)(x), mode="NUMBA")
    np.testing.assert_array_equal(function(np.arange(4.0)), np.ones(3))
    with pytest.raises(ValueError, match="not the one it takes"):
        function(np.arange(5.0))


def test_an_exception_in_a_callback_stops_compiled_code():
    operator = Failing()
    integers, floats = program(operator)
    np.testing.assert_array_equal(apply_program(integers, floats, np.ones(3)), np.ones(3))
    for multiply in (apply_program, apply_program_adjoint):
        with pytest.raises(ArithmeticError, match="raised an exception"):
            multiply(integers, floats, -np.ones(3))
    assert isinstance(last_failure(operator.handle), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError, match="no negative entries"):
        operator.forward(-np.ones(3))
    x = pt.vector("x", shape=(3,))
    with pytest.raises(ZeroDivisionError, match="no negative entries"):
        operator(x).eval({x: -np.ones(3)}, mode="FAST_COMPILE")


def test_threads_call_operators_at_once():
    """Both threads wait inside the operator for each other: neither holds a lock of ours."""
    meeting = threading.Barrier(2, timeout=60)

    class Meeting(Failing):
        def _forward(self, x):
            meeting.wait()
            return 2 * x

    integers, floats = program(Meeting())
    results = {}

    def run(key):
        results[key] = apply_program(integers, floats, np.full(3, float(key)))

    threads = [threading.Thread(target=run, args=(key,)) for key in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    np.testing.assert_array_equal(results[1], np.full(3, 2.0))
    np.testing.assert_array_equal(results[2], np.full(3, 4.0))
