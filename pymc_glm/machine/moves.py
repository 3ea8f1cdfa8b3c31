"""Which variables move along with the block, at fixed coordinates of its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytensor.graph.traversal import ancestors

from pymc_glm.machine.hyperparameter import Hyperparameter

if TYPE_CHECKING:
    from pymc_glm.machine.machine import LatentMachine

__all__ = ["CHEAP", "is_parameter_of_smooth", "moves_with_block", "update_in_words"]

# A slice move takes some five factorisations. Up to this many operations each they cost less than
# what a chain loses by moving scales and parameters given the block.
CHEAP = 3e5
LARGEST_VECTOR = 8


def moves_with_block(machine: LatentMachine, hyper: Hyperparameter) -> bool:
    """Whether a variable moves with the block at the same coordinates of its reference."""
    return machine.reference is not None and (
        hyper.collapsed or is_parameter_of_smooth(machine, hyper)
    )


def is_parameter_of_smooth(machine: LatentMachine, hyper: Hyperparameter) -> bool:
    """Whether a variable is a parameter of smooth factors, which moves with the block alone.

    Cutpoints, dispersions and the scale of censored data are tied to the block too much to move
    given it.

    Parameters
    ----------
    machine : LatentMachine
        The machine.
    hyper : Hyperparameter
        The variable.

    Returns
    -------
    follows : bool
        False for those that are drawn exactly given the block, and where a factorisation costs
        much.
    """
    move = machine.reference
    if move is None or hyper.conjugate is not None or hyper.collapsed or hyper.is_binary:
        return False
    enters = any(
        hyper.value in set(ancestors([graph]))
        for index in move.factors
        for graph in machine.factors[index].parameters.values()
        if not isinstance(graph, np.ndarray)
    )
    is_cheap = hyper.size <= LARGEST_VECTOR and machine.plan.operations <= CHEAP
    return enters and is_cheap and all(_is_told(machine, index) for index in hyper.factors)


def _is_told(machine: LatentMachine, index: int) -> bool:
    """Whether a factor is Gaussian, or smooth: no latent is held while its scale moves."""
    assert machine.reference is not None
    return index in machine.reference.factors or not machine.factors[index].family.has_latent


def update_in_words(machine: LatentMachine, hyper: Hyperparameter) -> str:
    """How a variable is updated."""
    if not moves_with_block(machine, hyper):
        return hyper.update
    if is_parameter_of_smooth(machine, hyper):
        return "slice, along with the block"
    given = "slice" if hyper.conjugate is None else hyper.conjugate.kind
    return f"slice along with the block, {given} given it"
