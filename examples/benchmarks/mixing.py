"""How fast chains move, from their autocorrelations: of chains that have mixed, and of others."""

from __future__ import annotations

import numpy as np

from pymc_glm.diagnostics import autocovariance

__all__ = ["effective_share", "most_share"]

# Lags at which a chain that may not have mixed is looked at: no more than this part of its length.
LONGEST_LAG = 0.02
# Correlations that are lower say nothing beyond those at shorter lags, but for their noise.
LEAST_CORRELATION = 0.25


def effective_share(draws: np.ndarray) -> np.ndarray:
    """Effective draws per draw, by the autocorrelation averaged over chains.

    The sum over lags ends where a sum of two neighbouring ones is no longer positive. ArviZ splits
    chains and counts differences between their means as correlation besides.

    Parameters
    ----------
    draws : ndarray, shape (p, chains, draws)
        Draws of p functionals.

    Returns
    -------
    share : ndarray, shape (p,)

    References
    ----------
    Geyer (1992), Statistical Science 7(4), 473-483, https://doi.org/10.1214/ss/1177011137
    """
    covariance = autocovariance(draws)
    correlation = covariance / covariance[:, :1]
    last = correlation.shape[1] // 2
    pairs = correlation[:, 0 : 2 * last : 2] + correlation[:, 1 : 2 * last : 2]
    counted = np.logical_and.accumulate(pairs > 0.0, axis=1)
    return 1.0 / (2.0 * np.sum(pairs * counted, axis=1) - 1.0)


def most_share(draws: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The most effective draws per draw that a reversible chain can give, were it long enough.

    With r the correlation at lag k of a stationary chain without negative correlations, its
    autocorrelation time is at least ``1 + 2 k r / (1 - r)`` by Jensen's inequality. The variance
    has to be known from elsewhere: a chain that is stuck does not know it.

    Parameters
    ----------
    draws : ndarray, shape (p, chains, draws)
        Draws of p functionals, each chain started from the stationary law.
    variance : ndarray, shape (p,)
        Their variances.

    Returns
    -------
    share : ndarray, shape (p,)
    """
    longest = max(int(LONGEST_LAG * draws.shape[2]), 1)
    times = []
    for lag in 2 ** np.arange(int(np.log2(longest)) + 1):
        change = np.mean((draws[:, :, lag:] - draws[:, :, :-lag]) ** 2, axis=(1, 2))
        loss = np.maximum(change / (2.0 * variance), np.finfo(float).tiny)
        correlation = np.maximum(1.0 - loss, 0.0)
        counts = (lag == 1) | (correlation > LEAST_CORRELATION)
        times.append(1.0 + 2.0 * lag * counts * correlation / loss)
    return 1.0 / np.max(times, axis=0)
