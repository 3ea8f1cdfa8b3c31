"""One more component for a mixture, where the target has mass that it does not cover."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import fewest_draws, shrunk_factor
from pymc_glm.diffusion.prior import Mixture, from_moments, in_use, mixture
from pymc_glm.diffusion.refine import LEAST_MASS, CandidateGaussians, log_heights, log_open_mass

__all__ = ["with_component"]

# Nats that a component has to bring: of likelihood of draws that it was not fitted to, or of the
# target over the mixture at its mean.
LEAST_GAIN = 3.0
# A component leaves the others so much, as draws may have missed what these cover.
MOST_WEIGHT = 0.9
# Places from which a component climbs the likelihood, how long each does, and of how many draws.
PLACES = 6
CLIMBS = 30
MOST_DRAWS = 4000
# Nats of likelihood of a draw that one more step of a climb has to bring.
LEAST_CLIMB = 1e-3
# Narrowest component, in standard deviations of the mixture.
NARROWEST = 1e-4


class _Component(NamedTuple):
    weight: float
    mean: np.ndarray
    factor: np.ndarray

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """With its weight."""
        alone = mixture(NUMPY, from_moments(np.ones(1), self.mean[None], self.factor[None]))
        return np.log(self.weight) + alone.log_density(NUMPY, x)


class _Draws(NamedTuple):
    """Different draws, how often each was drawn, and what the mixture is there.

    Chains end in a mode by its basin, not by its mass: more draws than the mixture has mass say
    nothing. `open` is the share of the target that the mixture does not cover, so much of a draw
    is for a component to take.
    """

    x: np.ndarray
    share: np.ndarray
    present: np.ndarray
    open: np.ndarray

    def with_component(self, component: _Component) -> tuple[np.ndarray, np.ndarray]:
        """Log density of the component, and of the mixture with it."""
        own = component.log_density(self.x)
        return own, np.logaddexp(own, np.log1p(-component.weight) + self.present)

    def gain(self, component: _Component) -> float:
        """Log likelihood that the component adds, a draw of average share counted once."""
        _, both = self.with_component(component)
        others = np.log1p(-component.weight)
        each = self.open * (both - self.present) + (1.0 - self.open) * others
        return float(self.share @ each) * len(self.x) / self.share.sum()

    def some(self, index: slice | np.ndarray) -> _Draws:
        """Those of an index."""
        return _Draws(*(part[index] for part in self))


def with_component(
    prior: dict[str, Any], candidates: CandidateGaussians, log_z: float, rng: np.random.Generator
) -> dict[str, Any] | None:
    """The mixture with one more component, in the next slot that is free.

    Where candidates are draws, components begin at some of them with the covariance of the draws
    nearby and climb the likelihood of half of the draws while the others are held (Verbeek,
    Vlassis, Kroese 2003, doi:10.1162/089976603762553004). The one that makes the other half
    likeliest is added, where wide ones, which lie over several modes, compete with as many narrow
    ones as are to come. Draws count as far as the mixture does not cover the target there. Where
    those that do are too few for a covariance, it is one of average covariance at the draw where
    the target exceeds the mixture most (arXiv:2503.00524), if the draws are likelier with it.
    Where candidates are Gaussians, it is the one with the largest mass that is not covered.

    Parameters
    ----------
    prior : dict of str to ndarray
        Parameters of the mixture.
    candidates : CandidateGaussians
        In the coordinates of the mixture.
    log_z : float
        Log evidence of the target, about.
    rng : numpy.random.Generator
        It is advanced.

    Returns
    -------
    prior : dict of str to ndarray, or None
        None where no slot is free, or no candidate is worth it.

    Raises
    ------
    ValueError
        If log densities of the target are no numbers.
    """
    used = in_use(prior)
    if used.all() or not len(candidates.means):
        return None
    odd = int(np.sum(~np.isfinite(candidates.value)))
    if odd or not np.isfinite(log_z):
        raise ValueError(
            f"Got log_z={log_z} and {odd} of {len(candidates.value)} candidates where the log"
            " density is not finite. Leave those out."
        )
    current = mixture(NUMPY, prior).of(used)
    if candidates.factors is None:
        added = _of_draws(current, int(np.sum(~used)), candidates, log_z, rng)
    else:
        added = _heaviest(current, candidates, log_z)
    if added is None:
        return None
    slot = int(np.argmin(used))
    changed = {name: value.copy() for name, value in prior.items()}
    changed["logits"][used] = current.log_weights + np.log1p(-added.weight)
    changed["logits"][slot] = np.log(added.weight)
    changed["means"][slot] = added.mean
    changed["log_diagonal"][slot] = np.log(np.diagonal(added.factor))
    changed["lower"][slot] = np.tril(added.factor, -1)
    return changed


def _of_draws(
    current: Mixture,
    free: int,
    candidates: CandidateGaussians,
    log_z: float,
    rng: np.random.Generator,
) -> _Component | None:
    # Equal draws would narrow a component without an end.
    x, first, count = np.unique(candidates.means, axis=0, return_index=True, return_counts=True)
    # In random order, so that halves are alike.
    order = rng.permutation(len(x))[:MOST_DRAWS]
    x, share = x[order], count[order] / count[order].sum()
    present = current.log_density(NUMPY, x)
    excess = candidates.value[first[order]] - log_z - present
    draws = _Draws(x, share, present, -np.expm1(-np.maximum(excess, 0.0)))
    spread = np.linalg.cholesky(_covariance(current))
    climbed = _climbed(current, free, draws, excess, spread, rng)
    return _lone(current, draws, int(np.argmax(excess)), spread) if climbed is None else climbed


def _climbed(
    current: Mixture,
    free: int,
    draws: _Draws,
    excess: np.ndarray,
    spread: np.ndarray,
    rng: np.random.Generator,
) -> _Component | None:
    """The component that makes draws held out likeliest, of those from some places."""
    half, fewest = len(draws.x) // 2, int(np.ceil(fewest_draws(draws.x.shape[1])))
    if half < fewest:
        return None
    learned, held_out = draws.some(slice(half)), draws.some(slice(half, None))
    narrowest = NARROWEST * np.linalg.norm(spread, axis=1)
    nearest = np.argmax(current.log_components(NUMPY, learned.x), axis=1)
    best, most = None, 0.0
    for place in _places(learned, excess[:half], rng):
        z = (learned.x - learned.x[place]) @ current.inverses[nearest[place]].T
        order = np.argsort(np.sum(z * z, axis=1))
        # A mode may hold many of the draws or few.
        for nearby in (fewest, max(fewest, half // (2 * current.size + 2))):
            around = learned.some(order[:nearby])
            weight = 0.5 / (current.size + 1)
            start = _fitted(around, np.ones(len(around.x)), weight, narrowest)
            component = _maximised(start, learned, narrowest)
            if component is None or held_out.gain(component) < LEAST_GAIN:
                continue
            promise = _promise(component, held_out, free)
            if promise > most:
                best, most = component, promise
    return None if best is None else _maximised(best, draws, narrowest)


def _promise(component: _Component, draws: _Draws, free: int) -> float:
    """What free slots would bring if components as good filled them, or covered all draws."""
    return draws.gain(component) * min(free, 1.0 / component.weight)


def _places(draws: _Draws, excess: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where the target exceeds the mixture most, and others, rather where it does than not."""
    likely = draws.share * np.maximum(draws.open, 0.01)
    count = min(len(excess), PLACES)
    others = rng.choice(len(excess), size=count, replace=False, p=likely / likely.sum())
    return np.append(np.argmax(excess), others)


def _maximised(start: _Component, draws: _Draws, narrowest: np.ndarray) -> _Component | None:
    """The component after expectation and maximisation; None if it ends with too few draws."""
    component, before = start, -np.inf
    for _ in range(CLIMBS):
        own, both = draws.with_component(component)
        responsible = draws.open * np.exp(own - both)
        if responsible.sum() < fewest_draws(draws.x.shape[1]):
            return None
        weight = float(draws.share @ responsible / draws.share.sum())
        component = _fitted(draws, responsible, weight, narrowest)
        gain = draws.gain(component) / len(draws.x)
        if gain - before < LEAST_CLIMB:
            break
        before = gain
    return component


def _fitted(
    draws: _Draws, responsible: np.ndarray, weight: float, narrowest: np.ndarray
) -> _Component:
    share = draws.share * responsible
    mean = share @ draws.x / share.sum()
    factor = shrunk_factor(draws.x, share, mean)
    # Rows of a factor have the length of standard deviations.
    deviation = np.linalg.norm(factor, axis=1)
    factor = factor * np.maximum(narrowest / deviation, 1.0)[:, None]
    return _Component(min(weight, MOST_WEIGHT), mean, factor)


def _lone(current: Mixture, draws: _Draws, place: int, spread: np.ndarray) -> _Component | None:
    """A component of given spread at one of the draws, if these are likelier with it."""
    d = draws.x.shape[1]
    z = np.linalg.solve(spread, (draws.x - draws.x[place]).T)
    around = np.sum(z * z, axis=0) < d + 3.0 * np.sqrt(2.0 * d)
    weight = float(draws.share[around] @ draws.open[around])
    if weight == 0.0:
        return None
    weight = min(weight, 1.0 / (current.size + 1.0))
    component = _Component(weight, draws.x[place], spread)
    # The draw at its mean is likelier than one in general, by so much.
    return component if draws.gain(component) > LEAST_GAIN + 0.5 * d else None


def _covariance(current: Mixture) -> np.ndarray:
    """Average covariance of the components."""
    weights = np.exp(current.log_weights)
    return np.einsum("k,kij,klj->il", weights, current.factors, current.factors)


def _heaviest(current: Mixture, candidates: CandidateGaussians, log_z: float) -> _Component | None:
    """The Gaussian with the largest mass at the height of the target that is not covered."""
    means, factors, value = candidates
    assert factors is not None
    present = current.log_density(NUMPY, means)
    log_mass = log_open_mass(value - log_z, log_heights(factors), present)
    log_mass[value - log_z - present <= LEAST_GAIN] = -np.inf
    best = int(np.argmax(log_mass))
    if log_mass[best] < LEAST_MASS:
        return None
    weight = np.exp(min(float(log_mass[best]), -np.log(current.size + 1.0)))
    return _Component(weight, means[best], factors[best])
