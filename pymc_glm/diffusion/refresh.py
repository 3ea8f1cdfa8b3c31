"""Bring draws nearer to the target by exact moves."""

from __future__ import annotations

import numpy as np

from pymc_glm.diffusion.proposal import Proposal
from pymc_glm.diffusion.targets import Density
from pymc_glm.diffusion.transition import Chains, metropolis_move

__all__ = ["refreshed"]


def refreshed(
    proposal: Proposal,
    density: Density,
    draws: np.ndarray,
    rng: np.random.Generator,
    moves: int = 10,
    paths: int = 2,
) -> np.ndarray:
    """Move each draw by independence Metropolis-Hastings, which leaves the target as it is.

    Parameters
    ----------
    proposal : Proposal
        Where candidates come from.
    density : Density
        The target.
    draws : ndarray, shape (n, d)
        About of the target.
    rng : numpy.random.Generator
        It is advanced.
    moves : int
        Candidates for each draw.
    paths : int
        Paths of each point.

    Returns
    -------
    draws : ndarray, shape (n, d)
    """
    if proposal.kernel.needs_score:
        moves, paths = 3, 1
    gradient = proposal.gradient_of(density)
    chains = Chains(draws, density.log_density(draws))
    for _ in range(moves):
        chains = metropolis_move(proposal, density.log_density, rng, chains, paths, gradient).chains
    return chains.x
