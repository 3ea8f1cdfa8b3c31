"""Updates of a variable as one Op, its target being a graph: slice sampling, flips."""

from __future__ import annotations

import hashlib

from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, ClassVar, final

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

__all__ = [
    "AbstractTargetUpdate",
    "FlipUpdate",
    "RowwiseSliceUpdate",
    "SliceUpdate",
    "flip_update",
    "free_frontier",
    "rowwise_slice_update",
    "slice_update",
]

WIDTH = 1.0
MOST_STEPS = 60
NOT_FINITE = "The log density of a scale is not finite at its current value"


class AbstractTargetUpdate(Op):
    """An update that leaves a target invariant, the target given as a graph.

    Slice sampling is with stepping out and shrinkage.

    Parameters
    ----------
    inputs : list of Variable
        The variable, then whatever else the target mentions.
    target : TensorVariable
        Log density of the variable, up to a constant.
    width : float
        How far the first interval reaches. It decides how often the target is evaluated, not
        what is drawn.

    References
    ----------
    Neal (2003), doi:10.1214/aos/1056562461.
    """

    kind: ClassVar[str]

    def __init__(self, inputs: list[Variable], target: TensorVariable, width: float) -> None:
        self.fgraph = FunctionGraph(inputs, [target], clone=True)
        get_mode("NUMBA").excluding("inplace").optimizer.rewrite(self.fgraph)
        self.width = width
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

    @abstractmethod
    def draw(self, rng: np.random.Generator, start: np.ndarray, target: Callable) -> np.ndarray:
        """Update in Python: the reference of the compiled update."""

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
        output_storage[1][0] = self.draw(rng, np.array(start), lambda point: function(point, *rest))

    def __str__(self) -> str:
        return self.kind

    def cache_key(self, graph_key: str) -> str:
        """Key of the compiled update, given the key of its target."""
        text = f"{self.kind}-5-{self.width}-{MOST_STEPS}-{graph_key}"
        return hashlib.sha256(text.encode()).hexdigest()


@final
class SliceUpdate(AbstractTargetUpdate):
    """Slice sampling of one entry of a variable after the other; the target has shape ()."""

    kind = "SliceUpdate"

    def draw(self, rng: np.random.Generator, start: np.ndarray, target: Callable) -> np.ndarray:
        """Update each entry in turn, in Python."""
        point = start
        for index in np.ndindex(point.shape):
            point = self._draw_entry(rng, point, index, target)
        return point

    def _draw_entry(self, rng, point, index, target) -> np.ndarray:
        def at(value: float) -> float:
            moved = point.copy()
            moved[index] = value
            return float(target(moved))

        start = float(point[index])
        level = at(start) - rng.standard_exponential()
        if not (np.isfinite(level) and np.isfinite(start)):
            raise ArithmeticError(NOT_FINITE)
        left = start - self.width * rng.random()
        right = left + self.width
        budget = int(MOST_STEPS * rng.random())
        other = MOST_STEPS - 1 - budget
        while budget > 0 and at(left) > level:
            left -= self.width
            budget -= 1
        while other > 0 and at(right) > level:
            right += self.width
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


@final
class RowwiseSliceUpdate(AbstractTargetUpdate):
    """Slice sampling of all entries at once; the target has an entry for each, and no others."""

    kind = "RowwiseSliceUpdate"

    def draw(self, rng: np.random.Generator, start: np.ndarray, target: Callable) -> np.ndarray:
        """Update all entries at once, in Python."""
        first = np.ravel(start).copy()

        def at(values: np.ndarray) -> np.ndarray:
            return np.ravel(target(values.reshape(start.shape)))

        size = first.size
        level = at(first) - np.array([rng.standard_exponential() for _ in range(size)])
        if not np.all(np.isfinite(level) & np.isfinite(first)):
            raise ArithmeticError(NOT_FINITE)
        left, budget = np.empty(size), np.empty(size)
        for j in range(size):
            left[j] = first[j] - self.width * rng.random()
            budget[j] = int(MOST_STEPS * rng.random())
        right = left + self.width
        other = MOST_STEPS - 1 - budget
        for edge, steps, sign in ((left, budget, -1.0), (right, other, 1.0)):
            while True:
                outside = (steps > 0) & (at(edge) > level)
                if not outside.any():
                    break
                edge[outside] += sign * self.width
                steps[outside] -= 1
                steps[~outside] = 0
        point, waiting = first.copy(), np.ones(size, dtype=bool)
        while waiting.any():
            for k in np.flatnonzero(waiting):
                point[k] = left[k] + (right[k] - left[k]) * rng.random()
            density = at(point)
            for k in np.flatnonzero(waiting):
                if point[k] == first[k] or density[k] > level[k]:
                    waiting[k] = False
                elif point[k] < first[k]:
                    left[k] = point[k]
                else:
                    right[k] = point[k]
        return point.reshape(start.shape)


@final
class FlipUpdate(AbstractTargetUpdate):
    """Gibbs updates of indicators, one after the other, by the target at zero and at one."""

    kind = "FlipUpdate"

    def draw(self, rng: np.random.Generator, start: Any, target: Callable) -> np.ndarray:
        """Update each indicator in turn, in Python."""
        point = start
        here = float(target(point))
        if not np.isfinite(here):
            raise ArithmeticError(NOT_FINITE)
        for index in np.ndindex(point.shape):
            point[index] = 1 - point[index]
            there = float(target(point))
            if rng.random() * (1.0 + np.exp(here - there)) < 1.0:
                here = there
            else:
                point[index] = 1 - point[index]
        return point


def slice_update(
    rng: Variable,
    current: TensorVariable,
    proposal: TensorVariable,
    target: TensorVariable,
    width: float = WIDTH,
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
    width : float
        First width of the interval, on the scale of the variable.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    updated : TensorVariable
        The new value.
    """
    return _apply(SliceUpdate, rng, current, proposal, target, width)


def rowwise_slice_update(
    rng: Variable,
    current: TensorVariable,
    proposal: TensorVariable,
    target: TensorVariable,
    width: float = WIDTH,
) -> tuple[Variable, TensorVariable]:
    """Update all entries of a variable at once by slice sampling.

    Parameters
    ----------
    rng, current, proposal, width
        As in `slice_update`.
    target : TensorVariable, shape (size,)
        Log density of each entry, which depends on no other entry.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    updated : TensorVariable
        The new value.
    """
    return _apply(RowwiseSliceUpdate, rng, current, proposal, target, width)


def flip_update(
    rng: Variable, current: TensorVariable, proposal: TensorVariable, target: TensorVariable
) -> tuple[Variable, TensorVariable]:
    """Update indicators, one after the other, each from its conditional.

    Parameters
    ----------
    rng, current, proposal, target
        As in `slice_update`; entries of the variable are zero or one.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    updated : TensorVariable
        The new value.
    """
    return _apply(FlipUpdate, rng, current, proposal, target, WIDTH)


def _apply(
    kind: type[AbstractTargetUpdate], rng, current, proposal, target, width: float
) -> tuple[Variable, TensorVariable]:
    frontier = free_frontier(target, proposal)
    placeholders = {variable: variable.type() for variable in frontier}
    [inner] = graph_replace([target], placeholders, strict=False) if placeholders else [target]
    op = kind([proposal, *placeholders.values()], inner, width)
    next_rng, updated = op(rng, current, *frontier)
    return next_rng, updated


def free_frontier(target: Variable, proposal: Variable) -> list[Variable]:
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
