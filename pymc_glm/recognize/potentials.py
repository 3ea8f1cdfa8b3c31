"""Match potentials: split them into elementwise parts, find the affine response, identify phi.

A potential is a sum of parts ``coefficient * sum_i phi((K x + c)_i; theta)``. Each part is cut at
its largest affine subgraph; what is left is a univariate function, which is identified from a few
evaluations. Its parameters are graphs, made by putting numbers in place of the response.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable, equal_computations
from pytensor.graph.replace import clone_replace
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as ps
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.affine import pullback_conflicts
from pymc_glm.recognize.dependence import static_shape, value_ancestors
from pymc_glm.recognize.evaluate import scalar
from pymc_glm.recognize.fingerprint import fingerprint
from pymc_glm.recognize.registry import Match, MatchRefusal

__all__ = ["match_potential"]


class Part(NamedTuple):
    """``coefficient * sum(graph)``, the coefficient free of the block."""

    graph: TensorVariable
    coefficient: TensorVariable


def match_potential(
    log_density: TensorVariable, block: list[TensorVariable]
) -> list[Match] | MatchRefusal:
    """Match a potential by the univariate functions it is made of.

    Parameters
    ----------
    log_density : TensorVariable, shape ()
        The potential's sum, over value variables.
    block : list of TensorVariable
        Value variables that may be in the block.

    Returns
    -------
    matches : list of Match or MatchRefusal
    """
    matches: list[Match] = []
    parts = _parts(Part(log_density, pt.constant(1.0)), block)
    free = [part for part in parts if not _mentions(part.graph, block)]
    for part in parts:
        if any(part is other for other in free):
            continue
        found = _match_part(part, block)
        if isinstance(found, MatchRefusal):
            return found
        matches.append(found)
    if not free:
        return matches
    rest = sum(pt.sum(part.graph) * part.coefficient for part in free)
    return [matches[0]._replace(correction=matches[0].correction + rest), *matches[1:]]


def _mentions(graph: Variable, block: list[TensorVariable]) -> bool:
    return not set(block).isdisjoint(value_ancestors(graph))


def _parts(part: Part, block: list[TensorVariable]) -> list[Part]:
    """Split at sums, signs, block-free multiples and checks."""
    graph, coefficient = part
    if graph.owner is None or not _mentions(graph, block):
        return [part]
    op, inputs = graph.owner.op, graph.owner.inputs
    if isinstance(op, Sum | CheckAndRaise):
        return _parts(Part(inputs[0], coefficient), block)
    if isinstance(op, DimShuffle):
        # It neither drops nor repeats entries, so the sum stays what it was.
        return _parts(Part(inputs[0], coefficient), block)
    if not isinstance(op, Elemwise):
        return [part]
    scalar_op = op.scalar_op
    if isinstance(scalar_op, ps.Neg):
        return _parts(Part(inputs[0], -coefficient), block)
    if isinstance(scalar_op, ps.Add | ps.Sub):
        return _split_sum(part, inputs, isinstance(scalar_op, ps.Sub), block)
    if isinstance(scalar_op, ps.Mul | ps.TrueDiv):
        return _split_multiple(part, block)
    return [part]


def _split_sum(part: Part, inputs, is_difference: bool, block) -> list[Part]:
    found = []
    for position, summand in enumerate(inputs):
        sign = -1.0 if is_difference and position == 1 else 1.0
        repeats = _size(part.graph) / _size(summand)
        found += _parts(Part(summand, part.coefficient * (sign * repeats)), block)
    return found


def _split_multiple(part: Part, block) -> list[Part]:
    """Move block-free scalar factors into the coefficient."""
    graph, coefficient = part
    inputs = graph.owner.inputs
    dependent = [i for i, variable in enumerate(inputs) if _mentions(variable, block)]
    if len(dependent) != 1:
        return [part]
    [position] = dependent
    is_quotient = isinstance(graph.owner.op.scalar_op, ps.TrueDiv)
    if is_quotient and position == 1:
        return [part]
    others = [variable for i, variable in enumerate(inputs) if i != position]
    if any(_size(other) != 1 for other in others) or _size(inputs[position]) != _size(graph):
        return [part]
    for other in others:
        number = scalar(other)
        coefficient = coefficient / number if is_quotient else coefficient * number
    return _parts(Part(inputs[position], coefficient), block)


def _size(graph: TensorVariable) -> int:
    return int(np.prod(static_shape(graph), dtype=int))


def _match_part(part: Part, block: list[TensorVariable]) -> Match | MatchRefusal:
    if _is_affine(part.graph, block):
        return MatchRefusal("it is linear in the block, which no family here represents alone")
    frontier = _frontier(part.graph, block)
    if isinstance(frontier, MatchRefusal):
        return frontier
    different = [other for other in frontier if not equal_computations([other], frontier[:1])]
    if different:
        return MatchRefusal(
            f"it is a function of {len(different) + 1} different affine expressions at once"
        )
    response = frontier[0]
    if _size(response) != _size(part.graph):
        return MatchRefusal("its affine expression is broadcast before it is summed")
    probe = response.type()
    [function] = clone_replace(
        [part.graph * part.coefficient], dict.fromkeys(frontier, probe), rebuild_strict=False
    )
    if _mentions(function, block):
        return MatchRefusal("the block enters outside its affine expression")
    return fingerprint(function, probe, response)


def _frontier(graph: Variable, block) -> list[TensorVariable] | MatchRefusal:
    """Largest affine subgraphs under elementwise functions."""
    found: list[TensorVariable] = []
    seen: set[Variable] = set()
    stack = [graph]
    while stack:
        variable = stack.pop()
        if variable in seen or not _mentions(variable, block):
            continue
        seen.add(variable)
        if variable is not graph and _is_affine(variable, block):
            response = _without_multiples(variable, block)
            found += [] if response in found else [response]
            continue
        if variable.owner is None or not isinstance(variable.owner.op, Elemwise | CheckAndRaise):
            name = "a variable" if variable.owner is None else str(variable.owner.op)
            return MatchRefusal(f"{name} is neither affine nor elementwise in the block")
        stack += variable.owner.inputs
    return found


def _without_multiples(response: Variable, block) -> Variable:
    """An affine response without the numbers of other variables that multiply all of it.

    They are left to the univariate function, as its scale: the map is then constant.
    """
    while response.owner is not None and isinstance(response.owner.op, Elemwise):
        inputs = response.owner.inputs
        inner = [variable for variable in inputs if _mentions(variable, block)]
        is_quotient = isinstance(response.owner.op.scalar_op, ps.TrueDiv)
        if not (is_quotient or isinstance(response.owner.op.scalar_op, ps.Mul)):
            break
        if len(inner) != 1 or (is_quotient and inner[0] is not inputs[0]):
            break
        others = [variable for variable in inputs if variable is not inner[0]]
        if any(_size(other) != 1 for other in others) or _size(inner[0]) != _size(response):
            break
        response = inner[0]
    return response


def _is_affine(graph: Variable, block: list[TensorVariable]) -> bool:
    if graph.type.dtype not in ("float64", "float32"):
        return False
    [report] = pullback_conflicts([graph], block)
    return report.reason is None and not any(report.conflicts.values())
