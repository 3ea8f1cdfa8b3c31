"""One Gibbs sweep of a latent machine as a PyTensor graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.random.type import random_generator_type
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import Rows, draw_gaussian
from pymc_glm.machine import BlockVariable, Factor, LatentMachine, is_parameter_of_smooth
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.alternate import draw_alternate
from pymc_glm.sweep.collapsed import LatentRows, current_rows, update_without_block
from pymc_glm.sweep.hyperparameters import update_hyperparameter
from pymc_glm.sweep.interweave import interweave
from pymc_glm.sweep.latents import draw_latents
from pymc_glm.sweep.metropolis import move_from_reference
from pymc_glm.sweep.reference import reference_point
from pymc_glm.sweep.sites import draw_sites
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.sufficient_rows import sufficient_rows

__all__ = ["SweepGraph", "build_sweep"]

# Operations of a factorisation up to which scales move twice in a sweep.
CHEAP_MOVE = 3000.0

_explicit = KernelOp("pymc_glm.sweep.collapsed_kernels:explicit_log_latent")


class SweepGraph(NamedTuple):
    """A sweep: from a generator and a state to the next generator and state.

    Attributes
    ----------
    rng : Variable
        Input: the random generator.
    inputs : list of TensorVariable
        Input: the block's variables in the drawn order, the hyperparameters, and the latents that
        are variables of the model.
    guests : list of TensorVariable
        Input: value variables of the guests.
    next_rng : Variable
        Output: the advanced generator.
    outputs : list of TensorVariable
        Output: their updated values, in the order of ``inputs``.
    """

    rng: Variable
    inputs: list[TensorVariable]
    guests: list[TensorVariable]
    next_rng: Variable
    outputs: list[TensorVariable]


def build_sweep(machine: LatentMachine) -> SweepGraph:
    """Write one sweep of a machine.

    The order is: each scale with the block (interweaving) and each hyperparameter given the block,
    with the latents integrated out; latents given the block; scales given the latents, with the
    block integrated out; the block given everything; its unknowns one by one with the latents of
    Laplace factors integrated out; alternate blocks likewise. Latents are drawn
    anew in every sweep, so they are no part of the state, but for those that the model declares.
    With a reference, smooth factors have no latents, scales move along with the block at the same
    coordinates of the reference, and then the block by a Metropolis move.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.

    Returns
    -------
    sweep : SweepGraph
    """
    position = machine.plan.position
    x = pt.tensor("block", dtype="float64", shape=(machine.size,))
    inputs = {updated.value: updated.value.type(updated.name) for updated in machine.updated}
    inputs |= {guest.value: guest.value.type(guest.name) for guest in machine.guests}
    rng = random_generator_type("rng")
    state = SweepState(_prepared(machine), rng, x, dict(inputs))
    for variable in _alternate_multiples(machine):
        state.set_value(
            variable.value, inputs[variable.value] * state.at_current(variable.multiple)
        )
    multiple = _multiple(machine)
    if multiple is not None:
        state.set_block(x * state.at_current(multiple))
    for hyper in machine.hyperparameters:
        if hyper.only_collapsed or is_parameter_of_smooth(machine, hyper):
            continue
        if hyper.interweaving is not None and not hyper.collapsed:
            interweave(state, hyper, hyper.interweaving.permuted(position))
        update_hyperparameter(state, hyper)
    collapsed = [hyper for hyper in machine.hyperparameters if hyper.collapsed]
    rescaled = {index for hyper in collapsed for index in hyper.factors}
    move = machine.reference
    if move is not None:
        latent_rows = draw_latents(state, machine.plan, rescaled, without=move.factors)
        move_from_reference(state, machine, move, latent_rows)
        rows = current_rows(state, machine.plan, latent_rows)
        _set_explicit_latents(state, machine, latent_rows, rows)
        return _sweep_graph(machine, state, rng, x, inputs, multiple)
    latent_rows = draw_latents(state, machine.plan, rescaled)
    reference = (
        reference_point(state.factors, machine.plan) if collapsed else np.zeros(machine.size)
    )
    # Moving twice costs little there, and makes draws of the scales nearly independent.
    is_cheap = machine.plan.operations <= CHEAP_MOVE
    again = [hyper for hyper in collapsed if hyper.joint is None and is_cheap]
    for hyper in [*collapsed, *again]:
        update_without_block(state, machine.plan, latent_rows, hyper, reference)
    rows = current_rows(state, machine.plan, latent_rows)
    _set_explicit_latents(state, machine, latent_rows, rows)
    state.rng, drawn = draw_gaussian(state.rng, machine.plan, rows, state.x)
    state.set_block(drawn)
    if machine.scans:
        draw_sites(state, latent_rows, rows, machine.scans)
    for alternate in machine.alternates:
        draw_alternate(state, machine, alternate)
    return _sweep_graph(machine, state, rng, x, inputs, multiple)


def _sweep_graph(machine, state: SweepState, rng, x, inputs: dict, multiple) -> SweepGraph:
    """The graph from the inputs to the state, multiples undone."""
    drawn = state.x if multiple is None else state.x / state.at_current(multiple)
    _divide_by_multiples(state, machine)
    return SweepGraph(
        rng,
        [x, *(inputs[updated.value] for updated in machine.updated)],
        [inputs[guest.value] for guest in machine.guests],
        state.rng,
        [drawn, *(state.values[variable.value] for variable in machine.updated)],
    )


def _prepared(machine: LatentMachine) -> list[Factor]:
    """Factors in the drawn order, with as few rows as they can be told by."""
    interweaved = {
        index
        for hyper in machine.hyperparameters
        if hyper.interweaving is not None and not hyper.collapsed
        for index in hyper.interweaving.factors
    }
    factors = [
        factor if index in interweaved else sufficient_rows(factor)
        for index, factor in enumerate(machine.factors)
    ]
    position = machine.plan.position
    return [f._replace(linear_map=f.linear_map.permuted(position)) for f in factors]


def _multiple(machine: LatentMachine) -> TensorVariable | None:
    """What each unknown of the variables is multiplied by to be one of the block, drawn order."""
    if all(variable.multiple is None for variable in machine.block):
        return None
    parts = [
        pt.ones(variable.size) if variable.multiple is None else variable.multiple.flatten()
        for variable in machine.block
    ]
    joined = parts[0] if len(parts) == 1 else pt.concatenate(parts)
    position = machine.plan.position
    if np.array_equal(position, np.arange(position.size)):
        return joined
    return joined[np.argsort(position)]


def _alternate_multiples(machine: LatentMachine) -> list[BlockVariable]:
    """Variables of alternate blocks that stand for their multiples."""
    variables = [variable for one in machine.alternates for variable in one.block]
    return [variable for variable in variables if variable.multiple is not None]


def _divide_by_multiples(state: SweepState, machine: LatentMachine) -> None:
    for variable in _alternate_multiples(machine):
        current = state.values[variable.value]
        state.values[variable.value] = current / state.at_current(variable.multiple)


def _set_explicit_latents(
    state: SweepState,
    machine: LatentMachine,
    latent_rows: list[LatentRows],
    rows: list[Rows],
) -> None:
    """Values of the model's variables that are latents, from the precisions drawn."""
    by_index = {one.factor: row for one, row in zip(latent_rows, rows, strict=True)}
    for latent in machine.latents:
        precision = by_index[latent.factor].multiplied().precision
        base = state.at_current(latent.base)
        value = _explicit(precision, base, pt.constant(latent.order), pt.constant(latent.power))
        state.set_value(latent.value, value.reshape(latent.shape))
