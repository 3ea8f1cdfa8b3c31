"""What a spelling is: a small PyMC model, and what must be recognised in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc_glm.machine import LatentMachine
from pymc_glm.recognize.evaluate import Evaluator

__all__ = ["Spelling", "block_multiple", "conditional_gaussian", "spelling"]


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
    """Precision and information vector of the block's variables at a point, by dense matrices.

    Latents that are variables of the model are taken at the point; standardised variables are
    those of the model, not the effects that the block holds for them.
    """
    others = [updated.value for updated in machine.updated]
    others += [guest.value for guest in machine.guests]
    explicit = {latent.factor: latent for latent in machine.latents}
    precision = np.zeros((machine.size, machine.size))
    information = np.zeros(machine.size)
    for index, factor in enumerate(machine.factors):
        scale = factor.parameters["scale"]
        if index in explicit:
            latent = explicit[index]
            scale = latent.base * pt.exp(
                latent.power * latent.value.flatten()[np.argsort(latent.order)]
            )
        graphs = [factor.linear_map.symbolic_values(), factor.offset, scale]
        values, offset, scale = Evaluator(list(map(pt.as_tensor, graphs)), others)(point)
        matrix = factor.linear_map.matrix(values).toarray()
        weight = np.broadcast_to(scale**-2.0, (factor.size,))
        precision += matrix.T @ (weight[:, None] * matrix)
        information -= matrix.T @ (weight * offset)
    multiple = block_multiple(machine, point)
    return multiple[:, None] * precision * multiple, multiple * information


def block_multiple(machine: LatentMachine, point: dict[str, np.ndarray]) -> np.ndarray:
    """What each of the block's variables is multiplied by to be one of its unknowns, flat."""
    graphs = [
        pt.ones(variable.size) if variable.multiple is None else variable.multiple.flatten()
        for variable in machine.block
    ]
    others = [updated.value for updated in machine.updated]
    others += [guest.value for guest in machine.guests]
    return np.concatenate(Evaluator(graphs, others)(point))
