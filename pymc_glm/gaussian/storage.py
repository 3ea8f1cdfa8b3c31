"""Flat storages of Q's lower triangle: how long they are, and where each entry is kept."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["Band", "Chain", "Diagonal", "Square", "Storage"]


class Storage(Protocol):
    """Where a structure keeps the entries of Q."""

    @property
    def size(self) -> int:
        """Numbers that are stored."""

    @property
    def layout(self) -> np.ndarray:
        """What the kernels need to find their way, as int64."""

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Where the entries Q[high, low] are kept, ``low <= high``."""


class Diagonal(NamedTuple):
    """The n diagonal entries."""

    n: int

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.n

    @property
    def layout(self) -> np.ndarray:
        """The number of unknowns."""
        return np.array([self.n], dtype=np.int64)

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """One after the other."""
        return low


class Chain(NamedTuple):
    """The n - 1 weights of differences of neighbours, then n diagonal entries without them."""

    n: int

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return 2 * self.n - 1

    @property
    def layout(self) -> np.ndarray:
        """The number of unknowns."""
        return np.array([self.n], dtype=np.int64)

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Of the weight of a difference, or of a row with one entry."""
        return np.where(low < high, low, self.n - 1 + low)


class Band(NamedTuple):
    """Each column from the diagonal downwards, padded at the end: n by bandwidth + 1."""

    n: int
    bandwidth: int

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.n * (self.bandwidth + 1)

    @property
    def layout(self) -> np.ndarray:
        """The number of unknowns."""
        return np.array([self.n], dtype=np.int64)

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Column by column."""
        return low * (self.bandwidth + 1) + high - low


class Square(NamedTuple):
    """All n by n entries, by rows, of which the upper triangle is used."""

    n: int

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.n * self.n

    @property
    def layout(self) -> np.ndarray:
        """The number of unknowns."""
        return np.array([self.n], dtype=np.int64)

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """In the upper triangle, by rows."""
        return low * self.n + high
