"""Which components of a mixture belong to one mode of the target."""

from __future__ import annotations

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import Moments, shrunk_factor
from pymc_glm.diffusion.prior import mixture
from pymc_glm.diffusion.targets import Density

__all__ = ["by_modes", "joined", "mode_of_components", "shares_of_modes"]

# A valley deeper than this, in the log density, separates two modes.
DEPTH = 3.0
BETWEEN = 15


def joined(density: Density, x: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether no valley lies on the straight lines between a point and others.

    Parameters
    ----------
    density : Density
        The target.
    x : ndarray, shape (d,)
        The point.
    others : ndarray, shape (n, d)
        The others.

    Returns
    -------
    joined : ndarray of bool, shape (n,)
    """
    shares = np.linspace(0.0, 1.0, BETWEEN)[:, None, None]
    lines = (1.0 - shares) * x + shares * others
    value = density.log_density(lines.reshape(-1, x.size)).reshape(BETWEEN, -1)
    return value.min(axis=0) >= np.minimum(value[0], value[-1]) - DEPTH


def mode_of_components(moments: Moments, density: Density) -> np.ndarray:
    """Number the modes that components belong to.

    Two components share a mode where the log density falls by no more than a few units below that
    of the lower mean on the straight line between their means, directly or by way of others.

    Parameters
    ----------
    moments : Moments
        The mixture.
    density : Density
        In the same coordinates.

    Returns
    -------
    mode : ndarray of int, shape (K,)
    """
    count = len(moments.weights)
    mode = np.arange(count)
    for first in range(count - 1):
        rest = np.arange(first + 1, count)
        for second in rest[joined(density, moments.means[first], moments.means[rest])]:
            mode[mode == mode[second]] = mode[first]
    return np.unique(mode, return_inverse=True)[1]


def by_modes(moments: Moments, mode: np.ndarray, draws: np.ndarray) -> tuple[Moments, np.ndarray]:
    """One Gaussian for each mode, and the mode of each draw.

    Parameters
    ----------
    moments : Moments
        The mixture.
    mode : ndarray of int, shape (K,)
        Mode of each component.
    draws : ndarray, shape (n, d)
        What the mixture was fitted to.

    Returns
    -------
    moments : Moments
    labels : ndarray of int, shape (n,)
    """
    share = shares_of_modes(moments, mode, draws)
    total = share.sum(axis=0)
    means = share.T @ draws / total[:, None]
    factors = np.stack([shrunk_factor(draws, share[:, k], means[k]) for k in range(len(total))])
    return Moments(total / total.sum(), means, factors), np.argmax(share, axis=1)


def shares_of_modes(moments: Moments, mode: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Probabilities of the modes given each draw, shape (n, M).

    Parameters
    ----------
    moments : Moments
        The mixture.
    mode : ndarray of int, shape (K,)
        Mode of each component.
    draws : ndarray, shape (n, d)
        Points.
    """
    prior = mixture(NUMPY, moments.parameters())
    return np.exp(prior.log_responsibilities(NUMPY, draws)) @ np.eye(mode.max() + 1)[mode]
