"""Which entry of a variable each entry of a graph depends on, where it depends on one at most."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as ps
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.dependence import PYTHON_MODE, evaluate, static_shape, value_ancestors

__all__ = ["FREE", "entries_of"]

# Marks an entry that does not depend on the variable.
FREE = -1

# Ops that repeat, select or rearrange entries of their first input; the others are positions.
SELECTING = (
    AdvancedSubtensor,
    Alloc,
    DimShuffle,
    Reshape,
    SpecifyShape,
    Subtensor,
)


class _SeveralEntries(Exception):
    """Some entry depends on several entries of the variable, or on one in an unknown way."""


def entries_of(graph: TensorVariable, root: TensorVariable) -> np.ndarray | None:
    """Find the one entry of a variable that each entry of a graph depends on.

    Parameters
    ----------
    graph : TensorVariable, any shape
        A graph of value variables of static shape.
    root : TensorVariable
        The variable.

    Returns
    -------
    entries : ndarray of int64 or None
        Of the shape of the graph: positions in the flattened root, `FREE` where an entry of the
        graph does not depend on it. None where an entry depends on several.

    Examples
    --------
    Scales of groups, spread over the rows::

        import numpy as np
        import pytensor.tensor as pt
        from pymc_glm.recognize.entries import entries_of

        s = pt.tensor("s", shape=(2,))
        entries_of(pt.exp(s)[np.array([0, 1, 1])], s)  # array([0, 1, 1])
    """
    try:
        return _entries(graph, root, {})
    except _SeveralEntries:
        return None


def _entries(variable: Variable, root: Variable, known: dict[Variable, np.ndarray]) -> np.ndarray:
    if variable not in known:
        known[variable] = _entries_of_one(variable, root, known)
    return known[variable]


def _entries_of_one(variable: Variable, root: Variable, known) -> np.ndarray:
    shape = static_shape(variable)
    if variable is root:
        return np.arange(int(np.prod(shape, dtype=int)), dtype=np.int64).reshape(shape)
    if root not in value_ancestors(variable):
        return np.full(shape, FREE, dtype=np.int64)
    node = variable.owner
    if node is None:
        raise _SeveralEntries
    if isinstance(node.op, CheckAndRaise):
        return _entries(node.inputs[0], root, known)
    if isinstance(node.op, Elemwise):
        inputs = node.inputs[1:] if isinstance(node.op.scalar_op, ps.Second) else node.inputs
        parts = [_entries(part, root, known) for part in inputs]
        return _agreeing(parts, shape)
    if isinstance(node.op, SELECTING):
        if any(root in value_ancestors(other) for other in node.inputs[1:]):
            raise _SeveralEntries
        return _applied(node, {node.inputs[0]: _entries(node.inputs[0], root, known)}, shape)
    if isinstance(node.op, Join | MakeVector):
        return _applied(node, {v: _entries(v, root, known) for v in node.inputs}, shape)
    raise _SeveralEntries


def _agreeing(parts: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Entries of an elementwise result, whose operands must not disagree."""
    total = np.full(shape, FREE, dtype=np.int64)
    for part in parts:
        part = np.broadcast_to(part, shape)
        if np.any((total >= 0) & (part >= 0) & (total != part)):
            raise _SeveralEntries
        total = np.maximum(total, part)
    return total


def _applied(node: Apply, parts: dict[Variable, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Positions rearranged as a node rearranges values."""
    others = [v for v in node.inputs if v not in parts and not isinstance(v, Constant)]
    numbers = dict(zip(others, evaluate(others), strict=True))
    inputs = []
    for v in node.inputs:
        if v in parts:
            v = pt.constant(parts[v], dtype="int64")
        elif v in numbers:
            v = v.type.constant_type(type=v.type, data=numbers[v])
        inputs.append(v)
    stacked = isinstance(node.op, MakeVector)
    result = pt.stack(inputs) if stacked else node.op.make_node(*inputs).outputs[0]
    value = pytensor.function([], result, mode=PYTHON_MODE)()
    return np.asarray(value, dtype=np.int64).reshape(shape)
