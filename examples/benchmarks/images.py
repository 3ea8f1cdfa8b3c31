"""Images under total variation: blurred and in noise, and in noise alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc_glm.operators import Convolution, gaussian_kernel

__all__ = ["IMAGES", "phantom", "tv2d_deblur", "tv2d_denoise"]

SIDE = 64
SEED = 20250519
BLUR_SD = 1.5
BLUR_SIZE = 13
DEBLUR_NOISE = 0.02
DEBLUR_SCALE = 0.05
DENOISE_NOISE = 0.1
DENOISE_SCALE = 0.1


def phantom(side: int = SIDE) -> np.ndarray:
    """Three rectangles of heights 1.0, 0.6 and 0.8 and a disc of height 0.4, on zero.

    Parameters
    ----------
    side : int
        Pixels along each axis.

    Returns
    -------
    image : ndarray, shape (side, side)
    """
    image = np.zeros((side, side))
    unit = side / 64.0
    row, column = np.mgrid[:side, :side] / unit
    image[(row >= 8) & (row < 28) & (column >= 6) & (column < 20)] = 1.0
    image[(row >= 36) & (row < 56) & (column >= 10) & (column < 26)] = 0.6
    image[(row >= 40) & (row < 48) & (column >= 34) & (column < 58)] = 0.8
    image[(row - 20) ** 2 + (column - 44) ** 2 < 81] = 0.4
    return image


def tv2d_deblur(side: int = SIDE) -> pm.Model:
    """A blurred image in noise, under anisotropic total variation with known scales.

    Data: the phantom, 64 x 64, under a periodic Gaussian blur of sd 1.5 pixels, with noise of sd
    0.02 (seed 20250519). Tests thousands of unknowns that all interact: no factorisation is cheap,
    and the posterior is far narrower across edges than along them.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836; Rudin, Osher, Fatemi (1992), Physica D 60, 259-268,
    https://doi.org/10.1016/0167-2789(92)90242-F
    """
    image = phantom(side)
    blur = Convolution(gaussian_kernel(BLUR_SIZE, BLUR_SD), image.shape)
    noise = DEBLUR_NOISE * np.random.default_rng(SEED).standard_normal(image.shape)
    with _grid(side) as model:
        x = _image(DEBLUR_SCALE)
        pm.Normal("y", blur(x), DEBLUR_NOISE, observed=blur.forward(image) + noise, dims=_AXES)
    return model


def tv2d_denoise(side: int = SIDE) -> pm.Model:
    """An image in noise, under anisotropic total variation with known scales.

    Data: the phantom, 64 x 64, with noise of sd 0.1 (seed 20250519). Tests a lattice of thousands
    of unknowns.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836
    """
    image = phantom(side)
    noise = DENOISE_NOISE * np.random.default_rng(SEED).standard_normal(image.shape)
    with _grid(side) as model:
        x = _image(DENOISE_SCALE)
        pm.Normal("y", x, DENOISE_NOISE, observed=image + noise, dims=_AXES)
    return model


_AXES = ("row", "column")


def _grid(side: int) -> pm.Model:
    return pm.Model(coords={axis: np.arange(side) for axis in _AXES})


def _image(scale: float) -> pt.TensorVariable:
    """An image whose differences along both axes are Laplace, without wrapping around."""
    x = pm.Flat("x", dims=_AXES)
    for axis, name in enumerate(_AXES):
        pm.Potential(f"{name}s", -pt.abs(pt.diff(x, axis=axis)).sum() / scale)
    return x


IMAGES: dict[str, Callable[..., pm.Model]] = {
    "tv2d_deblur": tv2d_deblur,
    "tv2d_denoise": tv2d_denoise,
}
