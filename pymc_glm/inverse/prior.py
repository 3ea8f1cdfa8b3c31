"""A Gaussian mixture on latent codes, whose scores and Tweedie's means are known in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np

from pymc_glm.checks import check_counts
from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse.checks import finite_array
from pymc_glm.inverse.decoders import AbstractDecoder, PrincipalComponents
from pymc_glm.inverse.mixture import Mixture

__all__ = ["Denoised", "LatentMixturePrior"]


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
        If shapes do not agree, a covariance is not symmetric and positive definite, weights do not
        sum to one, or the decoder's residual variance is none.
    InvalidDataError
        If a number is NaN or infinite.

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
        self.weights = finite_array(weights, "The weights")
        self.means = finite_array(means, "The means")
        self.covariances = finite_array(covariances, "The covariances")
        self.decoder = decoder
        if not 0.0 <= decoder.residual_variance < np.inf:
            raise ValueError(
                f"The decoder has residual_variance={decoder.residual_variance}. It is a variance:"
                " zero, or positive and finite."
            )
        if self.weights.ndim != 1:
            raise ValueError(
                f"Got weights of shape {self.weights.shape}. They are one for each component."
            )
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
        self.weights /= self.weights.sum()
        transposed = np.swapaxes(self.covariances, 1, 2)
        # Rounding is in units of the variances, not of entries that may be zero.
        rounding = 1e-6 * np.abs(self.covariances).max(axis=(1, 2), keepdims=True)
        if np.any(np.abs(self.covariances - transposed) > rounding):
            off = np.abs(self.covariances - transposed).max()
            raise ValueError(
                f"Got covariances that differ from their transposes by up to {off:.3g}. They are"
                " symmetric."
            )
        self.covariances = 0.5 * (self.covariances + transposed)
        self.mixture = Mixture.of(self.weights, self.means, self.covariances)

    def __repr__(self) -> str:
        count, k = self.means.shape
        kind = type(self.decoder).__name__
        return f"<LatentMixturePrior: {count} components on codes of length {k}, {kind}>"

    @classmethod
    def fit(
        cls,
        images: np.ndarray,
        latent: int | AbstractDecoder = 20,
        components: int = 10,
        random_seed: int | np.random.Generator = 0,
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
        random_seed : int or Generator
            Of the start.

        Returns
        -------
        prior : LatentMixturePrior

        Raises
        ------
        InvalidDataError
            If images have values that are NaN or infinite, are all the same, or have another shape
            than those of the decoder.
        ValueError
            If there are fewer images than components, or a number is not positive and whole.
        """
        images = finite_array(images, "The images", "Leave these images out.")
        check_counts(components=components)
        if images.ndim < 2 or len(images) < max(components, 2):
            raise ValueError(
                f"Got images of shape {images.shape} for {components} components. Their first axis"
                " counts images, of which there are as many as components, and two."
            )
        if isinstance(random_seed, np.random.Generator):
            random_seed = int(random_seed.integers(2**31))
        decoder = latent
        if not isinstance(decoder, AbstractDecoder):
            decoder = PrincipalComponents.fit(images, decoder)
        if images.shape[1:] != decoder.shape:
            raise InvalidDataError(
                f"The images have shape {images.shape[1:]}, and the decoder's {decoder.shape}. Give"
                " those that it was fitted to."
            )
        mixture = _gaussian_mixture()(
            components, covariance_type="full", reg_covar=1e-4, random_state=random_seed, n_init=2
        )
        mixture.fit(decoder.encode(images.reshape(len(images), -1)))
        return cls(
            mixture.weights_ / mixture.weights_.sum(),
            mixture.means_,
            mixture.covariances_,
            decoder,
        )

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Codes from the prior, shape (n, k)."""
        return self.mixture.draw(rng, n)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density of codes, shape (n,)."""
        return self.mixture.log_density(z)

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
        root, clean, noisy = np.sqrt(alpha), self.mixture, self.mixture.diffused(alpha)
        gaps = noisy.gaps(z)
        joint = noisy.log_joint(gaps)
        log_density = np.logaddexp.reduce(joint, axis=1)
        shares = np.exp(joint - log_density[:, None])
        scaled = gaps / noisy.variances
        shifts = root * clean.variances * scaled
        return Denoised(
            shares @ self.means + clean.turned(shares[..., None] * shifts),
            -clean.turned(shares[..., None] * scaled),
            log_density,
            shares,
            shifts,
            clean.variances * (1.0 - alpha) / noisy.variances,
            root / (1.0 - alpha),
        )

    def covariance_product(self, denoised: Denoised, v: np.ndarray) -> np.ndarray:
        """The covariance of the clean code given each noisy one, times v, shape (n, k)."""
        rotated = self.mixture.along(v)
        along = v @ self.means.T + np.einsum("nki,nki->nk", denoised.shifts, rotated)
        along -= np.einsum("ni,ni->n", denoised.mean, v)[:, None]
        weighted = denoised.shares * along
        within = denoised.shares[..., None] * denoised.spectra * rotated
        turned = self.mixture.turned(within + weighted[..., None] * denoised.shifts)
        return weighted @ self.means + turned - weighted.sum(axis=1)[:, None] * denoised.mean

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
