"""From latent codes to images and back, with products of their Jacobians."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from pymc_glm.checks import check_counts
from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse.checks import finite_array

__all__ = ["AbstractDecoder", "NetworkDecoder", "PrincipalComponents"]

# By how much products of basis vectors may be off.
ORTHONORMAL = 1e-6


class AbstractDecoder(ABC):
    """A decoder of latent codes with its encoder.

    Images are vectors here; all arrays have a leading axis of length n.

    Attributes
    ----------
    shape : tuple of int
        Shape of an image.
    latent : int
        Length of a code.
    residual_variance : float
        Of an image's pixels around what its code decodes to.
    """

    shape: tuple[int, ...]
    latent: int
    residual_variance: float

    @abstractmethod
    def decode(self, z: np.ndarray) -> np.ndarray:
        """Images of codes, shape (n, d)."""

    @abstractmethod
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes of images, shape (n, k)."""

    @abstractmethod
    def decode_pullback(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """J(z)' v of the decoder, shape (n, k), for v of shape (n, d)."""

    @abstractmethod
    def encode_pullback(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """J(x)' v of the encoder, shape (n, d), for v of shape (n, k)."""


@final
class PrincipalComponents(AbstractDecoder):
    r"""A linear decoder: :math:`x = m + W z`, with orthogonal columns of W.

    Parameters
    ----------
    mean : ndarray, shape (d,)
        Of images.
    basis : ndarray, shape (d, k)
        Orthonormal columns.
    scale : ndarray, shape (k,)
        Lengths of the columns of W: standard deviations of the components, or ones.
    shape : tuple of int
        Shape of an image.
    residual_variance : float
        Mean variance of the components left out, as of probabilistic principal components.

    Raises
    ------
    ValueError
        If shapes do not agree, columns are not orthonormal, or a length is not positive.
    InvalidDataError
        If a number is NaN or infinite.

    References
    ----------
    Tipping and Bishop (1999), https://doi.org/10.1111/1467-9868.00196

    Examples
    --------
    Two components of images of four pixels::

        import numpy as np
        from pymc_glm.inverse import PrincipalComponents

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        decoder = PrincipalComponents.fit(images, 2)
        decoder.decode(np.zeros((1, 2)))
    """

    def __init__(
        self,
        mean: np.ndarray,
        basis: np.ndarray,
        scale: np.ndarray,
        shape: tuple[int, ...],
        residual_variance: float = 0.0,
    ) -> None:
        basis, scale = finite_array(basis, "The basis vectors"), finite_array(scale, "The scales")
        self.mean = finite_array(mean, "The means")
        size = int(np.prod(shape))
        if basis.ndim != 2 or self.mean.shape != (size,) or basis.shape != (size, len(scale)):
            raise ValueError(
                f"Got a mean of shape {self.mean.shape}, a basis of {basis.shape} and a scale of"
                f" {scale.shape}. Images of shape {tuple(shape)} need ({size},), ({size}, k) and"
                " (k,)."
            )
        off = np.abs(basis.T @ basis - np.eye(len(scale))).max()
        if off > ORTHONORMAL or scale.min() <= 0.0:
            raise ValueError(
                f"Got basis vectors whose products are off by {off:.3g}, and a smallest scale of"
                f" {scale.min():.3g}. They are orthonormal, and scales positive."
            )
        self.matrix = basis * scale
        self._inverse = basis.T / scale[:, None]
        self.shape = tuple(shape)
        self.latent = basis.shape[1]
        self.residual_variance = residual_variance

    @classmethod
    def fit(cls, images: np.ndarray, latent: int) -> PrincipalComponents:
        """Principal components of images, with codes of mean variance one.

        Parameters
        ----------
        images : ndarray, shape (n, ...)
            Training images.
        latent : int
            Number of components.

        Returns
        -------
        decoder : PrincipalComponents

        Raises
        ------
        ValueError
            If there are not as many components.
        InvalidDataError
            If images have values that are NaN or infinite, or do not differ.
        """
        images = finite_array(images, "The images", "Leave these images out.")
        check_counts(latent=latent)
        n, d = len(images), int(np.prod(images.shape[1:]))
        if not 0 < latent < min(n, d):
            raise ValueError(
                f"Got latent={latent} for {n} images of {d} pixels. It is positive and less than"
                " both."
            )
        x = images.reshape(n, d)
        mean = x.mean(axis=0)
        _, singular, rows = np.linalg.svd(x - mean, full_matrices=False)
        # Squares of huge numbers are found out below.
        with np.errstate(over="ignore", invalid="ignore"):
            variance = singular**2 / (n - 1)
        scale = np.full(latent, np.sqrt(variance[:latent].mean()))
        if not 0.0 < scale[0] < np.inf:
            raise InvalidDataError(
                f"The images have components of standard deviation {scale[0]}. Their pixels do not"
                " differ, or by numbers whose squares are none."
            )
        residual = float(variance[latent:].sum() / (d - latent))
        return cls(mean, rows[:latent].T, scale, images.shape[1:], residual)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Images of codes, shape (n, d)."""
        return self.mean + z @ self.matrix.T

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes of images, shape (n, k)."""
        return (x - self.mean) @ self._inverse.T

    def decode_pullback(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """W' v, whatever z."""
        return v @ self.matrix

    def encode_pullback(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The encoder's transposed matrix times v, whatever x."""
        return v @ self._inverse


@final
class NetworkDecoder(AbstractDecoder):
    r"""A dense autoencoder with two hidden layers on each side, in NumPy.

    Encoder and decoder are ``tanh`` networks with a linear last layer. Coding and decoding again
    does not return the same code: this is what gluing is for.

    Parameters
    ----------
    encoder, decoder : list of (ndarray, ndarray)
        Weight matrices, shape (inputs, outputs), and biases of the layers.
    shape : tuple of int
        Shape of an image.
    residual_variance : float
        Of images around their decoded codes.
    """

    def __init__(
        self,
        encoder: list[tuple[np.ndarray, np.ndarray]],
        decoder: list[tuple[np.ndarray, np.ndarray]],
        shape: tuple[int, ...],
        residual_variance: float = 0.0,
    ) -> None:
        self.layers_in = encoder
        self.layers_out = decoder
        self.shape = shape
        self.latent = decoder[0][0].shape[0]
        self.residual_variance = residual_variance

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Images of codes, shape (n, d)."""
        return _activations(self.layers_out, z)[-1]

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes of images, shape (n, k): means of the encoder."""
        return _activations(self.layers_in, x)[-1]

    def decode_pullback(self, z: np.ndarray, v: np.ndarray) -> np.ndarray:
        """J(z)' v of the decoder, shape (n, k)."""
        return _pullback(self.layers_out, z, v)

    def encode_pullback(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """J(x)' v of the encoder, shape (n, d)."""
        return _pullback(self.layers_in, x, v)


def _activations(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray) -> list[np.ndarray]:
    """Outputs of all layers."""
    found = []
    for weight, bias in layers[:-1]:
        x = np.tanh(x @ weight + bias)
        found.append(x)
    weight, bias = layers[-1]
    return [*found, x @ weight + bias]


def _pullback(
    layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, v: np.ndarray
) -> np.ndarray:
    hidden = _activations(layers, x)[:-1]
    v = v @ layers[-1][0].T
    for (weight, _), output in zip(reversed(layers[:-1]), reversed(hidden), strict=True):
        v = (v * (1.0 - output**2)) @ weight.T
    return v
