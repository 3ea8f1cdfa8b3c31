"""What stands beyond the edge of an array, as positions inside it."""

from __future__ import annotations

import numpy as np

from scipy import sparse

__all__ = ["BOUNDARIES", "along_axis", "padding_matrix", "padding_positions"]

BOUNDARIES = ("periodic", "zero", "reflect", "nearest")


def padding_positions(length: int, before: int, after: int, boundary: str) -> np.ndarray:
    """Return which entry stands at each place of a padded axis; -1 is zero.

    Parameters
    ----------
    length : int
        Length of the axis.
    before, after : int
        Number of places added at either end; they may exceed the length.
    boundary : {"periodic", "zero", "reflect", "nearest"}
        ``(a b c)`` continues as ``a b c``, as zeros, as ``c b a``, or as ``c c c``.

    Returns
    -------
    positions : ndarray of int64, shape (before + length + after,)
        ``positions[before + i]`` is i.
    """
    places = np.arange(-before, length + after)
    if boundary == "periodic":
        return places % length
    if boundary == "reflect":
        folded = places % (2 * length)
        return np.minimum(folded, 2 * length - 1 - folded)
    if boundary == "nearest":
        return np.clip(places, 0, length - 1)
    if boundary == "zero":
        return np.where((places < 0) | (places >= length), -1, places)
    raise ValueError(f"The boundary is {boundary!r}. Known are {', '.join(map(repr, BOUNDARIES))}.")


def padding_matrix(positions: np.ndarray, length: int) -> sparse.csr_matrix:
    """Return the matrix, shape (positions.size, length), that pads an axis."""
    rows = np.flatnonzero(positions >= 0)
    return sparse.csr_matrix(
        (np.ones(rows.size), (rows, positions[rows])), shape=(positions.size, length)
    )


def along_axis(matrix: sparse.csr_matrix, x: np.ndarray, axis: int) -> np.ndarray:
    """Multiply the vectors along one axis of an array by a sparse matrix."""
    front = np.moveaxis(x, axis, 0)
    y = matrix @ front.reshape(front.shape[0], -1)
    return np.moveaxis(y.reshape(-1, *front.shape[1:]), 0, axis)
