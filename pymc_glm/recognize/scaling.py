"""Prove from its graph that a quantity is a product with powers of another one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Constant, Variable
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as ps
from pytensor.scalar.math import Sigmoid, Softplus
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.dependence import static_shape, value_ancestors

__all__ = ["is_positive", "is_uniform", "is_zero", "number_of", "power_of", "rows_scale_alike"]

# Ops that repeat, select or rearrange entries of their first input.
REARRANGING = (
    AdvancedSubtensor,
    Alloc,
    CheckAndRaise,
    DimShuffle,
    Reshape,
    SpecifyShape,
    Subtensor,
)

# What the power of the one operand is multiplied by.
FACTORS = {
    (ps.Abs, ps.Cast, ps.Identity, ps.Neg, ps.Second): 1.0,
    (ps.Sign,): 0.0,
    (ps.Sqrt,): 0.5,
    (ps.Sqr,): 2.0,
    (ps.Reciprocal,): -1.0,
}


def power_of(
    graph: TensorVariable, root: TensorVariable, is_base: Callable[[Variable], bool]
) -> float | None:
    """The power p with graph = base**p times something free of the root, for a positive base.

    Parameters
    ----------
    graph : TensorVariable
        The quantity.
    root : TensorVariable
        The variable the base is a function of.
    is_base : callable
        Whether a node is the base.

    Returns
    -------
    power : float or None
        None where the graph does not prove one: where the root passes through anything but
        products, quotients, powers and exponentials.
    """
    if is_base(graph):
        return 1.0
    if root not in value_ancestors(graph):
        return 0.0
    if graph.owner is None:
        return None
    op, inputs = graph.owner.op, graph.owner.inputs
    if isinstance(op, REARRANGING):
        free = all(root not in value_ancestors(other) for other in inputs[1:])
        checked = isinstance(op, CheckAndRaise)
        return power_of(inputs[0], root, is_base) if free or checked else None
    if not isinstance(op, Elemwise):
        return None
    if isinstance(op.scalar_op, ps.Exp) and is_base(pt.exp(root)):
        return _slope(inputs[0], root)
    powers = [power_of(variable, root, is_base) for variable in _operands(op, inputs)]
    if any(power is None for power in powers):
        return None
    return _combined(op.scalar_op, [float(power) for power in powers if power is not None], inputs)


def is_zero(graph: Variable) -> bool:
    """Whether a graph is the constant zero."""
    return number_of(graph) == 0.0


def _operands(op: Elemwise, inputs: list[Variable]) -> list[Variable]:
    """Inputs whose powers matter: not the exponent of a power, nor the shape of a fill."""
    if isinstance(op.scalar_op, ps.Pow):
        return inputs[:1]
    return inputs[1:] if isinstance(op.scalar_op, ps.Second) else inputs


def _combined(scalar_op: object, powers: list[float], inputs: list[Variable]) -> float | None:
    if isinstance(scalar_op, ps.Mul):
        return sum(powers)
    if isinstance(scalar_op, ps.TrueDiv):
        return powers[0] - powers[1]
    if isinstance(scalar_op, ps.Pow):
        exponent = number_of(inputs[1])
        return None if exponent is None else powers[0] * exponent
    for kinds, factor in FACTORS.items():
        if isinstance(scalar_op, kinds):
            return powers[0] * factor
    return None


def number_of(variable: Variable) -> float | None:
    """The one number that a constant holds, with or without added axes."""
    while variable.owner is not None and isinstance(variable.owner.op, DimShuffle):
        variable = variable.owner.inputs[0]
    if not isinstance(variable, Constant) or np.unique(variable.data).size != 1:
        return None
    return float(np.ravel(variable.data)[0])


def _slope(graph: Variable, root: Variable) -> float | None:
    """The number b with graph = b * root + something free of the root."""
    if graph is root:
        return 1.0
    if root not in value_ancestors(graph):
        return 0.0
    if graph.owner is None or not isinstance(graph.owner.op, Elemwise | DimShuffle):
        return None
    op, inputs = graph.owner.op, graph.owner.inputs
    slopes = [_slope(variable, root) for variable in inputs]
    if isinstance(op, DimShuffle):
        return slopes[0]
    known = [slope for slope in slopes if slope is not None]
    if len(known) < len(slopes):
        return None
    if isinstance(op.scalar_op, ps.Add):
        return sum(known)
    if isinstance(op.scalar_op, ps.Sub):
        return known[0] - known[1]
    if isinstance(op.scalar_op, ps.Neg):
        return -known[0]
    if isinstance(op.scalar_op, ps.Mul | ps.TrueDiv) and len(inputs) == 2:
        return _scaled_slope(op.scalar_op, inputs, known)
    return None


def _scaled_slope(scalar_op: object, inputs: list[Variable], slopes: list[float]) -> float | None:
    """Slope of a product or quotient with one constant number."""
    numbers = [number_of(variable) for variable in inputs]
    if numbers[1] is not None:
        return (
            slopes[0] / numbers[1] if isinstance(scalar_op, ps.TrueDiv) else slopes[0] * numbers[1]
        )
    if numbers[0] is not None and isinstance(scalar_op, ps.Mul):
        return slopes[1] * numbers[0]
    return None


def rows_scale_alike(graph: TensorVariable, root: TensorVariable) -> bool:
    """Whether a change of the root multiplies all entries of a graph by one number.

    Parameters
    ----------
    graph : TensorVariable
        The quantity, of any shape.
    root : TensorVariable
        The variable that changes.

    Returns
    -------
    alike : bool
        True only where the graph proves it: where the root enters through single numbers that
        multiply the rest.
    """
    single = {}

    def is_single(variable: Variable) -> bool:
        if variable not in single:
            shape = static_shape(variable)
            single[variable] = int(np.prod(shape, dtype=int)) == 1
        return single[variable] and root in value_ancestors(variable)

    return power_of(graph, root, is_single) is not None


# Positive for any argument, and for positive arguments.
ALWAYS_POSITIVE = (ps.Exp, Sigmoid, Softplus)
KEEPING_POSITIVE = (ps.Cast, ps.Identity, ps.Mul, ps.Reciprocal, ps.Sqr, ps.Sqrt, ps.TrueDiv)


def is_positive(graph: Variable) -> bool:
    """Whether the form of a graph proves all its entries positive, rounding to zero apart.

    Parameters
    ----------
    graph : Variable
        A graph of value variables.

    Returns
    -------
    positive : bool
    """
    if isinstance(graph, Constant):
        return bool(np.all(np.asarray(graph.data) > 0))
    if graph.owner is None:
        return False
    op, inputs = graph.owner.op, graph.owner.inputs
    if isinstance(op, REARRANGING):
        return is_positive(inputs[0])
    if not isinstance(op, Elemwise):
        return False
    if isinstance(op.scalar_op, ALWAYS_POSITIVE):
        return True
    if isinstance(op.scalar_op, ps.Add):
        return all(_is_not_negative(v) for v in inputs) and any(is_positive(v) for v in inputs)
    if isinstance(op.scalar_op, ps.Second):
        return is_positive(inputs[1])
    if isinstance(op.scalar_op, ps.Pow):
        return is_positive(inputs[0])
    if isinstance(op.scalar_op, KEEPING_POSITIVE):
        return all(is_positive(v) for v in inputs)
    return False


def _is_not_negative(graph: Variable) -> bool:
    if isinstance(graph, Constant):
        return bool(np.all(np.asarray(graph.data) >= 0))
    owner = graph.owner
    if owner is not None and isinstance(owner.op, Elemwise):
        if isinstance(owner.op.scalar_op, ps.Sqr | ps.Abs):
            return True
    if owner is not None and isinstance(owner.op, DimShuffle):
        return _is_not_negative(owner.inputs[0])
    return is_positive(graph)


def is_uniform(graph: Variable) -> bool:
    """Whether the form of a graph proves all its entries equal.

    Parameters
    ----------
    graph : Variable
        A graph of value variables.

    Returns
    -------
    uniform : bool
    """
    if isinstance(graph, Constant):
        return np.unique(np.asarray(graph.data)).size <= 1
    if int(np.prod(static_shape(graph), dtype=int)) <= 1:
        return True
    if graph.owner is None:
        return False
    op, inputs = graph.owner.op, graph.owner.inputs
    if isinstance(op, REARRANGING):
        return is_uniform(inputs[0])
    if not isinstance(op, Elemwise):
        return False
    inputs = inputs[1:] if isinstance(op.scalar_op, ps.Second) else inputs
    return all(is_uniform(variable) for variable in inputs)
