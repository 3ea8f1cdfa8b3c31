"""How good a proposal is: evidence from both sides, acceptance, and tails of the weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.proposal import Proposal
from pymc_glm.diffusion.targets import Density

__all__ = ["Scores", "entropic_mode_coverage", "score", "stationary_acceptance"]


class Scores(NamedTuple):
    """What forward paths, and backward paths from draws of the target, say of a proposal.

    Attributes
    ----------
    elbo, eubo : float
        Means of log w over forward paths and over backward paths: below and above log Z.
    log_z, log_z_error : float
        Log of the mean of w over forward paths. The error is its standard error by the delta
        method and the distance to the estimate by backward paths, in quadrature: tails that no
        forward path has reached do not show in the former.
    log_z_backward : float
        Minus the log of the mean of 1/w over backward paths. It disagrees with the former where a
        mode of the draws is missing from the proposal.
    acceptance, acceptance_error : float
        Mean of min(1, w'/w) over independent pairs of a proposed and a target point: the share of
        accepted proposals of a chain in equilibrium.
    effective_forward, effective_backward : float
        Effective sample sizes, as shares.
    pareto_k : float
        Shape of the tail of w: above 0.7 means of w have not converged.
    """

    elbo: float
    eubo: float
    log_z: float
    log_z_error: float
    log_z_backward: float
    acceptance: float
    acceptance_error: float
    effective_forward: float
    effective_backward: float
    pareto_k: float


def score(
    proposal: Proposal,
    density: Density,
    draws: np.ndarray,
    rng: np.random.Generator,
    n: int = 4000,
    paths: int = 1,
) -> Scores:
    """Score a proposal.

    Parameters
    ----------
    proposal : Proposal
        It is not changed.
    density : Density
        Of the model's flat vector.
    draws : ndarray, shape (m, d)
        Draws of the target, used in turn.
    rng : numpy.random.Generator
        It is advanced.
    n : int
        Number of paths each way.
    paths : int
        Paths of each point.

    Returns
    -------
    scores : Scores
    """
    gradient = proposal.gradient_of(density)
    candidates = proposal.draw(rng, n, paths, gradient)
    forward = density.log_density(candidates.x) - candidates.log_proposal
    target = draws[rng.permutation(len(draws))[np.arange(n) % len(draws)]]
    backward = density.log_density(target) - proposal.weigh(rng, target, paths, gradient)
    accepted = stationary_acceptance(forward, backward)
    log_z = _log_mean(forward)
    relative = np.exp(forward - log_z)
    log_z_backward = -_log_mean(-backward)
    standard_error = relative.std(ddof=1) / np.sqrt(n)
    return Scores(
        elbo=float(np.mean(np.maximum(forward, -1e6))),
        eubo=float(np.mean(backward)),
        log_z=log_z,
        log_z_error=float(np.hypot(standard_error, log_z_backward - log_z)),
        log_z_backward=log_z_backward,
        acceptance=float(accepted.mean()),
        acceptance_error=float(accepted.std(ddof=1) / np.sqrt(n)),
        effective_forward=float(1.0 / np.mean(relative**2)),
        effective_backward=float(np.exp(log_z_backward - _log_mean(backward))),
        pareto_k=pareto_shape(forward),
    )


def stationary_acceptance(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """min(1, w'/w) of pairs.

    Parameters
    ----------
    forward, backward : ndarray, shape (n,)
        Log weights of proposed points and of points of the target.
    """
    return np.exp(np.minimum(0.0, forward - backward))


def pareto_shape(log_weight: np.ndarray) -> float:
    """Shape k of a generalised Pareto law of the largest weights.

    Zhang, Stephens (2009), doi:10.1198/tech.2009.08017, with the weak prior of Vehtari et al.
    (2024), arXiv:1507.02646.

    Parameters
    ----------
    log_weight : ndarray, shape (n,)
        Logs of the weights.
    """
    finite = np.sort(log_weight[np.isfinite(log_weight)])
    count = int(min(0.2 * len(finite), 3.0 * np.sqrt(len(finite))))
    if count < 5:
        return np.nan
    weight = np.exp(finite - finite[-1])
    excess = weight[-count:] - weight[-count - 1]
    if excess[-1] <= 0.0:
        return -np.inf
    guesses = 30 + int(np.sqrt(count))
    quartile = excess[int(count / 4 + 0.5) - 1]
    grid = 1.0 - np.sqrt(guesses / (np.arange(1, guesses + 1) - 0.5))
    theta = grid / (3.0 * max(quartile, 1e-300)) + 1.0 / excess[-1]
    shape = np.mean(np.log1p(-theta[:, None] * excess), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = count * (np.log(-theta / shape) - shape - 1.0)
    likelihood = np.where(np.isfinite(likelihood), likelihood, -np.inf)
    share = np.exp(likelihood - likelihood.max())
    mean = np.sum(theta * share) / share.sum()
    k = float(np.mean(np.log1p(-mean * excess)))
    return (count * k + 10 * 0.5) / (count + 10)


def entropic_mode_coverage(modes: np.ndarray, masses: np.ndarray) -> float:
    """Entropy of visited modes relative to that of their masses, by cross entropy: 1 is perfect.

    For equal masses it is the entropy of the visits over the log of their number.

    Parameters
    ----------
    modes : ndarray of int, shape (n,)
        Mode of each draw.
    masses : ndarray, shape (M,)
        Their true probabilities, positive, of two modes at least.

    Raises
    ------
    ValueError
        If masses are no such probabilities, there are no draws, or one is in no mode.
    """
    masses, modes = np.asarray(masses, dtype=float), np.asarray(modes)
    if masses.ndim != 1 or len(masses) < 2 or not np.all(masses > 0.0):
        raise ValueError(f"Got masses={masses}. They are positive, and of two modes at least.")
    if not np.isclose(masses.sum(), 1.0):
        raise ValueError(f"Got masses with sum {masses.sum():.6g}. They are probabilities.")
    if modes.size == 0 or modes.min() < 0 or modes.max() >= len(masses):
        raise ValueError(
            f"Got {modes.size} draws for {len(masses)} modes. There is at least one, and each is in"
            " one of these modes, counted from 0."
        )
    share = np.bincount(modes, minlength=len(masses)) / len(modes)
    seen = share > 0
    divergence = np.sum(share[seen] * np.log(share[seen] / masses[seen]))
    return float(1.0 - divergence / np.log(len(masses)))


def _log_mean(values: np.ndarray) -> float:
    top = values.max()
    return float(top + np.log(np.mean(np.exp(values - top))))
