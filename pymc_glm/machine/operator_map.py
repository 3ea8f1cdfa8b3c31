"""Linear maps from the block to the responses that are applied, not stored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from pymc_glm.machine.linear_map import LinearMap
from pymc_glm.operators import AbstractOperator, Composition, Reshaped, Scaled, Select, Sum

__all__ = ["OperatorMap", "linear_operator", "stored"]


class OperatorMap(NamedTuple):
    """The matrix K of a response t = K x + c, known by its products and those of its transpose.

    Attributes
    ----------
    operator : AbstractOperator
        From the block, of n entries, to the responses, of m; its shapes do not matter.
    """

    operator: AbstractOperator

    @property
    def shape(self) -> tuple[int, int]:
        """Number of responses and number of unknowns of the block."""
        return self.operator.size_out, self.operator.size_in

    @property
    def is_constant(self) -> bool:
        """Operators are known when the model is read."""
        return True

    @property
    def is_empty(self) -> bool:
        """Whether no response involves the block."""
        return False

    @property
    def graphs(self) -> tuple[TensorVariable, ...]:
        """What the map depends on besides the block: nothing."""
        return ()

    @property
    def columns(self) -> np.ndarray:
        """Unknowns that may be involved: all of them."""
        return np.arange(self.shape[1])

    def matrix(self) -> sp.csr_matrix | None:
        """The matrix, where the operator has one that is worth storing."""
        return self.operator.matrix()

    def permuted(self, position: np.ndarray) -> OperatorMap:
        """The same map for a block whose unknown j has moved to ``position[j]``."""
        if np.array_equal(position, np.arange(position.size)):
            return self
        m, n = self.shape
        return OperatorMap(Reshaped(self.operator, n, m) @ Select(position, n))

    def structure(self) -> str:
        """The operator, in words."""
        return _in_words(self.operator)


def stored(linear_map: LinearMap | OperatorMap) -> LinearMap:
    """The map by its entries.

    Raises
    ------
    TypeError
        If it is known by its products only.
    """
    if isinstance(linear_map, OperatorMap):
        raise TypeError(
            f"The entries of {linear_map.structure()} are needed here, and it is known by its "
            "products only. Ask for solver='iterative'."
        )
    return linear_map


def linear_operator(
    linear_map: LinearMap | OperatorMap, values: np.ndarray | None = None
) -> LinearOperator:
    """The products of a map with numbers.

    Parameters
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        The map.
    values : ndarray, shape (nnz,), optional
        Needed where the map is symbolic.

    Returns
    -------
    product : scipy.sparse.linalg.LinearOperator, shape (m, n)
    """
    if isinstance(linear_map, LinearMap):
        return aslinearoperator(linear_map.matrix(values))
    operator = linear_map.operator
    return LinearOperator(
        linear_map.shape,
        matvec=lambda x: operator.forward(np.reshape(x, operator.shape_in)).ravel(),
        rmatvec=lambda y: operator.adjoint(np.reshape(y, operator.shape_out)).ravel(),
        dtype=float,
    )


def _in_words(operator: AbstractOperator) -> str:
    """What is applied, in the order in which it is applied.

    Signs are left out: they come from residuals, y - A x, and Q does not depend on them.
    """
    if isinstance(operator, Reshaped):
        return _in_words(operator.operator)
    if isinstance(operator, Scaled):
        words, factor = _in_words(operator.operator), abs(operator.factor)
        return words if factor == 1.0 else f"{words}, times {factor:g}"
    if isinstance(operator, Composition):
        return f"{_in_words(operator.inner)}, then {_in_words(operator.outer)}"
    if isinstance(operator, Sum):
        return f"{_in_words(operator.first)}, plus {_in_words(operator.second)}"
    return operator.name
