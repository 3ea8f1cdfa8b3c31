"""Modes that a tempered population has lost.

A mode that is narrow has a small share of a tempered target, however large its share of the target
itself, and a population of finite size loses it on the way. Chains from single starts that are not
tempered do not: those which end where a mixture of the population has next to no density have
found such a mode. A population around each weighs it by its evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import fit_mixture
from pymc_glm.diffusion.modes import joined
from pymc_glm.diffusion.prior import mixture
from pymc_glm.diffusion.targets import Density, Whitened
from pymc_glm.diffusion.warmup import Warmup, pooled, spread_of, tempered_draws
from pymc_glm.exceptions import SamplingError

__all__ = ["Chains", "langevin_chains", "plausible", "with_lost_modes"]

# For so many starts of the population, one chain.
STARTS_FOR_A_CHAIN = 2
STEPS = 300
FIRST_STEP = 0.1
ACCEPTANCE = 0.574
# Where the target exceeds a mixture of all draws by so many nats, the population has not been.
EXCESS = 10.0
MOST_COMPONENTS = 5
MOST_MODES = 6
MOST_TRIED = 50
NEIGHBOURS = 20
LOCAL_DRAWS = 300
LOCAL_STEPS = 150
WIDER = 2.0
# Numbers of starts that no population has, in units of its size.
BEYOND = 2


class Chains(NamedTuple):
    """Langevin chains.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Where they are.
    value : ndarray, shape (n,)
        Log densities there.
    step : ndarray, shape (n,)
        Of each, in units of the scale.
    """

    x: np.ndarray
    value: np.ndarray
    step: np.ndarray


def langevin_chains(
    density: Density,
    rng: np.random.Generator,
    x: np.ndarray,
    step: np.ndarray,
    scale: np.ndarray,
    steps: int = STEPS,
) -> Chains:
    """Run Metropolis-adjusted Langevin chains, each of which tunes a step of its own.

    Parameters
    ----------
    density : Density
        The target.
    rng : numpy.random.Generator
        It is advanced.
    x : ndarray, shape (n, d)
        Where they begin.
    step : ndarray, shape (n,)
        Lengths of the first steps, in units of the scale.
    scale : ndarray, shape (d,)
        Of the coordinates.
    steps : int
        How many.

    Returns
    -------
    chains : Chains
    """
    value, gradient = density.with_gradient(x)
    for _ in range(steps):
        unit = step[:, None] * scale
        noise = rng.standard_normal(x.shape)
        y = x + unit * (0.5 * unit * gradient + noise)
        y_value, y_gradient = density.with_gradient(y)
        drift = 0.5 * unit * (gradient + y_gradient)
        with np.errstate(over="ignore", invalid="ignore"):
            log_ratio = y_value - value - np.sum(drift * (noise + 0.5 * drift), axis=1)
        log_ratio = np.where(np.isfinite(log_ratio), log_ratio, -np.inf)
        # A start of no density takes any that has one.
        log_ratio = np.where(np.isfinite(value), log_ratio, np.where(y_value > -np.inf, 0.0, -1.0))
        kept = np.log(rng.random(len(x))) < log_ratio
        x, gradient = np.where(kept[:, None], y, x), np.where(kept[:, None], y_gradient, gradient)
        value = np.where(kept, y_value, value)
        step = step * np.exp(0.1 * (np.exp(np.minimum(log_ratio, 0.0)) - ACCEPTANCE))
    return Chains(x, value, step)


def plausible(value: np.ndarray, of_draws: np.ndarray) -> np.ndarray:
    """Whether points may be draws of the target, by their log densities.

    Chains that have not come far enough are lower than all draws of known modes, and components
    fitted to their ends are wide and far away. Draws of another mode are as low if it is several
    times as wide.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Log densities at the points.
    of_draws : ndarray, shape (m,)
        Log densities at draws.

    Returns
    -------
    plausible : ndarray of bool, shape (n,)
    """
    return np.isfinite(value) & (value >= of_draws[np.isfinite(of_draws)].min())


def with_lost_modes(
    density: Density,
    rng: np.random.Generator,
    warmup: Warmup,
    center: np.ndarray,
    scale: np.ndarray,
    more_starts: np.ndarray,
    progress: Callable[[float], None] = lambda share: None,
) -> Warmup:
    """Add to a warm-up what tempering has lost on the way.

    Parameters
    ----------
    density : Density
        The target.
    rng : numpy.random.Generator
        It is advanced.
    warmup : Warmup
        Of `warm_up`.
    center, scale : ndarray, shape (d,)
        Mean and standard deviations of the Gaussian in which chains begin.
    more_starts : ndarray, shape (m, d)
        Where others do: draws of the prior lie in necks and modes that are narrow in it, where next
        to no draw of a Gaussian does.
    progress : callable
        Told the share that is done.

    Returns
    -------
    warmup : Warmup
        The same one where nothing was lost.
    """
    count = len(warmup.x) // STARTS_FOR_A_CHAIN
    x = center + scale * rng.standard_normal((count, center.size))
    chains = langevin_chains(density, rng, x, np.full(count, FIRST_STEP), scale)
    if len(more_starts):
        step = np.full(len(more_starts), FIRST_STEP)
        others = langevin_chains(density, rng.spawn(1)[0], more_starts, step, scale)
        chains = Chains(*(np.concatenate(parts) for parts in zip(chains, others, strict=True)))
    gradients = len(chains.x) * (STEPS + 1)
    excess = _Excess(warmup, density, rng)
    populations = [warmup]
    ends = np.flatnonzero(excess.is_unseen(chains.x, chains.value))
    groups = _groups(density, chains, ends, warmup)
    for index, group in enumerate(groups):
        progress(index / len(groups))
        local, more = _around(density, rng, chains, group, scale)
        gradients += more
        if local is None:
            continue
        # What the population has seen it weighs itself.
        unseen = excess.is_unseen(local.x, density.log_density(local.x))
        if unseen.any():
            x, log_z = local.x[unseen], local.log_z + float(np.log(unseen.mean()))
            # Of these draws nobody knows more than that they descend from one of the chains.
            descent = BEYOND * len(warmup.x) + rng.choice(group, size=len(x))
            populations.append(Warmup(x, descent, log_z, 0))
    together = pooled(rng, populations, len(warmup.x))
    return together._replace(gradients=warmup.gradients + gradients)


class _Excess:
    """By how much a density exceeds a mixture of draws, relative to what it does at these."""

    def __init__(self, warmup: Warmup, density: Density, rng: np.random.Generator) -> None:
        middle, spread = np.median(warmup.x, axis=0), spread_of(warmup.x)
        self.white = Whitened(density, middle, np.diag(spread))
        y = self.white.inside(warmup.x)
        self.prior = mixture(NUMPY, fit_mixture(y, rng, MOST_COMPONENTS).parameters())
        self.value = density.log_density(warmup.x)
        self.usual = np.median(self.value - self.prior.log_density(NUMPY, y))

    def is_unseen(self, x: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Whether the draws have next to no share where log densities are so high."""
        covered = self.prior.log_density(NUMPY, self.white.inside(x))
        # What is lost is narrow, and high. Chains that are still on their way are in no mode.
        return plausible(value, self.value) & (value - covered - self.usual > EXCESS)


def _groups(density: Density, chains: Chains, ends: np.ndarray, warmup: Warmup) -> list[np.ndarray]:
    """Chains that have ended in one mode, none of the population's, highest densities first."""
    groups: list[np.ndarray] = []
    spread = spread_of(warmup.x)
    for _ in range(MOST_TRIED):
        if not len(ends) or len(groups) == MOST_MODES:
            break
        # The highest end stands for its mode.
        highest = int(np.argmax(chains.value[ends]))
        best = chains.x[ends[highest]]
        together = joined(density, best, chains.x[ends])
        # It is in its own mode, whatever rounding says.
        together[highest] = True
        distance = np.sum(((warmup.x - best) / spread) ** 2, axis=1)
        nearest = warmup.x[np.argsort(distance)[:NEIGHBOURS]]
        # A tail that the population is about to fill, as the neck of a funnel, is no mode.
        if not joined(density, best, nearest).any():
            groups.append(ends[together])
        ends = ends[~together]
    return groups


def _around(
    density: Density,
    rng: np.random.Generator,
    chains: Chains,
    group: np.ndarray,
    scale: np.ndarray,
) -> tuple[Warmup | None, int]:
    """A population of its own for one mode, and gradients spent."""
    begin = np.resize(group, LOCAL_DRAWS)
    local = langevin_chains(density, rng, chains.x[begin], chains.step[begin], scale, LOCAL_STEPS)
    gradients = LOCAL_DRAWS * (LOCAL_STEPS + 1)
    middle, spread = np.median(local.x, axis=0), WIDER * spread_of(local.x)
    try:
        found = tempered_draws(density, rng, middle, spread, LOCAL_DRAWS)
    except SamplingError:
        return None, gradients
    return found, gradients + found.gradients
