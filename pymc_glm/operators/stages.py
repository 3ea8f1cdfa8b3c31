"""Stages: the few elementary products that compiled code knows, each with its arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scipy import sparse

if TYPE_CHECKING:
    from pymc_glm.operators.base import AbstractOperator

__all__ = [
    "CONVOLVE_AXIS",
    "EXTERNAL",
    "SCALE",
    "SELECT",
    "SPARSE",
    "Stage",
    "convolve_axis_stage",
    "external_stage",
    "scale_stage",
    "select_stage",
    "sparse_stage",
]

# A negative number is the transposed stage. Kernels know these numbers too.
SPARSE, SELECT, CONVOLVE_AXIS, SCALE, EXTERNAL = 1, 2, 3, 4, 5


class Stage(NamedTuple):
    """One product of a program, between flat vectors.

    Attributes
    ----------
    kind : int
        Which product; negative for its transpose.
    size_in, size_out : int
        Sizes of the vectors it takes and returns.
    integers : ndarray of int64
        Positions and sizes.
    floats : ndarray of float64
        Values.
    """

    kind: int
    size_in: int
    size_out: int
    integers: np.ndarray
    floats: np.ndarray

    @property
    def transposed(self) -> Stage:
        """The transposed product."""
        return Stage(-self.kind, self.size_out, self.size_in, self.integers, self.floats)


def sparse_stage(matrix: sparse.csr_matrix) -> Stage:
    """Multiply by a sparse matrix.

    Integers are the starts of the rows, then the columns.
    """
    m, n = matrix.shape
    integers = np.concatenate([matrix.indptr, matrix.indices]).astype("int64")
    return Stage(SPARSE, n, m, integers, matrix.data.astype("float64"))


def select_stage(positions: np.ndarray, size_in: int) -> Stage:
    """Take the entries at some positions; a position of -1 gives zero."""
    positions = np.ravel(positions).astype("int64")
    return Stage(SELECT, size_in, positions.size, positions, np.empty(0))


def scale_stage(weights: np.ndarray) -> Stage:
    """Multiply by weights, entry by entry."""
    weights = np.ravel(weights).astype("float64")
    return Stage(SCALE, weights.size, weights.size, np.empty(0, "int64"), weights)


def convolve_axis_stage(
    taps: np.ndarray, shape: tuple[int, ...], axis: int, padding: np.ndarray, before: int
) -> Stage:
    """Slide a stencil along one axis of an array.

    ``y[i] = sum over t of taps[t] * x[padding[i + t]]``, where -1 in the padding stands for zero.
    Integers are the number of entries outside, along and inside the axis, the number of padded
    entries before the axis, then the padding.

    Parameters
    ----------
    taps : ndarray, shape (k,)
        Weights of the stencil, in order of position.
    shape : tuple of int
        Shape of the array.
    axis : int
        Along which the stencil slides.
    padding : ndarray of int, shape (length + k - 1,)
        Which entry stands at each place of the padded axis.
    before : int
        Number of padded entries before the axis: ``padding[before + i]`` is i.
    """
    outer = int(np.prod(shape[:axis], dtype="int64"))
    inner = int(np.prod(shape[axis + 1 :], dtype="int64"))
    size = outer * shape[axis] * inner
    integers = np.concatenate([[outer, shape[axis], inner, before], padding]).astype("int64")
    return Stage(CONVOLVE_AXIS, size, size, integers, np.asarray(taps, dtype="float64"))


def external_stage(operator: AbstractOperator) -> Stage:
    """Call the operator in Python; the only integer is its handle, by which it is registered."""
    import_module("pymc_glm.operators.registry").register(operator)
    handle = np.array([operator.handle], dtype="int64")
    return Stage(EXTERNAL, operator.size_in, operator.size_out, handle, np.empty(0))
