"""The Gaussian of the block given latents that are drawn given the block."""

from __future__ import annotations

from typing import NamedTuple

import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.random.type import random_generator_type
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import assemble
from pymc_glm.machine import LatentMachine
from pymc_glm.sweep.collapsed import current_rows
from pymc_glm.sweep.latents import draw_latents
from pymc_glm.sweep.state import SweepState

__all__ = ["ConditionalGraph", "build_conditional"]


class ConditionalGraph(NamedTuple):
    """From a generator and a state to the conditional law of the block.

    Attributes
    ----------
    rng : Variable
        Input: the random generator.
    inputs : list of TensorVariable
        Input: the block and the hyperparameters.
    next_rng : Variable
        Output: the advanced generator.
    system : TensorVariable, shape (n * n + n,)
        Output: Q by rows, then h; the block is N(Q^-1 h, Q^-1).
    """

    rng: Variable
    inputs: list[TensorVariable]
    next_rng: Variable
    system: TensorVariable


def build_conditional(machine: LatentMachine) -> ConditionalGraph:
    """Write the draw of the latents and the precision that follows from it.

    Parameters
    ----------
    machine : LatentMachine
        With a dense plan, without a reference, alternate blocks or multiples.

    Returns
    -------
    graph : ConditionalGraph

    Raises
    ------
    ValueError
        If the machine is of another kind.
    """
    multiples = any(variable.multiple is not None for variable in machine.block)
    if machine.plan.structure != "dense" or machine.reference or machine.alternates or multiples:
        raise ValueError(
            f"Got a machine of structure {machine.plan.structure!r}, with a reference, alternate"
            " blocks or multiples. The precision of one dense block is asked for."
        )
    x = pt.tensor("block", dtype="float64", shape=(machine.size,))
    inputs = {updated.value: updated.value.type(updated.name) for updated in machine.updated}
    rng = random_generator_type("rng")
    position = machine.plan.position
    factors = [f._replace(linear_map=f.linear_map.permuted(position)) for f in machine.factors]
    state = SweepState(factors, rng, x, dict(inputs))
    latent_rows = draw_latents(state, machine.plan, ())
    rows = current_rows(state, machine.plan, latent_rows)
    system = assemble(machine.plan, rows)
    return ConditionalGraph(rng, [x, *inputs.values()], state.rng, system)
