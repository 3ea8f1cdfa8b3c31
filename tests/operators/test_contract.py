"""Every operator keeps the contract, and the check of it can fail."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from scipy.sparse.linalg import aslinearoperator

from pymc_glm.operators import (
    DCT,
    AbstractOperator,
    BlockMean,
    Convolution,
    Differences,
    External,
    Fourier,
    Gradient,
    GraphLaplacian,
    Identity,
    Incidence,
    Mask,
    Radon,
    Select,
    Sparse,
    Subsample,
    Wavelet,
    gaussian_kernel,
)
from pymc_glm.testing import check_linear_operator

RNG = np.random.default_rng(1)
MATRIX = sp.random_array((6, 12), density=0.4, rng=RNG).tocsr()
DENSE = RNG.normal(size=(5, 12))
KERNEL = RNG.normal(size=(3, 4))
EDGES = [[0, 1], [1, 2], [3, 0], [2, 3]]
LOW = np.hypot(np.fft.fftfreq(6)[:, None], np.fft.rfftfreq(8)) < 0.3
SHAPE = (6, 8)

OPERATORS = {
    "sparse": Sparse(MATRIX, (3, 4), (2, 3)),
    "dense": Sparse(DENSE),
    "select": Select([[3, 1], [1, 0]], 4),
    "mask": Mask(RNG.random(SHAPE) < 0.5),
    "subsample": Subsample((5, 7), (2, 3)),
    "block means": BlockMean(SHAPE, (3, 2)),
    **{
        f"differences {shape} {order} {boundary}": Differences(shape, None, order, boundary)
        for shape in [(7,), (4, 5), (3, 4, 3)]
        for order in [1, 2]
        for boundary in ["free", "periodic", "zero"]
    },
    "differences, one axis": Differences((4, 5), axes=1),
    "gradient": Gradient((4, 5)),
    "gradient, periodic": Gradient((4, 5), "periodic"),
    **{
        f"convolution {boundary} {method}": Convolution(KERNEL, SHAPE, boundary, method)
        for boundary in ["periodic", "zero", "reflect", "nearest"]
        for method in ["direct", "fft"]
    },
    **{
        f"separable convolution {shape} {boundary}": Convolution(
            gaussian_kernel([3, 5, 2][: len(shape)], 1.0), shape, boundary, "separable"
        )
        for boundary in ["periodic", "zero", "reflect", "nearest"]
        for shape in [(9,), (6, 5), (5, 20), (4, 5, 3)]
    },
    "kernel beyond the array": Convolution(gaussian_kernel((9, 7), 2.0), (4, 5), "reflect"),
    "projections": Radon(8, [0, 20, 45, 90, 130], bins=10),
    "cosine": DCT(SHAPE),
    "Fourier": Fourier((5, 6)),
    "partial Fourier": Fourier(SHAPE, LOW),
    "wavelet haar": Wavelet((8, 4), "haar", 2),
    "wavelet db4": Wavelet(16, "db4"),
    "incidence": Incidence(EDGES, weights=[1.0, 2.0, 3.0, 4.0]),
    "Laplacian": GraphLaplacian(EDGES),
    "external": External(aslinearoperator(DENSE), (3, 4)),
    "identity": Identity((2, 3)),
    "composition": Mask(RNG.random(SHAPE) < 0.5) @ Convolution(KERNEL, SHAPE, "reflect", "fft"),
    "adjoint": Convolution(gaussian_kernel(3, 1.0), SHAPE, "nearest").T,
    "adjoint of a composition": (DCT(SHAPE) @ Convolution(KERNEL, SHAPE, "zero")).T,
    "sum": Identity(SHAPE) + Differences(SHAPE).T @ Differences(SHAPE),
    "sum without a matrix": Identity(SHAPE) - 2 * DCT(SHAPE),
    "multiple": -0.5 * Gradient((3, 4)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_keeps_the_contract(name):
    check_linear_operator(OPERATORS[name])


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_can_be_pickled(name):
    operator = OPERATORS[name]
    copy = pickle.loads(pickle.dumps(operator))
    assert copy == operator
    x = np.ones(operator.shape_in)
    np.testing.assert_array_equal(copy.forward(x), operator.forward(x))


@pytest.mark.parametrize("name", OPERATORS)
def test_diagonal_and_eigenvalues_are_those_of_the_gram_matrix(name):
    operator = OPERATORS[name]
    units = np.eye(operator.size_in).reshape(-1, *operator.shape_in)
    columns = np.stack([operator.forward(unit).ravel() for unit in units])
    squares = (columns**2).sum(axis=1)
    closed = operator.matrix() is not None or isinstance(operator, DCT | Fourier | Wavelet)
    if closed:
        np.testing.assert_allclose(operator.gram_diagonal(), squares, rtol=1e-12, atol=1e-14)
    else:
        # An entry's relative standard deviation is at most sqrt(2 / 64); five of them.
        np.testing.assert_allclose(operator.gram_diagonal(), squares, rtol=5 * np.sqrt(2 / 64))
    x = np.random.default_rng(2).normal(size=operator.shape_in)
    gram = operator.adjoint(operator.forward(x))
    if (eigenvalues := operator.eigenvalues("fourier")) is not None:
        spectrum = eigenvalues * np.fft.rfftn(x)
        axes = range(x.ndim)
        np.testing.assert_allclose(np.fft.irfftn(spectrum, x.shape, axes), gram, atol=1e-12)
    if (eigenvalues := operator.eigenvalues("cosine")) is not None:
        cosine = DCT(x.shape)
        np.testing.assert_allclose(
            cosine.adjoint(eigenvalues * cosine.forward(x)), gram, atol=1e-12
        )


def test_eigenvalues_are_known_where_they_should_be():
    known = {
        (name, basis)
        for name, operator in OPERATORS.items()
        for basis in ("fourier", "cosine")
        if operator.eigenvalues(basis) is not None
    }
    assert ("convolution periodic fft", "fourier") in known
    assert ("gradient, periodic", "fourier") in known
    assert ("gradient", "cosine") in known
    assert ("identity", "cosine") in known
    assert ("convolution zero fft", "fourier") not in known
    with pytest.raises(ValueError, match="The basis is 'wavelet'"):
        Identity(3).eigenvalues("wavelet")


class Broken(AbstractOperator):
    """Twice the identity, with one thing wrong."""

    name = "broken"
    shape_in = shape_out = (3,)

    def __init__(self, fault):
        self.fault = fault

    def _forward(self, x):
        return 2 * x + (self.fault == "affine") + (x**2 if self.fault == "curved" else 0)

    def _adjoint(self, y):
        return y if self.fault == "adjoint" else 2 * y

    def _content(self):
        return (self.fault,)

    def stages(self):
        return (3 * Identity(3)).stages() if self.fault == "program" else super().stages()

    def matrix(self):
        return sp.csr_matrix(5 * np.eye(3)) if self.fault == "matrix" else None


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("affine", "linearity"),
        ("curved", "linearity"),
        ("adjoint", "The adjoint is not that of the operator"),
        ("program", "compiled program"),
        ("matrix", "broken: matrix"),
    ],
)
def test_a_broken_operator_is_rejected(fault, message):
    with pytest.raises(AssertionError, match=message):
        check_linear_operator(Broken(fault))


def test_the_same_operator_without_a_fault_passes():
    check_linear_operator(Broken("none"))


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_diagonal_of_a_large_convolution_is_exact(boundary):
    kernel = np.random.default_rng(3).normal(size=(21, 21))
    blur = Convolution(kernel, (9, 12), boundary)
    assert blur.matrix() is None
    units = np.eye(blur.size_in).reshape(-1, *blur.shape_in)
    squares = [np.sum(blur.forward(unit) ** 2) for unit in units]
    np.testing.assert_allclose(blur.gram_diagonal(), squares, rtol=1e-12)
