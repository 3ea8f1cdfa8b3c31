"""Iterative refinement: components are added where the target has mass and the mixture has none.

Blessing et al. (2025), arXiv:2503.00524, add one component after some hundred steps of training,
at the candidate with the largest ratio of target to mixture. Their candidates come from Langevin
chains. Others are draws of a tempered population, and the Gaussians of a latent machine: given its
latents a block is Gaussian, so that each visited state of them offers a mean and a covariance.
How one becomes a component is in `pymc_glm.diffusion.greedy`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY, log_sum_exp
from pymc_glm.diffusion.components import Moments, effective_size
from pymc_glm.diffusion.prior import LOG_2PI, MASKED, Mixture, mixture
from pymc_glm.diffusion.search import FIRST_STEP, langevin_chains
from pymc_glm.diffusion.targets import Density

__all__ = [
    "LEAST_MASS",
    "REFINEMENTS",
    "CandidateGaussians",
    "covering_mixture",
    "langevin_candidates",
    "log_heights",
    "log_open_mass",
    "nearest_weights",
    "without_idle",
]

REFINEMENTS = ("auto", "none", "langevin", "tempered", "machine")
CHAINS_PER_UNKNOWN = 40
FEWEST_CHAINS = 500
STEPS = 1000
# Components of less than this log share of the heaviest one, or of the target, are left out.
LEAST_MASS = -9.0
# Log weight of a component that is worth its paths.
LEAST_LOG_WEIGHT = float(np.log(1e-3))
# Fewest effective draws that say something about weights.
FEWEST_EFFECTIVE = 20.0


class CandidateGaussians(NamedTuple):
    """Where components may be added.

    Attributes
    ----------
    means : ndarray, shape (n, d)
        Their means.
    factors : ndarray, shape (n, d, d), or None
        Cholesky factors of covariances; None where candidates are draws, which have none.
    value : ndarray, shape (n,)
        Log density of the target at the means.
    """

    means: np.ndarray
    factors: np.ndarray | None
    value: np.ndarray


def langevin_candidates(
    density: Density, rng: np.random.Generator, *starts: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Ends of Metropolis-adjusted Langevin chains from some wide Gaussians.

    Parameters
    ----------
    density : Density
        The target.
    rng : numpy.random.Generator
        It is advanced.
    *starts : tuple of ndarray, shape (d,)
        Mean and standard deviations of a Gaussian in which as many chains begin as in any other.
        Steps are in units of the deviations.

    Returns
    -------
    x : ndarray, shape (n, d)
        Some may have got nowhere near the target.
    """
    d = starts[0][0].size
    # A mode holds some of them, and needs more than it has coordinates for a covariance.
    count = max(FEWEST_CHAINS, CHAINS_PER_UNKNOWN * d) // len(starts)
    step = np.full(count, FIRST_STEP)
    ends = []
    for center, scale in starts:
        x = center + scale * rng.standard_normal((count, d))
        ends.append(langevin_chains(density, rng, x, step, scale, STEPS).x)
    return np.concatenate(ends)


def covering_mixture(candidates: CandidateGaussians, most: int = 50) -> Moments:
    """A mixture of candidates that covers the target with as few of them as it takes.

    A Gaussian as high as the target at its mean has a mass. The candidate whose mass is largest, as
    far as the target at its mean is not covered by those before, comes next.

    Parameters
    ----------
    candidates : CandidateGaussians
        With factors.
    most : int
        At most so many components.

    Returns
    -------
    moments : Moments
    """
    means, factors, value = candidates
    assert factors is not None
    n = len(means)
    inverses = np.linalg.inv(factors)
    log_height = log_heights(factors)
    covered = np.full(n, -np.inf)
    chosen: list[int] = []
    masses: list[float] = []
    for _ in range(min(most, n)):
        gain = log_open_mass(value, log_height, covered)
        best = int(np.argmax(gain))
        if masses and gain[best] < max(masses) + LEAST_MASS:
            break
        chosen.append(best)
        masses.append(float(gain[best]))
        z = (means - means[best]) @ inverses[best].T
        density = gain[best] + log_height[best] - 0.5 * np.sum(z * z, axis=1)
        covered = np.logaddexp(covered, density)
    weights = np.exp(np.array(masses) - max(masses))
    return Moments(weights / weights.sum(), means[chosen], factors[chosen])


def log_heights(factors: np.ndarray) -> np.ndarray:
    """Log densities of Gaussians at their means, from the Cholesky factors of covariances.

    Parameters
    ----------
    factors : ndarray, shape (n, d, d)
        Lower triangular.

    Returns
    -------
    log_height : ndarray, shape (n,)
    """
    diagonal = np.diagonal(factors, axis1=1, axis2=2)
    return -np.log(diagonal).sum(axis=1) - 0.5 * diagonal.shape[1] * LOG_2PI


def log_open_mass(value: np.ndarray, log_height: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Log masses of Gaussians as high as the target at their means, as far as it is not covered.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Log density of the target at the means.
    log_height : ndarray, shape (n,)
        As of `log_heights`.
    covered : ndarray, shape (n,)
        Log of what covers the target there.

    Returns
    -------
    log_mass : ndarray, shape (n,)
        -inf where all is covered.
    """
    with np.errstate(divide="ignore"):
        return value - log_height + np.log(-np.expm1(np.minimum(covered - value, 0.0)))


def nearest_weights(
    current: Mixture, density: Density, rng: np.random.Generator, rounds: int = 10, n: int = 4000
) -> np.ndarray:
    """Weights of the same Gaussians that bring their mixture nearest to the target.

    They follow from draws of the mixture by their importance, as expectation and maximisation does
    with draws of the target (Cappe et al., 2008, doi:10.1007/s11222-008-9059-x). Large importance
    is cut at the square root of the number of draws. Where hardly any draw has importance next to
    the most important ones, as in many dimensions, weights stay as they are.

    Parameters
    ----------
    current : Mixture
        Without slots that are not used.
    density : Density
        The target, in the same coordinates.
    rng : numpy.random.Generator
        It is advanced.
    rounds, n : int
        How often weights are found anew, and from how many draws.

    Returns
    -------
    weights : ndarray, shape (K,)
        None of them zero; they sum to one.
    """
    for _ in range(rounds):
        weights = np.exp(current.log_weights)
        component = rng.choice(current.size, size=n, p=weights / weights.sum())
        x = current.start(NUMPY, component, rng.standard_normal((n, current.means.shape[1])))
        joint = current.log_components(NUMPY, x)
        log_mixture = log_sum_exp(NUMPY, joint)
        log_weight = density.log_density(x) - log_mixture
        log_weight[np.isnan(log_weight)] = -np.inf
        top = log_weight.max()
        if top == -np.inf or effective_size(np.exp(log_weight - top)) < FEWEST_EFFECTIVE:
            break
        most = np.logaddexp.reduce(log_weight) - 0.5 * np.log(n)
        weight = np.exp(np.minimum(log_weight, most) - most)
        share = weight @ np.exp(joint - log_mixture[:, None])
        # None vanishes because no draw of it was seen.
        share = np.maximum(share / share.sum(), 1.0 / n)
        current = current._replace(log_weights=np.log(share / share.sum()))
    return np.exp(current.log_weights)


def without_idle(prior: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The mixture without components of next to no weight.

    Each takes as many paths of training as the others do.

    Parameters
    ----------
    prior : dict of str to ndarray
        Parameters of the mixture.

    Returns
    -------
    prior : dict of str to ndarray
        Their slots are free.
    """
    log_weights = mixture(NUMPY, prior).log_weights
    return {**prior, "logits": np.where(log_weights < LEAST_LOG_WEIGHT, MASKED, prior["logits"])}
