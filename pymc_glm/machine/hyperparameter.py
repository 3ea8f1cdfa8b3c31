"""Variables outside the block, and how the sweep updates each of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable

__all__ = [
    "CentredDirection",
    "ConjugateForm",
    "ExplicitLatent",
    "Hyperparameter",
    "Interweaving",
    "InverseDirection",
    "RowwiseTarget",
    "ScaleDependence",
]


class ScaleDependence(NamedTuple):
    """How a hyperparameter scales a factor: its scale is a block-free multiple of one function.

    Attributes
    ----------
    factor : int
        Index of the factor.
    power : float or None
        p, where the scale is proportional to the p-th power of the constrained value.
    entries : ndarray of int64, shape (m,), or None
        Which entry of a vector scales each row. None where one number scales them all.
    """

    factor: int
    power: float | None
    entries: np.ndarray | None = None


class RowwiseTarget(NamedTuple):
    """The conditional of a vector, as a product over its entries.

    Attributes
    ----------
    factors : tuple of (int, ndarray of shape (m,))
        Index of each factor that mentions the vector, and which entry each row depends on, -1 for
        none.
    terms : tuple of (TensorVariable, ndarray), each of shape (k,)
        Block-free terms that mention it, not summed, and which entry each row depends on.
    is_binary : bool
        Whether its entries are zero or one.
    """

    factors: tuple[tuple[int, np.ndarray], ...]
    terms: tuple[tuple[TensorVariable, np.ndarray], ...]
    is_binary: bool


class ConjugateForm(NamedTuple):
    """A conditional theta**-a exp(-b theta**-e) times a prior that it can be drawn from.

    Attributes
    ----------
    kind : str
        ``"gamma"``, ``"generalized inverse Gaussian"``, ``"truncated gamma"`` or ``"half-t"``.
    exponent : float
        e.
    prior : dict of str to TensorVariable or ndarray
        Parameters of the prior that the draw needs, of shape () or that of theta, flattened.
    positive : TensorVariable
        theta as a graph of the value variable.
    total_power : ndarray, shape () or that of theta, flattened
        a: the number of responses times the power of theta that scales them.
    """

    kind: str
    exponent: float
    prior: dict[str, TensorVariable]
    positive: TensorVariable
    total_power: np.ndarray


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
        Set where it is the scale of a prior on the block, along which direction they can move
        together; used where the scale is not collapsed.
    rowwise : RowwiseTarget or None
        Set for a vector whose entries are independent given everything else.
    collapsible : bool
        Whether it can be updated with the block integrated out: it enters its factors through
        scales, maps and offsets, and their latents do not depend on it.
    collapsed : bool
        Whether it is.
    joint : ConjugateForm or None
        Set where its conditional given the latents, the block integrated out, can be drawn exactly.
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
    rowwise: RowwiseTarget | None = None
    collapsible: bool = False
    collapsed: bool = False
    joint: ConjugateForm | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value variable."""
        return self.value.type.shape

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def is_binary(self) -> bool:
        """Whether it is a vector of indicators."""
        return np.dtype(self.value.dtype).kind != "f"

    @property
    def only_collapsed(self) -> bool:
        """Whether it can be updated with the block integrated out alone: indicators in a map."""
        return self.is_binary and self.rowwise is None

    @property
    def update(self) -> str:
        """How it is updated, in words."""
        if self.only_collapsed:
            return "flips without the block"
        words = "slice" if self.conjugate is None else self.conjugate.kind
        if self.is_binary:
            words = "independent Bernoulli draws"
        elif self.rowwise is not None:
            words = f"{words}, entries independent"
        if self.collapsed:
            other = "slice" if self.joint is None else self.joint.kind
            without = "flips" if self.is_binary else other
            return f"{without} without the block, {words} given it"
        return words if self.interweaving is None else f"{words}, interweaved"


class ExplicitLatent(NamedTuple):
    """A variable of the model that is the latent of a factor.

    The factor's family has it integrated out. The sweep draws it with the factor's latents: row i
    has the precision ``(base * theta[entries[i]]**power)**-2``.

    Attributes
    ----------
    name : str
        Name of the value variable, the key of a PyMC point.
    rv_name : str
        Name the user gave.
    value : TensorVariable
        The value variable, the logarithm of theta.
    factor : int
        Index of the factor.
    power : float
        p, with which theta scales the rows.
    base : TensorVariable or ndarray, shape () or (m,)
        The scale of each row without theta.
    order : ndarray of int64, shape (m,)
        Row of each entry of the flattened variable.
    """

    name: str
    rv_name: str
    value: TensorVariable
    factor: int
    power: float
    base: TensorVariable | np.ndarray
    order: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value variable."""
        return self.value.type.shape
