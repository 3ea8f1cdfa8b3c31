"""Checks of arrays that priors, problems and scores take."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.exceptions import InvalidDataError

__all__ = ["finite_array"]


def finite_array(values: Any, name: str, fix: str = "They are finite numbers.") -> np.ndarray:
    """A copy in double precision, which later changes of the original do not reach.

    Parameters
    ----------
    values : array_like
        Real numbers of any type.
    name : str
        What they are, in the plural, for messages.
    fix : str
        What to do about values that are not finite.

    Returns
    -------
    values : ndarray

    Raises
    ------
    InvalidDataError
        If they are no real numbers, NaN or infinite, or masked.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InvalidDataError(f"{name} are no array. {error}.") from error
    if array.dtype.kind not in "biuf":
        raise InvalidDataError(
            f"{name} are of type {array.dtype}. They are real numbers, in an array of one shape."
        )
    if np.ma.is_masked(values):
        raise InvalidDataError(f"{name} have {np.ma.count_masked(values)} masked values. {fix}")
    array = np.array(array, dtype=np.float64)
    bad = array.size - np.isfinite(array).sum()
    if bad:
        raise InvalidDataError(f"{name} have {bad} values that are NaN or infinite. {fix}")
    return array
