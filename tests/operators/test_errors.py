"""What operators refuse, and what they say."""

import sys

import numpy as np
import pytest

from scipy.sparse.linalg import LinearOperator

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.operators import (
    DCT,
    BlockMean,
    Convolution,
    Differences,
    External,
    Fourier,
    Gradient,
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

LOOP = np.array([[0, 1, 2], [1, 0, 0], [2, 0, 0]])


def linear(matvec, rmatvec, dtype=float):
    return External(LinearOperator((3, 3), matvec=matvec, rmatvec=rmatvec, dtype=dtype))


class Products:
    """Somebody's operator, with products that nobody checked."""

    shape = (3, 3)

    def __init__(self, matvec, rmatvec):
        self.matvec, self.rmatvec = matvec, rmatvec


REFUSED = {
    "shape of a matrix": (lambda: Sparse(np.ones((2, 3)), (2, 2)), ValueError, "of 4 entries"),
    "matrix of three dimensions": (lambda: Sparse(np.ones((2, 2, 2))), ValueError, "two dimens"),
    "NaN in a matrix": (lambda: Sparse([[1.0, np.nan]]), InvalidDataError, "1 of 2 values"),
    "complex matrix": (lambda: Sparse([[1j]]), TypeError, "is complex"),
    "infinite kernel": (lambda: Convolution([np.inf], 3), InvalidDataError, "kernel has 1 of 1"),
    "kernel's dimensions": (lambda: Convolution([1.0], (3, 3)), ValueError, "many dimensions"),
    "boundary": (lambda: Convolution([1.0], 3, "mirror"), ValueError, "boundary is 'mirror'"),
    "method": (lambda: Convolution([1.0], 3, method="fast"), ValueError, "method is 'fast'"),
    "rank": (lambda: Convolution(np.eye(3), (4, 4), method="separable"), ValueError, "rank above"),
    "width of a kernel": (lambda: gaussian_kernel(3, 0.0), ValueError, "sd is 0.0"),
    "empty shape": (lambda: DCT(()), ValueError, r"shape is \(\)"),
    "fractional shape": (lambda: DCT((4.5, 4)), TypeError, r"shape is \(4.5, 4\)\. It must be"),
    "negative shape": (lambda: Identity((3, -1)), ValueError, "positive integers"),
    "order": (lambda: Differences(3, order=0), ValueError, "order is 0"),
    "short axis": (lambda: Differences(2, order=2), ValueError, "at least 3"),
    "axis": (lambda: Differences((3, 3), axes=2), ValueError, "axes are 2"),
    "axis twice": (lambda: Differences((3, 3), axes=(0, -2)), ValueError, "one of them twice"),
    "boundary of differences": (
        lambda: Differences(3, boundary="reflect"),
        ValueError,
        "Differences know",
    ),
    "boundary of a gradient": (lambda: Gradient(3, "zero"), ValueError, "A gradient knows"),
    "mask of numbers": (lambda: Mask([0, 1]), TypeError, "mask has dtype int64"),
    "mask of nothing": (lambda: Mask([False]), ValueError, "keeps nothing"),
    "positions outside": (lambda: Select([3], 3), IndexError, "run from 3 to 3"),
    "boolean positions": (lambda: Select([True], 1), TypeError, "is a Mask"),
    "factors": (lambda: Subsample((4, 4), (2, 2, 2)), ValueError, "one for each axis"),
    "blocks": (lambda: BlockMean((4, 5), 2), ValueError, "do not tile"),
    "frequencies": (lambda: Fourier(4, [True]), ValueError, r"of shape \(3,\)"),
    "no frequency": (lambda: Fourier(1, [False]), ValueError, "keeps nothing"),
    "unknown wavelet": (lambda: Wavelet(8, "daubechies"), ValueError, "no discrete wavelet"),
    "biorthogonal wavelet": (lambda: Wavelet(8, "bior2.2"), ValueError, "is not orthogonal"),
    "level": (lambda: Wavelet(12, level=3), ValueError, "halved 2 times"),
    "no angle": (lambda: Radon(8, []), ValueError, "vector of angles"),
    "shape of an image": (lambda: Radon((8, 8), [0.0]), TypeError, r"size is \(8, 8\)"),
    "width of a bin": (lambda: Radon(8, [0.0], width=0.0), ValueError, "width is 0.0"),
    "edges": (lambda: Incidence([0, 1]), ValueError, "pairs of integers"),
    "loop": (lambda: Incidence([[0, 1], [2, 2]]), ValueError, "Edge 1 joins node 2 to itself"),
    "node": (lambda: Incidence([[0, 3]], nodes=3), ValueError, "graph of 3 nodes"),
    "number of weights": (lambda: Incidence([[0, 1]], weights=[1, 2]), ValueError, "each of 1 edg"),
    "weight": (lambda: Incidence([[0, 1]], weights=[-1]), ValueError, "at least -1"),
    "direction": (lambda: Incidence(np.triu(LOOP)), ValueError, "not symmetric"),
    "negative adjacency": (lambda: Incidence(-LOOP), ValueError, "weight of -2"),
    "adjacency without edges": (lambda: Incidence(0 * LOOP), ValueError, "no edges"),
    "adjacency's nodes": (lambda: Incidence(LOOP, nodes=4), ValueError, "itself"),
    "composition": (lambda: DCT(3) @ DCT(4), ValueError, "takes shape"),
    "sum": (lambda: DCT(3) + DCT(4), ValueError, "are added must agree"),
    "sum with a number": (lambda: DCT(3) + 1, TypeError, "unsupported operand"),
    "multiple": (lambda: np.nan * DCT(3), InvalidDataError, "factor has 1 of 1"),
    "wrong adjoint": (
        lambda: linear(np.cumsum, np.cumsum),
        ValueError,
        r"<y, A x> = -?\d.*<A' y, x> = -?\d",
    ),
    "affine map": (lambda: linear(lambda x: x + 1, lambda y: y), ValueError, "is not linear"),
    "NaN": (lambda: linear(lambda x: x * np.nan, lambda y: y), ValueError, "returned NaN"),
    "complex operator": (lambda: linear(np.copy, np.copy, complex), TypeError, "stack its real"),
    "complex product": (lambda: linear(np.fft.fft, np.fft.fft), TypeError, "matvec returned compl"),
    "short product": (
        lambda: linear(lambda x: x[:2], np.copy),
        ValueError,
        "3 x 3: matvec failed on a vector of 3 numbers: .*It must return 3",
    ),
    "short transposed product": (
        lambda: External(Products(np.copy, lambda y: y[:2])),
        ValueError,
        r"rmatvec returned an array of shape \(2,\) for .* It must return 3",
    ),
    "adjoint left out": (lambda: linear(np.copy, None), TypeError, "does not implement rmatvec"),
    "no adjoint": (lambda: External(np.ones((3, 3))), TypeError, "has no matvec, rmatvec"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_operator_is_refused(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as raised:
        make()
    if "operand" not in message:
        assert str(raised.value).count(". ") >= 1, "An error is two sentences."


def test_wavelets_ask_for_pywavelets(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywt", None)
    with pytest.raises(ImportError, match=r"pip install 'pymc-glm\[images\]'"):
        Wavelet(8)


def test_arrays_are_copied_and_cannot_be_changed():
    kernel = np.array([1.0, 2.0, 1.0])
    blur = Convolution(kernel, 5)
    kernel[:] = 0.0
    np.testing.assert_array_equal(blur.kernel, [1.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        blur.kernel[0] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        Sparse(np.eye(2)).matrix().data[0] = 3.0
