"""Sets of posterior probability 0.9 from draws, and whether they hold a truth."""

from __future__ import annotations

import numpy as np

__all__ = ["LEVEL", "ZERO", "highest_density_threshold", "hold_truth"]

LEVEL = 0.9
# Values closer to zero than this are zeros of a point mass.
ZERO = 5e-5


def hold_truth(truth: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether sets of highest density hold the truth, coordinate by coordinate.

    A point mass at zero has infinite density and enters the set first; the rest is the shortest
    interval of the other draws. If the mass alone exceeds 0.9, no set has probability 0.9, but one
    that includes zero in 0.9 of that mass of cases does.

    Parameters
    ----------
    truth : ndarray, shape (p,)
        The true values.
    draws : ndarray, shape (n, p)
        Draws from the posterior.

    Returns
    -------
    whole : ndarray, shape (p,)
        One where the set, zero included, holds the truth, else zero.
    shared : ndarray, shape (p,)
        With which probability it does if zero is included as often as makes its size 0.9.
    """
    whole, shared = np.empty(truth.size), np.empty(truth.size)
    for i, (value, drawn) in enumerate(zip(truth, draws.T, strict=True)):
        rest = np.sort(drawn[np.abs(drawn) >= ZERO])
        mass = 1.0 - rest.size / drawn.size
        if mass > 0.0 and abs(value) < ZERO:
            whole[i], shared[i] = 1.0, min(1.0, LEVEL / mass)
            continue
        inside = 0.0
        if mass < LEVEL:
            low, high = _shortest_interval(rest, (LEVEL - mass) / (1.0 - mass))
            inside = float(low <= value <= high)
        whole[i] = shared[i] = inside
    return whole, shared


def highest_density_threshold(log_density: np.ndarray) -> float:
    """The log density that 0.9 of the draws exceed: the edge of the region of highest density.

    Parameters
    ----------
    log_density : ndarray, shape (n,)
        Log densities of draws, up to a constant.

    Returns
    -------
    threshold : float
    """
    count = min(int(np.ceil(LEVEL * (log_density.size + 1))), log_density.size)
    return float(np.sort(log_density)[-count])


def _shortest_interval(ordered: np.ndarray, share: float) -> tuple[float, float]:
    """The shortest interval with a share of the draws and of the space between them."""
    count = min(int(np.ceil(share * (ordered.size + 1))), ordered.size)
    widths = ordered[count - 1 :] - ordered[: ordered.size - count + 1]
    first = int(np.argmin(widths))
    return ordered[first], ordered[first + count - 1]
