"""What a spelling is: a small PyMC model, and what must be recognised in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pymc as pm

from pymc_glm.machine import LatentMachine
from pymc_glm.recognize.evaluate import Evaluator

__all__ = ["Spelling", "conditional_gaussian", "spelling"]


class Spelling(NamedTuple):
    """One way to write a model.

    Attributes
    ----------
    id : str
        Name of the test.
    description : str
        One line.
    block : tuple of str
        Names of the variables that must be in the block, in model order.
    is_gaussian : bool
        Whether every factor is Gaussian, so that the conditional has one mean and precision.
    build : callable
        Declares the variables, inside a model context.
    """

    id: str
    description: str
    block: tuple[str, ...]
    is_gaussian: bool
    build: Callable[[], object]

    def model(self) -> pm.Model:
        """The model."""
        with pm.Model(coords={"group": ["a", "b", "c"]}) as model:
            self.build()
        return model


def spelling(
    registry: list[Spelling], *block: str, is_gaussian: bool = True
) -> Callable[[Callable], Callable]:
    """Add a function to a registry; its docstring's first line is the description."""

    def register(build: Callable) -> Callable:
        description = (build.__doc__ or "").splitlines()[0]
        registry.append(Spelling(build.__name__, description, block, is_gaussian, build))
        return build

    return register


def conditional_gaussian(
    machine: LatentMachine, point: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and information vector of the block at a point, by dense matrices."""
    others = [hyper.value for hyper in machine.hyperparameters]
    others += [guest.value for guest in machine.guests]
    precision = np.zeros((machine.size, machine.size))
    information = np.zeros(machine.size)
    for factor in machine.factors:
        graphs = [factor.linear_map.symbolic_values(), factor.offset, factor.parameters["scale"]]
        values, offset, scale = Evaluator(
            [g if hasattr(g, "owner") else pm.math.constant(g) for g in graphs], others
        )(point)
        matrix = factor.linear_map.matrix(values).toarray()
        weight = np.broadcast_to(scale**-2.0, (factor.size,))
        precision += matrix.T @ (weight[:, None] * matrix)
        information -= matrix.T @ (weight * offset)
    return precision, information
