"""The latent machine: factors, block layout, hyperparameter updates, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine.factor import BlockVariable, Factor
from pymc_glm.machine.table import machine_html, machine_text

if TYPE_CHECKING:
    from pymc_glm.gaussian import GaussianPlan

__all__ = [
    "CentredDirection",
    "ConjugateForm",
    "Guest",
    "Hyperparameter",
    "Interweaving",
    "InverseDirection",
    "LatentMachine",
    "Refusal",
    "ScaleDependence",
]


class Refusal(NamedTuple):
    """Why a variable is not in the block.

    Attributes
    ----------
    variable : str
        The variable.
    term : str
        The term of the log density that keeps it out.
    reason : str
        A clause that completes "because ...".
    """

    variable: str
    term: str
    reason: str


class ScaleDependence(NamedTuple):
    """How a hyperparameter scales a factor: its scale is a block-free multiple of one function.

    Attributes
    ----------
    factor : int
        Index of the factor.
    power : float or None
        p, where the scale is proportional to the p-th power of the constrained value.
    """

    factor: int
    power: float | None


class ConjugateForm(NamedTuple):
    """A conditional theta**-a exp(-b theta**-e) times a prior that it can be drawn from.

    Attributes
    ----------
    kind : str
        ``"gamma"``, ``"generalized inverse Gaussian"``, ``"truncated gamma"`` or ``"half-t"``.
    exponent : float
        e.
    prior : dict of str to TensorVariable or ndarray
        Parameters of the prior that the draw needs, of shape ().
    positive : TensorVariable, shape ()
        theta as a graph of the value variable.
    total_power : float
        a: the number of responses times the power of theta that scales them.
    """

    kind: str
    exponent: float
    prior: dict[str, TensorVariable]
    positive: TensorVariable
    total_power: float


class InverseDirection(NamedTuple):
    """The direction d = R t, with a constant right inverse R of the scaled factors' maps.

    Attributes
    ----------
    factors : tuple of int
        The factors whose responses and scales are multiplied together.
    inverse : scipy.sparse.csr_matrix, shape (n, sum of m)
        R.
    """

    factors: tuple[int, ...]
    inverse: sp.csr_matrix

    def reached(self) -> np.ndarray:
        """Which unknowns move, a mask of shape (n,)."""
        return np.diff(self.inverse.indptr) > 0

    def permuted(self, position: np.ndarray) -> InverseDirection:
        """The same direction for a block whose unknown j has moved to ``position[j]``."""
        return self._replace(inverse=self.inverse[np.argsort(position)])


class CentredDirection(NamedTuple):
    """The direction from the mean of each unknown's component, for factors of pure differences.

    Attributes
    ----------
    factors : tuple of int
        The factors whose responses and scales are multiplied together.
    component : ndarray of int64, shape (n,)
        Connected component of each unknown, -1 for those that stay.
    """

    factors: tuple[int, ...]
    component: np.ndarray

    def reached(self) -> np.ndarray:
        """Which unknowns move, a mask of shape (n,)."""
        return self.component >= 0

    def permuted(self, position: np.ndarray) -> CentredDirection:
        """The same direction for a block whose unknown j has moved to ``position[j]``."""
        return self._replace(component=self.component[np.argsort(position)])


# A direction d(x) along which block and scale can move together: the scaled factors' K d = t.
Interweaving = InverseDirection | CentredDirection


class Hyperparameter(NamedTuple):
    """A variable outside the block that the sweep updates with the latents integrated out.

    Attributes
    ----------
    name : str
        Name of the value variable, the key of a PyMC point.
    rv_name : str
        Name the user gave.
    value : TensorVariable
        The value variable as it appears in the graphs of the machine.
    constrained : TensorVariable
        The random variable as a graph of the value variable.
    log_prior : TensorVariable, shape ()
        Sum of the block-free terms that mention it, Jacobian included.
    factors : tuple of int
        Indices of the factors that mention it.
    scales : tuple of ScaleDependence
        For the factors it enters through the scale alone.
    conjugate : ConjugateForm or None
        Set where the conditional can be drawn exactly.
    interweaving : Interweaving or None
        Set where it is the scale of a prior on the block.
    """

    name: str
    rv_name: str
    value: TensorVariable
    constrained: TensorVariable
    log_prior: TensorVariable
    factors: tuple[int, ...]
    scales: tuple[ScaleDependence, ...]
    conjugate: ConjugateForm | None
    interweaving: Interweaving | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value variable."""
        return self.value.type.shape

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def update(self) -> str:
        """How it is updated, in words."""
        words = self.conjugate.kind if self.conjugate is not None else "slice"
        return words if self.interweaving is None else f"{words}, interweaved"


class Guest(NamedTuple):
    """A variable left to PyMC's own step methods.

    Attributes
    ----------
    name : str
        Name of the value variable.
    rv_name : str
        Name the user gave.
    value : TensorVariable
        The value variable as it appears in the graphs of the machine.
    reason : str
        A clause that completes "because ...".
    """

    name: str
    rv_name: str
    value: TensorVariable
    reason: str


class LatentMachine(NamedTuple):
    """A PyMC model, or the part of it that was recognised, as a Gaussian latent machine.

    Attributes
    ----------
    block : list of BlockVariable
        The variables that are jointly Gaussian given the latents.
    factors : list of Factor
        Every term that mentions the block.
    hyperparameters : list of Hyperparameter
        Updated by the sweep.
    guests : list of Guest
        Left to other step methods.
    refused : list of Refusal
        Why variables are not in the block.
    plan : GaussianPlan
        Order and structure of the block's precision, and the reason for the choice.
    """

    block: list[BlockVariable]
    factors: list[Factor]
    hyperparameters: list[Hyperparameter]
    guests: list[Guest]
    refused: list[Refusal]
    plan: GaussianPlan

    @property
    def size(self) -> int:
        """Number of unknowns of the block."""
        return sum(variable.size for variable in self.block)

    def __repr__(self) -> str:
        return machine_text(self)

    def __str__(self) -> str:
        return machine_text(self)

    def _repr_html_(self) -> str:
        return machine_html(self)
