"""How matrix products, solves, convolutions and sparse products act on a sparse Jacobian."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import scipy.sparse as sp

from pytensor.graph.basic import Apply
from pytensor.sparse.math import Dot as SparseDot
from pytensor.sparse.math import StructuredDot, TrueDot
from pytensor.sparse.type import SparseTensorType
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.linalg.solvers.core import SolveBase
from pytensor.tensor.math import Dot
from pytensor.tensor.signal.conv import Convolve1d
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.jacobian import Tracked, apply_matrix, take_rows
from pymc_glm.recognize.linear_rules import MAX_ENTRIES, Context, linear_rule

__all__: list[str] = []


def _the_varying_input(node: Apply, context: Context, count: int = 2) -> int:
    """Which of the first inputs varies with the block: exactly one may."""
    varying = [k for k, v in enumerate(node.inputs[:count]) if context.tracked(v)]
    if len(varying) == count:
        raise NotAffineError("a matrix product of block variables")
    return varying[0]


def _bilinear(
    weight: TensorVariable,
    tracked: Tracked,
    triples: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: tuple[int, ...],
    context: Context,
) -> Tracked:
    """Outputs that are sums of products of one weight and one entry of the tensor.

    The triples hold, for each product: the output, the weight, the entry.
    """
    outputs, weights, entries = (indices.ravel() for indices in np.broadcast_arrays(*triples))
    if outputs.size > MAX_ENTRIES:
        raise NotAffineError(f"a product of {outputs.size} terms, too many for a sparse matrix,")
    size = int(np.prod(shape, dtype=int))
    if context.is_constant(weight):
        data = np.asarray(context.constant(weight), dtype=float).ravel()[weights]
        matrix = sp.csr_matrix((data, (outputs, entries)), shape=(size, tracked.size))
        return apply_matrix(matrix, tracked, shape)
    products = context.monomials.multiply(take_rows(tracked, entries), weight, weights)
    summed = sp.csr_matrix(
        (np.ones(outputs.size), (outputs, np.arange(outputs.size))), shape=(size, outputs.size)
    )
    return apply_matrix(summed, products, shape)


def _numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def _left_product(matrix: np.ndarray | sp.spmatrix, tracked: Tracked) -> Tracked:
    """A constant matrix times a vector or a matrix of tracked entries."""
    rows, trailing = matrix.shape[0], tracked.shape[1:]
    width = int(np.prod(trailing, dtype=int))
    sparse = sp.csr_matrix(matrix, dtype=float)
    if width > 1:
        sparse = sp.kron(sparse, sp.identity(width), format="csr")
    return apply_matrix(sparse, tracked, (rows, *trailing))


def _right_product(tracked: Tracked, matrix: np.ndarray | sp.spmatrix) -> Tracked:
    """A matrix of tracked entries times a constant matrix."""
    sparse = sp.csr_matrix(matrix.T, dtype=float)
    if tracked.shape[0] > 1:
        sparse = sp.kron(sp.identity(tracked.shape[0]), sparse, format="csr")
    return apply_matrix(sparse, tracked, (tracked.shape[0], matrix.shape[1]))


@linear_rule.register(Dot)
@linear_rule.register(BatchedDot)
def _dot(op, node, context):
    """Products of matrices, over any leading batch dimensions."""
    chosen = _the_varying_input(node, context)
    left, right = (context.shape(v) for v in node.inputs)
    weight, tracked = node.inputs[1 - chosen], context.tracked(node.inputs[chosen])
    if len(left) == len(right) == 2 and context.is_constant(weight):
        matrix = np.asarray(context.constant(weight))
        if chosen == 1:
            return [_left_product(matrix, tracked)]
        return [_right_product(tracked, matrix)]
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    shape = (*batch, left[-2], right[-1])
    outputs = _numbered(shape)[..., :, None, :]
    numbers = [
        np.broadcast_to(_numbered(left), (*batch, *left[-2:]))[..., :, :, None],
        np.broadcast_to(_numbered(right), (*batch, *right[-2:]))[..., None, :, :],
    ]
    triples = (outputs, numbers[1 - chosen], numbers[chosen])
    return [_bilinear(weight, tracked, triples, shape, context)]


@linear_rule.register(SparseDot)
@linear_rule.register(StructuredDot)
@linear_rule.register(TrueDot)
def _sparse_dot(op, node, context):
    chosen = _the_varying_input(node, context)
    tracked, matrix = context.tracked(node.inputs[chosen]), node.inputs[1 - chosen]
    if isinstance(node.inputs[chosen].type, SparseTensorType) or not isinstance(
        matrix.type, SparseTensorType
    ):
        return None
    if not context.is_constant(matrix):
        raise NotAffineError("a sparse matrix that depends on other model variables")
    data = context.constant(matrix)
    return [_left_product(data, tracked) if chosen == 1 else _right_product(tracked, data)]


@linear_rule.register(SolveBase)
def _solve(op, node, context):
    """A linear solve is a product with the inverse, which the Op itself gives."""
    matrix, rhs = node.inputs
    if context.tracked(matrix):
        raise NotAffineError("a linear solve whose matrix depends on a block variable")
    tracked = context.tracked(rhs)
    order = tracked.shape[0]
    on_matrices = type(op)(**{**op._props_dict(), "b_ndim": 2})
    inverse = on_matrices(matrix, pt.eye(order, dtype="float64"))
    if context.is_constant(matrix):
        return [_left_product(np.asarray(context.constant(inverse)), tracked)]
    trailing = tracked.shape[1:]
    width = int(np.prod(trailing, dtype=int))
    outputs = _numbered((order, width))[:, None, :]
    weights = _numbered((order, order))[:, :, None]
    entries = _numbered((order, width))[None, :, :]
    return [_bilinear(inverse, tracked, (outputs, weights, entries), tracked.shape, context)]


@linear_rule.register(Convolve1d)
def _convolve(op, node, context):
    chosen = _the_varying_input(node, context)
    if not context.is_constant(node.inputs[2]):
        return None
    full = bool(context.constant(node.inputs[2]))
    weight, tracked = node.inputs[1 - chosen], context.tracked(node.inputs[chosen])
    lengths = [context.shape(v)[0] for v in node.inputs[:2]]
    skipped = 0 if full else min(lengths) - 1
    length = sum(lengths) - 1 - 2 * skipped
    numbers = np.indices(lengths)
    outputs = numbers.sum(axis=0) - skipped
    inside = (outputs >= 0) & (outputs < length)
    triples = (outputs[inside], numbers[1 - chosen][inside], numbers[chosen][inside])
    return [_bilinear(weight, tracked, triples, (length,), context)]


@linear_rule.register(Blockwise)
def _blockwise(op, node, context):
    """The rule of the Op inside, where it needs no loop over a batch."""
    if isinstance(op.core_op, Dot):
        return _dot(op.core_op, node, context)
    if op.batch_ndim(node) > 0:
        return None
    return linear_rule(op.core_op, node, context)
