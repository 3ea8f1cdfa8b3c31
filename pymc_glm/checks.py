"""Checks of numbers that several fits and samplers take."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_counts", "check_counts_or_zero", "check_positive", "is_real_number"]


def is_real_number(value: Any) -> bool:
    """Whether a value is one real number, of Python, NumPy or an array without axes."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"


def check_counts(**counts: Any) -> None:
    """Refuse numbers of things that are not positive whole numbers.

    Parameters
    ----------
    **counts
        By the names of the arguments.

    Raises
    ------
    ValueError
        If one is not.
    """
    _check_whole(counts, 1, "a positive number, and a whole one")


def check_counts_or_zero(**counts: Any) -> None:
    """Refuse numbers of things, of which there may be none, that are no whole numbers.

    Parameters
    ----------
    **counts
        By the names of the arguments.

    Raises
    ------
    ValueError
        If one is not.
    """
    _check_whole(counts, 0, "a whole number, and not negative")


def check_positive(**sizes: float) -> None:
    """Refuse sizes that are not positive and finite.

    Parameters
    ----------
    **sizes
        By the names of the arguments.

    Raises
    ------
    ValueError
        If one is not.
    """
    for name, size in sizes.items():
        if not is_real_number(size) or not 0.0 < size < np.inf:
            raise ValueError(f"Got {name}={size!r}. It is a positive number.")


def _check_whole(counts: dict[str, Any], least: int, what: str) -> None:
    for name, count in counts.items():
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not whole or count < least:
            raise ValueError(f"Got {name}={count!r}. It is {what}.")
