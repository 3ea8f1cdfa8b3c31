"""The posterior under a linear decoder: a mixture again, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from xarray import DataTree

from pymc_glm.inverse.mixture import LOG_2PI, Mixture
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.results import to_datatree

__all__ = ["MixturePosterior", "exact_posterior"]


@final
@dataclass(frozen=True)
class MixturePosterior:
    """The exact posterior of a code; it serves as the reference of `pymc_glm.compare`.

    Attributes
    ----------
    weights : ndarray, shape (K,)
        Of the prior's components given the data.
    means : ndarray, shape (K, k)
        Of the code given the data and its component.
    covariances : ndarray, shape (K, k, k)
        The same.
    log_evidence : float
        Log density of the data.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_evidence: float

    @cached_property
    def mixture(self) -> Mixture:
        """The same by its eigenvectors."""
        return Mixture.of(self.weights, self.means, self.covariances)

    @property
    def mean(self) -> np.ndarray:
        """Of the code, shape (k,)."""
        return self.mixture.mean

    @property
    def covariance(self) -> np.ndarray:
        """Of the code, shape (k, k)."""
        return self.mixture.covariance

    @property
    def mode_masses(self) -> np.ndarray:
        """The weights, for a comparison."""
        return self.weights

    def mode_shares(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Probabilities of the components given draws of the code ``"z"``, shape (n, K)."""
        return np.exp(self.mixture.log_shares(values["z"]))

    def draws(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Independent draws of the code, shape (n, k), by its name ``"z"``."""
        return {"z": self.mixture.draw(rng, n)}

    def sample(
        self,
        problem: InverseProblem,
        draws: int = 1000,
        chains: int = 4,
        random_seed: int | np.random.Generator | None = None,
    ) -> DataTree:
        """Draws of codes and images as a DataTree.

        Parameters
        ----------
        problem : InverseProblem
            The one that this is the posterior of.
        draws, chains : int
            All draws are independent.
        random_seed : int or Generator, optional
            Same seed, same draws.

        Returns
        -------
        tree : DataTree
        """
        rng = np.random.default_rng(random_seed)
        z = self.mixture.draw(rng, chains * draws)
        attributes = {"sampler": "exact", "exact": True, "log_evidence": self.log_evidence}
        return to_datatree(problem, z, chains, rng, attributes)


def exact_posterior(problem: InverseProblem) -> MixturePosterior:
    """The posterior of a code under a mixture prior and a linear decoder.

    Parameters
    ----------
    problem : InverseProblem
        With a `PrincipalComponents` decoder.

    Returns
    -------
    posterior : MixturePosterior

    Raises
    ------
    ValueError
        If the decoder is not linear.
    """
    if not problem.is_linear:
        raise ValueError(
            f"The decoder is a {type(problem.prior.decoder).__name__}, under which the posterior"
            " has no closed form. Use pymc_glm.inverse.smc or pymc_glm.inverse.tempered."
        )
    prior, b = problem.prior, problem.latent_matrix
    gaps = problem.data - problem.predict(prior.means)
    log_weights = np.log(prior.weights)
    means, covariances = np.empty_like(prior.means), np.empty_like(prior.covariances)
    for index, (gap, covariance) in enumerate(zip(gaps, prior.covariances, strict=True)):
        cross = covariance @ b.T
        marginal = np.linalg.cholesky(b @ cross + problem.noise_covariance)
        half = np.linalg.solve(marginal, cross.T)
        residual = np.linalg.solve(marginal, gap)
        means[index] = prior.means[index] + half.T @ residual
        covariances[index] = covariance - half.T @ half
        log_volume = 2.0 * np.log(np.diagonal(marginal)).sum() + len(gap) * LOG_2PI
        log_weights[index] -= 0.5 * (residual @ residual + log_volume)
    log_evidence = float(np.logaddexp.reduce(log_weights))
    return MixturePosterior(np.exp(log_weights - log_evidence), means, covariances, log_evidence)
