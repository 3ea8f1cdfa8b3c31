"""What one factor contributes to the Gaussian draw, and its responses."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.constants import constant_array
from pymc_glm.machine import LinearMap, OperatorMap, stored
from pymc_glm.operators import AbstractOperator
from pymc_glm.operators.program import program
from pymc_glm.ops import KernelOp

__all__ = ["Rows", "response", "transposed_product"]

_apply = KernelOp("pymc_glm.operators.program_kernels:apply_program")
_apply_adjoint = KernelOp("pymc_glm.operators.program_kernels:apply_program_adjoint")
_response_dense = KernelOp("pymc_glm.gaussian.kernels:response_dense")
_response_sparse = KernelOp("pymc_glm.gaussian.kernels:response_sparse")
_transposed_dense = KernelOp("pymc_glm.gaussian.kernels:transposed_dense")
_transposed_sparse = KernelOp("pymc_glm.gaussian.kernels:transposed_sparse")

# Above this share of entries, multiplying the zeros costs less than reading the indices.
_DENSE_SHARE = 0.4


class Rows(NamedTuple):
    """The responses t = K x + c of one factor, Gaussian given their latents.

    Together they add ``K' diag(w) K`` to the precision Q and ``K' (eta - w c)`` to the
    information vector h.

    Attributes
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        K.
    offset : ndarray or TensorVariable, shape (m,)
        c.
    precision : TensorVariable, shape () or (m,)
        w, non-negative. Of shape () where all rows share it.
    information : TensorVariable or None, shape (m,)
        eta, precision times location of each response; None where the location is zero.
    multiple : TensorVariable or None, shape ()
        A positive number that the precision of all rows is to be multiplied by; the information
        stays as it is.
    """

    linear_map: LinearMap | OperatorMap
    offset: np.ndarray | TensorVariable
    precision: TensorVariable
    information: TensorVariable | None
    multiple: TensorVariable | None = None

    @property
    def stored_map(self) -> LinearMap:
        """K by its entries; a TypeError where it has none."""
        return stored(self.linear_map)

    def multiplied(self) -> Rows:
        """The same rows, with the multiple in their precision."""
        if self.multiple is None:
            return self
        return self._replace(precision=self.precision * self.multiple, multiple=None)


def response(
    linear_map: LinearMap | OperatorMap, x: TensorVariable, offset: np.ndarray | TensorVariable
) -> TensorVariable:
    """Responses t = K x + c of one factor, computed by one kernel.

    Parameters
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        K, of constant or symbolic values. Its columns follow the order of `x`.
    x : TensorVariable, shape (n,)
        The block.
    offset : ndarray or TensorVariable, shape (m,) or (1,)
        c.

    Returns
    -------
    t : TensorVariable, shape (m,)
        The responses.

    Examples
    --------
    Differences of neighbours::

        import numpy as np
        import pytensor.tensor as pt
        from pymc_glm.gaussian import response
        from pymc_glm.machine import LinearMap

        differences = LinearMap.from_matrix(np.diff(np.eye(4), axis=0))
        response(differences, pt.as_tensor([0.0, 1.0, 3.0, 6.0]), np.zeros(3)).eval()
    """
    if isinstance(linear_map, OperatorMap):
        applied = _applied(_apply, linear_map.operator, x)
        return applied if _is_zero(offset) else applied + _shortened(offset)
    if _is_identity(linear_map) and _is_zero(offset):
        return x
    m, n = linear_map.shape
    offset = _shortened(offset)
    if linear_map.rows.size > _DENSE_SHARE * m * n:
        values = _row_major(linear_map)
        if values is not None:
            shape = np.array([m, n], dtype=np.int64)
            return cast(TensorVariable, _response_dense(pt.as_tensor(values), shape, x, offset))
    values = linear_map.symbolic_values()
    starts = _row_starts(linear_map)
    return cast(TensorVariable, _response_sparse(starts, linear_map.columns, values, x, offset))


def transposed_product(
    linear_map: LinearMap | OperatorMap, weight: TensorVariable
) -> TensorVariable:
    """K' w of a map, computed by one kernel.

    Parameters
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        K, of constant or symbolic values.
    weight : TensorVariable, shape (m,)
        w.

    Returns
    -------
    product : TensorVariable, shape (n,)
    """
    if isinstance(linear_map, OperatorMap):
        return _applied(_apply_adjoint, linear_map.operator, weight)
    if _is_identity(linear_map):
        return weight
    m, n = linear_map.shape
    if linear_map.rows.size > _DENSE_SHARE * m * n:
        values = _row_major(linear_map)
        if values is not None:
            shape = np.array([m, n], dtype=np.int64)
            return cast(TensorVariable, _transposed_dense(pt.as_tensor(values), shape, weight))
    arguments = (_row_starts(linear_map), linear_map.columns, linear_map.symbolic_values())
    size = np.array([n], dtype=np.int64)
    return cast(TensorVariable, _transposed_sparse(*arguments, size, weight))


def _applied(op: KernelOp, operator: AbstractOperator, x: TensorVariable) -> TensorVariable:
    """A product with an operator or its adjoint, by its program."""
    own = program(operator)
    return cast(TensorVariable, op(own.integers, own.floats, x))


def _row_starts(linear_map: LinearMap) -> np.ndarray:
    """Where the entries of each row start."""
    starts = np.zeros(linear_map.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(linear_map.rows, minlength=linear_map.shape[0]), out=starts[1:])
    return starts


def _is_identity(linear_map: LinearMap) -> bool:
    """Whether t = x, so that nothing needs computing."""
    return linear_map.structure() == "identity" and bool(np.all(linear_map.values == 1.0))


def _is_zero(offset: np.ndarray | TensorVariable) -> bool:
    constant = constant_array(offset)
    return constant is not None and not np.any(constant)


def _shortened(offset: np.ndarray | TensorVariable) -> TensorVariable:
    """One number where all rows share it: the kernels read a vector of length one as a scalar."""
    constant = constant_array(offset)
    if constant is None:
        return pt.as_tensor(offset)
    if constant.size == 0 or np.all(constant == constant.flat[0]):
        return pt.as_tensor(constant.ravel()[:1] if constant.size else np.zeros(1))
    return pt.as_tensor(constant)


def _row_major(linear_map: LinearMap) -> np.ndarray | TensorVariable | None:
    """All m * n values by rows, or None where symbolic values would have to be scattered."""
    if linear_map.is_constant:
        return linear_map.matrix().toarray().ravel()
    m, n = linear_map.shape
    if np.array_equal(linear_map.rows * n + linear_map.columns, np.arange(m * n)):
        return linear_map.symbolic_values()
    return None
