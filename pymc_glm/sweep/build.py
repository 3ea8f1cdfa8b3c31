"""One Gibbs sweep of a latent machine as a PyTensor graph."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.random.type import random_generator_type
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import Rows, draw_gaussian
from pymc_glm.machine import Factor, LatentMachine
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.collapsed import LatentRows, current_rows, update_without_block
from pymc_glm.sweep.hyperparameters import update_hyperparameter
from pymc_glm.sweep.interweave import interweave
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.sufficient_rows import sufficient_rows

__all__ = ["SweepGraph", "build_sweep"]

# Where unknowns are coupled and the elimination subtracts, a precision this much above the others
# drowns them in rounding. It belongs to a response a hundred-thousandth of their scale or less.
LARGEST_RATIO = 1e10
# Typical latents of a small scale stay as they are, whatever the other factors are.
SMALLEST_CAP = 1e4


_relative = KernelOp("pymc_glm.sweep.collapsed_kernels:relative_precision")
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
    block integrated out; the block given everything. Latents are drawn anew in every sweep, so
    they are no part of the state, but for those that the model declares.

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
    multiple = _multiple(machine)
    if multiple is not None:
        state.set_block(x * state.at_current(multiple))
    for hyper in machine.hyperparameters:
        if hyper.interweaving is not None:
            interweave(state, hyper, hyper.interweaving.permuted(position))
        update_hyperparameter(state, hyper)
    latent_rows = _draw_latents(state, machine)
    for hyper in machine.hyperparameters:
        if hyper.collapsed:
            update_without_block(state, machine.plan, latent_rows, hyper)
    rows = current_rows(state, latent_rows)
    _set_explicit_latents(state, machine, latent_rows, rows)
    state.rng, drawn = draw_gaussian(state.rng, machine.plan, rows)
    state.set_block(drawn)
    if multiple is not None:
        drawn = drawn / state.at_current(multiple)
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
        if hyper.interweaving is not None
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


def _draw_latents(state: SweepState, machine: LatentMachine) -> list[LatentRows]:
    """Latents of every factor given the block."""
    collapsed = {
        index for hyper in machine.hyperparameters if hyper.collapsed for index in hyper.factors
    }
    reference = _reference_scale(state, machine)
    found = []
    for index, factor in enumerate(state.factors):
        if factor.linear_map.rows.size == 0:
            continue
        if not factor.family.has_latent:
            found.append(LatentRows(index, pt.constant(1.0), None, None))
            continue
        parameters = state.parameters(factor)
        cap = _cap(factor, parameters, reference)
        latent = factor.family.latent(state.rng, state.response(index), cap=cap, **parameters)
        state.rng = latent.rng
        if index in collapsed:
            relative = _relative(latent.precision, parameters["scale"])
            found.append(LatentRows(index, relative, None, latent.information))
        else:
            found.append(LatentRows(index, None, latent.precision, latent.information))
    return found


def _set_explicit_latents(
    state: SweepState,
    machine: LatentMachine,
    latent_rows: list[LatentRows],
    rows: list[Rows],
) -> None:
    """Values of the model's variables that are latents, from the precisions drawn."""
    by_index = {one.factor: row for one, row in zip(latent_rows, rows, strict=True)}
    for latent in machine.latents:
        precision = by_index[latent.factor].precision
        base = state.at_current(latent.base)
        value = _explicit(precision, base, pt.constant(latent.order), pt.constant(latent.power))
        state.set_value(latent.value, value.reshape(latent.shape))


def _reference_scale(state: SweepState, machine: LatentMachine) -> TensorVariable | None:
    """The largest scale of a Gaussian factor; None where precisions of any size are harmless."""
    if machine.plan.structure in ("diagonal", "chain"):
        return None
    scales = [
        pt.max(state.parameters(factor)["scale"])
        for factor in state.factors
        if not factor.family.has_latent
    ]
    return reduce(pt.maximum, scales) if scales else None


def _cap(
    factor: Factor, parameters: dict[str, TensorVariable], reference: TensorVariable | None
) -> TensorVariable | float:
    """Largest precision of a latent, relative to its scale, that the Gaussian draw can take."""
    rows = np.bincount(factor.linear_map.rows, minlength=factor.size)
    if reference is None or "scale" not in parameters or rows.max(initial=0) <= 1:
        return np.inf
    ratio = pt.min(parameters["scale"]) / reference
    return pt.maximum(LARGEST_RATIO * ratio**2, SMALLEST_CAP)
