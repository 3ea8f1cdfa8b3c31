"""One more component for a mixture, where the target has mass that it does not cover."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import fewest_draws, shrunk_factor
from pymc_glm.diffusion.prior import MASKED, Mixture, from_moments, mixture
from pymc_glm.diffusion.refine import CandidateGaussians, log_heights, log_open_mass

__all__ = ["with_component"]

# Nats of likelihood of all draws that a component has to bring, for its weight and for each
# coordinate of its mean and of its scale.
PRICE = 2.0
# Nats of the target over the mixture that a candidate has to exceed.
LEAST_EXCESS = 3.0
# Places from which a component climbs the likelihood, and how long each does.
PLACES = 10
CLIMBS = 30


class _Component(NamedTuple):
    weight: float
    mean: np.ndarray
    factor: np.ndarray

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """With its weight."""
        alone = mixture(NUMPY, from_moments(np.ones(1), self.mean[None], self.factor[None]))
        return np.log(self.weight) + alone.log_density(NUMPY, x)


def with_component(
    prior: dict[str, Any], candidates: CandidateGaussians, log_z: float, rng: np.random.Generator
) -> dict[str, Any] | None:
    """The mixture with one more component, in the next slot that is free.

    Where candidates are draws, components begin at some of them with the covariance of the draws
    nearby, climb the likelihood of all draws while the others are held, and the best one is added
    (Verbeek, Vlassis, Kroese 2003, doi:10.1162/089976603762553004). Where none brings enough, it is
    the candidate at which the target exceeds the mixture most (arXiv:2503.00524), if too few draws
    are around it for a covariance. Where candidates are Gaussians, it is the one with the largest
    mass that is not covered.

    Parameters
    ----------
    prior : dict of str to ndarray
        Parameters of the mixture.
    candidates : CandidateGaussians
        In the coordinates of the mixture.
    log_z : float
        What the log density of the target exceeds that of a normalised one by, about.
    rng : numpy.random.Generator
        It is advanced.

    Returns
    -------
    prior : dict of str to ndarray, or None
        None where no slot is free, or no candidate is worth it.
    """
    used = prior["logits"] > 0.5 * MASKED
    if used.all():
        return None
    current = mixture(NUMPY, prior)
    present = current.log_density(NUMPY, candidates.means)
    excess = candidates.value - log_z - present
    if candidates.factors is not None:
        added = _heaviest(candidates, excess, log_z, int(used.sum()))
    else:
        added = _climbed(current, used, candidates.means, present, rng)
        added = _lone(current, used, candidates.means, excess) if added is None else added
    if added is None:
        return None
    slot = int(np.argmin(used))
    changed = {name: value.copy() for name, value in prior.items()}
    changed["logits"][used] = current.log_weights[used] + np.log1p(-added.weight)
    changed["logits"][slot] = np.log(added.weight)
    changed["means"][slot] = added.mean
    changed["log_diagonal"][slot] = np.log(np.diagonal(added.factor))
    changed["lower"][slot] = np.tril(added.factor, -1)
    return changed


def _climbed(
    current: Mixture,
    used: np.ndarray,
    x: np.ndarray,
    present: np.ndarray,
    rng: np.random.Generator,
) -> _Component | None:
    """The component that makes draws likeliest, of those from some places."""
    # Equal draws would narrow a component without an end.
    x, first = np.unique(x, axis=0, return_index=True)
    present = present[first]
    n, d = x.shape
    nearest = np.argmax(current.log_components(NUMPY, x), axis=1)
    count = max(2 * d, n // (2 * (int(used.sum()) + 1)))
    best, most = None, PRICE * (2 * d + 1)
    for place in rng.choice(n, size=min(n, PLACES), replace=False):
        z = (x - x[place]) @ current.inverses[nearest[place]].T
        nearby = x[np.argsort(np.sum(z * z, axis=1))[:count]]
        start = _fitted(nearby, np.ones(len(nearby)), 0.5 / (used.sum() + 1))
        component, gain = _maximised(start, x, present)
        if gain > most:
            best, most = component, gain
    return best


def _maximised(start: _Component, x: np.ndarray, present: np.ndarray) -> tuple[_Component, float]:
    """The component after expectation and maximisation, and the likelihood that it brings."""
    component, gain = start, -np.inf
    for _ in range(CLIMBS):
        own = component.log_density(x)
        both = np.logaddexp(own, np.log1p(-component.weight) + present)
        gain = float(np.sum(both - present))
        share = np.exp(own - both)
        if share.sum() < fewest_draws(x.shape[1]):
            return component, -np.inf
        component = _fitted(x, share, share.sum() / len(x))
    return component, gain


def _fitted(x: np.ndarray, share: np.ndarray, weight: float) -> _Component:
    mean = share @ x / share.sum()
    # Draws that are nowhere else would leave the others no weight.
    return _Component(min(weight, 0.999), mean, shrunk_factor(x, share, mean))


def _lone(
    current: Mixture, used: np.ndarray, x: np.ndarray, excess: np.ndarray
) -> _Component | None:
    """A component of average covariance where draws are few and the mixture is lowest."""
    best = int(np.argmax(excess))
    if not excess[best] > LEAST_EXCESS:
        return None
    n, d = x.shape
    factors = current.factors[used]
    covariance = np.einsum("k,kij,klj->il", np.exp(current.log_weights[used]), factors, factors)
    factor = np.linalg.cholesky(covariance + 1e-12 * np.eye(d))
    z = np.linalg.solve(factor, (x - x[best]).T)
    around = int(np.sum(np.sum(z * z, axis=0) < d + 3.0 * np.sqrt(2.0 * d)))
    if around >= fewest_draws(d):
        return None
    return _Component(min(around / n, 1.0 / (used.sum() + 1.0)), x[best], factor)


def _heaviest(
    candidates: CandidateGaussians, excess: np.ndarray, log_z: float, count: int
) -> _Component | None:
    """The Gaussian with the largest mass at the height of the target that is not covered."""
    means, factors, value = candidates
    assert factors is not None
    if not excess.max() > LEAST_EXCESS:
        return None
    log_mass = log_open_mass(value - log_z, log_heights(factors), value - log_z - excess)
    best = int(np.argmax(log_mass))
    weight = np.exp(min(float(log_mass[best]), -np.log(count + 1.0)))
    return _Component(weight, means[best], factors[best])
