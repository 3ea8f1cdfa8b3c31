"""Convolution with a known kernel: blur, smoothing, point-spread functions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from scipy import fft, sparse

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.boundary import along_axis, padding_matrix, padding_positions
from pymc_glm.operators.checks import as_finite, as_shape, frozen, times
from pymc_glm.operators.stages import Stage, convolve_axis_stage, sparse_stage

__all__ = ["Convolution", "gaussian_kernel"]

METHODS = ("auto", "separable", "direct", "fft")
# Measured nanoseconds: of a tap of a stencil at one entry, of a stored entry of a matrix, and of
# two real transforms, for the calls and for each entry.
STENCIL_TAP, MATRIX_ENTRY, TRANSFORM_CALLS, TRANSFORM_ENTRY = 0.16, 1.0, 20_000.0, 7.0
MOST_MATRIX_TAPS = 400
MOST_MATRIX_ENTRIES = 5_000_000


def gaussian_kernel(size: int | Iterable[int], sd: float | Iterable[float]) -> np.ndarray:
    """Return a Gaussian kernel that sums to one.

    Parameters
    ----------
    size : int or tuple of int
        Number of taps along each axis. A single number is a square kernel in two dimensions.
    sd : float or tuple of float
        Standard deviation in pixels, of all axes or of each.

    Returns
    -------
    kernel : ndarray, shape size
        Samples of the density at distances from the centre, normalised.

    Examples
    --------
    A blur of two pixels::

        from pymc_glm.operators import gaussian_kernel

        gaussian_kernel(9, 2.0).shape  # (9, 9)
    """
    shape = as_shape(size, "size")
    if not isinstance(size, Iterable):
        shape *= 2
    sds = np.broadcast_to(as_finite(sd, "sd"), len(shape))
    if np.any(sds <= 0):
        raise ValueError(f"sd is {sd}. A standard deviation is positive.")
    kernel = np.ones(())
    for extent, deviation in zip(shape, sds, strict=True):
        distance = np.arange(extent) - (extent - 1) / 2
        taps = np.exp(-0.5 * (distance / deviation) ** 2)
        kernel = np.multiply.outer(kernel, taps / taps.sum())
    return kernel


class Convolution(AbstractOperator):
    r"""Convolution of an array with a kernel; the result has the array's shape.

    .. math:: y_i = \sum_k h_k \, x_{i + c - k}, \qquad c = \lfloor \text{size} / 2 \rfloor

    along each axis, as `scipy.ndimage.convolve` does.

    Parameters
    ----------
    kernel : array_like
        As many dimensions as the array. Its centre is entry ``size // 2`` of each axis.
    shape : int or tuple of int
        Shape of the array.
    boundary : {"periodic", "zero", "reflect", "nearest"}, optional
        What stands beyond the edge: ``(a b c)`` continues as ``a b c`` (the default), as zeros, as
        ``c b a``, or as ``c c c``.
    method : {"auto", "separable", "direct", "fft"}, optional
        How it is computed. ``"separable"`` slides one stencil along each axis and needs a kernel of
        rank one; ``"direct"`` multiplies by a sparse matrix; ``"fft"`` calls `scipy.fft` in Python.
        Default is what should be the fastest for the kernel and the shape.

    Attributes
    ----------
    kernel : ndarray
        The kernel.
    boundary : str
        The boundary.
    method : str
        How it is computed.

    Raises
    ------
    ValueError
        If the dimensions differ, or the kernel is not separable where that was asked for.

    Examples
    --------
    Blur a tensor in a model::

        import pymc as pm
        from pymc_glm.operators import Convolution, gaussian_kernel

        blur = Convolution(gaussian_kernel(5, 1.0), shape=(16, 16))
        with pm.Model():
            x = pm.Normal("x", shape=(16, 16))
            pm.Normal("y", blur(x), 0.1, observed=blur.forward(x.eval()))
    """

    def __init__(
        self,
        kernel: Any,
        shape: int | Iterable[int],
        boundary: str = "periodic",
        method: str = "auto",
    ) -> None:
        self.kernel = frozen(as_finite(kernel, "kernel"))
        self.shape_in = self.shape_out = as_shape(shape, "shape")
        self.boundary = boundary
        if self.kernel.ndim != len(self.shape_in) or self.kernel.size == 0:
            raise ValueError(
                f"kernel has shape {self.kernel.shape}, the array {self.shape_in}. A kernel needs "
                "as many dimensions as the array, and an entry in each."
            )
        if method not in METHODS:
            raise ValueError(f"method is {method!r}. Known are {', '.join(map(repr, METHODS))}.")
        padding_positions(1, 0, 0, boundary)
        self._factors = _separate(self.kernel)
        self.method = self._fastest() if method == "auto" else method
        if self.method == "separable" and self._factors is None:
            raise ValueError(
                f"kernel of shape {self.kernel.shape} has a rank above one. Only an outer product "
                "of vectors is separable: use method='direct' or method='fft'."
            )
        self.name = f"convolution {times(self.kernel.shape)}, {boundary}"

    def _fastest(self) -> str:
        transform = TRANSFORM_CALLS + TRANSFORM_ENTRY * self.size_in
        costs = {
            "direct": MATRIX_ENTRY * np.count_nonzero(self.kernel) * self.size_in,
            # Padding an array and folding it back cost as much again.
            "fft": transform if self.boundary == "periodic" else 2 * transform,
        }
        if self._factors is not None:
            costs["separable"] = STENCIL_TAP * sum(self.kernel.shape) * self.size_in
        return min(costs, key=costs.__getitem__)

    def _content(self) -> tuple[Any, ...]:
        return self.kernel, self.boundary, self.method

    @cached_property
    def transfer(self) -> np.ndarray | None:
        """The kernel's transfer function, or None unless the boundary is periodic.

        Complex, of the shape of ``numpy.fft.rfftn`` of the array, which it multiplies.
        """
        if self.boundary != "periodic":
            return None
        response = np.zeros(self.shape_in)
        places = [
            (np.arange(size) - size // 2) % extent
            for size, extent in zip(self.kernel.shape, self.shape_in, strict=True)
        ]
        np.add.at(response, np.ix_(*places), self.kernel)
        return frozen(fft.rfftn(response))

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        if basis == "fourier":
            return None if self.transfer is None else np.abs(self.transfer) ** 2
        odd = all(size % 2 for size in self.kernel.shape)
        symmetric = all(
            np.array_equal(self.kernel, np.flip(self.kernel, axis))
            for axis in range(self.kernel.ndim)
        )
        if self.boundary != "reflect" or not (odd and symmetric):
            return None
        corner = np.zeros(self.shape_in)
        corner.flat[0] = 1.0
        spectrum = fft.dctn(self._forward(corner), norm="ortho") / fft.dctn(corner, norm="ortho")
        return spectrum**2

    @cached_property
    def _paddings(self) -> list[np.ndarray]:
        """Positions on the padded axes."""
        return [
            padding_positions(extent, size - 1 - size // 2, size // 2, self.boundary)
            for size, extent in zip(self.kernel.shape, self.shape_in, strict=True)
        ]

    @cached_property
    def _axis_matrices(self) -> list[sparse.csr_matrix]:
        """For each axis the matrix of a separable kernel's convolution along it."""
        matrices = []
        assert self._factors is not None
        for taps, positions, extent in zip(
            self._factors, self._paddings, self.shape_in, strict=True
        ):
            slide = sparse.diags_array(
                taps[::-1], offsets=range(taps.size), shape=(extent, positions.size)
            )
            matrices.append(sparse.csr_matrix(slide @ padding_matrix(positions, extent)))
        return matrices

    @cached_property
    def _direct_matrix(self) -> sparse.csr_matrix:
        """The matrix, one diagonal for each tap."""
        grid = np.arange(self.size_in).reshape(self.shape_in)
        rows, columns, values = [], [], []
        for tap in np.ndindex(self.kernel.shape):
            weight = self.kernel[tuple(-1 - t for t in tap)]
            moved = [
                positions[t : t + extent]
                for t, positions, extent in zip(tap, self._paddings, self.shape_in, strict=True)
            ]
            inside = [np.flatnonzero(places >= 0) for places in moved]
            if weight == 0:
                continue
            row = grid[np.ix_(*inside)].ravel()
            kept = [places[keep] for places, keep in zip(moved, inside, strict=True)]
            rows.append(row)
            columns.append(grid[np.ix_(*kept)].ravel())
            values.append(np.full(row.size, weight))
        n = self.size_in
        if not rows:
            return sparse.csr_matrix((n, n))
        return sparse.csr_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)
        )

    def _forward(self, x: np.ndarray) -> np.ndarray:
        if self.method == "separable":
            for axis, matrix in enumerate(self._axis_matrices):
                x = along_axis(matrix, x, axis)
            return x
        if self.method == "direct":
            return (self._direct_matrix @ x.ravel()).reshape(self.shape_out)
        if self.transfer is not None:
            return fft.irfftn(fft.rfftn(x) * self.transfer, s=self.shape_in)
        for axis, matrix in enumerate(self._padding_matrices):
            x = along_axis(matrix, x, axis)
        spectrum = fft.rfftn(x, s=self._fast_shape) * self._padded_transfer
        return fft.irfftn(spectrum, s=self._fast_shape)[self._valid]

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        if self.method == "separable":
            for axis, matrix in enumerate(self._axis_matrices):
                y = along_axis(matrix.T, y, axis)
            return y
        if self.method == "direct":
            return (self._direct_matrix.T @ y.ravel()).reshape(self.shape_in)
        if self.transfer is not None:
            return fft.irfftn(fft.rfftn(y) * self.transfer.conj(), s=self.shape_in)
        embedded = np.zeros(self._fast_shape)
        embedded[self._valid] = y
        spectrum = fft.rfftn(embedded) * self._padded_transfer.conj()
        x = fft.irfftn(spectrum, s=self._fast_shape)
        for axis, matrix in enumerate(self._padding_matrices):
            x = along_axis(matrix.T, np.take(x, range(matrix.shape[0]), axis), axis)
        return x

    @cached_property
    def _padding_matrices(self) -> list[sparse.csr_matrix]:
        return [
            padding_matrix(positions, extent)
            for positions, extent in zip(self._paddings, self.shape_in, strict=True)
        ]

    @cached_property
    def _fast_shape(self) -> tuple[int, ...]:
        """Extents of at least the padded array's that have fast transforms."""
        return tuple(fft.next_fast_len(positions.size, real=True) for positions in self._paddings)

    @cached_property
    def _padded_transfer(self) -> np.ndarray:
        return fft.rfftn(self.kernel, s=self._fast_shape)

    @property
    def _valid(self) -> tuple[slice, ...]:
        """Where every tap was inside the padded array."""
        return tuple(
            slice(size - 1, size - 1 + extent)
            for size, extent in zip(self.kernel.shape, self.shape_in, strict=True)
        )

    def stages(self) -> tuple[Stage, ...]:
        """Return a stencil for each axis, a sparse matrix, or a call of Python."""
        if self.method == "fft":
            return super().stages()
        if self.method == "direct":
            return (sparse_stage(self._direct_matrix),)
        assert self._factors is not None
        return tuple(
            convolve_axis_stage(
                taps[::-1], self.shape_in, axis, positions, taps.size - 1 - taps.size // 2
            )
            for axis, (taps, positions) in enumerate(
                zip(self._factors, self._paddings, strict=True)
            )
            if taps.size > 1 or taps[0] != 1.0
        )

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the matrix of a kernel of up to 400 taps and with 5 million entries, or None."""
        taps = np.count_nonzero(self.kernel)
        if taps > MOST_MATRIX_TAPS or taps * self.size_in > MOST_MATRIX_ENTRIES:
            return None
        return self._direct_matrix

    def gram_diagonal(self) -> np.ndarray:
        """Return the diagonal of A'A, exact save for large kernels that edges fold back."""
        if self.transfer is not None:
            # All columns are shifts of one; Parseval's sum runs over the whole spectrum.
            corner = np.zeros(self.shape_in)
            corner.flat[0] = 1.0
            return np.full(self.size_in, np.sum(self._forward(corner) ** 2))
        if self._factors is not None:
            diagonal = np.ones(())
            for matrix in self._axis_matrices:
                squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
                diagonal = np.multiply.outer(diagonal, squares)
            return diagonal.ravel()
        if self.boundary == "zero":
            # Each tap takes an entry to a place of its own, or out of the array.
            squared = Convolution(self.kernel**2, self.shape_in, "zero", self.method)
            return squared.adjoint(np.ones(self.shape_in)).ravel()
        return super().gram_diagonal()


def _separate(kernel: np.ndarray) -> list[np.ndarray] | None:
    """Vectors whose outer product is the kernel, up to rounding, or None."""
    if kernel.ndim == 1:
        return [kernel]
    left, sizes, right = np.linalg.svd(kernel.reshape(kernel.shape[0], -1), full_matrices=False)
    if sizes.size > 1 and sizes[1] > 8 * np.finfo(float).eps * sizes[0]:
        return None
    rest = _separate((sizes[0] * right[0]).reshape(kernel.shape[1:]))
    # The sign of singular vectors is arbitrary; taps of a blur should be positive.
    sign = np.sign(left[:, 0].sum()) or 1.0
    return None if rest is None else [sign * left[:, 0], sign * rest[0], *rest[1:]]
