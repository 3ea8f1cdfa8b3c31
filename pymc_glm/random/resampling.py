"""Resampling of weighted particles."""

from __future__ import annotations

import numpy as np

__all__ = ["systematic"]


def systematic(rng: np.random.Generator, probability: np.ndarray, n: int) -> np.ndarray:
    """Pick particles at evenly spaced levels of their cumulative probability, in order.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is advanced by one uniform number.
    probability : ndarray, shape (m,)
        Of each particle; they sum to one.
    n : int
        How many are picked.

    Returns
    -------
    picked : ndarray of int, shape (n,)
        Particle i is in it n times its probability on average, and never a whole one off.

    References
    ----------
    Douc, Cappe and Moulines (2005), arXiv:cs/0507025
    """
    levels = (np.arange(n) + rng.random()) / n
    return np.minimum(np.searchsorted(np.cumsum(probability), levels), len(probability) - 1)
