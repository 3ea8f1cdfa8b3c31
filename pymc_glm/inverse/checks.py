"""A check of images that whatever is fitted to them makes."""

from __future__ import annotations

import numpy as np

from pymc_glm.exceptions import InvalidDataError

__all__ = ["finite_images"]


def finite_images(images: np.ndarray) -> np.ndarray:
    """Images in double precision.

    Parameters
    ----------
    images : ndarray, shape (n, ...)
        Of any type of numbers.

    Returns
    -------
    images : ndarray, shape (n, ...)

    Raises
    ------
    InvalidDataError
        If they have values that are NaN or infinite.
    """
    images = np.asarray(images, dtype=np.float64)
    bad = images.size - np.isfinite(images).sum()
    if bad:
        raise InvalidDataError(
            f"The images have {bad} values that are NaN or infinite. Leave these images out."
        )
    return images
