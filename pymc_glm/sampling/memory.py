"""Memory for draws, faulted in at once."""

from __future__ import annotations

import math
import mmap

import numpy as np

__all__ = ["empty_draws"]

# Below this size an allocation costs nothing worth saving.
SMALLEST_MAPPING = 2**20


def empty_draws(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised float64 array whose pages are present.

    Writing draws into fresh memory faults in one page after the other, which can take as long as
    the sweeps that fill it. Where the system can map all pages in one call, it is asked to.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.

    Returns
    -------
    array : ndarray of float64, shape ``shape``
    """
    size = 8 * math.prod(shape)
    if size < SMALLEST_MAPPING or not hasattr(mmap, "MAP_POPULATE"):
        return np.empty(shape)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype=np.float64).reshape(shape)
