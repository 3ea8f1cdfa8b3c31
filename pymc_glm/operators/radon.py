"""Parallel-beam projections: X-ray tomography."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.checks import as_finite
from pymc_glm.operators.sparse import AbstractMatrixOperator, as_csr

__all__ = ["Radon"]


class Radon(AbstractMatrixOperator):
    r"""Line integrals of a square image along parallel beams, as a sparse matrix.

    Each pixel is a square of constant density and each detector bin collects the beams that hit it:
    an entry is the area that a pixel shares with a bin's strip, over the bin's width. The
    projection at any angle therefore sums to the sum of the pixels in reach, over the width.

    Parameters
    ----------
    size : int
        Number of rows and of columns of the image. Pixels have unit width.
    angles : array_like, shape (a,)
        Angles of the beams in degrees. At 0 the beams run down the columns, and the detector's bins
        follow the columns; a positive angle turns the detector counter-clockwise, so that at 90 its
        bins run from the last row to the first. So does `skimage.transform.radon`, which turns
        images of even size about the pixel after the centre.
    bins : int, optional
        Number of detector bins. Default is enough for the diagonal, ``ceil(sqrt(2) * size)``.
    width : float, optional
        Width of a bin. Default is 1.

    Attributes
    ----------
    angles : ndarray, shape (a,)
        The angles in degrees.
    bins : int
        Number of detector bins. The result has shape ``(a, bins)``.

    Raises
    ------
    TypeError
        If `size` is no integer.
    ValueError
        If there is no angle, or a size is not positive.

    References
    ----------
    Kak and Slaney (1988), "Principles of Computerized Tomographic Imaging", section 7.1.

    Examples
    --------
    Three angles of a constant image::

        import numpy as np
        from pymc_glm.operators import Radon

        scan = Radon(16, np.linspace(0, 180, 3, endpoint=False))
        scan.forward(np.ones((16, 16))).sum(axis=1)  # 256 at each angle
    """

    def __init__(self, size: int, angles: Any, bins: int | None = None, width: float = 1.0) -> None:
        self.angles = np.atleast_1d(as_finite(angles, "angles"))
        if not isinstance(size, Integral):
            raise TypeError(
                f"size is {size!r}. It is an integer, the number of rows and of columns of a square"
                " image."
            )
        self.bins = int(np.ceil(np.sqrt(2) * size)) if bins is None else bins
        self.width = float(width)
        if size < 1 or self.bins < 1 or self.angles.ndim != 1 or not self.angles.size:
            raise ValueError(
                f"size is {size}, bins {self.bins}, and angles have shape {self.angles.shape}. A "
                "scan needs pixels, bins and a vector of angles."
            )
        if not self.width > 0:
            raise ValueError(f"width is {width}. A detector bin has a positive width.")
        self.shape_in = (size, size)
        self.shape_out = (self.angles.size, self.bins)
        blocks = [_projection(size, angle, self.bins, self.width) for angle in self.angles]
        self._matrix = as_csr(sparse.vstack(blocks), "angles")
        self.name = f"projections {size} x {size}, {self.angles.size} angles, {self.bins} bins"


def _projection(size: int, angle: float, bins: int, width: float) -> sparse.csr_matrix:
    """Areas that pixels share with strips, over the width of a strip: shape (bins, size ** 2)."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    offsets = np.arange(size) - (size - 1) / 2
    # Rows of an image run downwards.
    centre = np.add.outer(-offsets * sine, offsets * cosine).ravel()
    half_shadow = (abs(cosine) + abs(sine)) / 2
    edge = centre - half_shadow + bins * width / 2
    first = np.floor(edge / width).astype("int64")
    reach = int(np.ceil(2 * half_shadow / width)) + 1
    rows, columns, values = [], [], []
    for step in range(reach):
        strip = first + step
        left = strip * width - bins * width / 2 - centre
        area = _area_left_of(left + width, cosine, sine) - _area_left_of(left, cosine, sine)
        hit = np.flatnonzero((strip >= 0) & (strip < bins) & (area > 1e-14))
        rows.append(strip[hit])
        columns.append(hit)
        values.append(area[hit] / width)
    return sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(bins, size * size),
    )


def _area_left_of(position: np.ndarray, cosine: float, sine: float) -> np.ndarray:
    """Area of a unit square on one side of a line: the integral of a trapezoid's density.

    The shadow of the square is the sum of two uniform variables, of widths |cosine| and |sine|.
    """
    long, short = max(abs(cosine), abs(sine)), min(abs(cosine), abs(sine))
    outer, inner = (long + short) / 2, (long - short) / 2
    t = np.clip(np.abs(position), 0.0, outer)
    # Flat up to `inner`, then falling linearly to zero at `outer`.
    ramp = np.maximum(t - inner, 0.0)
    half = t / long
    if short > 1e-12:
        half = half - ramp**2 / (2 * long * short)
    return 0.5 + np.copysign(np.minimum(half, 0.5), position)
