"""Operators against other implementations of the same transforms."""

import numpy as np
import pytest
import pywt

from scipy import fft, ndimage, sparse
from skimage.transform import radon

from pymc_glm.operators import (
    DCT,
    BlockMean,
    Convolution,
    Differences,
    Fourier,
    Gradient,
    GraphLaplacian,
    Incidence,
    Mask,
    Radon,
    Select,
    Subsample,
    Wavelet,
    gaussian_kernel,
)

RNG = np.random.default_rng(3)
MODES = {"periodic": "wrap", "zero": "constant", "reflect": "reflect", "nearest": "nearest"}


@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((13,), (5,)),
        ((13,), (4,)),
        ((7, 9), (5, 3)),
        ((4, 5), (9, 8)),
        ((20, 30), (3, 9)),
        ((4, 5, 3), (3, 2, 3)),
    ],
)
def test_convolution_is_that_of_scipy(shape, size, boundary):
    kernel = RNG.normal(size=size)
    separable = np.ones(())
    for extent in size:
        separable = np.multiply.outer(separable, RNG.normal(size=extent))
    x = RNG.normal(size=shape)
    for weights, methods in ((kernel, ("direct", "fft")), (separable, ("separable", "fft"))):
        expected = ndimage.convolve(x, weights, mode=MODES[boundary])
        for method in methods:
            actual = Convolution(weights, shape, boundary, method).forward(x)
            np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "method"),
    [
        (gaussian_kernel(5, 1.0), "separable"),
        (gaussian_kernel(21, 3.0), "separable"),
        (np.ones((70, 70)), "fft"),
        (np.eye(5), "direct"),
        (RNG.normal(size=(7, 7)), "fft"),
    ],
)
def test_the_way_to_convolve_follows_the_kernel(kernel, method):
    assert Convolution(kernel, (128, 128)).method == method


def test_transfer_function_is_that_of_the_kernel():
    kernel, x = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 7))
    blur = Convolution(kernel, x.shape)
    image = fft.irfftn(fft.rfftn(x) * blur.transfer, s=x.shape)
    np.testing.assert_allclose(image, blur.forward(x), atol=1e-13)
    assert Convolution(kernel, x.shape, "zero").transfer is None


def test_gaussian_kernel_is_normalised_and_has_its_width():
    kernel = gaussian_kernel((41, 61), (2.0, 4.0))
    distances = [np.arange(n) - (n - 1) / 2 for n in kernel.shape]
    np.testing.assert_allclose(kernel.sum(), 1.0)
    variances = [kernel.sum(axis=1 - k) @ distances[k] ** 2 for k in range(2)]
    np.testing.assert_allclose(variances, [4.0, 16.0], rtol=1e-8)
    assert gaussian_kernel(5, 1.0).shape == (5, 5)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6,), (5, 7), (4, 5, 6)])
def test_differences_are_those_of_numpy(shape, order):
    x = RNG.normal(size=shape)
    expected = [np.diff(x, order, axis).ravel() for axis in range(x.ndim)]
    actual = Differences(shape, order=order).forward(x)
    np.testing.assert_allclose(actual, np.concatenate(expected))
    ends = np.pad(x, [(order, order)] + [(0, 0)] * (x.ndim - 1))
    zero = Differences(shape, 0, order, "zero").forward(x)
    np.testing.assert_allclose(zero, np.diff(ends, order, 0).ravel())
    wrapped = np.concatenate([x, x[:order]])
    periodic = Differences(shape, axes=0, order=order, boundary="periodic").forward(x)
    np.testing.assert_allclose(periodic, np.diff(wrapped, order, 0).ravel())


def test_rows_of_first_differences_have_two_opposite_entries():
    matrix = Differences((4, 5)).matrix()
    assert np.all(np.diff(matrix.indptr) == 2)
    np.testing.assert_array_equal(np.sort(matrix.data.reshape(-1, 2)), [[-1.0, 1.0]] * 31)


def test_gradient_has_the_axis_first():
    x = RNG.normal(size=(4, 5))
    gradient = Gradient(x.shape).forward(x)
    np.testing.assert_allclose(gradient[0, :-1], np.diff(x, axis=0))
    np.testing.assert_allclose(gradient[1, :, :-1], np.diff(x, axis=1))
    assert not gradient[0, -1].any() and not gradient[1, :, -1].any()
    periodic = Gradient(x.shape, "periodic").forward(x)
    np.testing.assert_allclose(periodic[1], np.roll(x, -1, 1) - x)


def test_selections_take_what_indexing_takes():
    x = RNG.normal(size=(5, 7))
    mask = x > 0
    np.testing.assert_array_equal(Mask(mask).forward(x), x[mask])
    np.testing.assert_array_equal(Subsample(x.shape, (2, 3)).forward(x), x[::2, ::3])
    np.testing.assert_array_equal(
        Select([[0, 8], [8, 1]], x.shape).forward(x), x.flat[[[0, 8], [8, 1]]]
    )
    blocks = x[:4, :6].reshape(2, 2, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(BlockMean((4, 6), 2).forward(x[:4, :6]), blocks)


def test_transforms_are_those_of_scipy_and_pywavelets():
    x = RNG.normal(size=(8, 12))
    np.testing.assert_allclose(DCT(x.shape).forward(x), fft.dctn(x, norm="ortho"))
    levels = pywt.wavedecn(x, "haar", "periodization", 2)
    expected = pywt.coeffs_to_array(levels)[0]
    np.testing.assert_allclose(Wavelet(x.shape, "haar", 2).forward(x), expected, atol=1e-14)


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (8,), (5, 6), (6, 5), (4, 4), (3, 4, 5)])
def test_fourier_rows_are_orthonormal(shape):
    everything = Fourier(shape)
    assert everything.size_out == everything.size_in
    keep = RNG.random((*shape[:-1], shape[-1] // 2 + 1)) < 0.5
    keep.flat[0] = True
    for operator in (everything, Fourier(shape, keep)):
        rows = [operator.adjoint(unit).ravel() for unit in np.eye(operator.size_out)]
        np.testing.assert_allclose(np.inner(rows, rows), np.eye(operator.size_out), atol=1e-14)


def test_partial_fourier_measures_the_frequencies_it_keeps():
    x = RNG.normal(size=(6, 8))
    keep = np.zeros((6, 5), dtype=bool)
    keep[1, 2] = keep[0, 0] = True
    spectrum = fft.rfftn(x, norm="ortho")
    pair = np.sqrt(2) * spectrum[1, 2]
    expected = [spectrum[0, 0].real, pair.real, pair.imag]
    np.testing.assert_allclose(Fourier(x.shape, keep).forward(x), expected)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym5"])
@pytest.mark.parametrize("shape", [(8,), (4, 16), (4, 4, 8)])
def test_wavelets_are_orthonormal(shape, wavelet):
    transform = Wavelet(shape, wavelet, 2)
    units = np.eye(transform.size_in).reshape(-1, *shape)
    rows = np.stack([transform.forward(unit).ravel() for unit in units])
    np.testing.assert_allclose(rows @ rows.T, np.eye(transform.size_in), atol=1e-12)


def test_graph_operators_are_those_of_scipy():
    adjacency = np.triu(RNG.random((6, 6)) * (RNG.random((6, 6)) < 0.6), 1)
    adjacency += adjacency.T
    expected = sparse.csgraph.laplacian(adjacency)
    laplacian = GraphLaplacian(adjacency)
    np.testing.assert_allclose(laplacian.matrix().toarray(), expected, atol=1e-14)
    incidence = Incidence(sparse.csr_matrix(adjacency))
    pairs, weights = incidence.edges, incidence.weights
    assert GraphLaplacian(pairs, nodes=6, weights=weights) == laplacian
    x = RNG.normal(size=6)
    differences = np.sqrt(weights) * (x[pairs[:, 1]] - x[pairs[:, 0]])
    np.testing.assert_allclose(incidence.forward(x), differences)


def test_projections_are_those_of_skimage():
    # Its detector of 92 bins has the centre of an odd image in bin 46, as ours of 93 has.
    image = np.zeros((65, 65))
    image[20:35, 30:50], image[40:50, 10:20] = 1.0, 2.0
    angles = np.arange(0, 180, 15.0)
    expected = radon(image, angles, circle=False).T
    actual = Radon(65, angles, bins=93).forward(image)[:, :92]
    for ours, theirs in zip(actual, expected, strict=True):
        assert np.corrcoef(ours, theirs)[0, 1] > 0.9999
    np.testing.assert_allclose(actual[0, 14:79], image.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(actual[6, 14:79], image.sum(axis=1)[::-1], atol=1e-12)
    np.testing.assert_allclose(actual.sum(axis=1), image.sum())
    wide = Radon(65, angles, bins=47, width=2.0).forward(image)
    np.testing.assert_allclose(2 * wide.sum(axis=1), image.sum())
