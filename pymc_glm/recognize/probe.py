"""The matrix of a node without a rule, read off by evaluating it on unit vectors."""

from __future__ import annotations

import numpy as np
import pytensor

from pytensor.graph.basic import Apply, Variable
from pytensor.tensor.type import TensorType

from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.jacobian import Tracked, apply_matrix
from pymc_glm.recognize.linear_rules import Context

__all__ = ["probe"]

_MAX_PROBES = 2000


def probe(node: Apply, context: Context) -> list[Tracked]:
    """Jacobians of the outputs of a node whose other inputs are constant.

    Parameters
    ----------
    node : Apply
        A node of any Op, with at most 2000 entries that vary with the block.
    context : Context

    Returns
    -------
    outputs : list of Tracked

    Raises
    ------
    NotAffineError
        If the Op is not affine, or its matrix cannot be found by evaluation.
    """
    name = _describe(node)
    tracked = {v: context.tracked(v) for v in node.inputs}
    known = {v: part for v, part in tracked.items() if part is not None}
    varying, parts = list(known), list(known.values())
    others = [v for v in node.inputs if v not in varying]
    if not all(context.is_constant(v) for v in others):
        raise NotAffineError(f"{name} with parameters that are model variables")
    if not all(isinstance(v.type, TensorType) for v in (*varying, *node.outputs)):
        raise NotAffineError(name)
    starts = np.cumsum([0, *(part.size for part in parts)])
    if starts[-1] > _MAX_PROBES:
        raise NotAffineError(f"{name} of {starts[-1]} entries, which has no rule,")
    try:
        with np.errstate(all="ignore"):
            evaluate, shapes = _evaluator(node, varying, [part.shape for part in parts], context)
            offset = evaluate(np.zeros(starts[-1]))
            columns = [evaluate(unit) - offset for unit in np.eye(starts[-1])]
            matrix = np.stack(columns, axis=1)
            _check_affine(evaluate, matrix, offset, name)
    except np.linalg.LinAlgError:
        # Some decomposition fails on some of these points, as no affine function does.
        raise NotAffineError(name) from None
    stacked = Tracked(context.monomials.stack(parts), (int(starts[-1]),))
    ends = np.cumsum([0, *(int(np.prod(shape, dtype=int)) for shape in shapes)])
    return [
        apply_matrix(matrix[first:last], stacked, shape)
        for first, last, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
    ]


def _describe(node: Apply) -> str:
    """An Op in a word a user reads."""
    op = getattr(node.op, "core_op", node.op)
    return type(op).__name__.removesuffix("Op").lower()


def _evaluator(
    node: Apply, varying: list[Variable], shapes: list[tuple[int, ...]], context: Context
):
    """The node as a function from one flat vector to one flat vector, and its output shapes."""
    inputs = [v.type() for v in varying]
    constants = {
        v: v.type.constant_type(type=v.type, data=context.constant(v))
        for v in node.inputs
        if v not in varying and v.owner is not None
    }
    outputs = node.clone_with_new_inputs(
        [constants.get(v, dict(zip(varying, inputs, strict=True)).get(v, v)) for v in node.inputs]
    ).outputs
    function = pytensor.function(inputs, outputs, mode=PYTHON_MODE)
    ends = np.cumsum([0, *(int(np.prod(shape, dtype=int)) for shape in shapes)])

    def call(flat: np.ndarray) -> list[np.ndarray]:
        pieces = [
            flat[first:last].reshape(shape).astype(v.dtype)
            for first, last, shape, v in zip(ends[:-1], ends[1:], shapes, inputs, strict=True)
        ]
        return [np.asarray(value) for value in function(*pieces)]

    def evaluate(flat: np.ndarray) -> np.ndarray:
        return np.concatenate([value.ravel() for value in call(flat)]).astype(float)

    return evaluate, [value.shape for value in call(np.zeros(ends[-1]))]


def _check_affine(evaluate, matrix: np.ndarray, offset: np.ndarray, name: str) -> None:
    rng = np.random.default_rng(0)
    for size in (0.3, 1.0, 30.0):
        point = size * rng.normal(size=matrix.shape[1])
        error = np.abs(evaluate(point) - offset - matrix @ point)
        bound = 1e-9 * (np.abs(matrix) @ np.abs(point) + np.abs(offset) + size)
        if not np.all(error <= bound):
            raise NotAffineError(name)
