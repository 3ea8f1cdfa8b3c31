r"""Moves that leave a target exactly as it is, however bad the proposal.

The current point's paths are drawn anew, backwards, at every move: they are an exact draw given
the point, whatever moved it in between. A point's log weight is
:math:`\log\rho(x) - \log\hat q(x)`, with :math:`\hat q` the mean of Q/B over its paths. On the
space of a point, M paths and the number of the one that was drawn forwards, both moves are
ordinary: independence Metropolis-Hastings, and iterated sampling importance resampling.

Andrieu, Doucet, Holenstein (2010), doi:10.1111/j.1467-9868.2009.00736.x; Samsonov et al. (2022),
arXiv:2111.02702.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pymc_glm.diffusion.proposal import Proposal

__all__ = ["Chains", "Moved", "metropolis_move", "resampling_move"]

LogDensity = Callable[[np.ndarray], np.ndarray]


class Chains(NamedTuple):
    """Points with their log densities.

    Attributes
    ----------
    x : ndarray, shape (n, d)
        Points.
    value : ndarray, shape (n,)
        The target's log density there.
    """

    x: np.ndarray
    value: np.ndarray


class Moved(NamedTuple):
    """What a move did to each chain.

    Attributes
    ----------
    chains : Chains
        Where they are.
    accepted : ndarray of bool, shape (n,)
        Whether each has moved.
    acceptance : ndarray, shape (n,)
        The probability that it would.
    log_weight, log_weight_proposed : ndarray, shape (n,)
        Of the point before, and the largest one of the candidates.
    component : ndarray of int, shape (n,)
        Where the path of the accepted or best candidate began.
    """

    chains: Chains
    accepted: np.ndarray
    acceptance: np.ndarray
    log_weight: np.ndarray
    log_weight_proposed: np.ndarray
    component: np.ndarray


def metropolis_move(
    proposal: Proposal,
    log_density: LogDensity,
    rng: np.random.Generator,
    chains: Chains,
    paths: int = 4,
    gradient: LogDensity | None = None,
) -> Moved:
    """Propose one point for each chain and accept it by its weight.

    Parameters
    ----------
    proposal : Proposal
        Where points come from.
    log_density : callable
        Of points of shape (n, d).
    rng : numpy.random.Generator
        It is advanced.
    chains : Chains
        Where they are.
    paths : int
        Paths of each point.
    gradient : callable, optional
        Of the log density, where the proposal needs it.

    Returns
    -------
    moved : Moved
    """
    now = chains.value - proposal.weigh(rng, chains.x, paths, gradient)
    candidates = proposal.draw(rng, len(chains.x), paths, gradient)
    value = log_density(candidates.x)
    there = value - candidates.log_proposal
    acceptance = np.exp(np.minimum(0.0, there - now))
    accepted = rng.random(len(now)) < acceptance
    x = np.where(accepted[:, None], candidates.x, chains.x)
    following = Chains(x, np.where(accepted, value, chains.value))
    return Moved(following, accepted, acceptance, now, there, candidates.component)


def resampling_move(
    proposal: Proposal,
    log_density: LogDensity,
    rng: np.random.Generator,
    chains: Chains,
    paths: int = 4,
    gradient: LogDensity | None = None,
    candidates: int = 8,
) -> Moved:
    """Pick one of the current point and some candidates, with probabilities by their weights.

    Parameters
    ----------
    proposal, log_density, rng, chains, paths, gradient
        As in `metropolis_move`.
    candidates : int
        Points to pick from, the current one among them.

    Returns
    -------
    moved : Moved
    """
    n, others = len(chains.x), candidates - 1
    now = chains.value - proposal.weigh(rng, chains.x, paths, gradient)
    drawn = proposal.draw(rng, n * others, paths, gradient)
    value = log_density(drawn.x).reshape(n, others)
    there = value - drawn.log_proposal.reshape(n, others)
    weight = np.hstack([now[:, None], there])
    probability = np.exp(weight - weight.max(axis=1, keepdims=True))
    total = np.cumsum(probability, axis=1)
    picked = (total < rng.random((n, 1)) * total[:, -1:]).sum(axis=1)
    row, accepted = np.arange(n), picked > 0
    index = np.where(accepted, picked - 1, np.argmax(there, axis=1))
    points = drawn.x.reshape(n, others, -1)[row, index]
    return Moved(
        Chains(
            np.where(accepted[:, None], points, chains.x),
            np.where(accepted, value[row, index], chains.value),
        ),
        accepted,
        1.0 - probability[:, 0] / total[:, -1],
        now,
        there.max(axis=1),
        drawn.component.reshape(n, others)[row, index],
    )
