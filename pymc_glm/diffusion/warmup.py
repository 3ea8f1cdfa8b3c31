r"""Draws from all modes that a tempered population of starts finds.

Sequential Monte Carlo from a wide Gaussian to the target along
:math:`q_0^{1-\beta} \rho^\beta`: temperatures by the effective sample size, systematic resampling,
and Hamiltonian moves whose step sizes are drawn anew, so that some fit a narrow place and others a
wide one. Each draw knows the start it descends from.

Del Moral, Doucet, Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.components import effective_size
from pymc_glm.diffusion.prior import LOG_2PI
from pymc_glm.diffusion.targets import Density
from pymc_glm.exceptions import SamplingError
from pymc_glm.random.resampling import systematic

__all__ = ["Warmup", "pooled", "spread_of", "tempered_draws", "warm_up"]

# Effective share of the population that a temperature leaves.
KEPT = 0.7
LEAPFROGS = 5
ACCEPTANCE = 0.75
MOST_TEMPERATURES = 500
# At the end the population forgets that it was resampled.
LAST_MOVES = 20
# Where fewer than this share of the starts have descendants, others are tried as well: nearer to
# the initial point, and moved more often.
FEWEST_ANCESTORS = 0.03
# Draws that a mixture is fitted to.
FEWEST_DISTINCT = 10
NEAR = 1.0
NEAR_MOVES = 12


class Warmup(NamedTuple):
    """Draws of a warm-up.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Draws, about of the target.
    start : ndarray of int, shape (n,)
        From which start each descends.
    log_z : float
        Estimate of the log evidence; NaN where draws were given.
    gradients : int
        Evaluations of the log density with its gradient.
    shares : tuple of float
        Where populations were pooled, the share of each by its evidence.
    """

    x: np.ndarray
    start: np.ndarray
    log_z: float
    gradients: int
    shares: tuple[float, ...] = (1.0,)


def warm_up(
    density: Density,
    rng: np.random.Generator,
    center: np.ndarray,
    scale: np.ndarray,
    near: np.ndarray,
    n: int = 1000,
    progress: Callable[[float], None] = lambda beta: None,
) -> Warmup:
    """Draw from a target by tempering from wide starts, and if need be from near ones too.

    Parameters
    ----------
    density, rng, center, scale, n, progress
        As in `tempered_draws`.
    near : ndarray, shape (d,)
        Center of starts of unit scale. Where few of the wide starts have descendants, both
        populations are pooled, with shares by their evidence.

    Returns
    -------
    warmup : Warmup

    Raises
    ------
    SamplingError
        If neither population can be tempered, or it collapses to a few points.
    """
    found = _either(density, rng, center, scale, near, n, progress)
    distinct = len(np.unique(found.x, axis=0))
    if distinct < FEWEST_DISTINCT:
        raise SamplingError(
            f"Of {n} warm-up draws {distinct} are distinct in the end: the posterior is too narrow"
            " in some direction for moves from the starts. Give draws of it as warmup=..., or"
            " rescale the variables."
        )
    return found


def _either(
    density: Density,
    rng: np.random.Generator,
    center: np.ndarray,
    scale: np.ndarray,
    near: np.ndarray,
    n: int,
    progress: Callable[[float], None],
) -> Warmup:
    try:
        wide = tempered_draws(density, rng, center, scale, n, progress=progress)
    except SamplingError as error:
        try:
            return _near(density, rng, near, n, progress)
        except SamplingError:
            raise error from None
    if len(np.unique(wide.start)) >= FEWEST_ANCESTORS * n:
        return wide
    try:
        close = _near(density, rng, near, n, progress)
    except SamplingError:
        return wide
    both = pooled(rng, [wide, close._replace(start=n + close.start)], n)
    # Both are of all of the target.
    return both._replace(log_z=both.log_z - float(np.log(2.0)), shares=(1.0,))


def tempered_draws(
    density: Density,
    rng: np.random.Generator,
    center: np.ndarray,
    scale: np.ndarray,
    n: int = 1000,
    moves: int = 3,
    progress: Callable[[float], None] = lambda beta: None,
) -> Warmup:
    """Draw from a target by tempering from a wide Gaussian.

    Parameters
    ----------
    density : Density
        The target.
    rng : numpy.random.Generator
        It is advanced.
    center, scale : ndarray, shape (d,)
        Mean and standard deviations of the Gaussian in which the starts are drawn.
    n : int
        Size of the population.
    moves : int
        Hamiltonian moves at each temperature.
    progress : callable
        Told each inverse temperature.

    Returns
    -------
    warmup : Warmup

    Raises
    ------
    SamplingError
        If hardly any start has positive density, or temperatures do not advance.
    """
    d = center.size
    x = center + scale * rng.standard_normal((n, d))
    value, gradient = density.with_gradient(x)
    if np.isfinite(value).sum() < max(10, 0.01 * n):
        raise SamplingError(
            f"Only {np.isfinite(value).sum()} of {n} starts have a positive density. Give draws of"
            " the posterior as warmup=..., or starts nearer to it as spread=..."
        )
    start, beta, log_z, step, gradients = np.arange(n), 0.0, 0.0, 0.5, n
    count = 0
    while beta < 1.0:
        excess = value - _log_gaussian(x, center, scale)
        following = _next_temperature(excess, beta)
        log_weight = np.where(np.isfinite(excess), (following - beta) * excess, -np.inf)
        top = log_weight.max()
        weight = np.exp(log_weight - top)
        log_z += top + np.log(weight.mean())
        picked = systematic(rng, weight / weight.sum(), n)
        x, value, gradient, start = x[picked], value[picked], gradient[picked], start[picked]
        beta = following
        progress(beta)
        for _ in range(moves if beta < 1.0 else LAST_MOVES):
            x, value, gradient, accepted = _move(
                density, rng, (x, value, gradient), (center, scale, beta), step
            )
            step = float(np.clip(step * np.exp(accepted - ACCEPTANCE), 1e-6, 2.0))
            gradients += LEAPFROGS * n
        count += 1
        if count > MOST_TEMPERATURES:
            raise SamplingError(
                f"Tempering has reached the inverse temperature {beta:.3g} after"
                f" {MOST_TEMPERATURES} steps. The starts are too far from the posterior, or it"
                " cannot be normalised."
            )
    return Warmup(x, start, float(log_z), gradients)


def _near(
    density: Density,
    rng: np.random.Generator,
    near: np.ndarray,
    n: int,
    progress: Callable[[float], None],
) -> Warmup:
    scale = np.full(near.size, NEAR)
    return tempered_draws(density, rng, near, scale, n, NEAR_MOVES, progress)


def pooled(rng: np.random.Generator, populations: list[Warmup], n: int) -> Warmup:
    """Draws of several populations, with shares by their evidence.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is advanced.
    populations : list of Warmup
        Each of a part of the target, or of all of it.
    n : int
        How many draws.

    Returns
    -------
    warmup : Warmup
        With the sum of their evidences.
    """
    if len(populations) == 1:
        return populations[0]
    log_z = np.array([population.log_z for population in populations])
    share = np.exp(log_z - log_z.max())
    share = share / share.sum()
    sizes = [len(population.x) for population in populations]
    picked = systematic(rng, np.repeat(share / sizes, sizes), n)
    return Warmup(
        np.concatenate([population.x for population in populations])[picked],
        np.concatenate([population.start for population in populations])[picked],
        float(np.logaddexp.reduce(log_z)),
        sum(population.gradients for population in populations),
        tuple(share.tolist()),
    )


def _log_gaussian(x: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    z = (x - center) / scale
    return np.sum(-0.5 * z * z - np.log(scale) - 0.5 * LOG_2PI, axis=1)


def _next_temperature(excess: np.ndarray, beta: float) -> float:
    """The largest inverse temperature that keeps enough of the population."""

    def effective(change: float) -> float:
        log_weight = np.where(np.isfinite(excess), change * excess, -np.inf)
        weight = np.exp(log_weight - log_weight.max())
        return effective_size(weight) / len(weight)

    if effective(1.0 - beta) >= KEPT:
        return 1.0
    # Points of no density go at the first step, however short.
    kept = KEPT * np.isfinite(excess).mean()
    low, high = 0.0, 1.0 - beta
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= kept else (low, middle)
    return min(1.0, beta + max(low, 1e-12))


def _move(
    density: Density,
    rng: np.random.Generator,
    state: tuple[np.ndarray, np.ndarray, np.ndarray],
    path: tuple[np.ndarray, np.ndarray, float],
    step: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """One Hamiltonian move of all points, in units of their spread, and the share accepted."""
    x, value, gradient = state
    center, scale, beta = path
    size = step * np.exp(rng.uniform(-2.5, 0.7, size=(len(x), 1))) * spread_of(x)

    def tempered(x: np.ndarray, value: np.ndarray, gradient: np.ndarray) -> tuple:
        log_density = beta * value + (1.0 - beta) * _log_gaussian(x, center, scale)
        return log_density, beta * gradient - (1.0 - beta) * (x - center) / scale**2

    momentum = rng.standard_normal(x.shape)
    log_before, slope = tempered(x, value, gradient)
    y, speed = x, momentum + 0.5 * size * slope
    # Steps that are too long for a place leave it for infinity, and are rejected.
    with np.errstate(over="ignore", invalid="ignore"):
        for leap in range(LEAPFROGS):
            y = y + size * speed
            y_value, y_gradient = density.with_gradient(y)
            log_after, slope = tempered(y, y_value, y_gradient)
            speed = speed + (1.0 if leap < LEAPFROGS - 1 else 0.5) * size * slope
        energy = log_after - log_before + 0.5 * np.sum(momentum**2 - speed**2, axis=1)
    energy = np.where(np.isfinite(y_value) & ~np.isnan(energy), energy, -np.inf)
    accepted = np.log(rng.random(len(x))) < energy
    kept = accepted[:, None]
    return (
        np.where(kept, y, x),
        np.where(accepted, y_value, value),
        np.where(kept, y_gradient, gradient),
        float(np.mean(np.exp(np.minimum(energy, 0.0)))),
    )


def spread_of(x: np.ndarray) -> np.ndarray:
    """A robust standard deviation of each coordinate.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Draws.

    Returns
    -------
    spread : ndarray, shape (d,)
        Positive, if only just.
    """
    low, high = np.quantile(x, [0.16, 0.84], axis=0)
    return np.maximum(0.5 * (high - low), 1e-300)
