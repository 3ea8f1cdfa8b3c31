"""Memory for draws, faulted in at once."""

from __future__ import annotations

import math
import mmap

import numpy as np

__all__ = ["empty_draws"]

# Below this size an allocation costs nothing worth saving.
SMALLEST_MAPPING = 2**20


def empty_draws(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array whose pages are present.

    Writing draws into fresh memory faults in one page after the other, which can take as long as
    the sweeps that fill it. Where the system can map all pages in one call, it is asked to.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : numpy.dtype
        Type of its entries.

    Returns
    -------
    array : ndarray, shape ``shape``
    """
    size = dtype.itemsize * math.prod(shape)
    if size < SMALLEST_MAPPING or not hasattr(mmap, "MAP_POPULATE"):
        return np.empty(shape, dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype=dtype).reshape(shape)
