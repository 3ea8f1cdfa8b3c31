"""Orthonormal transforms: cosine, and partial Fourier in a real basis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scipy import fft

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_shape, frozen, times

__all__ = ["DCT", "Fourier"]


class DCT(AbstractOperator):
    """The orthonormal type-II cosine transform; its adjoint is its inverse.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array, and of its coefficients.

    References
    ----------
    Ahmed, Natarajan and Rao (1974), doi:10.1109/T-C.1974.223784.

    Examples
    --------
    Coefficients of a constant image::

        import numpy as np
        from pymc_glm.operators import DCT

        DCT((4, 4)).forward(np.ones((4, 4)))[0, 0]  # 4
    """

    def __init__(self, shape: int | Iterable[int]) -> None:
        self.shape_in = self.shape_out = as_shape(shape, "shape")
        self.name = f"cosine transform {times(self.shape_in)}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return fft.dctn(x, norm="ortho")

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return fft.idctn(y, norm="ortho")

    def _content(self) -> tuple[Any, ...]:
        return ()

    def gram_diagonal(self) -> np.ndarray:
        """Return ones."""
        return np.ones(self.size_in)

    def _eigenvalues(self, basis: str) -> np.ndarray:
        return _ones(self.shape_in, basis)


class Fourier(AbstractOperator):
    r"""Fourier coefficients of a real array, all or some, in an orthonormal real basis.

    A conjugate pair of frequencies gives two rows, :math:`\sqrt 2` times the real and the imaginary
    part of the unitary transform; a frequency that is its own conjugate gives one. The rows are
    orthonormal, and with all frequencies they are a basis.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    keep : array_like of bool, optional
        Which frequencies are measured, of the shape of ``numpy.fft.rfftn`` of the array. Of two
        frequencies there that are conjugate, measuring either measures both. Default is all.

    Raises
    ------
    ValueError
        If ``keep`` has another shape, or keeps nothing.

    References
    ----------
    Lustig, Donoho and Pauly (2007), "Sparse MRI", doi:10.1002/mrm.21391.

    Examples
    --------
    The lowest frequencies of an image, as in magnetic resonance imaging::

        import numpy as np
        from pymc_glm.operators import Fourier

        rows, columns = np.fft.fftfreq(16), np.fft.rfftfreq(16)
        low = np.hypot(rows[:, None], columns) < 0.2
        Fourier((16, 16), low).size_out  # 37
    """

    def __init__(self, shape: int | Iterable[int], keep: Any = None) -> None:
        self.shape_in = as_shape(shape, "shape")
        half = (*self.shape_in[:-1], self.shape_in[-1] // 2 + 1)
        keep = np.ones(half, dtype=bool) if keep is None else np.array(keep)
        if keep.shape != half or keep.dtype != bool:
            raise ValueError(
                f"keep has dtype {keep.dtype} and shape {keep.shape}. It must be boolean, of shape "
                f"{half}: that of the real transform of an array of shape {self.shape_in}."
            )
        if not keep.any():
            raise ValueError(f"keep of shape {half} keeps nothing. Some frequency must be true.")
        position = np.arange(keep.size).reshape(half)
        conjugate = position[_mirrored(half)]
        # Only the first and, for even lengths, the last column hold their own conjugates.
        inner = np.ones(half[-1], dtype=bool)
        inner[0] = False
        inner[-1] = self.shape_in[-1] % 2 == 1 and half[-1] > 1
        keep = np.where(inner, keep, keep | keep[_mirrored(half)])
        first = keep & (inner | (position <= conjugate))
        paired = first & (inner | (position < conjugate))
        self._real = frozen(np.flatnonzero(first))
        self._imaginary = frozen(np.flatnonzero(paired))
        self._weight = frozen(np.where(paired, np.sqrt(2.0), 1.0).ravel()[self._real])
        self._half, self._inner = half, frozen(inner)
        self._conjugate = frozen(conjugate.ravel())
        self.shape_out = (self._real.size + self._imaginary.size,)
        of = np.prod(self.shape_in)
        self.name = f"Fourier transform {times(self.shape_in)}, {self.size_out} of {of}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        spectrum = fft.rfftn(x, norm="ortho").ravel()
        return np.concatenate(
            [
                self._weight * spectrum.real[self._real],
                np.sqrt(2.0) * spectrum.imag[self._imaginary],
            ]
        )

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        real, imaginary = np.split(y, [self._real.size])
        spectrum = np.zeros(self._half, dtype=complex).ravel()
        spectrum.real[self._real] = real / self._weight
        spectrum.imag[self._imaginary] = imaginary / np.sqrt(2.0)
        # The inverse transform reads both of a pair where both are stored.
        edge = np.broadcast_to(~self._inner, self._half).ravel()
        mirror = self._conjugate[self._imaginary]
        both = edge[self._imaginary]
        spectrum[mirror[both]] = spectrum[self._imaginary[both]].conj()
        return fft.irfftn(spectrum.reshape(self._half), s=self.shape_in, norm="ortho")

    def _content(self) -> tuple[Any, ...]:
        return self._real, self._imaginary

    def by_row(self, values: np.ndarray) -> np.ndarray:
        """Return the value that belongs to the frequency of each row.

        Parameters
        ----------
        values : ndarray
            One for each frequency, of the shape of ``numpy.fft.rfftn`` of the array.

        Returns
        -------
        values : ndarray, shape `shape_out`
        """
        flat = np.ravel(values)
        return np.concatenate([flat[self._real], flat[self._imaginary]])

    def gram_diagonal(self) -> np.ndarray:
        """Return the diagonal, which is constant: a shift changes the phase of a pair only."""
        return np.full(self.size_in, self.size_out / self.size_in)

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        if basis == "cosine":
            return _ones(self.shape_in, basis) if self.size_out == self.size_in else None
        kept = np.zeros(self._half).ravel()
        kept[self._real] = 1.0
        edge = np.broadcast_to(~self._inner, self._half).ravel()
        both = self._real[edge[self._real]]
        kept[self._conjugate[both]] = 1.0
        return kept.reshape(self._half)


def _mirrored(half: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Where the conjugate of each frequency is, if its last index keeps its sign."""
    indices = [-np.arange(extent) % extent for extent in half[:-1]]
    return np.ix_(*indices, np.arange(half[-1]))


def _ones(shape: tuple[int, ...], basis: str) -> np.ndarray:
    return np.ones(shape if basis == "cosine" else (*shape[:-1], shape[-1] // 2 + 1))
