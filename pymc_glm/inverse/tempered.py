"""Draws of a code by tempering the posterior itself, without a diffusion.

A reference for decoders under which the posterior has no closed form: nothing here is shared with
`pymc_glm.inverse.smc` but the prior and the likelihood.
"""

from __future__ import annotations

import warnings

import numpy as np

from pymc.progress_bar import ProgressBarOptions
from xarray import DataTree

from pymc_glm.checks import check_counts
from pymc_glm.diffusion.warmup import Warmup, tempered_draws
from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.progress import StepProgress
from pymc_glm.inverse.results import to_datatree

__all__ = ["tempered"]

# Share of the particles that have to be distinct.
FEWEST = 0.5


def tempered(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    particles: int = 4000,
    moves: int = 3,
    chains: int = 4,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """Draw codes by sequential Monte Carlo from a wide Gaussian to the posterior.

    Parameters
    ----------
    problem : InverseProblem
        With a linear decoder or any other.
    draws : int
        Of each run, at most as many as particles.
    particles : int
        Of each run.
    moves : int
        Hamiltonian moves at each temperature. Twenty more at the end make particles forget that
        they descend from one another, within a mode.
    chains : int
        Independent runs.
    random_seed : int or Generator, optional
        Same seed, same draws.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    tree : DataTree
        With ``log_evidence`` of each run, and the number of distinct particles, in
        ``sample_stats``. Compare runs: they are as far from one another as from the posterior.

    Raises
    ------
    SamplingError
        If temperatures do not advance.

    Warns
    -----
    UserWarning
        If moves were hardly accepted, so that few particles are distinct.

    References
    ----------
    Del Moral, Doucet, Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x

    Examples
    --------
    Half of the pixels of images with four of them::

        import numpy as np
        from pymc_glm.inverse import InverseProblem, LatentMixturePrior, tempered
        from pymc_glm.operators import Mask

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        prior = LatentMixturePrior.fit(images, latent=2, components=1)
        operator = Mask(np.array([[True, False], [False, True]]))
        problem = InverseProblem(prior, operator, operator.forward(images[0]), noise=0.1)
        tempered(problem, 200, particles=200, random_seed=1, progressbar=False)["posterior"]
    """
    check_counts(draws=draws, particles=particles, moves=moves, chains=chains)
    if particles < max(draws, 10):
        raise ValueError(
            f"Got particles={particles} for draws={draws}. A run needs at least as many particles"
            " as draws, and ten."
        )
    rng = np.random.default_rng(random_seed)
    posterior = _Posterior(problem)
    mean, covariance = problem.prior.mixture.mean, problem.prior.mixture.covariance
    law = mean, np.sqrt(np.diagonal(covariance))
    z: list[np.ndarray] = []
    log_evidence: list[float] = []
    distinct: list[float] = []
    with StepProgress(progressbar, chains) as bar:
        for _ in range(chains):
            found = _run(posterior, rng, law, particles, moves)
            distinct.append(len(np.unique(found.x, axis=0)))
            z.append(found.x[rng.choice(particles, size=draws, replace=False)])
            log_evidence.append(found.log_z)
            bar.advance()
    attributes = {"sampler": "tempered", "exact": True, "particles": particles, "moves": moves}
    statistics: dict[str, list[float]] = {"log_evidence": log_evidence, "distinct": distinct}
    if min(distinct) < FEWEST * particles:
        warnings.warn(
            f"In the end {min(distinct)} of {particles} particles are distinct: hardly any moves"
            " were accepted. Draws and log_evidence are not those of the posterior, which is too"
            " narrow in some direction: take more particles and moves, or smc.",
            stacklevel=2,
        )
    return to_datatree(problem, np.concatenate(z), chains, rng, attributes, statistics)


def _run(
    posterior: _Posterior,
    rng: np.random.Generator,
    law: tuple[np.ndarray, np.ndarray],
    particles: int,
    moves: int,
) -> Warmup:
    try:
        return tempered_draws(posterior, rng, *law, n=particles, moves=moves)
    except SamplingError as error:
        raise SamplingError(
            "Temperatures do not advance from the prior's spread to the posterior. Data are too far"
            " from everything under the prior: check the noise and the units."
        ) from error


class _Posterior:
    """Log density of code and data, with its gradient in the code."""

    def __init__(self, problem: InverseProblem) -> None:
        self.problem = problem

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Shape (n,)."""
        return self.problem.prior.log_density(x) + self.problem.log_likelihood(x)

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density, shape (n,), and its gradient, shape (n, k)."""
        problem = self.problem
        log_likelihood, solved = problem.noise_law.weighed(problem.data - problem.predict(x))
        log_prior, score = problem.prior.mixture.with_score(x)
        return log_prior + log_likelihood, score + problem.predict_pullback(x, solved)
