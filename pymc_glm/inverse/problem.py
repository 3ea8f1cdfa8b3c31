"""A linear measurement of an image under a prior on its code."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np

from scipy.linalg import cho_solve, solve_triangular
from scipy.sparse import csr_array

from pymc_glm.checks import is_real_number
from pymc_glm.exceptions import InvalidDataError, SamplingError
from pymc_glm.inverse.checks import finite_array
from pymc_glm.inverse.decoders import PrincipalComponents
from pymc_glm.inverse.mixture import LOG_2PI
from pymc_glm.inverse.prior import LatentMixturePrior
from pymc_glm.operators import AbstractOperator

__all__ = ["InverseProblem", "ZeroMean"]

# Of noise, so that its square is a number.
SMALLEST = 1e-150
# Matrices with fewer nonzero entries than this share are multiplied as sparse ones.
SPARSE = 0.1


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
    TypeError
        If the prior, the operator or the noise is something else.
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
        if not isinstance(prior, LatentMixturePrior):
            raise TypeError(
                f"Got a prior of type {type(prior).__name__}. It is a LatentMixturePrior, which"
                " LatentMixturePrior.fit makes from images."
            )
        if not isinstance(operator, AbstractOperator):
            raise TypeError(
                f"Got an operator of type {type(operator).__name__}. It is one of"
                " pymc_glm.operators: Sparse takes a matrix."
            )
        if not is_real_number(noise):
            raise TypeError(
                f"Got noise={noise!r}. It is one number: the standard deviation of all data."
            )
        data = finite_array(
            data, "The data", "Measure the others alone, by pymc_glm.operators.Mask."
        )
        if operator.shape_in != prior.decoder.shape:
            raise InvalidDataError(
                f"{operator.name} takes arrays of shape {operator.shape_in}, and the prior's images"
                f" have {prior.decoder.shape}. Build the operator for this shape."
            )
        if data.shape != operator.shape_out:
            raise InvalidDataError(
                f"The data have shape {data.shape}. {operator.name} returns {operator.shape_out}."
            )
        if not SMALLEST < noise < 1.0 / SMALLEST:
            raise InvalidDataError(
                f"Got noise={noise}. It is the standard deviation of the data's noise, positive,"
                " and so is its square."
            )
        self.prior = prior
        self.operator = operator
        self.data = data.ravel()
        self.noise = float(noise)

    def __repr__(self) -> str:
        kind, m = self.operator.name, len(self.data)
        return f"<InverseProblem: {m} data by {kind}, noise {self.noise:.3g}, {self.prior!r}>"

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
        return self.measured(self.prior.decoder.decode(z))

    def predict_pullback(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The transposed Jacobian of A D at z times v, shape (n, k)."""
        return self.prior.decoder.decode_pullback(z, self.measured_pullback(v))

    def measured(self, x: np.ndarray) -> np.ndarray:
        """A x of images, shape (n, m)."""
        return x @ self._product_matrix.T

    def measured_pullback(self, v: np.ndarray) -> np.ndarray:
        """A' v, shape (n, d)."""
        return v @ self._product_matrix

    @cached_property
    def _product_matrix(self) -> np.ndarray | csr_array:
        filled = np.count_nonzero(self.matrix) / self.matrix.size
        return csr_array(self.matrix) if filled < SPARSE else self.matrix

    @cached_property
    def noise_law(self) -> ZeroMean:
        """Of the data around what the code predicts."""
        return ZeroMean(self.noise_covariance)

    def log_likelihood(self, z: np.ndarray) -> np.ndarray:
        """Log density of the data given codes, shape (n,)."""
        return self.noise_law.weighed(self.data - self.predict(z))[0]

    def images(self, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Images given codes and data, with what the decoder leaves out, shape (n, d)."""
        x = self.prior.decoder.decode(z)
        residual = self.prior.decoder.residual_variance
        if residual == 0.0:
            return x
        # A draw of residual and noise before the data, corrected by what the data say.
        extra = np.sqrt(residual) * rng.standard_normal(x.shape)
        noise = self.noise * rng.standard_normal((len(z), len(self.data)))
        gap = self.data - self.measured(x + extra) - noise
        _, solved = self.noise_law.weighed(gap)
        return x + extra + residual * self.measured_pullback(solved)


@final
class ZeroMean:
    """A Gaussian law of mean zero; diagonal covariances, such as those of masks, cost no solves.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        Positive definite.

    Attributes
    ----------
    log_volume : float
        Minus twice the log density at zero.

    Raises
    ------
    SamplingError
        If it is not, in double precision.
    """

    def __init__(self, covariance: np.ndarray) -> None:
        variance = np.diagonal(covariance)
        self._variance = variance
        self._factor: np.ndarray | None = None
        log_volume = np.log(variance).sum()
        if np.count_nonzero(covariance) > len(variance):
            self._factor = _cholesky(covariance)
            log_volume = 2.0 * np.log(np.diagonal(self._factor)).sum()
        self.log_volume = log_volume + len(variance) * LOG_2PI

    def weighed(self, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density of vectors, shape (n,), and the precision times them, shape (n, m)."""
        if self._factor is None:
            solved = gap / self._variance
        else:
            solved = cho_solve((self._factor, True), gap.T).T
        return -0.5 * (np.einsum("nm,nm->n", gap, solved) + self.log_volume), solved

    def whitened(self, v: np.ndarray) -> np.ndarray:
        """Columns, shape (m, n), in coordinates in which the law is standard normal."""
        if self._factor is None:
            return v / np.sqrt(self._variance)[:, None]
        return solve_triangular(self._factor, v, lower=True)


def _cholesky(covariance: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise SamplingError(
            "The covariance of the data is singular in double precision; its largest variance is"
            f" {np.diagonal(covariance).max():.3g}. The noise is too small beside that: give it a"
            " larger standard deviation."
        ) from error
