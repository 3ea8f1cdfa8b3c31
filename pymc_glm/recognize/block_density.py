"""The density of a block with smooth factors, in numbers, at any values of the other variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from pymc_glm.machine import Factor, LatentMachine
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.variational import SmoothTarget

__all__ = ["BlockDensity"]


class _Numbers(NamedTuple):
    """A factor at one point."""

    matrix: np.ndarray
    offset: np.ndarray
    parameters: dict[str, np.ndarray]


class _Rowwise(NamedTuple):
    """Log density and slope of a family, as functions of responses and parameters."""

    log_density: Callable
    slope: Callable


class BlockDensity:
    """The block's density given other variables, experts other than the smooth ones as normals.

    Its graphs are turned into functions once, for all points.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    view : ModelView
        The model.
    smooth : sequence of int
        Indices of the smooth factors.
    """

    def __init__(self, machine: LatentMachine, view: ModelView, smooth: Sequence[int]) -> None:
        self.machine, self.smooth = machine, smooth
        graphs = []
        for factor in machine.factors:
            graphs += [factor.stored_map.symbolic_values(), pt.as_tensor(factor.offset)]
            graphs += [pt.as_tensor(factor.parameters[name]) for name in factor.family.parameters]
        self._evaluate = Evaluator(graphs, [variable.value for variable in view.variables])
        self._rowwise = [_rowwise(machine.factors[index]) for index in smooth]

    def at(self, point: dict[str, np.ndarray]) -> SmoothTarget | None:
        """The density at values of the other variables; None where it is not finite."""
        numbers = self._numbers(point)
        size = self.machine.size
        precision, information = np.zeros((size, size)), np.zeros(size)
        for index, (factor, one) in enumerate(zip(self.machine.factors, numbers, strict=True)):
            if index in self.smooth:
                continue
            location, scale = factor.family.surrogate(**one.parameters)
            weight = np.broadcast_to(np.asarray(scale) ** -2.0, (factor.size,))
            precision += one.matrix.T @ (weight[:, None] * one.matrix)
            information += one.matrix.T @ (weight * (location - one.offset))
        rows = [numbers[index] for index in self.smooth]
        values = [precision, information, *(one.matrix for one in rows)]
        if not all(np.all(np.isfinite(value)) for value in values):
            return None
        parameters = [
            [np.broadcast_to(value, one.offset.shape) for value in one.parameters.values()]
            for one in rows
        ]
        return SmoothTarget(
            precision,
            information,
            np.concatenate([one.matrix for one in rows]),
            np.concatenate([one.offset for one in rows]),
            _joined([one.log_density for one in self._rowwise], parameters),
            _joined([one.slope for one in self._rowwise], parameters),
        )

    def _numbers(self, point: dict[str, np.ndarray]) -> list[_Numbers]:
        values = iter(self._evaluate(point))
        found = []
        for factor in self.machine.factors:
            matrix = factor.stored_map.matrix(next(values)).toarray()
            offset = np.broadcast_to(next(values), (factor.size,))
            parameters = {name: next(values) for name in factor.family.parameters}
            found.append(_Numbers(matrix, offset, parameters))
        return found


def _rowwise(factor: Factor) -> _Rowwise:
    t = pt.vector("t", dtype="float64")
    inputs = {name: pt.vector(name, dtype="float64") for name in factor.family.parameters}
    outputs = (factor.family.log_density(t, **inputs), factor.family.slope(t, **inputs))
    return _Rowwise(
        *(pytensor.function([t, *inputs.values()], one, mode=PYTHON_MODE) for one in outputs)
    )


def _joined(
    functions: Sequence[Callable], parameters: Sequence[list[np.ndarray]]
) -> Callable[[np.ndarray], np.ndarray]:
    """One function of the responses of all smooth factors, shape (batch, m)."""
    ends = np.cumsum([own[0].size for own in parameters])[:-1]

    def evaluate(t: np.ndarray) -> np.ndarray:
        parts = []
        for part, function, own in zip(
            np.split(t, ends, axis=1), functions, parameters, strict=True
        ):
            tiled = [np.tile(value, len(t)) for value in own]
            parts.append(np.asarray(function(np.ravel(part), *tiled)).reshape(part.shape))
        return np.concatenate(parts, axis=1)

    return evaluate
