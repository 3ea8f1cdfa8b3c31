"""How far draws are from the exact posterior of an inverse problem."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.checks import check_counts, check_positive
from pymc_glm.inverse.checks import finite_array
from pymc_glm.inverse.exact import MixturePosterior

__all__ = ["LatentScores", "coverage", "latent_scores", "psnr", "sliced_wasserstein"]

PROJECTIONS = 200


class LatentScores(NamedTuple):
    """Draws of a code against the exact posterior.

    Attributes
    ----------
    mean_error : float
        Root mean square error of the mean, in posterior standard deviations.
    variance_share : float
        Trace of the draws' covariance over that of the posterior.
    distance, floor : float
        Sliced Wasserstein distance of the draws from exact ones, over the posterior's standard
        deviation, and that of as many exact ones.
    mode_mass_error : float
        Total variation distance of the masses of the mixture's components.
    """

    mean_error: float
    variance_share: float
    distance: float
    floor: float
    mode_mass_error: float


def latent_scores(
    posterior: MixturePosterior, z: np.ndarray, rng: int | np.random.Generator
) -> LatentScores:
    """Score draws of a code.

    Parameters
    ----------
    posterior : MixturePosterior
        The truth.
    z : ndarray, shape (n, k)
        Draws.
    rng : int or Generator
        For exact draws and projections.

    Returns
    -------
    scores : LatentScores

    Raises
    ------
    ValueError
        If draws are not of codes of the posterior, not two or more, or not finite.
    """
    z = _drawn(z, len(posterior.mean), "z")
    rng = np.random.default_rng(rng)
    covariance = posterior.covariance
    total = float(np.trace(covariance))
    reference = posterior.mixture.draw(rng, max(len(z), 4000))
    exact = posterior.mixture.draw(rng, len(z))
    gap = (z.mean(axis=0) - posterior.mean) / np.sqrt(np.diagonal(covariance))
    unit = float(np.sqrt(total / z.shape[1]))
    shares = np.exp(posterior.mixture.log_shares(z)).mean(axis=0)
    return LatentScores(
        mean_error=float(np.sqrt(np.mean(gap**2))),
        variance_share=float(np.trace(np.atleast_2d(np.cov(z.T))) / total),
        distance=sliced_wasserstein(z, reference, rng) / unit,
        floor=sliced_wasserstein(exact, reference, rng) / unit,
        mode_mass_error=float(0.5 * np.abs(shares - posterior.weights).sum()),
    )


def sliced_wasserstein(
    first: np.ndarray, second: np.ndarray, rng: int | np.random.Generator, count: int = PROJECTIONS
) -> float:
    """Root mean square of the Wasserstein distances of order two of projections to lines.

    Parameters
    ----------
    first, second : ndarray, shape (n, k), (m, k)
        Draws.
    rng : int or Generator
        For the directions.
    count : int
        Number of directions.

    Returns
    -------
    distance : float

    Raises
    ------
    ValueError
        If draws are not of vectors of one length, not two or more, or not finite.

    References
    ----------
    Bonneel et al. (2015), https://doi.org/10.1007/s10851-014-0506-3
    """
    check_counts(count=count)
    size = np.shape(second)[-1]
    first, second = _drawn(first, size, "first"), _drawn(second, size, "second")
    rng = np.random.default_rng(rng)
    directions = rng.standard_normal((first.shape[1], count))
    directions /= np.linalg.norm(directions, axis=0)
    levels = (np.arange(min(len(first), len(second))) + 0.5) / min(len(first), len(second))
    quantiles = [_quantiles(draws @ directions, levels) for draws in (first, second)]
    return float(np.sqrt(np.mean((quantiles[0] - quantiles[1]) ** 2)))


def _drawn(draws: np.ndarray, size: int, name: str) -> np.ndarray:
    draws = finite_array(draws, f"The draws {name!r}", "Distances need finite ones.")
    if draws.ndim != 2 or draws.shape[1] != size or len(draws) < 2:
        raise ValueError(
            f"Got {name} of shape {draws.shape}. It is (n, {size}) with n of at least 2: stack"
            " chains and draws."
        )
    return draws


def _quantiles(draws: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles of each column; the i-th smallest of n is at the level (i - 1/2) / n."""
    ordered = np.sort(draws, axis=0)
    place = np.clip(levels * len(draws) - 0.5, 0.0, len(draws) - 1.0)
    below = np.minimum(place.astype(int), max(len(draws) - 2, 0))
    above = np.minimum(below + 1, len(draws) - 1)
    share = (place - below)[:, None]
    return (1.0 - share) * ordered[below] + share * ordered[above]


def coverage(draws: np.ndarray, truth: np.ndarray, probability: float = 0.9) -> float:
    """Share of entries of the truth within equal-tailed intervals of draws.

    Parameters
    ----------
    draws : ndarray, shape (n, d)
        Of the posterior.
    truth : ndarray, shape (d,)
        What was to be found.
    probability : float
        Of the intervals.

    Returns
    -------
    share : float

    Raises
    ------
    ValueError
        If shapes do not agree, a number is not finite, or the probability is none.
    """
    draws = finite_array(draws, "The draws", "Intervals need finite ones.")
    truth = finite_array(truth, "The true values", "Leave out what is not known.")
    if draws.ndim != 2 or draws.shape[1:] != truth.shape or draws.size == 0:
        raise ValueError(
            f"Got draws of shape {draws.shape} for a truth of shape {truth.shape}. They are (n, d)"
            " and (d,): stack chains and draws, and flatten images."
        )
    check_positive(probability=probability)
    if not probability < 1.0:
        raise ValueError(f"Got probability={probability}. It is between 0 and 1.")
    tail = 0.5 * (1.0 - probability)
    low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return float(np.mean((low <= truth) & (truth <= high)))


def psnr(image: np.ndarray, truth: np.ndarray, peak: float = 2.0) -> float:
    """Peak signal-to-noise ratio in decibels; the peak is the range of pixel values.

    That of one draw rewards samplers whose draws are too close to the mean.

    Parameters
    ----------
    image : ndarray, shape (...) or (n, ...)
        One image, or several whose squared errors are averaged.
    truth : ndarray
        What was to be found.
    peak : float
        Largest difference of two pixels.

    Returns
    -------
    ratio : float
        Infinite where both are the same.

    Raises
    ------
    ValueError
        If shapes do not agree, a number is not finite, or the peak is not positive.
    """
    image, truth = finite_array(image, "The image's pixels"), finite_array(truth, "The true pixels")
    if truth.size == 0 or image.shape[image.ndim - truth.ndim :] != truth.shape:
        raise ValueError(
            f"Got an image of shape {image.shape} for a truth of shape {truth.shape}. The last"
            " axes of images are those of the truth."
        )
    check_positive(peak=peak)
    error = np.mean((image - truth) ** 2)
    if error == 0.0:
        return np.inf
    return float(10.0 * np.log10(peak**2 / error))
