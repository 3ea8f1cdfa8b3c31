r"""Gaussian mixtures by the eigenvectors of their covariances, which noise leaves as they are.

With :math:`z_t = \sqrt{\bar\alpha} z_0 + \sqrt{1 - \bar\alpha}\, n`, a component with mean
:math:`\mu` and covariance :math:`V \Lambda V'` becomes one with :math:`\sqrt{\bar\alpha} \mu` and
:math:`V (\bar\alpha \Lambda + (1 - \bar\alpha) I) V'`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

__all__ = ["LOG_2PI", "Mixture"]

LOG_2PI = float(np.log(2.0 * np.pi))


@final
@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture.

    Parameters
    ----------
    weights : ndarray, shape (K,)
        Of sum one; a component of weight zero is never drawn.
    means : ndarray, shape (K, k)
        Of the components.
    variances : ndarray, shape (K, k)
        Eigenvalues of their covariances.
    vectors : ndarray, shape (K, k, k)
        Eigenvectors, as columns.
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> Mixture:
        """The mixture with given covariances, shape (K, k, k).

        Raises
        ------
        ValueError
            If one of them is not positive definite.
        """
        variances, vectors = np.linalg.eigh(covariances)
        if np.any(variances <= 0):
            worst = int(np.argmin(variances.min(axis=1)))
            raise ValueError(
                f"The covariance of component {worst} has the eigenvalue {variances.min():.3g}. It"
                " has to be positive definite."
            )
        return cls(weights, means, variances, vectors)

    @classmethod
    def of_factors(cls, weights: np.ndarray, means: np.ndarray, factors: np.ndarray) -> Mixture:
        """The mixture with covariances FF' of given factors F, shape (K, k, k)."""
        vectors, deviations, _ = np.linalg.svd(factors)
        return cls(weights, means, deviations**2, vectors)

    @property
    def mean(self) -> np.ndarray:
        """Shape (k,)."""
        return self.weights @ self.means

    @property
    def covariance(self) -> np.ndarray:
        """Shape (k, k)."""
        centred = self.means - self.mean
        scaled = self.weights[:, None, None] * self.vectors * self.variances[:, None, :]
        within = np.einsum("kij,klj->il", scaled, self.vectors)
        return within + (centred * self.weights[:, None]).T @ centred

    def diffused(self, alpha: float) -> Mixture:
        r"""The law of noisy codes at the cumulative signal share :math:`\bar\alpha`."""
        variances = alpha * self.variances + 1.0 - alpha
        return Mixture(self.weights, np.sqrt(alpha) * self.means, variances, self.vectors)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Independent draws, shape (n, k)."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = np.sqrt(self.variances)[component] * rng.standard_normal((n, self.means.shape[1]))
        return self.means[component] + np.einsum("nij,nj->ni", self.vectors[component], noise)

    def gaps(self, z: np.ndarray) -> np.ndarray:
        """Differences from the means, along the eigenvectors, shape (n, K, k)."""
        return self.along(z) - self._rotated_means

    def log_joint(self, gaps: np.ndarray) -> np.ndarray:
        """Log of weight times density of each component, shape (n, K), by `gaps`."""
        quadratic = np.einsum("nki,nki->nk", gaps, gaps / self.variances)
        log_volume = np.log(self.variances).sum(axis=1) + self.means.shape[1] * LOG_2PI
        return self._log_weights - 0.5 * (quadratic + log_volume)

    def log_components(self, z: np.ndarray) -> np.ndarray:
        """Log of weight times density of each component, shape (n, K)."""
        return self.log_joint(self.gaps(z))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density, shape (n,)."""
        return np.logaddexp.reduce(self.log_components(z), axis=1)

    def log_shares(self, z: np.ndarray) -> np.ndarray:
        """Log probability of each component given a draw, shape (n, K)."""
        joint = self.log_components(z)
        return joint - np.logaddexp.reduce(joint, axis=1)[:, None]

    def with_score(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density, shape (n,), and its gradient, shape (n, k)."""
        gaps = self.gaps(z)
        joint = self.log_joint(gaps)
        log_density = np.logaddexp.reduce(joint, axis=1)
        shares = np.exp(joint - log_density[:, None])
        return log_density, -self.turned(shares[..., None] * gaps / self.variances)

    def along(self, v: np.ndarray) -> np.ndarray:
        """Vectors along the eigenvectors of each component, shape (n, K, k)."""
        return (v @ self._axes).reshape(len(v), *self.means.shape)

    def turned(self, rotated: np.ndarray) -> np.ndarray:
        """The sum over components of vectors along their eigenvectors, shape (n, k)."""
        return rotated.reshape(len(rotated), -1) @ self._axes.T

    @cached_property
    def _axes(self) -> np.ndarray:
        """Eigenvectors of all components next to one another, shape (k, K k)."""
        return np.concatenate(list(self.vectors), axis=1)

    @cached_property
    def _rotated_means(self) -> np.ndarray:
        return np.einsum("kji,kj->ki", self.vectors, self.means)

    @cached_property
    def _log_weights(self) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(self.weights)
