"""Assembly of Q and h from the rows of all factors, as a chain of coarse Ops.

The system ``[q, h]`` starts as one constant vector, into which everything that is constant is
folded, and each factor with varying rows adds to it with one or two kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytensor.tensor as pt
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.constants import constant_array
from pymc_glm.gaussian.edges import is_far
from pymc_glm.gaussian.layout import count_products, products
from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.gaussian.rows import Rows, transposed_product
from pymc_glm.gaussian.spectral import Spectrum
from pymc_glm.machine import LinearMap, OperatorMap, linear_operator
from pymc_glm.ops import KernelOp

__all__ = ["assemble", "check_shapes"]

_KERNELS = "pymc_glm.gaussian.kernels"
_add_column = KernelOp(f"{_KERNELS}:add_column")
_add_gram = KernelOp(f"{_KERNELS}:add_gram")
_add_information = KernelOp(f"{_KERNELS}:add_information")
_add_products = KernelOp(f"{_KERNELS}:add_products")
_add_single = KernelOp(f"{_KERNELS}:add_single")
_add_sparse = KernelOp(f"{_KERNELS}:add_sparse")
_add_tail = KernelOp(f"{_KERNELS}:add_tail")
_add_transformed = KernelOp("pymc_glm.gaussian.spectral_kernels:add_transformed")

# A dense Gram matrix takes m * n**2 operations at BLAS speed, a list of products one read of
# three numbers each.
_PRODUCTS_PER_ENTRY = 4


def assemble(plan: GaussianPlan, rows: Sequence[Rows]) -> TensorVariable:
    """Assemble Q = sum of K' diag(w) K and h = sum of K' (eta - w c).

    Parameters
    ----------
    plan : GaussianPlan
        The structure of Q.
    rows : sequence of Rows
        The factors, their maps in the drawn order.

    Returns
    -------
    system : TensorVariable, shape (storage + n,)
        q in the flat storage of the structure, then h.

    Raises
    ------
    ValueError
        If a map does not fit the plan or an argument does not fit its map.
    """
    system = _System(plan)
    for one in (row.multiplied() for row in rows):
        check_shapes(plan, one)
        if plan.structure == "spectral":
            _add_spectral(system, cast(Spectrum, plan.storage), one)
        elif plan.structure == "iterative" and is_far(one.linear_map):
            # Their part of Q is applied, not stored.
            _add_residuals(system, one)
        elif _wants_gram(plan, one.stored_map):
            _add_dense(system, one)
        else:
            _add_listed(system, one)
    return system.build()


class _System:
    """The constant part of the system, and the Ops that will add the rest."""

    def __init__(self, plan: GaussianPlan) -> None:
        self.plan = plan
        self.storage = plan.storage.size
        self.constant = np.zeros(self.storage + plan.size)
        self.pending: list[tuple[KernelOp, tuple]] = []

    def add(self, op: KernelOp, *arguments: np.ndarray | TensorVariable) -> None:
        self.pending.append((op, arguments))

    def add_linear(self, matrix: sp.csr_matrix, weight: np.ndarray | TensorVariable) -> None:
        """Add ``matrix @ weight``; a scalar weight is shared by all columns."""
        numbers = constant_array(weight)
        shared = np.ones(matrix.shape[1])
        if numbers is not None:
            self.constant += matrix @ (numbers * shared)
        elif weight.ndim == 0:
            self.add(_add_column, matrix @ shared, weight)
        elif matrix.nnz:
            targets = np.flatnonzero(np.diff(matrix.indptr)).astype(np.int64)
            starts = np.append(matrix.indptr[targets], matrix.nnz).astype(np.int64)
            index = matrix.indices.astype(np.int64)
            if targets.size == matrix.nnz:
                self.add(_add_single, targets, index, matrix.data, weight)
            else:
                self.add(_add_sparse, targets, starts, index, matrix.data, weight)

    def build(self) -> TensorVariable:
        system = pt.as_tensor(self.constant)
        for op, arguments in self.pending:
            system = cast(TensorVariable, op(system, *arguments))
        return system


def check_shapes(plan: GaussianPlan, rows: Rows) -> None:
    """Refuse static shapes that do not fit the plan or the map."""
    m, n = rows.linear_map.shape
    if n != plan.size:
        raise ValueError(
            f"A linear map has {n} unknowns and the plan {plan.size}. Both must be of one block."
        )
    for name in ("offset", "precision", "information"):
        value = getattr(rows, name)
        if value is None:
            continue
        shape = pt.as_tensor(value).type.shape
        allowed = [(), (None,), (m,)] if name == "precision" else [(None,), (m,)]
        if shape not in allowed:
            raise ValueError(
                f"The {name} of a factor has shape {shape} and its map {m} rows. "
                "Each row needs one entry."
            )


def _wants_gram(plan: GaussianPlan, linear_map: LinearMap) -> bool:
    m, n = linear_map.shape
    return plan.structure == "dense" and (count_products(linear_map) > _PRODUCTS_PER_ENTRY * m * n)


def _add_listed(system: _System, rows: Rows) -> None:
    """Add the rows of a sparse map: K' diag(w) K from the list of its products."""
    linear_map, precision = rows.stored_map, rows.precision
    offset = constant_array(rows.offset)
    listed = products(system.plan, linear_map)
    if not linear_map.is_constant:
        order = np.argsort(listed.target, kind="stable")
        targets, starts = _groups(listed.target[order])
        system.add(
            _add_products,
            targets,
            starts,
            listed.first[order],
            listed.second[order],
            listed.row[order],
            linear_map.symbolic_values(),
            precision,
        )
        _add_residuals(system, rows)
        return
    values = linear_map.values
    data = values[listed.first] * values[listed.second]
    target, row = listed.target, listed.row
    if offset is not None:
        target = np.append(target, system.storage + linear_map.columns)
        row = np.append(row, linear_map.rows)
        data = np.append(data, -values * offset[linear_map.rows])
    shape = (system.constant.size, linear_map.shape[0])
    matrix = sp.csr_matrix((data, (target, row)), shape=shape)
    matrix.eliminate_zeros()
    system.add_linear(matrix, precision)
    if offset is None:
        _add_residuals(system, rows)
    elif rows.information is not None:
        system.add_linear(_transposed(system, linear_map), rows.information)


def _add_dense(system: _System, rows: Rows) -> None:
    """Add the rows of a dense map to a dense Q: K' diag(w) K by BLAS, once where it is constant."""
    linear_map, precision = rows.stored_map, rows.precision
    m, n = linear_map.shape
    numbers, offset = constant_array(precision), constant_array(rows.offset)
    shared = numbers is not None or precision.ndim == 0
    if not (linear_map.is_constant and shared):
        places = linear_map.rows * n + linear_map.columns
        row_major = places.size == m * n and np.array_equal(places, np.arange(m * n))
        system.add(
            _add_gram,
            places[:0] if row_major else places,
            linear_map.symbolic_values(),
            np.array([m, n], dtype=np.int64),
            precision,
            np.zeros(1) if offset is not None and not offset.any() else rows.offset,
            np.zeros(1) if rows.information is None else rows.information,
        )
        return
    matrix = linear_map.matrix().toarray()
    weight = np.ones(m) if numbers is None else numbers * np.ones(m)
    column = np.zeros(system.constant.size)
    column[: system.storage] = (matrix.T @ (weight[:, None] * matrix)).ravel()
    if offset is not None:
        column[system.storage :] = -matrix.T @ (weight * offset)
    system.add_linear(
        sp.csr_matrix(column[:, None]), np.ones(1) if numbers is not None else precision
    )
    if offset is None:
        _add_residuals(system, rows)
    elif rows.information is not None:
        system.add_linear(_transposed(system, linear_map), rows.information)


def _add_residuals(system: _System, rows: Rows) -> None:
    """Add K' (eta - w c) where the map or the offset varies."""
    linear_map = rows.linear_map
    offset = constant_array(rows.offset)
    centred = offset is not None and not offset.any()
    if centred and rows.information is None:
        return
    if isinstance(linear_map, OperatorMap):
        _add_adjoint(system, linear_map, rows)
        return
    order = np.argsort(linear_map.columns, kind="stable")
    targets, starts = _groups(linear_map.columns[order])
    if linear_map.is_constant:
        # Values in the order they are read; the entry numbers then run along.
        values, entry = linear_map.values[order], np.arange(order.size, dtype=np.int64)
    else:
        values, entry = linear_map.values, order.astype(np.int64)
    system.add(
        _add_information,
        system.storage + targets,
        starts,
        entry,
        linear_map.rows[order],
        values,
        rows.precision,
        np.zeros(1) if centred else rows.offset,
        np.zeros(1) if rows.information is None else rows.information,
    )


def _add_adjoint(system: _System, linear_map: OperatorMap, rows: Rows) -> None:
    """Add K' (eta - w c) by the adjoint of the operator, once where all of it is constant."""
    offset = constant_array(rows.offset)
    if offset is not None and rows.precision.ndim == 0:
        m = linear_map.shape[0]
        image = linear_map.operator.adjoint(
            np.broadcast_to(offset, (m,)).reshape(linear_map.operator.shape_out)
        )
        column = np.append(np.zeros(system.storage), -image.ravel())
        system.add_linear(sp.csr_matrix(column[:, None]), rows.precision)
        if rows.information is not None:
            system.add(_add_tail, transposed_product(linear_map, rows.information))
        return
    residual = -rows.precision * rows.offset
    if rows.information is not None:
        residual = rows.information + residual
    system.add(_add_tail, transposed_product(linear_map, residual))


def _add_spectral(system: _System, spectrum: Spectrum, rows: Rows) -> None:
    """Add the eigenvalues of w K'K, and the coefficients of K' (eta - w c)."""
    linear_map, precision = rows.linear_map, rows.precision
    if linear_map.is_empty:
        return
    numbers, offset = constant_array(precision), constant_array(rows.offset)
    is_shared = precision.ndim == 0 if numbers is None else np.ptp(numbers) == 0.0
    if not is_shared:
        raise ValueError(
            f"The rows of a map ({linear_map.structure()}) have precisions of their own. A spectral"
            " plan needs one for all rows of each factor."
        )
    column = np.zeros(system.constant.size)
    column[: system.storage] = spectrum.eigenvalues_of(linear_map)
    if offset is not None and offset.any():
        target = np.broadcast_to(offset, (linear_map.shape[0],))
        image = linear_operator(linear_map).rmatvec(target)
        column[system.storage :] = -spectrum.basis.coefficients(image)
    if numbers is None:
        system.add(_add_column, column, precision)
    else:
        system.constant += numbers.flat[0] * column
    varying = [] if rows.information is None else [rows.information]
    if offset is None:
        varying.append(-precision * rows.offset)
    if varying:
        vector = transposed_product(linear_map, sum(varying[1:], varying[0]))
        system.add(_add_transformed, vector, spectrum.layout)


def _groups(sorted_targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct targets, and where the entries of each start and end."""
    targets, starts = np.unique(sorted_targets, return_index=True)
    return targets.astype(np.int64), np.append(starts, sorted_targets.size).astype(np.int64)


def _transposed(system: _System, linear_map: LinearMap) -> sp.csr_matrix:
    """K' as rows of the system."""
    target = system.storage + linear_map.columns
    shape = (system.constant.size, linear_map.shape[0])
    return sp.csr_matrix((linear_map.values, (target, linear_map.rows)), shape=shape)
