"""Hamiltonian moves in coordinates in which a Gaussian reference is standard normal.

The Hamiltonian is split: the motion under the reference is a rotation of position and velocity, in
closed form, and what the target differs from the reference pushes the velocity in between. If they
are the same the move is an independent draw, and is always accepted.
"""

from __future__ import annotations

import hashlib

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, final

import numpy as np
import pytensor

from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.graph.replace import graph_replace
from pytensor.tensor.random.type import random_generator_type
from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import ANGLE
from pymc_glm.sweep.target_ops import free_frontier

__all__ = ["HamiltonianUpdate", "hamiltonian_update"]

# Now and then a move takes finer steps, so that no chain is stuck where the usual ones are too
# coarse: far from the reference, or at unusual scales.
CAREFUL_SHARE, CAREFUL = 0.05, 6
NOT_FINITE = "The log density of the block is not finite at its current value"


@final
class HamiltonianUpdate(Op):
    """One move that leaves exp(excess(z) - z'z / 2) invariant, excess and gradient given as graphs.

    Parameters
    ----------
    inputs : list of Variable
        The coordinates z, then whatever else the graphs mention.
    excess : TensorVariable, shape ()
        Log density of the target over that of the reference, up to a constant.
    gradient : TensorVariable, shape (n,)
        Its gradient by z.
    steps : int
        Number of rotations.
    spread : float
        Relative half-width of the uniform law of the angle of a move.

    References
    ----------
    Shahbaba, Lan, Johnson and Neal (2014), doi:10.1007/s11222-012-9373-1.
    """

    def __init__(
        self,
        inputs: list[Variable],
        excess: TensorVariable,
        gradient: TensorVariable,
        steps: int,
        spread: float,
    ) -> None:
        self.graphs = tuple(FunctionGraph(inputs, [one], clone=True) for one in (excess, gradient))
        for graph in self.graphs:
            get_mode("NUMBA").excluding("inplace").optimizer.rewrite(graph)
        self.steps = steps
        self.spread = spread
        self.destroy_map = {0: [0]}
        self._functions: list[Callable] = []

    def __setstate__(self, state: dict) -> None:
        # An unpickled graph is compiled without make_node.
        self.__dict__.update(state)
        import_module("pymc_glm.sweep.hamiltonian_dispatch")

    def make_node(self, rng: Variable, *inputs: Variable) -> Apply:
        """Apply to a generator, the current coordinates and what the graphs mention."""
        import_module("pymc_glm.sweep.hamiltonian_dispatch")
        return Apply(self, [rng, *inputs], [random_generator_type(), inputs[0].type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Run the move in Python: the reference of the compiled one."""
        rng, start, *rest = inputs
        if not self._functions:
            self._functions = [
                pytensor.function(
                    list(graph.inputs),
                    graph.outputs[0],
                    mode=Mode(linker="py", optimizer=None),
                    on_unused_input="ignore",
                )
                for graph in self.graphs
            ]
        excess, gradient = self._functions
        z = np.array(start)
        v = np.array([rng.standard_normal() for _ in range(z.size)])
        before = float(excess(z, *rest)) - 0.5 * (z @ z + v @ v)
        if not np.isfinite(before):
            raise ArithmeticError(NOT_FINITE)
        steps = self.steps * CAREFUL if rng.random() < CAREFUL_SHARE else self.steps
        angle = ANGLE * (1.0 + self.spread * (2.0 * rng.random() - 1.0)) / steps
        v = v + 0.5 * angle * gradient(z, *rest)
        for step in range(steps):
            z, v = np.cos(angle) * z + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * z
            push = angle if step < steps - 1 else 0.5 * angle
            v = v + push * gradient(z, *rest)
        after = float(excess(z, *rest)) - 0.5 * (z @ z + v @ v)
        output_storage[0][0] = rng
        output_storage[1][0] = z if -rng.standard_exponential() < after - before else start

    def __str__(self) -> str:
        return "HamiltonianUpdate"

    def cache_key(self, graph_keys: Sequence[str]) -> str:
        """Key of the compiled move, given the keys of its graphs."""
        numbers = (ANGLE, CAREFUL_SHARE, CAREFUL, self.steps, self.spread)
        text = f"hamiltonian-2-{numbers}-{graph_keys}"
        return hashlib.sha256(text.encode()).hexdigest()


def hamiltonian_update(
    rng: Variable,
    current: TensorVariable,
    proposal: TensorVariable,
    excess: TensorVariable,
    gradient: TensorVariable,
    steps: int,
    spread: float,
) -> tuple[Variable, TensorVariable]:
    """Move standard normal coordinates of a Gaussian reference.

    Parameters
    ----------
    rng : Variable
        Random generator.
    current : TensorVariable, shape (n,)
        Current coordinates.
    proposal : TensorVariable, shape (n,)
        Placeholder of the coordinates in the graphs.
    excess : TensorVariable, shape ()
        Log density of the target over that of the reference at the placeholder, up to a constant;
        what is free of the placeholder is computed once, outside the move.
    gradient : TensorVariable, shape (n,)
        Its gradient by the placeholder.
    steps : int
        Number of rotations.
    spread : float
        Relative half-width of the uniform law of the angle of a move.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    updated : TensorVariable, shape (n,)
        The new coordinates.
    """
    frontier = dict.fromkeys([*free_frontier(excess, proposal), *free_frontier(gradient, proposal)])
    placeholders = {variable: variable.type() for variable in frontier}
    one, other = graph_replace([excess, gradient], placeholders, strict=False)
    op = HamiltonianUpdate([proposal, *placeholders.values()], one, other, steps, spread)
    next_rng, updated = op(rng, current, *frontier)
    return next_rng, updated
