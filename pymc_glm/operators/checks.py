"""What every operator asks of its arguments."""

from __future__ import annotations

import math
import operator

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.exceptions import InvalidDataError

__all__ = ["DotTest", "as_finite", "as_shape", "dot_test", "frozen", "times"]


def as_shape(shape: int | Iterable[int], name: str) -> tuple[int, ...]:
    """Return a shape as a tuple of positive integers.

    Raises
    ------
    TypeError
        If an extent is no integer.
    ValueError
        If an extent is not positive, or there is none.
    """
    given = shape if isinstance(shape, Iterable) else (shape,)
    try:
        extents = tuple(operator.index(extent) for extent in given)
    except TypeError as error:
        raise TypeError(
            f"{name} is {shape!r}. It must be one or more positive integers."
        ) from error
    if not extents or min(extents) < 1:
        raise ValueError(f"{name} is {shape}. It must be one or more positive integers.")
    return extents


def as_finite(values: Any, name: str) -> np.ndarray:
    """Return a float64 copy of real, finite values.

    Raises
    ------
    TypeError
        If they are complex.
    InvalidDataError
        If some are NaN or infinite.
    """
    array = np.asarray(values)
    if np.iscomplexobj(array):
        raise TypeError(
            f"{name} is complex ({array.dtype}). Operators act on real arrays: give the real and "
            "the imaginary part as two operators."
        )
    array = np.array(array, dtype="float64")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise InvalidDataError(
            f"{name} has {bad} of {array.size} values that are NaN or infinite. "
            "An operator needs finite values."
        )
    return array


class DotTest(NamedTuple):
    """The two inner products that an adjoint makes equal.

    Attributes
    ----------
    image : float
        <y, A x>.
    pullback : float
        <A' y, x>.
    scale : float
        What their difference is relative to.
    """

    image: float
    pullback: float
    scale: float

    def agrees(self, tolerance: float) -> bool:
        """Whether they differ by no more than a relative tolerance, and are finite."""
        return bool(abs(self.image - self.pullback) <= tolerance * self.scale)


def dot_test(x: np.ndarray, ax: np.ndarray, y: np.ndarray, aty: np.ndarray) -> DotTest:
    """Compare a product and a transposed product.

    Parameters
    ----------
    x, aty : ndarray
        What the operator takes, and a transposed product.
    ax, y : ndarray
        A product, and what the transposed operator takes.

    References
    ----------
    Claerbout (1992), "Earth Soundings Analysis", chapter 5.
    """
    scale = np.linalg.norm(ax) * np.linalg.norm(y) + np.linalg.norm(aty) * np.linalg.norm(x)
    return DotTest(float(np.vdot(y, ax)), float(np.vdot(aty, x)), float(scale))


def frozen(array: np.ndarray) -> np.ndarray:
    """Return the array, no longer writeable."""
    array.flags.writeable = False
    return array


def times(shape: Sequence[int]) -> str:
    """A shape in words: ``5 x 5``."""
    return " x ".join(str(extent) for extent in shape) if shape else "scalar"


def check_size(shape: tuple[int, ...], size: int, name: str) -> None:
    """Raise ValueError if a shape has not as many entries as expected."""
    if math.prod(shape) != size:
        raise ValueError(
            f"{name} is {shape}, of {math.prod(shape)} entries. The matrix needs {size}."
        )
