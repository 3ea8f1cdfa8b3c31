"""Every k-th entry of an array, or the mean of each block: super-resolution."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scipy import sparse

from pymc_glm.operators.checks import as_shape, frozen, times
from pymc_glm.operators.selection import AbstractSelection
from pymc_glm.operators.sparse import AbstractMatrixOperator

__all__ = ["BlockMean", "Subsample"]


class Subsample(AbstractSelection):
    """Keep every k-th entry along each axis, from the first.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    factor : int or tuple of int
        Step along all axes, or along each.

    Raises
    ------
    ValueError
        If the number of factors differs from that of the axes.

    Examples
    --------
    A quarter of the pixels::

        from pymc_glm.operators import Subsample

        Subsample((8, 6), 2).shape_out  # (4, 3)
    """

    def __init__(self, shape: int | Iterable[int], factor: int | Iterable[int]) -> None:
        self.shape_in = as_shape(shape, "shape")
        self.factor = _factors(factor, self.shape_in)
        grid = np.arange(self.size_in).reshape(self.shape_in)
        kept = grid[tuple(slice(None, None, step) for step in self.factor)]
        self._positions = frozen(kept.copy())
        self.shape_out = kept.shape
        self.name = f"subsample {times(self.shape_in)} by {times(self.factor)}"


class BlockMean(AbstractMatrixOperator):
    """Average the entries of each block: what a coarser detector sees.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    factor : int or tuple of int
        Extent of the blocks along all axes, or along each. It must divide the shape.

    Raises
    ------
    ValueError
        If blocks do not tile the array.

    References
    ----------
    Park, Park and Kang (2003), "Super-resolution image reconstruction: a technical overview",
    doi:10.1109/MSP.2003.1203207.

    Examples
    --------
    Means of two by two pixels::

        import numpy as np
        from pymc_glm.operators import BlockMean

        BlockMean((2, 4), 2).forward(np.arange(8.0).reshape(2, 4))  # [[2.5, 4.5]]
    """

    def __init__(self, shape: int | Iterable[int], factor: int | Iterable[int]) -> None:
        self.shape_in = as_shape(shape, "shape")
        self.factor = _factors(factor, self.shape_in)
        if any(n % step for n, step in zip(self.shape_in, self.factor, strict=True)):
            raise ValueError(
                f"Blocks of {times(self.factor)} do not tile an array of {times(self.shape_in)}. "
                "Each extent must be a multiple of its factor."
            )
        matrix = sparse.identity(1, format="csr")
        for extent, step in zip(self.shape_in, self.factor, strict=True):
            mean = sparse.kron(sparse.identity(extent // step), np.full((1, step), 1 / step))
            matrix = sparse.kron(matrix, mean, format="csr")
        self._matrix = sparse.csr_matrix(matrix)
        self.shape_out = tuple(
            n // step for n, step in zip(self.shape_in, self.factor, strict=True)
        )
        self.name = f"block means {times(self.shape_in)} by {times(self.factor)}"


def _factors(factor: int | Iterable[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    factors = as_shape(factor, "factor")
    if len(factors) == 1:
        factors *= len(shape)
    if len(factors) != len(shape):
        raise ValueError(
            f"factor is {factor}, the array has shape {shape}. Give one factor, or one for each "
            "axis."
        )
    return factors
