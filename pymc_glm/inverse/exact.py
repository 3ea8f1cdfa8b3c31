"""The posterior under a linear decoder: a mixture again, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from scipy.linalg import solve_triangular
from xarray import DataTree

from pymc_glm.checks import check_counts
from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse.mixture import Mixture
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.results import to_datatree

__all__ = ["MixturePosterior", "exact_posterior"]


@final
@dataclass(frozen=True, repr=False)
class MixturePosterior:
    """The exact posterior of a code; it serves as the reference of `pymc_glm.compare`.

    Attributes
    ----------
    weights : ndarray, shape (K,)
        Of the prior's components given the data.
    means : ndarray, shape (K, k)
        Of the code given the data and its component.
    factors : ndarray, shape (K, k, k)
        F of the covariances FF' of the code given the data and its component.
    log_evidence : float
        Log density of the data.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    log_evidence: float

    def __repr__(self) -> str:
        count, k = self.means.shape
        evidence = f"log evidence {self.log_evidence:.4g}"
        return f"<MixturePosterior: {count} components on codes of length {k}, {evidence}>"

    @cached_property
    def mixture(self) -> Mixture:
        """The same by its eigenvectors."""
        return Mixture.of_factors(self.weights, self.means, self.factors)

    @property
    def covariances(self) -> np.ndarray:
        """Of the code given the data and its component, shape (K, k, k)."""
        return self.factors @ np.swapaxes(self.factors, 1, 2)

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

        Raises
        ------
        ValueError
            If numbers are not positive and whole, or the problem is another one.
        """
        check_counts(draws=draws, chains=chains)
        if problem.prior.decoder.latent != self.means.shape[1]:
            raise ValueError(
                f"Got a problem with codes of length {problem.prior.decoder.latent}. This is the"
                f" posterior of another, whose codes have {self.means.shape[1]}."
            )
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
    SamplingError
        If the data are so far from everything under the prior that no density is a number, or the
        noise is so small that the covariance of the data is singular in double precision.
    """
    if not problem.is_linear:
        raise ValueError(
            f"The decoder is a {type(problem.prior.decoder).__name__}, under which the posterior"
            " has no closed form. Use pymc_glm.inverse.smc or pymc_glm.inverse.tempered."
        )
    prior, k = problem.prior, problem.prior.decoder.latent
    law = problem.noise_law
    slope = law.whitened(problem.latent_matrix)
    gaps = law.whitened((problem.data - problem.predict(prior.means)).T).T
    log_weights = np.log(prior.weights)
    means, factors = np.empty_like(prior.means), np.empty_like(prior.covariances)
    for index, (gap, covariance) in enumerate(zip(gaps, prior.covariances, strict=True)):
        # Least squares, as forming a precision or a marginal covariance would square the ratio of
        # signal to noise.
        root = np.linalg.cholesky(covariance)
        stacked = np.concatenate([slope @ root, np.eye(k)])
        q, r = np.linalg.qr(stacked)
        coordinates = solve_triangular(r, q[: len(gap)].T @ gap)
        left = gap - slope @ (root @ coordinates)
        means[index] = prior.means[index] + root @ coordinates
        factors[index] = root @ solve_triangular(r, np.eye(k))
        log_volume = 2.0 * np.log(np.abs(np.diagonal(r))).sum() + law.log_volume
        log_weights[index] -= 0.5 * (left @ left + coordinates @ coordinates + log_volume)
    log_evidence = float(np.logaddexp.reduce(log_weights))
    if not np.isfinite(log_evidence):
        raise SamplingError(
            f"The log evidence is {log_evidence}. The data are too far from everything under the"
            " prior: check the noise and the units."
        )
    return MixturePosterior(np.exp(log_weights - log_evidence), means, factors, log_evidence)
