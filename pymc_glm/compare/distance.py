"""Distances of draws from those of a posterior that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from pymc_glm.compare.draws import Layout

__all__ = ["Pool", "matrix_of"]

# Random splits of the pool that a distance is the mean of: one of them is a noisy figure where
# modes are far apart.
SPLITS = 5


def matrix_of(values: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Coordinates of some variables next to one another, shape (n, p)."""
    parts = [np.reshape(values[name], (len(values[name]), -1)) for name in names]
    return np.concatenate(parts, axis=1, dtype=np.float64)


@final
@dataclass(frozen=True)
class Pool:
    """Draws of the posterior.

    Parameters
    ----------
    names : list of str
        Variables that are both compared and known.
    mean, sd : ndarray, shape (p,)
        Of the draws.
    draws : ndarray, shape (n, q)
        Coordinates that move, in units of their standard deviations.
    target : int
        How many of them others are compared with; as many exact draws as there are left at most
        make the floor.
    """

    names: list[str]
    mean: np.ndarray
    sd: np.ndarray
    draws: np.ndarray
    target: int

    @classmethod
    def of(cls, values: Mapping[str, np.ndarray], layout: Layout, target: int) -> Pool:
        """The pool of some draws by variable.

        Raises
        ------
        ValueError
            If none of the variables is compared, or one has another shape.
        """
        names = [name for name in layout.shapes if name in values]
        if not names:
            raise ValueError(
                f"The reference has {sorted(values)}, and {list(layout.shapes)} are compared. They"
                " need a variable in common."
            )
        for name in names:
            if values[name].shape[1:] != layout.shapes[name]:
                raise ValueError(
                    f"Draws of {name!r} have shape {layout.shapes[name]}, and those of the"
                    f" reference {values[name].shape[1:]}. Both have to be of one model."
                )
        matrix = matrix_of(values, names)
        mean, sd = matrix.mean(axis=0), matrix.std(axis=0)
        return cls(names, mean, sd, _scaled(matrix, mean, sd), target)

    def distances(
        self, values: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> tuple[float, float]:
        """Sliced Wasserstein distance of draws by variable, and that of as many of the pool."""
        from pymc_glm.inverse.metrics import sliced_wasserstein

        matrix = _scaled(matrix_of(values, self.names), self.mean, self.sd)
        if not np.isfinite(matrix).all():
            return float("nan"), float("nan")
        count = min(len(matrix), len(self.draws) - self.target)
        thinned = matrix[np.linspace(0, len(matrix) - 1, count).round().astype(int)]
        found = []
        for _ in range(SPLITS):
            mixed = rng.permutation(self.draws)
            target, spare = mixed[: self.target], mixed[self.target :][:count]
            found.append([sliced_wasserstein(draws, target, rng) for draws in (thinned, spare)])
        distance, floor = np.mean(found, axis=0)
        return float(distance), float(floor)


def _scaled(matrix: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    moves = sd > 0.0
    return (matrix[:, moves] - mean[moves]) / sd[moves]
