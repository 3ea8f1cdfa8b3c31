"""How much of the signal is left at each time of a diffusion."""

from __future__ import annotations

import numpy as np

__all__ = ["signal_shares"]

TRAINED = 1000
FIRST, LAST = 1e-4, 0.02


def signal_shares(steps: int) -> np.ndarray:
    r"""Cumulative shares :math:`\bar\alpha_t` of the linear schedule at evenly spaced times.

    Parameters
    ----------
    steps : int
        Number of reverse steps, at most 1000.

    Returns
    -------
    shares : ndarray, shape (steps + 1,)
        From one, of clean codes, down to nearly zero.

    Raises
    ------
    ValueError
        If there is no such number of steps.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239
    """
    if not 1 <= steps <= TRAINED:
        raise ValueError(f"Got steps={steps}. The schedule has 1 to {TRAINED} of them.")
    shares = np.concatenate([[1.0], np.cumprod(1.0 - np.linspace(FIRST, LAST, TRAINED))])
    times = np.round(np.linspace(0, TRAINED, steps + 1)).astype(int)
    return shares[times]
