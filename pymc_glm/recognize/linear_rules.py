"""How each Op that moves, adds or scales entries acts on a sparse Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Protocol

import numpy as np
import pytensor.scalar as ps
import scipy.sparse as sp

from pytensor.compile.ops import DeepCopyOp, TypeCastingOp
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.basic import (
    Alloc,
    ExtractDiag,
    Join,
    MakeVector,
    PermuteRowElements,
    ScalarFromTensor,
    Split,
    TensorFromScalar,
)
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.extra_ops import CpuContiguous, CumOp, Repeat
from pytensor.tensor.reshape import JoinDims, SplitDims
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
)
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.jacobian import (
    Monomials,
    Tracked,
    apply_matrix,
    broadcast_rows,
    scale_rows,
    take_rows,
)

__all__ = ["MAX_ENTRIES", "Context", "linear_rule", "perform", "scale"]

# A map with more entries than this is not built: it would not fit the memory of a laptop.
MAX_ENTRIES = 50_000_000


class Context(Protocol):
    """What a rule may ask about the inputs of its node."""

    monomials: Monomials

    def tracked(self, variable: Variable) -> Tracked | None:
        """The Jacobian of an input, None where it does not vary with the block."""

    def is_constant(self, variable: Variable) -> bool:
        """Whether an input depends on no model variable."""

    def constant(self, variable: Variable) -> np.ndarray:
        """The number of an input that depends on no model variable."""

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Shape of an input."""


@singledispatch
def linear_rule(op: Op, node: Apply, context: Context) -> list[Tracked] | None:
    """Jacobians of the outputs of a node, from those of its inputs.

    Parameters
    ----------
    op : Op
        The Op of the node; rules are registered for its class.
    node : Apply
        A node with an input that varies with the block.
    context : Context

    Returns
    -------
    outputs : list of Tracked or None
        None where there is no rule.

    Raises
    ------
    NotAffineError
        If the Op is not linear in the inputs that vary with the block.
    """
    return None


def perform(op: Op, node: Apply, inputs: Sequence) -> list[np.ndarray]:
    """Outputs of an Op for given numbers."""
    storage: list[list] = [[None] for _ in node.outputs]
    op.perform(node, list(inputs), storage)
    return [np.asarray(cell[0]) for cell in storage]


def scale(
    tracked: Tracked, weight: TensorVariable | np.ndarray, shape: tuple[int, ...], context: Context
) -> Tracked:
    """A tensor times another that does not vary with the block, broadcast to a shape."""
    tracked = broadcast_rows(tracked, shape)
    if not isinstance(weight, Variable):
        return scale_rows(tracked, weight)
    if context.is_constant(weight):
        return scale_rows(tracked, np.asarray(context.constant(weight), dtype=float))
    own = context.shape(weight)
    places = np.arange(int(np.prod(own, dtype=int))).reshape(own)
    return context.monomials.multiply(tracked, weight, np.broadcast_to(places, shape))


@linear_rule.register(Subtensor)
@linear_rule.register(AdvancedSubtensor)
@linear_rule.register(DimShuffle)
@linear_rule.register(Reshape)
@linear_rule.register(JoinDims)
@linear_rule.register(SplitDims)
@linear_rule.register(SpecifyShape)
@linear_rule.register(Split)
@linear_rule.register(ExtractDiag)
@linear_rule.register(Repeat)
@linear_rule.register(CpuContiguous)
@linear_rule.register(PermuteRowElements)
@linear_rule.register(TensorFromScalar)
@linear_rule.register(ScalarFromTensor)
def _select(op, node, context):
    """Any Op whose outputs are entries of its first input, found by moving labels."""
    source = context.tracked(node.inputs[0])
    if source is None or any(context.tracked(v) for v in node.inputs[1:]):
        raise NotAffineError("indexing by a block variable")
    outputs = perform(op, node, [source.labels, *map(context.constant, node.inputs[1:])])
    return [take_rows(source, positions) for positions in outputs]


@linear_rule.register(TypeCastingOp)
@linear_rule.register(DeepCopyOp)
def _same(op, node, context):
    return [context.tracked(node.inputs[0])]


@linear_rule.register(Alloc)
def _alloc(op, node, context):
    source = context.tracked(node.inputs[0])
    if source is None:
        raise NotAffineError("a shape that depends on a block variable")
    shape = tuple(int(context.constant(v)) for v in node.inputs[1:])
    return [broadcast_rows(source, shape)]


def _parts(inputs: Sequence[Variable], context: Context) -> list[Tracked]:
    """Jacobians of inputs, zero for those that do not vary with the block."""
    return [context.tracked(v) or context.monomials.empty(context.shape(v)) for v in inputs]


@linear_rule.register(MakeVector)
def _make_vector(op, node, context):
    return [Tracked(context.monomials.stack(_parts(node.inputs, context)), (len(node.inputs),))]


@linear_rule.register(Join)
def _join(op, node, context):
    parts = _parts(node.inputs, context)
    stacked = Tracked(context.monomials.stack(parts), (sum(part.size for part in parts),))
    starts = np.cumsum([0, *(part.size for part in parts)])
    labels = [start + part.labels for start, part in zip(starts, parts, strict=False)]
    return [take_rows(stacked, np.concatenate(labels, axis=op.axis))]


@linear_rule.register(IncSubtensor)
@linear_rule.register(AdvancedIncSubtensor)
def _write(op, node, context):
    """Write into, or add to, a part of the first input."""
    if any(context.tracked(v) for v in node.inputs[2:]):
        raise NotAffineError("indexing by a block variable")
    if getattr(op, "ignore_duplicates", False):
        return None
    base, value = _parts(node.inputs[:2], context)
    indices = [context.constant(v) for v in node.inputs[2:]]
    both = Tracked(context.monomials.stack([base, value]), (base.size + value.size,))
    if op.set_instead_of_inc:
        [positions] = perform(op, node, [base.labels, base.size + value.labels, *indices])
        return [take_rows(both, positions)]
    reader = (Subtensor if isinstance(op, IncSubtensor) else AdvancedSubtensor)(op.idx_list)
    [targets] = perform(reader, node, [base.labels, *indices])
    sources = base.size + np.broadcast_to(value.labels, targets.shape)
    rows = np.concatenate([np.arange(base.size), targets.ravel()])
    columns = np.concatenate([np.arange(base.size), sources.ravel()])
    matrix = sp.csr_matrix((np.ones(rows.size), (rows, columns)), shape=(base.size, both.size))
    return [apply_matrix(matrix, both, base.shape)]


@linear_rule.register(CAReduce)
def _reduce(op, node, context):
    if not isinstance(op.scalar_op, ps.Add):
        raise NotAffineError(f"{_scalar_name(op)} over an axis")
    source = context.tracked(node.inputs[0])
    axes = tuple(range(len(source.shape))) if op.axis is None else tuple(op.axis)
    kept = tuple(1 if k in axes else length for k, length in enumerate(source.shape))
    size = int(np.prod(kept, dtype=int))
    groups = np.broadcast_to(np.arange(size).reshape(kept), source.shape).ravel()
    matrix = sp.csr_matrix(
        (np.ones(source.size), (groups, np.arange(source.size))), shape=(size, source.size)
    )
    shape = tuple(length for k, length in enumerate(source.shape) if k not in axes)
    return [apply_matrix(matrix, source, shape)]


@linear_rule.register(CumOp)
def _cumulate(op, node, context):
    if op.mode != "add":
        raise NotAffineError("a cumulative product")
    source = context.tracked(node.inputs[0])
    labels = source.labels.ravel() if op.axis is None else source.labels
    lanes = np.moveaxis(labels, op.axis or 0, -1).reshape((-1, labels.shape[op.axis or 0]))
    length = lanes.shape[1]
    if lanes.shape[0] * length * (length + 1) // 2 > MAX_ENTRIES:
        raise NotAffineError(
            f"a cumulative sum of {length} entries, whose matrix is full below the diagonal,"
        )
    later, earlier = np.tril_indices(length)
    rows, columns = lanes[:, later].ravel(), lanes[:, earlier].ravel()
    matrix = sp.csr_matrix((np.ones(rows.size), (rows, columns)), shape=(source.size,) * 2)
    return [apply_matrix(matrix, source, labels.shape)]


def _varying(node: Apply, context: Context) -> list[int]:
    return [k for k, v in enumerate(node.inputs) if context.tracked(v)]


def _add(node, context, shape):
    total = None
    for k in _varying(node, context):
        term = broadcast_rows(context.tracked(node.inputs[k]), shape)
        if k == 1 and isinstance(node.op.scalar_op, ps.Sub):
            term = scale_rows(term, np.array(-1.0))
        total = term if total is None else context.monomials.add(total, term)
    return total


def _negate(node, context, shape):
    return scale_rows(context.tracked(node.inputs[0]), np.array(-1.0))


def _multiply(node, context, shape):
    varying = _varying(node, context)
    if len(varying) > 1:
        names = " * ".join(node.inputs[k].name or "(...)" for k in varying)
        raise NotAffineError(f"a product of block variables, {names},")
    [chosen] = varying
    result = broadcast_rows(context.tracked(node.inputs[chosen]), shape)
    others = [v for k, v in enumerate(node.inputs) if k != chosen]
    symbolic = [v for v in others if not context.is_constant(v)]
    for factor in others:
        if factor not in symbolic:
            result = scale(result, factor, shape, context)
    if not symbolic:
        return result
    weight = symbolic[0] if len(symbolic) == 1 else node.op(*symbolic)
    return scale(result, weight, shape, context)


def _divide(node, context, shape):
    if _varying(node, context) != [0]:
        raise NotAffineError("division by a block variable")
    numerator, denominator = node.inputs
    tracked = context.tracked(numerator)
    if context.is_constant(denominator):
        inverse = 1.0 / np.asarray(context.constant(denominator), dtype=float)
        return scale(tracked, inverse, shape, context)
    return scale(tracked, 1.0 / denominator, shape, context)


def _cast(node, context, shape):
    if np.dtype(node.outputs[0].dtype).kind != "f":
        raise NotAffineError(f"conversion to {node.outputs[0].dtype}")
    return context.tracked(node.inputs[0])


def _identity(node, context, shape):
    return context.tracked(node.inputs[0])


def _second(node, context, shape):
    return broadcast_rows(context.tracked(node.inputs[1]), shape)


def _switch(node, context, shape):
    condition, *branches = node.inputs
    if context.tracked(condition):
        raise NotAffineError("a condition on a block variable")
    if context.is_constant(condition):
        chosen = np.asarray(context.constant(condition)).astype(bool)
        weights = [chosen.astype(float), (~chosen).astype(float)]
    else:
        chosen = condition.astype("bool").astype("float64")
        weights = [chosen, 1.0 - chosen]
    total = context.monomials.empty(shape)
    for weight, branch in zip(weights, branches, strict=True):
        tracked = context.tracked(branch)
        if tracked is not None:
            total = context.monomials.add(total, scale(tracked, weight, shape, context))
    return total


_ELEMENTWISE: dict[type[ps.ScalarOp], Callable[..., Tracked]] = {
    ps.Add: _add,
    ps.Sub: _add,
    ps.Neg: _negate,
    ps.Mul: _multiply,
    ps.TrueDiv: _divide,
    ps.Cast: _cast,
    ps.Identity: _identity,
    ps.Second: _second,
    ps.Switch: _switch,
}


def _scalar_name(op: Elemwise | CAReduce) -> str:
    return str(op.scalar_op).lower().removesuffix("halftoeven")


@linear_rule.register(Elemwise)
def _elementwise(op, node, context):
    rule = _ELEMENTWISE.get(type(op.scalar_op))
    if rule is None:
        if isinstance(op.scalar_op, ps.LogicalComparison):
            raise NotAffineError("a comparison")
        raise NotAffineError(f"{_scalar_name(op)}(...)")
    shape = np.broadcast_shapes(*(context.shape(v) for v in node.inputs))
    return [rule(node, context, shape)]
