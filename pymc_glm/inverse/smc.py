r"""Sequential Monte Carlo along the reverse diffusion, which draws from the posterior.

Its targets are :math:`\gamma_t(z) = p_t(z)\, \tilde p_t(y \mid z)` with the diffused prior in
closed form and a Gaussian guess of the likelihood at Tweedie's mean. Particles move by the guided
reverse step, and are weighed by

.. math:: \frac{p_{s}(z')\, q(z_t \mid z')\, \tilde p_s(y \mid z')}
               {p_t(z_t)\, \tilde p_t(y \mid z_t)\, r(z' \mid z_t)}

with the exact noising kernel q. As the last target is the prior times the likelihood, there is no
bias of discretisation: any number of steps has the posterior as its limit in particles, and the
mean of the weights is an unbiased estimate of the evidence.

Wu et al. (2023), arXiv:2306.17775, for twisted proposals; Song et al. (2023), PiGDM, for the guess.
"""

from __future__ import annotations

import warnings

from typing import NamedTuple

import numpy as np

from pymc.progress_bar import ProgressBarOptions
from xarray import DataTree

from pymc_glm.checks import check_counts
from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse.prior import Denoised
from pymc_glm.inverse.problem import InverseProblem, ZeroMean
from pymc_glm.inverse.progress import StepProgress
from pymc_glm.inverse.results import to_datatree
from pymc_glm.inverse.schedule import signal_shares
from pymc_glm.random.resampling import systematic

__all__ = ["smc"]

# Particles are resampled when their effective number falls below this share.
RESAMPLED = 0.5
# Fewer effective particles than these say nothing of a posterior.
FEWEST = 3.0
# Particles at a time, so that what is computed of them stays in the cache.
BLOCK = 500


def smc(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    particles: int = 4000,
    steps: int = 25,
    chains: int = 4,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """Draw codes from the posterior by sequential Monte Carlo.

    Parameters
    ----------
    problem : InverseProblem
        With a linear decoder or any other.
    draws : int
        Of each run, picked from its particles at the end.
    particles : int
        Of each run, at least as many as draws. Several for each draw: those that descend from one
        another tell less than as many independent ones.
    steps : int
        Reverse steps. Fewer need more particles.
    chains : int
        Independent runs.
    random_seed : int or Generator, optional
        Same seed, same draws.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    tree : DataTree
        With ``log_evidence`` of each run, and the smallest effective number of particles, in
        ``sample_stats``. Draws of a run descend from one another: compare runs.

    Raises
    ------
    SamplingError
        If no particle has a weight.
    ValueError
        If a number is not positive and whole, or there are fewer particles than draws.

    Warns
    -----
    UserWarning
        If hardly any particle is effective at some step.

    Examples
    --------
    Half of the pixels of images with four of them::

        import numpy as np
        from pymc_glm.inverse import InverseProblem, LatentMixturePrior, smc
        from pymc_glm.operators import Mask

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        prior = LatentMixturePrior.fit(images, latent=2, components=1)
        operator = Mask(np.array([[True, False], [False, True]]))
        problem = InverseProblem(prior, operator, operator.forward(images[0]), noise=0.1)
        smc(problem, 200, particles=400, random_seed=1, progressbar=False)["posterior"]
    """
    check_counts(draws=draws, particles=particles, steps=steps, chains=chains)
    if particles < max(draws, 2):
        raise ValueError(
            f"Got particles={particles} for draws={draws}. A run needs at least as many particles"
            " as draws, and two."
        )
    rng = np.random.default_rng(random_seed)
    shares = signal_shares(steps)
    with StepProgress(progressbar, steps * chains) as bar:
        runs = [_run(problem, shares, (draws, particles), rng, bar) for _ in range(chains)]
    attributes = {"sampler": "smc", "exact": True, "steps": steps, "particles": particles}
    statistics = {
        "log_evidence": [run.log_evidence for run in runs],
        "smallest_ess": [run.smallest for run in runs],
    }
    z = np.concatenate([run.z for run in runs])
    tree = to_datatree(problem, z, chains, rng, attributes, statistics)
    smallest = min(run.smallest for run in runs)
    if smallest < FEWEST:
        warnings.warn(
            f"At some step {smallest:.1f} of {particles} particles were effective. Few are"
            " ancestors of the draws, and log_evidence is rough: take more particles or steps.",
            stacklevel=2,
        )
    return tree


class _Run(NamedTuple):
    z: np.ndarray
    log_evidence: float
    smallest: float


class _Twisted(NamedTuple):
    """A target at some codes: its log density, what the data add to it, and its score."""

    log_density: np.ndarray
    log_guess: np.ndarray
    score: np.ndarray


def _run(
    problem: InverseProblem,
    shares: np.ndarray,
    sizes: tuple[int, int],
    rng: np.random.Generator,
    bar: StepProgress,
) -> _Run:
    draws, particles = sizes
    twist = _Twist(problem)
    z = problem.prior.mixture.diffused(shares[-1]).draw(rng, particles)
    here = twist.at(z, shares[-1])
    log_weight = here.log_guess.copy()
    log_evidence, smallest = 0.0, float(particles)
    for now, following in zip(shares[:0:-1], shares[-2::-1], strict=True):
        probability, top = _normalised(log_weight)
        effective = 1.0 / np.sum(probability**2)
        smallest = min(smallest, float(effective))
        if effective < RESAMPLED * particles:
            log_evidence += top + np.log(np.mean(np.exp(log_weight - top)))
            picked = systematic(rng, probability, particles)
            z, log_weight = z[picked], np.zeros(particles)
            here = _Twisted(*(part[picked] for part in here))
        kept = now / following
        spread = np.sqrt(1.0 - kept)
        mean = (z + spread**2 * here.score) / np.sqrt(kept)
        moved = mean + spread * rng.standard_normal(z.shape)
        there = twist.at(moved, following)
        noising = np.sum((z - np.sqrt(kept) * moved) ** 2, axis=1)
        proposing = np.sum((moved - mean) ** 2, axis=1)
        log_weight += there.log_density - here.log_density
        log_weight -= 0.5 * (noising - proposing) / spread**2
        z, here = moved, there
        bar.advance()
    probability, top = _normalised(log_weight)
    smallest = min(smallest, float(1.0 / np.sum(probability**2)))
    log_evidence += top + np.log(np.mean(np.exp(log_weight - top)))
    picked = rng.permutation(systematic(rng, probability, draws))
    return _Run(z[picked], float(log_evidence), smallest)


class _Twist:
    """Targets on the way: the diffused prior times a guess of the likelihood."""

    def __init__(self, problem: InverseProblem) -> None:
        self.problem = problem
        if problem.is_linear:
            jacobian = problem.latent_matrix
            self.spread = jacobian @ jacobian.T
        else:
            # A nonlinear decoder gets the mean of its slopes at the components' centers.
            centers = problem.prior.means
            slopes = [
                problem.predict_pullback(centers, np.broadcast_to(row, (len(centers), row.size)))
                for row in np.eye(len(problem.data))
            ]
            jacobians = np.stack(slopes, axis=1)
            weights = problem.prior.weights
            self.spread = np.einsum("c,cik,cjk->ij", weights, jacobians, jacobians)

    def at(self, z: np.ndarray, share: float) -> _Twisted:
        """The target of some signal share at codes."""
        problem, prior = self.problem, self.problem.prior
        if share == 1.0:
            # The last move has been made: no score is needed.
            log_likelihood = problem.log_likelihood(z)
            log_density = prior.log_density(z) + log_likelihood
            return _Twisted(log_density, log_likelihood, np.zeros_like(z))
        covariance = problem.noise_covariance + (1.0 - share) * self.spread
        law = ZeroMean(covariance)
        parts = [self._part(z[i : i + BLOCK], share, law) for i in range(0, len(z), BLOCK)]
        return _Twisted(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _part(self, z: np.ndarray, share: float, law: ZeroMean) -> _Twisted:
        problem, prior = self.problem, self.problem.prior
        denoised: Denoised = prior.denoise(z, share)
        gap = problem.data - problem.predict(denoised.mean)
        log_guess, solved = law.weighed(gap)
        v = problem.predict_pullback(denoised.mean, solved)
        score = denoised.score + prior.pull_back(denoised, v)
        return _Twisted(denoised.log_density + log_guess, log_guess, score)


def _normalised(log_weight: np.ndarray) -> tuple[np.ndarray, float]:
    top = float(log_weight.max())
    if not np.isfinite(top):
        raise SamplingError(
            f"No particle has a finite weight; the largest log weight is {top}. The data are too"
            " far from everything under the prior: check the noise and the units."
        )
    weight = np.exp(log_weight - top)
    return weight / weight.sum(), top
