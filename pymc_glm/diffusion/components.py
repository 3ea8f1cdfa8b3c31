"""Mixtures of Gaussians for draws: expectation and maximisation, and how many components."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.prior import from_moments, mixture

__all__ = ["Moments", "effective_size", "fewest_draws", "fit_mixture", "shrunk_factor"]

ITERATIONS = 60
RESTARTS = 2


class Moments(NamedTuple):
    """A mixture by weights, means and Cholesky factors of covariances.

    Attributes
    ----------
    weights : ndarray, shape (K,)
        They sum to one.
    means : ndarray, shape (K, d)
        Of the components.
    factors : ndarray, shape (K, d, d)
        Lower triangular.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def parameters(self, slots: int | None = None) -> dict[str, np.ndarray]:
        """As `pymc_glm.diffusion.prior` keeps them."""
        return from_moments(*self, slots=slots)


def fewest_draws(d: int) -> float:
    """Draws that a covariance of d coordinates needs, shrunk: fewer ones may lie on a line."""
    return 5.0 + 0.5 * d


def effective_size(weight: np.ndarray) -> float:
    """Number of draws of equal weight that say as much as those of given weights, not negative."""
    return float(weight.sum() ** 2 / np.sum(weight**2))


def shrunk_factor(x: np.ndarray, weight: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Cholesky factor of a weighted covariance, shrunk towards its diagonal.

    The share of the diagonal falls as one over the effective number of draws (Schaefer, Strimmer
    2005, doi:10.2202/1544-6115.1175, with its leading term).

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Draws.
    weight : ndarray, shape (n,)
        Not negative.
    mean : ndarray, shape (d,)
        Their mean.

    Returns
    -------
    factor : ndarray, shape (d, d)
        Lower triangular.
    """
    d = x.shape[1]
    total = weight.sum()
    effective = effective_size(weight)
    centred = x - mean
    covariance = (centred * weight[:, None]).T @ centred / total
    diagonal = np.maximum(np.diagonal(covariance), 1e-300)
    scale = np.sqrt(diagonal)
    correlation = covariance / np.outer(scale, scale)
    off = correlation - np.diag(np.diagonal(correlation))
    noise = np.sum((1.0 - off**2) ** 2 * (1.0 - np.eye(d))) / effective
    share = float(np.clip(noise / max(np.sum(off**2), 1e-300), 0.0, 1.0)) if d > 1 else 0.0
    shrunk = (1.0 - share) * off + np.eye(d) * (1.0 + 1e-9)
    return scale[:, None] * np.linalg.cholesky(shrunk)


def fit_mixture(x: np.ndarray, rng: np.random.Generator, most: int = 10) -> Moments:
    """A mixture whose number of components the Bayesian information criterion picks.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Draws.
    rng : numpy.random.Generator
        It is advanced.
    most : int
        At most so many components.

    Returns
    -------
    moments : Moments
    """
    n, d = x.shape
    distinct = len(np.unique(x, axis=0))
    best, lowest, worse = None, np.inf, 0
    for count in range(1, most + 1):
        # As many centres can be apart as there are different draws.
        if count > 1 and (n < count * max(d, fewest_draws(d)) or count > distinct):
            break
        found = [
            _expectation_maximisation(x, rng, count) for _ in range(RESTARTS if count > 1 else 1)
        ]
        moments, log_likelihood = max(found, key=lambda pair: pair[1])
        free = count * (d + d * (d + 1) / 2) + count - 1
        criterion = -2.0 * log_likelihood + free * np.log(n)
        if criterion < lowest:
            best, lowest, worse = moments, criterion, 0
            continue
        worse += 1
        if worse == 3:
            break
    assert best is not None
    return best


def _expectation_maximisation(
    x: np.ndarray, rng: np.random.Generator, count: int
) -> tuple[Moments, float]:
    n = len(x)
    share = _by_distance(x, rng, count)
    log_likelihood = -np.inf
    for _ in range(ITERATIONS):
        moments = _maximised(x, share)
        prior = mixture(NUMPY, moments.parameters())
        joint = prior.log_components(NUMPY, x)
        density = np.logaddexp.reduce(joint, axis=1)
        share = np.exp(joint - density[:, None])
        before, log_likelihood = log_likelihood, float(density.sum())
        if log_likelihood - before < 1e-4 * n and np.isfinite(before):
            break
    return moments, log_likelihood


def _maximised(x: np.ndarray, share: np.ndarray) -> Moments:
    enough = share.sum(axis=0) > x.shape[1] * 0.5 + 1.0
    share = share[:, enough] if enough.any() else share
    total = share.sum(axis=0)
    means = share.T @ x / total[:, None]
    factors = np.stack([shrunk_factor(x, share[:, k], means[k]) for k in range(len(total))])
    return Moments(total / total.sum(), means, factors)


def _by_distance(x: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Assignments to centres that are drawn far from one another (k-means++), refined a little."""
    # Centred, so that a coordinate that does not vary divides nothing but zeros by its scale.
    scaled = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-300)
    centres = [scaled[rng.integers(len(x))]]
    distance = np.sum((scaled - centres[0]) ** 2, axis=1)
    for _ in range(count - 1):
        centres.append(scaled[rng.choice(len(x), p=distance / distance.sum())])
        distance = np.minimum(distance, np.sum((scaled - centres[-1]) ** 2, axis=1))
    means = np.array(centres)
    for _ in range(10):
        nearest = np.argmin(((scaled[:, None] - means[None]) ** 2).sum(axis=2), axis=1)
        means = np.stack(
            [
                scaled[nearest == k].mean(axis=0) if np.any(nearest == k) else means[k]
                for k in range(count)
            ]
        )
    return np.eye(count)[nearest]
