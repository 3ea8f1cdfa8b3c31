"""The Gaussian that is closest to a density of a few unknowns, and how well moves from it do.

The density is a Gaussian prior times smooth functions of linear responses. The closest Gaussian in
Kullback-Leibler divergence has the precision P + K' diag(w) K, w the mean curvature of the rows
under it, and the mean where the mean slopes and the prior balance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

__all__ = [
    "SmoothTarget",
    "Steps",
    "Surrogate",
    "closest_gaussian",
    "fewest_steps",
    "mode_of",
]

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
# Larger steps overshoot where the density is skewed.
DAMPING = 0.3
MOST_ITERATIONS = 300
TOLERANCE = 1e-6
# Of a Newton search; each step is halved until the density grows.
MOST_NEWTON, MOST_HALVINGS = 100, 30
DIFFERENCE = 1e-4
SMALLEST_PRECISION = 1e-8
# Of a pilot: points, moves that bring them to the target, and moves that are counted.
POINTS, APPROACH, COUNTED = 12, 6, 4
APPROACH_STEPS = 8

Rowwise = Callable[[np.ndarray], np.ndarray]


class SmoothTarget(NamedTuple):
    """exp(h'x - x'P x / 2) times the product of smooth functions of t = K x + c.

    Attributes
    ----------
    precision : ndarray, shape (n, n)
        P.
    information : ndarray, shape (n,)
        h.
    matrix : ndarray, shape (m, n)
        K.
    offset : ndarray, shape (m,)
        c.
    log_density, slope : callable
        Log density of each row and its derivative, at responses of shape (batch, m).
    """

    precision: np.ndarray
    information: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray
    log_density: Rowwise
    slope: Rowwise

    def responses(self, x: np.ndarray) -> np.ndarray:
        """T at points of shape (batch, n)."""
        return x @ self.matrix.T + self.offset


class Surrogate(NamedTuple):
    """Pseudo-responses in the place of the smooth functions.

    Attributes
    ----------
    precision, information : ndarray, shape (m,)
        Of each row: exp(information t - precision t**2 / 2).
    """

    precision: np.ndarray
    information: np.ndarray

    def gaussian(self, target: SmoothTarget) -> tuple[np.ndarray, np.ndarray]:
        """Upper factor U of the precision U'U, and the mean."""
        weighted = self.precision[:, None] * target.matrix
        factor = np.linalg.cholesky(target.precision + target.matrix.T @ weighted).T
        residual = self.information - self.precision * target.offset
        information = target.information + target.matrix.T @ residual
        return factor, scipy.linalg.cho_solve((factor, False), information)


def closest_gaussian(target: SmoothTarget) -> Surrogate | None:
    """Find the closest Gaussian, or the one at the mode where the search does not converge.

    Parameters
    ----------
    target : SmoothTarget

    Returns
    -------
    surrogate : Surrogate or None
        None where there is no mode with a curvature.
    """
    at_mode = _at_mode(target)
    if at_mode is None:
        return None
    with np.errstate(all="ignore"):
        closest = _closest_from(target, at_mode)
    return at_mode if closest is None else closest


def _curvature(target: SmoothTarget, t: np.ndarray) -> np.ndarray:
    step = DIFFERENCE * np.maximum(1.0, np.abs(t))
    pair = target.slope(np.stack([t - step, t + step]))
    return (pair[0] - pair[1]) / (2 * step)


def mode_of(target: SmoothTarget) -> np.ndarray | None:
    """The mode, by Newton steps that are halved until the density grows; None where there is none.

    Parameters
    ----------
    target : SmoothTarget

    Returns
    -------
    x : ndarray, shape (n,), or None
    """
    x = np.zeros(target.information.size)

    def height(x: np.ndarray) -> float:
        rows = target.log_density(target.responses(x[None]))[0]
        return float(rows.sum() + target.information @ x - 0.5 * x @ target.precision @ x)

    best = height(x)
    for _ in range(MOST_NEWTON):
        t = target.responses(x[None])[0]
        weight = np.maximum(_curvature(target, t), SMALLEST_PRECISION)
        slope = target.slope(t[None])[0]
        gradient = target.matrix.T @ slope + target.information - target.precision @ x
        hessian = target.precision + target.matrix.T @ (weight[:, None] * target.matrix)
        if not (np.isfinite(best) and np.all(np.isfinite(gradient))):
            return None
        try:
            step = scipy.linalg.solve(hessian, gradient, assume_a="pos")
        except (np.linalg.LinAlgError, ValueError):
            return None
        if gradient @ step < TOLERANCE**2:
            return x
        for _ in range(MOST_HALVINGS):
            there = height(x + step)
            if there > best:
                break
            step = 0.5 * step
        else:
            return x
        x, best = x + step, there
    return None


def _at_mode(target: SmoothTarget) -> Surrogate | None:
    x = mode_of(target)
    if x is None:
        return None
    t = target.responses(x[None])[0]
    weight = np.maximum(_curvature(target, t), SMALLEST_PRECISION)
    return Surrogate(weight, weight * t + target.slope(t[None])[0])


def _closest_from(target: SmoothTarget, start: Surrogate) -> Surrogate | None:
    weight = start.precision
    factor, mean = start.gaussian(target)
    for _ in range(MOST_ITERATIONS):
        spread = scipy.linalg.solve_triangular(factor, target.matrix.T, trans="T")
        deviation = np.sqrt(np.sum(spread**2, axis=0))
        t = target.responses(mean[None])[0]
        slopes = target.slope(t + NODES[:, None] * deviation)
        slope = WEIGHTS @ slopes
        # Stein: the mean curvature is minus the mean of slope times deviate, over the deviation.
        curvature = np.maximum(-(WEIGHTS * NODES) @ slopes / deviation, SMALLEST_PRECISION)
        gradient = target.matrix.T @ slope + target.information - target.precision @ mean
        if not (np.all(np.isfinite(curvature)) and np.all(np.isfinite(gradient))):
            return None
        change = np.max(np.abs(curvature - weight))
        weight = (1 - DAMPING) * weight + DAMPING * curvature
        try:
            factor = np.linalg.cholesky(
                target.precision + target.matrix.T @ (weight[:, None] * target.matrix)
            ).T
        except np.linalg.LinAlgError:
            return None
        step = scipy.linalg.cho_solve((factor, False), gradient)
        mean = mean + DAMPING * step
        if gradient @ step < TOLERANCE and change < 1e-3 * weight.max():
            t = target.responses(mean[None])[0]
            return Surrogate(weight, weight * t + slope)
    return None


class Steps(NamedTuple):
    """A number of rotations, and the mean acceptance rate found for it."""

    number: int
    rate: float


def fewest_steps(
    target: SmoothTarget,
    surrogate: Surrogate,
    counts: Sequence[int],
    angle: float,
    wanted: float,
    rng: np.random.Generator,
) -> Steps:
    """Find how many rotations a Hamiltonian move of the target from the surrogate needs.

    Parameters
    ----------
    target : SmoothTarget
        What is sampled.
    surrogate : Surrogate
        The reference.
    counts : sequence of int
        Numbers of rotations to try, in increasing order.
    angle : float
        Angle of all rotations of a move together.
    wanted : float
        Mean acceptance rate at which the search ends.
    rng : numpy.random.Generator
        Source of the pilot.

    Returns
    -------
    steps : Steps
        The first of the numbers that has the wanted rate, or the one of the largest rate.
    """
    pilot = _Pilot(target, surrogate, angle, rng)
    with np.errstate(all="ignore"):
        for _ in range(APPROACH):
            pilot.move(APPROACH_STEPS)
        best = Steps(0, -1.0)
        for count in counts:
            rate = float(np.mean([pilot.move(count) for _ in range(COUNTED)]))
            best = max(best, Steps(count, rate), key=lambda steps: steps.rate)
            if rate >= wanted:
                return Steps(count, rate)
    return best


class _Pilot:
    """A few points that move by Hamiltonian moves, all at once."""

    def __init__(
        self, target: SmoothTarget, surrogate: Surrogate, angle: float, rng: np.random.Generator
    ) -> None:
        self.target, self.surrogate = target, surrogate
        self.angle, self.rng = angle, rng
        self.factor, self.mean = surrogate.gaussian(target)
        self.z = rng.standard_normal((POINTS, self.mean.size))

    def responses(self, z: np.ndarray) -> np.ndarray:
        return self.target.responses(self.mean + scipy.linalg.solve_triangular(self.factor, z.T).T)

    def log_density(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        t = self.responses(z)
        pseudo = (0.5 * self.surrogate.precision * t - self.surrogate.information) * t
        excess = np.sum(self.target.log_density(t) + pseudo, axis=1)
        return excess - 0.5 * np.sum(z**2 + v**2, axis=1)

    def push(self, z: np.ndarray) -> np.ndarray:
        t = self.responses(z)
        slope = self.target.slope(t) + self.surrogate.precision * t - self.surrogate.information
        by_block = self.target.matrix.T @ slope.T
        return scipy.linalg.solve_triangular(self.factor, by_block, trans="T").T

    def move(self, steps: int) -> float:
        """Move all points; return their mean acceptance probability."""
        part = self.angle / steps
        there, v = self.z, self.rng.standard_normal(self.z.shape)
        before = self.log_density(there, v)
        v = v + 0.5 * part * self.push(there)
        for step in range(steps):
            there, v = (
                np.cos(part) * there + np.sin(part) * v,
                np.cos(part) * v - np.sin(part) * there,
            )
            v = v + (part if step < steps - 1 else 0.5 * part) * self.push(there)
        change = np.nan_to_num(self.log_density(there, v) - before, nan=-np.inf)
        rate = np.exp(np.minimum(change, 0.0))
        accepted = self.rng.random(rate.size) < rate
        self.z = np.where(accepted[:, None], there, self.z)
        return float(rate.mean())
