"""One factor of the machine: an expert of an affine response."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily
from pymc_glm.machine.linear_map import LinearMap
from pymc_glm.machine.operator_map import OperatorMap, stored

__all__ = ["BlockVariable", "Factor"]


class BlockVariable(NamedTuple):
    """One variable of the block.

    Attributes
    ----------
    name : str
        Name of the value variable, the key of a PyMC point.
    rv_name : str
        Name the user gave.
    shape : tuple of int
        Shape of the value variable.
    start : int
        Where its entries start in the flat block.
    multiple : TensorVariable or None, of the variable's shape
        Where set, the block holds the variable times this graph of other model variables: an
        effect in place of its standardised value.
    value : TensorVariable
        The variable, as other graphs of the machine mention it; not needed where none does.
    """

    name: str
    rv_name: str
    shape: tuple[int, ...]
    start: int
    multiple: TensorVariable | None = None
    value: Any = None

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def positions(self) -> slice:
        """Its place in the flat block."""
        return slice(self.start, self.start + self.size)


class Factor(NamedTuple):
    """log phi(K x + c; parameters), summed over the rows, plus a block-free correction.

    Attributes
    ----------
    term : str
        Name of the model term (variable or potential) the factor is part of.
    family : AbstractFamily
        The expert.
    linear_map : LinearMap or OperatorMap
        K, of shape (m, n).
    offset : ndarray or TensorVariable, shape (m,)
        c, symbolic where it depends on other model variables.
    parameters : dict of str to ndarray or TensorVariable
        Of shape () or (m,), with a trailing component axis for mixtures: numbers, or graphs of
        other model variables.
    correction : TensorVariable or None, shape ()
        What the term has and the family's normalised density has not, for terms that omit or
        change the normaliser; a graph of other model variables.
    merged : int
        Number of responses that were merged into these rows, besides one for each.
    """

    term: str
    family: AbstractFamily
    linear_map: LinearMap | OperatorMap
    offset: np.ndarray | TensorVariable
    parameters: dict[str, np.ndarray | TensorVariable]
    correction: TensorVariable | None = None
    merged: int = 0

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.linear_map.shape[0]

    @property
    def stored_map(self) -> LinearMap:
        """K by its entries; a TypeError where it has none."""
        return stored(self.linear_map)

    @property
    def responses(self) -> int:
        """Number of responses, each of which has a density of its own."""
        return self.size + self.merged
