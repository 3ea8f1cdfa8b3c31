"""Evaluate small graphs without compiling them: recognition must not pay for a compiler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytensor

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.dependence import PYTHON_MODE, expand, value_ancestors

__all__ = ["Evaluator", "depends_on", "scalar"]


def depends_on(graph: Variable, variables: Sequence[Variable]) -> set[Variable]:
    """The given variables that the value of a graph depends on."""
    return set(variables).intersection(value_ancestors(graph))


class Evaluator:
    """Evaluate graphs at values of their variables, given by name.

    Parameters
    ----------
    graphs : sequence of Variable
        Graphs of value variables.
    variables : sequence of TensorVariable
        Value variables they may mention.
    """

    def __init__(self, graphs: Sequence[Variable], variables: Sequence[Variable]) -> None:
        self._names = [variable.name for variable in variables]
        # Ops made of a graph would be compiled in C. Assertions would raise where a random point
        # is outside the support; without them the values there are NaN or infinite.
        self._function = pytensor.function(
            list(variables), expand(graphs), mode=PYTHON_MODE, on_unused_input="ignore"
        )

    def __call__(self, point: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The graphs' values at a point; other keys of the point are ignored."""
        values = [np.asarray(point[name]) for name in self._names]
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in self._function(*values)]


def scalar(graph: TensorVariable) -> TensorVariable:
    """A graph with a single entry, of whatever shape, as one of shape ()."""
    if all(length == 1 for length in graph.type.shape):
        return graph.squeeze()
    return graph.flatten()[0]
