"""Finite differences along the axes of an array: total variation, random walks, smoothness."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb
from typing import Any

import numpy as np

from scipy import fft, sparse

from pymc_glm.operators.boundary import padding_matrix, padding_positions
from pymc_glm.operators.checks import as_shape, frozen, times
from pymc_glm.operators.sparse import AbstractMatrixOperator

__all__ = ["Differences", "Gradient"]


class Differences(AbstractMatrixOperator):
    r"""Finite differences along some axes, the rows of all axes in one vector.

    For order 1 each row is :math:`x_{i+1} - x_i` along one axis; for order k, k times that.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    axes : int or tuple of int, optional
        Along which differences are taken. Default is all axes, in their order.
    order : int, optional
        Order of the differences. Default is 1.
    boundary : {"free", "periodic", "zero"}, optional
        ``"free"`` (the default) takes the differences inside the array, ``order`` fewer than there
        are entries along the axis. ``"periodic"`` wraps around. ``"zero"`` takes the entries before
        and after the array to be zero, which makes ``order`` more: no direction is left free.

    Raises
    ------
    ValueError
        If an axis has too few entries for the order, is not there, or is named twice.

    References
    ----------
    Rudin, Osher and Fatemi (1992), doi:10.1016/0167-2789(92)90242-F.

    Examples
    --------
    Anisotropic total variation of an image, as a prior::

        import pymc as pm
        import pymc_glm
        from pymc_glm.operators import Differences

        with pm.Model():
            image = pm.Flat("image", shape=(8, 8))
            jumps = Differences((8, 8))(image)
            pymc_glm.expert("tv", pm.Laplace.dist(0, 0.1), jumps)
    """

    def __init__(
        self,
        shape: int | Iterable[int],
        axes: int | Iterable[int] | None = None,
        order: int = 1,
        boundary: str = "free",
    ) -> None:
        self.shape_in = as_shape(shape, "shape")
        self.axes = _as_axes(axes, len(self.shape_in))
        if order < 1:
            raise ValueError(f"order is {order}. Differences have an order of at least 1.")
        self.order, self.boundary = order, boundary
        blocks = [
            _along(self.shape_in, axis, _difference_matrix(self.shape_in[axis], order, boundary))
            for axis in self.axes
        ]
        self._matrix = _frozen(sparse.vstack(blocks, format="csr"))
        self.shape_out = (self._matrix.shape[0],)
        self.name = f"differences {times(self.shape_in)}, order {order}, {boundary}"

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        return _eigenvalues(self, basis)


class Gradient(AbstractMatrixOperator):
    r"""First differences along all axes, with the axis as first dimension of the result.

    The difference past the last entry of an axis is zero, so that each pixel has a vector of
    differences: the groups of isotropic total variation.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array, of d axes. The result has shape ``(d, *shape)``.
    boundary : {"free", "periodic"}, optional
        Whether the difference past the last entry is zero (the default) or wraps around.

    References
    ----------
    Chambolle (2004), doi:10.1023/B:JMIV.0000011325.36760.1e.

    Examples
    --------
    Norms of the gradient in each pixel::

        import numpy as np
        from pymc_glm.operators import Gradient

        ramp = np.add.outer(3.0 * np.arange(4), 4.0 * np.arange(5))
        np.linalg.norm(Gradient((4, 5)).forward(ramp), axis=0)[0, 0]  # 5
    """

    def __init__(self, shape: int | Iterable[int], boundary: str = "free") -> None:
        self.shape_in = as_shape(shape, "shape")
        if boundary not in ("free", "periodic"):
            raise ValueError(
                f"The boundary is {boundary!r}. A gradient knows 'free' and 'periodic'."
            )
        self.axes, self.order, self.boundary = tuple(range(len(self.shape_in))), 1, boundary
        self.shape_out = (len(self.shape_in), *self.shape_in)
        blocks = []
        for axis, length in enumerate(self.shape_in):
            difference = _difference_matrix(length, 1, boundary)
            if boundary == "free":
                difference = sparse.vstack([difference, sparse.csr_matrix((1, length))])
            blocks.append(_along(self.shape_in, axis, difference))
        self._matrix = _frozen(sparse.vstack(blocks, format="csr"))
        self.name = f"gradient {times(self.shape_in)}, {boundary}"

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        return _eigenvalues(self, basis)


def _as_axes(axes: int | Iterable[int] | None, ndim: int) -> tuple[int, ...]:
    if axes is None:
        return tuple(range(ndim))
    chosen = (axes,) if isinstance(axes, int) else tuple(axes)
    if not chosen or any(not -ndim <= axis < ndim for axis in chosen):
        raise ValueError(f"axes are {axes}. An array of {ndim} axes has 0 to {ndim - 1}.")
    found = tuple(axis % ndim for axis in chosen)
    if len(set(found)) < len(found):
        raise ValueError(f"axes are {axes}, one of them twice. Name each axis once.")
    return found


def _difference_matrix(length: int, order: int, boundary: str) -> sparse.csr_matrix:
    """Differences of a vector; their number depends on the boundary."""
    if boundary not in ("free", "periodic", "zero"):
        raise ValueError(
            f"The boundary is {boundary!r}. Differences know 'free', 'periodic' and 'zero'."
        )
    if length <= order and boundary != "zero":
        raise ValueError(
            f"An axis has {length} entries. Differences of order {order} need at least {order + 1}."
        )
    before, after = {"free": (0, 0), "periodic": (0, order), "zero": (order, order)}[boundary]
    taps = [(-1.0) ** (order - k) * comb(order, k) for k in range(order + 1)]
    padded = length + before + after
    slide = sparse.diags_array(taps, offsets=range(order + 1), shape=(padded - order, padded))
    edge = "zero" if boundary == "free" else boundary
    positions = padding_positions(length, before, after, edge)
    return sparse.csr_matrix(slide @ padding_matrix(positions, length))


def _along(shape: tuple[int, ...], axis: int, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix that acts along one axis of an array, with the others as they are."""
    before = int(np.prod(shape[:axis], dtype="int64"))
    after = int(np.prod(shape[axis + 1 :], dtype="int64"))
    inner = sparse.kron(matrix, sparse.identity(after), format="csr")
    return sparse.kron(sparse.identity(before), inner, format="csr")


def _frozen(matrix: Any) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(matrix)
    matrix.sort_indices()
    for array in (matrix.data, matrix.indices, matrix.indptr):
        frozen(array)
    return matrix


def _eigenvalues(operator: Differences | Gradient, basis: str) -> np.ndarray | None:
    """Sums over the axes of powers of the second difference's eigenvalues."""
    cosine = basis == "cosine" and operator.boundary == "free" and operator.order == 1
    if not cosine and not (basis == "fourier" and operator.boundary == "periodic"):
        return None
    shape = operator.shape_in
    total = np.zeros(shape)
    for axis in operator.axes:
        length = shape[axis]
        angle = np.arange(length) * (np.pi if cosine else 2 * np.pi) / length
        values = (2 * np.sin(angle / 2)) ** (2 * operator.order)
        total += values.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return total if cosine else total[..., : fft.rfftfreq(shape[-1]).size]
