"""Orthonormal wavelet transforms, by PyWavelets."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_shape, times

__all__ = ["Wavelet"]


class Wavelet(AbstractOperator):
    """The discrete wavelet transform, orthonormal and periodised; its adjoint is its inverse.

    Needs PyWavelets, which ``pip install pymc-glm[images]`` brings.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array, and of its coefficients: approximations in the first corner, as
        ``pywt.coeffs_to_array`` arranges them. ``2**level`` must divide each extent.
    wavelet : str, optional
        Name of an orthogonal wavelet: ``"haar"`` (the default), ``"db4"``, ``"sym8"``.
    level : int, optional
        Number of levels. Default is as many as the shape and the filter's length allow,
        at least one.

    Raises
    ------
    ImportError
        If PyWavelets is not installed.
    ValueError
        If the wavelet is not orthogonal, or the shape does not allow the level.

    References
    ----------
    Mallat (2009), "A Wavelet Tour of Signal Processing", 3rd edition, section 7.5.

    Examples
    --------
    Sparse coefficients of an image as the unknowns::

        from pymc_glm.operators import Wavelet

        synthesis = Wavelet((16, 16), "haar", level=2).T
        synthesis.name  # adjoint of wavelet transform 16 x 16, haar, level 2
    """

    def __init__(
        self, shape: int | Iterable[int], wavelet: str = "haar", level: int | None = None
    ) -> None:
        pywt = _pywt()
        self.shape_in = self.shape_out = as_shape(shape, "shape")
        try:
            filters = pywt.Wavelet(wavelet)
        except ValueError as error:
            raise ValueError(
                f"There is no discrete wavelet {wavelet!r}. See pywt.wavelist(kind='discrete')."
            ) from error
        if not filters.orthogonal:
            raise ValueError(
                f"The wavelet {wavelet!r} is not orthogonal. The adjoint is the inverse for "
                "orthogonal ones only: haar, dbN, symN, coifN."
            )
        halvings = min((n & -n).bit_length() - 1 for n in self.shape_in)
        longest = min(pywt.dwt_max_level(n, filters.dec_len) for n in self.shape_in)
        self.wavelet = wavelet
        self.level = max(1, min(halvings, longest)) if level is None else level
        if not 1 <= self.level <= halvings:
            raise ValueError(
                f"level is {self.level}; the extents of {self.shape_in} can be halved {halvings} "
                "times. A level is at least 1, and 2**level divides the shape."
            )
        self.name = f"wavelet transform {times(self.shape_in)}, {wavelet}, level {self.level}"

    # One level at a time: the multilevel functions of PyWavelets warn of boundary effects, which
    # periodisation has at any level, and place the parts in the same way.

    def _forward(self, x: np.ndarray) -> np.ndarray:
        pywt = _pywt()
        result = np.empty(self.shape_in)
        for extents in self._extents():
            parts = pywt.dwtn(x, self.wavelet, "periodization")
            for key, values in parts.items():
                result[_corner(key, extents)] = values
            x = parts["a" * x.ndim]
        return result

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        pywt = _pywt()
        y = y.copy()
        for extents in reversed(self._extents()):
            parts = {
                key: y[_corner(key, extents)] for key in map("".join, product("ad", repeat=y.ndim))
            }
            whole = tuple(map(slice, extents))
            y[whole] = pywt.idwtn(parts, self.wavelet, "periodization")
        return y

    def _extents(self) -> list[tuple[int, ...]]:
        """What each level transforms: the array, then its approximations."""
        return [tuple(n >> level for n in self.shape_in) for level in range(self.level)]

    def _content(self) -> tuple[Any, ...]:
        return self.wavelet, self.level

    def gram_diagonal(self) -> np.ndarray:
        """Return ones."""
        return np.ones(self.size_in)


def _corner(key: str, extents: tuple[int, ...]) -> tuple[slice, ...]:
    """Where a part is: approximations in the first half of an axis, details in the second."""
    return tuple(
        slice(0, n // 2) if letter == "a" else slice(n // 2, n)
        for letter, n in zip(key, extents, strict=True)
    )


def _pywt() -> Any:
    try:
        return import_module("pywt")
    except ImportError as error:
        raise ImportError(
            "Wavelet needs PyWavelets, which is not installed. Run pip install 'pymc-glm[images]'."
        ) from error
