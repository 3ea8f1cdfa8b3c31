"""A linear measurement of an image under a prior on its code."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np

from scipy.linalg import cho_factor, cho_solve

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse.decoders import PrincipalComponents
from pymc_glm.inverse.prior import LOG_2PI, LatentMixturePrior
from pymc_glm.operators import AbstractOperator

__all__ = ["InverseProblem"]


@final
class InverseProblem:
    r"""Data :math:`y = A x + \sigma n` of an image :math:`x = D(z) + \tau e`.

    Parameters
    ----------
    prior : LatentMixturePrior
        Of the code z, with the decoder D and its residual variance.
    operator : AbstractOperator
        A, one of `pymc_glm.operators`, from images of the decoder's shape.
    data : ndarray, shape `operator.shape_out`
        y.
    noise : float
        The standard deviation sigma, positive.

    Raises
    ------
    InvalidDataError
        If data are NaN or infinite, of the wrong shape, or sigma is not positive.

    Examples
    --------
    Half of the pixels of images with four of them::

        import numpy as np
        from pymc_glm.inverse import (
            InverseProblem, LatentMixturePrior, PrincipalComponents, exact_posterior
        )
        from pymc_glm.operators import Mask

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        prior = LatentMixturePrior.fit(images, latent=2, components=1)
        operator = Mask(np.array([[True, False], [False, True]]))
        problem = InverseProblem(prior, operator, operator.forward(images[0]), noise=0.1)
        exact_posterior(problem).log_evidence
    """

    def __init__(
        self,
        prior: LatentMixturePrior,
        operator: AbstractOperator,
        data: np.ndarray,
        noise: float,
    ) -> None:
        data = np.asarray(data, dtype=np.float64)
        if operator.shape_in != prior.decoder.shape:
            raise InvalidDataError(
                f"{operator.name} takes arrays of shape {operator.shape_in}, and the prior's images"
                f" have {prior.decoder.shape}. Build the operator for this shape."
            )
        if data.shape != operator.shape_out:
            raise InvalidDataError(
                f"The data have shape {data.shape}. {operator.name} returns {operator.shape_out}."
            )
        bad = data.size - np.isfinite(data).sum()
        if bad:
            raise InvalidDataError(
                f"The data have {bad} values that are NaN or infinite. Measure the others alone, by"
                " pymc_glm.operators.Mask."
            )
        if not 0.0 < noise < np.inf:
            raise InvalidDataError(
                f"Got noise={noise}. It is the standard deviation of the data's noise, positive."
            )
        self.prior = prior
        self.operator = operator
        self.data = data.ravel()
        self.noise = float(noise)

    @property
    def is_linear(self) -> bool:
        """Whether the decoder is, so that the posterior is known."""
        return isinstance(self.prior.decoder, PrincipalComponents)

    @cached_property
    def matrix(self) -> np.ndarray:
        """A, shape (m, d). Images here are small."""
        shape = self.operator.shape_in
        columns = np.eye(self.operator.size_in).reshape(-1, *shape)
        return np.stack([self.operator.forward(column).ravel() for column in columns], axis=1)

    @cached_property
    def noise_covariance(self) -> np.ndarray:
        """Of the data given the code, shape (m, m)."""
        a = self.matrix
        return self.noise**2 * np.eye(len(a)) + self.prior.decoder.residual_variance * a @ a.T

    @cached_property
    def latent_matrix(self) -> np.ndarray:
        """A W of a linear decoder, shape (m, k)."""
        decoder = self.prior.decoder
        assert isinstance(decoder, PrincipalComponents)
        return self.matrix @ decoder.matrix

    def predict(self, z: np.ndarray) -> np.ndarray:
        """A D(z), shape (n, m)."""
        return self.prior.decoder.decode(z) @ self.matrix.T

    def predict_pullback(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The transposed Jacobian of A D at z times v, shape (n, k)."""
        return self.prior.decoder.decode_pullback(z, v @ self.matrix)

    @cached_property
    def noise_factor(self) -> tuple:
        """Of the covariance of the data given the code, as SciPy's `cho_factor` returns it."""
        return cho_factor(self.noise_covariance, lower=True)

    def log_likelihood(self, z: np.ndarray) -> np.ndarray:
        """Log density of the data given codes, shape (n,)."""
        return log_normal(self.data - self.predict(z), self.noise_factor)

    def images(self, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Images given codes and data, with what the decoder leaves out, shape (n, d)."""
        x = self.prior.decoder.decode(z)
        residual = self.prior.decoder.residual_variance
        if residual == 0.0:
            return x
        # A draw of residual and noise before the data, corrected by what the data say.
        extra = np.sqrt(residual) * rng.standard_normal(x.shape)
        noise = self.noise * rng.standard_normal((len(z), len(self.data)))
        gap = self.data - (x + extra) @ self.matrix.T - noise
        return x + extra + residual * cho_solve(self.noise_factor, gap.T).T @ self.matrix


def log_normal(gap: np.ndarray, factor: tuple) -> np.ndarray:
    """Log density of zero-mean Gaussian vectors, shape (n,), by the covariance's factor."""
    solved = cho_solve(factor, gap.T).T
    log_volume = 2.0 * np.log(np.diagonal(factor[0])).sum() + gap.shape[1] * LOG_2PI
    return -0.5 * (np.sum(gap * solved, axis=1) + log_volume)
