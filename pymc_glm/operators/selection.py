"""Operators that take some of the entries: selections, masks, sub-samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_shape, frozen, times
from pymc_glm.operators.stages import Stage, select_stage

__all__ = ["AbstractSelection", "Mask", "Select"]


class AbstractSelection(AbstractOperator):
    """An operator that takes the entries at some positions, set as ``_positions``."""

    _positions: np.ndarray

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return x.ravel()[self._positions].reshape(self.shape_out)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        x = np.bincount(self._positions.ravel(), weights=y.ravel(), minlength=self.size_in)
        return x.reshape(self.shape_in)

    def _content(self) -> tuple[Any, ...]:
        return (self._positions,)

    def stages(self) -> tuple[Stage, ...]:
        """Return one gather."""
        return (select_stage(self._positions, self.size_in),)

    def matrix(self) -> sparse.csr_matrix:
        """Return the matrix: a single one in each row."""
        m = self.size_out
        return sparse.csr_matrix(
            (np.ones(m), self._positions.ravel(), np.arange(m + 1)), shape=(m, self.size_in)
        )


class Select(AbstractSelection):
    """Take the entries at given positions of the flattened array.

    Parameters
    ----------
    positions : array_like of int
        Positions in C order, from 0; its shape is the shape of the result. They may repeat.
    shape : int or tuple of int
        Shape of what the operator takes.

    Raises
    ------
    IndexError
        If a position is outside the array.

    Examples
    --------
    Reverse a vector::

        import numpy as np
        from pymc_glm.operators import Select

        Select([2, 1, 0], shape=3).forward(np.array([1.0, 2.0, 3.0]))  # [3, 2, 1]
    """

    def __init__(self, positions: Any, shape: int | Iterable[int]) -> None:
        self.shape_in = as_shape(shape, "shape")
        positions = np.array(positions)
        if positions.dtype.kind not in "iu":
            raise TypeError(
                f"positions have dtype {positions.dtype}. Positions are integers; a boolean array "
                "is a Mask."
            )
        if positions.size and not 0 <= positions.min() <= positions.max() < self.size_in:
            raise IndexError(
                f"positions run from {positions.min()} to {positions.max()}. An array of shape "
                f"{self.shape_in} has positions 0 to {self.size_in - 1}."
            )
        self._positions = frozen(positions.astype("int64"))
        self.shape_out = positions.shape
        self.name = f"selection of {positions.size} from {self.size_in}"


class Mask(AbstractSelection):
    """Keep the entries where a mask is true, as a vector: inpainting, missing pixels.

    Parameters
    ----------
    mask : array_like of bool
        Which entries are kept; its shape is the shape of what the operator takes.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If it keeps nothing.

    Examples
    --------
    Observe three of four pixels::

        import numpy as np
        from pymc_glm.operators import Mask

        Mask([[True, False], [True, True]]).forward(np.array([[1.0, 2.0], [3.0, 4.0]]))  # [1, 3, 4]
    """

    def __init__(self, mask: Any) -> None:
        mask = np.array(mask)
        if mask.dtype != bool:
            raise TypeError(
                f"mask has dtype {mask.dtype}. It must be boolean, true where an entry is kept."
            )
        if not mask.any():
            raise ValueError(f"mask of shape {mask.shape} keeps nothing. Some entry must be true.")
        self.shape_in = as_shape(mask.shape, "mask's shape")
        self._positions = frozen(np.flatnonzero(mask))
        self.shape_out = self._positions.shape
        self.name = f"mask {times(self.shape_in)}, {self.size_out} kept"
