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
from pymc_glm.sweep.hyperparameters import update_hyperparameter
from pymc_glm.sweep.interweave import interweave
from pymc_glm.sweep.state import SweepState

__all__ = ["SweepGraph", "build_sweep"]

# Where unknowns are coupled and the elimination subtracts, a precision this much above the others
# drowns them in rounding. It belongs to a response a hundred-thousandth of their scale or less.
LARGEST_RATIO = 1e10
# Typical latents of a small scale stay as they are, whatever the other factors are.
SMALLEST_CAP = 1e4


class SweepGraph(NamedTuple):
    """A sweep: from a generator and a state to the next generator and state.

    Attributes
    ----------
    rng : Variable
        Input: the random generator.
    inputs : list of TensorVariable
        Input: the block in the drawn order, then the hyperparameters.
    guests : list of TensorVariable
        Input: value variables of the guests.
    next_rng : Variable
        Output: the advanced generator.
    outputs : list of TensorVariable
        Output: the updated block and hyperparameters, in the order of ``inputs``.
    """

    rng: Variable
    inputs: list[TensorVariable]
    guests: list[TensorVariable]
    next_rng: Variable
    outputs: list[TensorVariable]


def build_sweep(machine: LatentMachine) -> SweepGraph:
    """Write one sweep of a machine.

    The order is: latents given the block, the block given the latents, then each scale with the
    block (interweaving) and each hyperparameter given the block, with the latents integrated out.
    Latents are drawn anew in every sweep, so they are no part of the state.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.

    Returns
    -------
    sweep : SweepGraph
    """
    position = machine.plan.position
    factors = [
        factor._replace(linear_map=factor.linear_map.permuted(position))
        for factor in machine.factors
    ]
    rng = random_generator_type("rng")
    x = pt.tensor("block", dtype="float64", shape=(machine.size,))
    hypers = [hyper.value.type(hyper.name) for hyper in machine.hyperparameters]
    guests = [guest.value.type(guest.name) for guest in machine.guests]
    values = {
        **{h.value: v for h, v in zip(machine.hyperparameters, hypers, strict=True)},
        **{g.value: v for g, v in zip(machine.guests, guests, strict=True)},
    }
    state = SweepState(factors, rng, x, values)
    _draw_block(state, machine)
    for hyper in machine.hyperparameters:
        if hyper.interweaving is not None:
            interweave(state, hyper, hyper.interweaving.permuted(position))
        update_hyperparameter(state, hyper)
    outputs = [state.x, *(state.values[hyper.value] for hyper in machine.hyperparameters)]
    return SweepGraph(rng, [x, *hypers], guests, state.rng, outputs)


def _draw_block(state: SweepState, machine: LatentMachine) -> None:
    """Latents given the block, then the block given the latents."""
    reference = _reference_scale(state, machine)
    rows = []
    for index, factor in enumerate(state.factors):
        if factor.linear_map.rows.size == 0:
            continue
        parameters = state.parameters(factor)
        if factor.family.has_latent:
            t = state.response(index)
            cap = _cap(factor, parameters, reference)
            latent = factor.family.latent(state.rng, t, cap=cap, **parameters)
            state.rng = latent.rng
        else:
            latent = factor.family.latent(state.rng, None, **parameters)
        rows.append(
            Rows(
                state.linear_map(factor), state.offset(factor), latent.precision, latent.information
            )
        )
    state.rng, x = draw_gaussian(state.rng, machine.plan, rows)
    state.set_block(x)


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
