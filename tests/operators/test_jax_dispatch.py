"""Linear operators on PyTensor's JAX backend, where JAX is installed."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pymc_glm.operators import (
    DCT,
    Convolution,
    Differences,
    Fourier,
    Identity,
    Mask,
    Subsample,
    gaussian_kernel,
)

jax = pytest.importorskip("jax")

SHAPE = (6, 8)
KERNEL = np.random.default_rng(0).normal(size=(3, 4))
OPERATORS = {
    "matrix": Differences(SHAPE),
    "selection": Subsample(SHAPE, 2),
    "identity": Identity(SHAPE),
    "multiple": 2 * Mask(np.eye(5, dtype=bool)),
    "stencils, zero": Convolution(gaussian_kernel((3, 5), 1.0), SHAPE, "zero"),
    "stencils, reflected": Convolution(gaussian_kernel((3, 5), 1.0), SHAPE, "reflect"),
    "Fourier": Convolution(KERNEL, SHAPE, method="fft"),
    "cosine": DCT(SHAPE),
    "Python": Fourier(SHAPE),
    "composition": Differences(SHAPE).T @ Differences(SHAPE) @ DCT(SHAPE).T,
    "adjoint": (Fourier(SHAPE) @ Convolution(KERNEL, SHAPE, "zero")).T,
}


@pytest.fixture(autouse=True)
def double_precision():
    from pymc_glm.operators import jax_dispatch  # noqa: F401

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", OPERATORS)
def test_products_and_gradients_are_those_of_python(name):
    from pytensor.link.jax.dispatch import jax_funcify

    operator = OPERATORS[name]
    x = pt.tensor("x", shape=operator.shape_in)
    y = operator(x)
    rng = np.random.default_rng(1)
    value = rng.normal(size=operator.shape_in)
    graph = pytensor.graph.fg.FunctionGraph([x], [y, pytensor.grad((y**2).sum(), x)], clone=True)
    function = jax.jit(jax_funcify(graph))
    image, gradient = function(value)
    expected = operator.forward(value)
    np.testing.assert_allclose(image, expected, atol=1e-12)
    np.testing.assert_allclose(gradient, 2 * operator.adjoint(expected), atol=1e-12)
    # JAX differentiates, and maps over chains, by itself.
    energy = jax.jit(jax.grad(lambda point: (function(point)[0] ** 2).sum()))
    np.testing.assert_allclose(energy(value), gradient, atol=1e-12)
    batch = rng.normal(size=(2, *operator.shape_in))
    images = jax.vmap(lambda point: function(point)[0])(batch)
    np.testing.assert_allclose(images, [operator.forward(each) for each in batch], atol=1e-12)
