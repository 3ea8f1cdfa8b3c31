"""How much of the signal is left at each time of a diffusion."""

from __future__ import annotations

import numpy as np

from pymc_glm.inverse.checks import finite_array

__all__ = ["signal_shares"]

TRAINED = 1000
FIRST, LAST = 1e-4, 0.02


def signal_shares(steps: int | np.ndarray) -> np.ndarray:
    r"""Cumulative shares :math:`\bar\alpha_t` of the signal at the times of a diffusion.

    Parameters
    ----------
    steps : int or ndarray, shape (steps + 1,)
        Number of reverse steps at evenly spaced times of the linear schedule, at most 1000; or the
        shares of another schedule, which are returned as they are.

    Returns
    -------
    shares : ndarray, shape (steps + 1,)
        From one, of clean codes, down to nearly zero.

    Raises
    ------
    ValueError
        If there is no such number of steps, or if shares do not fall from one.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239

    Examples
    --------
    The default schedule of `pymc_glm.inverse.dps` as an array::

        from pymc_glm.inverse import signal_shares

        signal_shares(1000)
    """
    if np.ndim(steps):
        return _checked(finite_array(steps, "The shares of the signal in steps"))
    if not 1 <= steps <= TRAINED:
        raise ValueError(f"Got steps={steps}. The schedule has 1 to {TRAINED} of them.")
    shares = np.concatenate([[1.0], np.cumprod(1.0 - np.linspace(FIRST, LAST, TRAINED))])
    times = np.round(np.linspace(0, TRAINED, steps + 1)).astype(int)
    return shares[times]


def _checked(shares: np.ndarray) -> np.ndarray:
    falls = shares.ndim == 1 and len(shares) > 1 and np.all(np.diff(shares) < 0.0)
    if not (falls and shares[0] == 1.0 and shares[-1] > 0.0):
        raise ValueError(
            f"Got steps={shares}. As an array they are the shares of the signal, which fall from"
            " 1, of clean codes, and stay above 0."
        )
    return shares
