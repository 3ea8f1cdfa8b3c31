"""Slice sampling of a variable as one Op, its target being a graph."""

from __future__ import annotations

import hashlib

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytensor

from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.type import random_generator_type
from pytensor.tensor.variable import TensorVariable

__all__ = ["SliceUpdate", "slice_update"]

WIDTH = 1.0
MOST_STEPS = 60
NOT_FINITE = "The log density of a scale is not finite at its current value"


class SliceUpdate(Op):
    """Slice sampling with stepping out and shrinkage, one entry of a variable after the other.

    Parameters
    ----------
    inputs : list of Variable
        The variable, then whatever else the target mentions.
    target : TensorVariable, shape ()
        Log density of the variable, up to a constant.

    References
    ----------
    Neal (2003), doi:10.1214/aos/1056562461.
    """

    def __init__(self, inputs: list[Variable], target: TensorVariable) -> None:
        self.fgraph = FunctionGraph(inputs, [target], clone=True)
        get_mode("NUMBA").excluding("inplace").optimizer.rewrite(self.fgraph)
        self.destroy_map = {0: [0]}
        self._function: Callable | None = None

    def __setstate__(self, state: dict) -> None:
        # An unpickled graph is compiled without make_node.
        self.__dict__.update(state)
        import_module("pymc_glm.sweep.numba_dispatch")

    def make_node(self, rng: Variable, *inputs: Variable) -> Apply:
        """Apply to a generator, the variable's current value and what the target mentions."""
        import_module("pymc_glm.sweep.numba_dispatch")
        return Apply(self, [rng, *inputs], [random_generator_type(), inputs[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Run the update in Python."""
        rng, start, *rest = inputs
        function = self._function
        if function is None:
            function = pytensor.function(
                list(self.fgraph.inputs),
                self.fgraph.outputs[0],
                mode=Mode(linker="py", optimizer=None),
                on_unused_input="ignore",
            )
            self._function = function
        output_storage[0][0] = rng
        output_storage[1][0] = slice_entries(
            rng, np.array(start, dtype=float), lambda point: float(function(point, *rest))
        )

    def __str__(self) -> str:
        return "SliceUpdate"

    def cache_key(self, graph_key: str) -> str:
        """Key of the compiled update, given the key of its target."""
        text = f"SliceUpdate-4-{WIDTH}-{MOST_STEPS}-{graph_key}"
        return hashlib.sha256(text.encode()).hexdigest()


def slice_entries(rng: np.random.Generator, point: np.ndarray, target: Callable) -> np.ndarray:
    """Update each entry of a point in turn, in Python: the reference of the compiled update."""
    for index in np.ndindex(point.shape):
        point = _slice_entry(rng, point, index, target)
    return point


def _slice_entry(rng, point, index, target) -> np.ndarray:
    def at(value: float) -> float:
        moved = point.copy()
        moved[index] = value
        return target(moved)

    start = float(point[index])
    level = at(start) - rng.standard_exponential()
    if not (np.isfinite(level) and np.isfinite(start)):
        raise ArithmeticError(NOT_FINITE)
    left = start - WIDTH * rng.random()
    right = left + WIDTH
    budget = int(MOST_STEPS * rng.random())
    other = MOST_STEPS - 1 - budget
    while budget > 0 and at(left) > level:
        left -= WIDTH
        budget -= 1
    while other > 0 and at(right) > level:
        right += WIDTH
        other -= 1
    while True:
        proposal = left + (right - left) * rng.random()
        if proposal == start or at(proposal) > level:
            break
        if proposal < start:
            left = proposal
        else:
            right = proposal
    updated = point.copy()
    updated[index] = proposal
    return updated


def slice_update(
    rng: Variable,
    current: TensorVariable,
    proposal: TensorVariable,
    target: TensorVariable,
) -> tuple[Variable, TensorVariable]:
    """Update each entry of a variable in turn by slice sampling.

    Parameters
    ----------
    rng : Variable
        Random generator.
    current : TensorVariable
        The variable's current value, of any shape.
    proposal : TensorVariable
        Placeholder of the variable in the target, of the same shape.
    target : TensorVariable, shape ()
        Log density of the proposal; everything in it that is free of the proposal is computed
        once, outside the update.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    updated : TensorVariable
        The new value.
    """
    frontier = _free_frontier(target, proposal)
    placeholders = {variable: variable.type() for variable in frontier}
    [inner] = graph_replace([target], placeholders, strict=False) if placeholders else [target]
    op = SliceUpdate([proposal, *placeholders.values()], inner)
    next_rng, updated = op(rng, current, *frontier)
    return next_rng, updated


def _free_frontier(target: Variable, proposal: Variable) -> list[Variable]:
    """Largest subgraphs of the target that do not mention the proposal, scalar constants apart."""
    dependent: dict[Variable, bool] = {}

    def mentions(variable: Variable) -> bool:
        if variable not in dependent:
            dependent[variable] = proposal in set(ancestors([variable]))
        return dependent[variable]

    found: dict[Variable, None] = {}
    seen: set[Variable] = set()
    stack = [target]
    while stack:
        variable = stack.pop()
        if variable in seen or variable is proposal:
            continue
        seen.add(variable)
        if mentions(variable):
            stack += variable.owner.inputs
        elif not (isinstance(variable, Constant) and getattr(variable.type, "ndim", 0) == 0):
            found[variable] = None
    return list(found)
