r"""A Gaussian mixture on latent codes, whose diffused versions are known in closed form.

With :math:`z_t = \sqrt{\bar\alpha} z_0 + \sqrt{1 - \bar\alpha}\, n`, the law of :math:`z_t` is the
mixture with means :math:`\sqrt{\bar\alpha} \mu_k` and covariances
:math:`\bar\alpha \Sigma_k + (1 - \bar\alpha) I`, so that scores and Tweedie's means are exact.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse.decoders import AbstractDecoder, PrincipalComponents

__all__ = ["Denoised", "LatentMixturePrior"]

LOG_2PI = float(np.log(2.0 * np.pi))


class Denoised(NamedTuple):
    """What is known of a clean code given a noisy one.

    Attributes
    ----------
    mean : ndarray, shape (n, k)
        Tweedie's mean.
    score : ndarray, shape (n, k)
        Gradient of the diffused log density.
    log_density : ndarray, shape (n,)
        Of the noisy code.
    shares, shifts, spectra
        Of the components given the noisy code: probabilities (n, K); along the eigenvectors of the
        prior's covariances, shifts of the means (n, K, k), and variances (K, k).
    jacobian_scale : float
        The Jacobian of the mean is this number times the covariance.
    """

    mean: np.ndarray
    score: np.ndarray
    log_density: np.ndarray
    shares: np.ndarray
    shifts: np.ndarray
    spectra: np.ndarray
    jacobian_scale: float


@final
class LatentMixturePrior:
    """A prior of images: a Gaussian mixture on their codes, and a decoder.

    Parameters
    ----------
    weights : ndarray, shape (K,)
        Positive, of sum one.
    means : ndarray, shape (K, k)
        Of the components.
    covariances : ndarray, shape (K, k, k)
        Positive definite.
    decoder : AbstractDecoder
        From codes to images.

    Raises
    ------
    ValueError
        If shapes do not agree, or a covariance is not positive definite.

    Examples
    --------
    A mixture on two principal components::

        import numpy as np
        from pymc_glm.inverse import LatentMixturePrior, PrincipalComponents

        images = np.random.default_rng(0).normal(size=(200, 3, 3))
        decoder = PrincipalComponents.fit(images, 2)
        prior = LatentMixturePrior(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], decoder)
        prior.draw(np.random.default_rng(1), 5).shape
    """

    def __init__(
        self,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        decoder: AbstractDecoder,
    ) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        self.means = np.asarray(means, dtype=np.float64)
        self.covariances = np.asarray(covariances, dtype=np.float64)
        self.decoder = decoder
        count, k = len(self.weights), decoder.latent
        if self.means.shape != (count, k) or self.covariances.shape != (count, k, k):
            raise ValueError(
                f"Got means of shape {self.means.shape} and covariances of shape"
                f" {self.covariances.shape}. {count} weights and codes of length {k} need"
                f" {(count, k)} and {(count, k, k)}."
            )
        if np.any(self.weights <= 0) or not np.isclose(self.weights.sum(), 1.0):
            raise ValueError(
                f"Got weights with minimum {self.weights.min():.3g} and sum"
                f" {self.weights.sum():.6g}. They are positive and sum to one."
            )
        self.variances, self.vectors = np.linalg.eigh(self.covariances)
        if np.any(self.variances <= 0):
            worst = int(np.argmin(self.variances.min(axis=1)))
            raise ValueError(
                f"The covariance of component {worst} has the eigenvalue"
                f" {self.variances.min():.3g}. It has to be positive definite."
            )

    @classmethod
    def fit(
        cls,
        images: np.ndarray,
        latent: int | AbstractDecoder = 20,
        components: int = 10,
        random_seed: int = 0,
    ) -> LatentMixturePrior:
        """Fit a mixture to the codes of images by scikit-learn.

        Parameters
        ----------
        images : ndarray, shape (n, ...)
            Training images.
        latent : int or AbstractDecoder
            Number of principal components, or a decoder that is fitted already.
        components : int
            Of the mixture.
        random_seed : int
            Of the start.

        Returns
        -------
        prior : LatentMixturePrior

        Raises
        ------
        InvalidDataError
            If images have values that are NaN or infinite.
        """
        images = np.asarray(images, dtype=np.float64)
        bad = np.size(images) - np.isfinite(images).sum()
        if bad:
            raise InvalidDataError(
                f"The images have {bad} values that are NaN or infinite. Leave these images out."
            )
        mixture = _gaussian_mixture()(
            components, covariance_type="full", reg_covar=1e-4, random_state=random_seed, n_init=2
        )
        decoder = PrincipalComponents.fit(images, latent) if isinstance(latent, int) else latent
        mixture.fit(decoder.encode(images.reshape(len(images), -1)))
        return cls(
            mixture.weights_ / mixture.weights_.sum(),
            mixture.means_,
            mixture.covariances_,
            decoder,
        )

    @cached_property
    def _log_weights(self) -> np.ndarray:
        return np.log(self.weights)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Codes from the prior, shape (n, k)."""
        return self.draw_diffused(rng, n, 1.0)

    def draw_diffused(self, rng: np.random.Generator, n: int, alpha: float) -> np.ndarray:
        """Noisy codes at the cumulative signal share `alpha`, shape (n, k)."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        spread = np.sqrt(alpha * self.variances + 1.0 - alpha)[component]
        noise = spread * rng.standard_normal((n, self.decoder.latent))
        centers = np.sqrt(alpha) * self.means[component]
        return centers + np.einsum("nij,nj->ni", self.vectors[component], noise)

    def log_components(self, z: np.ndarray) -> np.ndarray:
        """Log of weight times density of each component at clean codes, shape (n, K)."""
        rotated = (z @ self._axes).reshape(len(z), *self.means.shape) - self._rotated_means
        quadratic = np.sum(rotated**2 / self.variances, axis=2)
        log_volume = np.log(self.variances).sum(axis=1) + z.shape[1] * LOG_2PI
        return self._log_weights - 0.5 * (quadratic + log_volume)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density of clean codes, shape (n,)."""
        return np.logaddexp.reduce(self.log_components(z), axis=1)

    def score(self, z: np.ndarray) -> np.ndarray:
        """Gradient of the log density of clean codes, shape (n, k)."""
        shares = self.log_components(z)
        shares = np.exp(shares - np.logaddexp.reduce(shares, axis=1)[:, None])
        rotated = (z @ self._axes).reshape(len(z), *self.means.shape) - self._rotated_means
        return -self._turned(shares[..., None] * rotated / self.variances)

    @property
    def mean(self) -> np.ndarray:
        """Of codes, shape (k,)."""
        return self.weights @ self.means

    @property
    def covariance(self) -> np.ndarray:
        """Of codes, shape (k, k)."""
        centred = self.means - self.mean
        within = np.einsum("k,kij->ij", self.weights, self.covariances)
        return within + (centred * self.weights[:, None]).T @ centred

    def denoise(self, z: np.ndarray, alpha: float) -> Denoised:
        r"""Everything about the clean code behind noisy ones.

        Parameters
        ----------
        z : ndarray, shape (n, k)
            Noisy codes.
        alpha : float
            :math:`\bar\alpha`, below one: the share of the signal in their variance.

        Returns
        -------
        denoised : Denoised
        """
        root = np.sqrt(alpha)
        n, (count, k) = len(z), self.means.shape
        variances = alpha * self.variances + 1.0 - alpha
        rotated = (z @ self._axes).reshape(n, count, k) - root * self._rotated_means
        scaled = rotated / variances
        log_volume = np.log(variances).sum(axis=1) + k * LOG_2PI
        joint = self._log_weights - 0.5 * (np.einsum("nki,nki->nk", rotated, scaled) + log_volume)
        log_density = np.logaddexp.reduce(joint, axis=1)
        shares = np.exp(joint - log_density[:, None])
        shifts = root * self.variances * scaled
        mean = shares @ self.means + self._turned(shares[..., None] * shifts)
        return Denoised(
            mean,
            -self._turned(shares[..., None] * scaled),
            log_density,
            shares,
            shifts,
            self.variances * (1.0 - alpha) / variances,
            root / (1.0 - alpha),
        )

    def covariance_product(self, denoised: Denoised, v: np.ndarray) -> np.ndarray:
        """The covariance of the clean code given each noisy one, times v, shape (n, k)."""
        rotated = (v @ self._axes).reshape(denoised.shifts.shape)
        along = v @ self.means.T + np.einsum("nki,nki->nk", denoised.shifts, rotated)
        along -= np.einsum("ni,ni->n", denoised.mean, v)[:, None]
        weighted = denoised.shares * along
        within = denoised.shares[..., None] * denoised.spectra * rotated
        product = weighted @ self.means + self._turned(
            within + weighted[..., None] * denoised.shifts
        )
        return product - weighted.sum(axis=1)[:, None] * denoised.mean

    @cached_property
    def _axes(self) -> np.ndarray:
        """Eigenvectors of all components next to one another, shape (k, K k)."""
        return np.concatenate(list(self.vectors), axis=1)

    @cached_property
    def _rotated_means(self) -> np.ndarray:
        return np.einsum("kji,kj->ki", self.vectors, self.means)

    def _turned(self, rotated: np.ndarray) -> np.ndarray:
        """The sum over components of vectors along their eigenvectors, shape (n, k)."""
        return rotated.reshape(len(rotated), -1) @ self._axes.T

    def pull_back(self, denoised: Denoised, v: np.ndarray) -> np.ndarray:
        """The Jacobian of Tweedie's mean, which is symmetric, times v, shape (n, k)."""
        return denoised.jacobian_scale * self.covariance_product(denoised, v)


def _gaussian_mixture() -> Any:
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        raise ImportError(
            "LatentMixturePrior.fit needs scikit-learn, which is not installed. Install it by"
            " pip install 'pymc-glm[inverse]'."
        ) from error
    return GaussianMixture
