"""Which variables the value of a graph depends on, and its numbers where it depends on none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import cast

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt

from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import Mode
from pytensor.compile.rewriting import inline_ofg_node
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors, explicit_graph_inputs, toposort, walk
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.shape import Shape, Shape_i, SpecifyShape
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "PYTHON_MODE",
    "dependent_variables",
    "evaluate",
    "expand",
    "is_known",
    "simplify",
    "static_shape",
    "value_ancestors",
    "zeros_for",
]

# Small graphs of constants, run once: compiling them would cost more than running them.
PYTHON_MODE = Mode(linker="py", optimizer="None")


def _value_inputs(node: Apply) -> list[Variable]:
    """Inputs whose values matter, not only their shapes."""
    op = node.op
    if isinstance(op, Shape | Shape_i):
        return []
    if isinstance(op, SpecifyShape | CheckAndRaise):
        return node.inputs[:1]
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, ps.Second):
        return node.inputs[1:]
    return node.inputs


def value_ancestors(variable: Variable) -> set[Variable]:
    """Variables whose values reach `variable`, itself included.

    Unlike `pytensor.graph.traversal.ancestors`, it does not follow shapes.
    """
    return set(walk([variable], lambda v: _value_inputs(v.owner) if v.owner else None))


def is_known(graph: Variable) -> bool:
    """Whether a graph is made of constants alone."""
    return all(
        variable.owner is not None or isinstance(variable, Constant)
        for variable in value_ancestors(graph)
    )


def dependent_variables(
    outputs: Sequence[Variable], roots: Collection[Variable]
) -> tuple[list[Apply], set[Variable]]:
    """Nodes of a graph in topological order, and the variables that depend on `roots` by value.

    Parameters
    ----------
    outputs : sequence of Variable
        The graph.
    roots : collection of Variable
        Where dependence starts.

    Returns
    -------
    nodes : list of Apply
        All nodes of the graph, inputs first.
    dependent : set of Variable
        The roots and everything computed from their values.
    """
    nodes = list(toposort(outputs))
    dependent = set(roots)
    for node in nodes:
        if any(value in dependent for value in _value_inputs(node)):
            dependent.update(node.outputs)
    return nodes, dependent


@node_rewriter(None)
def _expand_node(fgraph, node):
    if isinstance(node.op, OpFromGraph):
        return inline_ofg_node(node)
    if isinstance(node.op, CheckAndRaise):
        return [node.inputs[0]]
    return None


def expand(outputs: Sequence[TensorVariable]) -> list[TensorVariable]:
    """Replace every Op made of a graph (einsum, pad, kron) by that graph, and drop assertions.

    Assertions go because they are evaluated with the block at zero, where they need not hold.

    Parameters
    ----------
    outputs : sequence of TensorVariable
        The graph, left as it is.

    Returns
    -------
    expanded : list of TensorVariable
        The same values, of the same root variables.
    """
    outputs = list(outputs)
    if not any(
        v.owner and isinstance(v.owner.op, OpFromGraph | CheckAndRaise) for v in ancestors(outputs)
    ):
        return outputs
    rewritten = rewrite_graph(
        outputs, include=(), custom_rewrite=dfs_rewriter(_expand_node), clone=True
    )
    return cast(list[TensorVariable], rewritten)


def simplify(outputs: Sequence[Variable], *more: str) -> list[TensorVariable]:
    """Canonicalise copies of graphs, together, with more sets of rewrites where named."""
    include = ("canonicalize", "ShapeOpt", *more)
    return cast(list[TensorVariable], rewrite_graph(list(outputs), include=include, clone=True))


def zeros_for(variable: Variable) -> TensorVariable:
    """Zeros of the static shape of a variable."""
    shape = variable.type.shape
    if None in shape:
        raise ValueError(
            f"The shape of {variable.name} is {shape}, not static. "
            "Freeze the model's dims and data before recognising it."
        )
    return pt.constant(np.zeros(shape, dtype=variable.type.dtype), name=f"{variable.name}_zero")


def evaluate(variables: Iterable[Variable]) -> list:
    """Values of graphs that depend on root variables through their shapes only.

    Parameters
    ----------
    variables : iterable of Variable
        Tensors, scalars or sparse matrices.

    Returns
    -------
    values : list of ndarray or scipy.sparse matrix
    """
    variables = list(variables)
    pending = [v for v in variables if not isinstance(v, Constant)]
    computed: dict[Variable, object] = {}
    if pending:
        roots = [v for v in explicit_graph_inputs(pending) if not isinstance(v, Constant)]
        zeros: dict[Variable, Variable] = {v: zeros_for(v) for v in roots}
        replaced = graph_replace(expand(pending), zeros, strict=False)
        function = pytensor.function([], replaced, mode=PYTHON_MODE)
        computed = dict(zip(pending, function(), strict=True))
    return [v.data if isinstance(v, Constant) else computed[v] for v in variables]


def static_shape(variable: Variable) -> tuple[int, ...]:
    """Shape of a tensor, read from its type or else from the shapes of the root variables."""
    shape = variable.type.shape
    if None not in shape:
        return tuple(shape)
    [value] = evaluate(simplify([pt.shape(variable)]))
    return tuple(int(length) for length in value)
