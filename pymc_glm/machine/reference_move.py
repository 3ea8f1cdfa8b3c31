"""A Metropolis move of the whole block from a Gaussian that is near its conditional."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytensor.tensor.variable import TensorVariable

if TYPE_CHECKING:
    from pymc_glm.gaussian import GaussianPlan

__all__ = ["ANGLE", "PseudoRows", "ReferenceMove"]

# Of all rotations of a move. A quarter turn makes draws from the reference independent; a little
# more makes up for what the factors hold back.
ANGLE = 0.55 * np.pi


class PseudoRows(NamedTuple):
    """Gaussian responses that stand in for those of a smooth factor in the reference.

    Attributes
    ----------
    factor : int
        Index of the factor.
    precision : ndarray, shape (m,)
        Fixed precision of each response.
    information : ndarray, shape (m,)
        Precision times location.
    shift : TensorVariable or None
        How far the location moves with parameters of the factor that also shift its responses, such
        as the dispersion of counts; a graph of other model variables.
    """

    factor: int
    precision: np.ndarray
    information: np.ndarray
    shift: TensorVariable | None = None


class ReferenceMove(NamedTuple):
    """Hamiltonian moves of the block, exact for the reference, in place of latents.

    The reference is Gaussian: smooth factors are replaced by pseudo-responses, the others are taken
    given their latents. A move rotates in it, and is pushed by what the factors differ.

    Attributes
    ----------
    rows : tuple of PseudoRows
        One for each smooth factor.
    steps : int
        Rotations of a move.
    acceptance : float
        Mean acceptance rate that was found for them.
    other_plan : GaussianPlan
        Structure of the precision for draws given latents, which need not be dense.
    """

    rows: tuple[PseudoRows, ...]
    steps: int
    acceptance: float
    other_plan: GaussianPlan

    @property
    def factors(self) -> frozenset[int]:
        """Indices of the smooth factors."""
        return frozenset(one.factor for one in self.rows)
