"""Move the block from a Gaussian reference, without latents of the smooth factors.

The reference is the conditional Gaussian of the block with fixed pseudo-responses in place of the
smooth factors. In its standard normal coordinates z the target is exp(excess(z) - z'z / 2): scales
move with z held, so that the block follows them, and then z itself moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import GaussianReference, Rows, gaussian_reference, transposed_product
from pymc_glm.machine import (
    Hyperparameter,
    LatentMachine,
    PseudoRows,
    ReferenceMove,
    moves_with_block,
)
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.collapsed import LatentRows, current_rows, integrated_target
from pymc_glm.sweep.hamiltonian import hamiltonian_update
from pymc_glm.sweep.hyperparameters import slice_width
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import slice_update

__all__ = ["move_from_reference", "pseudo_rows"]


# Relative half-width of the angle of moves whose reference does not follow all that changes.
SPREAD = 0.3
KERNELS = "pymc_glm.sweep.metropolis_kernels"
_pseudo_excess = KernelOp(f"{KERNELS}:pseudo_excess", (("float64", 0),))
_pseudo_slope = KernelOp(f"{KERNELS}:pseudo_slope")


def pseudo_rows(
    state: SweepState,
    move: ReferenceMove,
    changed: dict[TensorVariable, TensorVariable] | None = None,
) -> list[LatentRows]:
    """The pseudo-responses of the smooth factors, in the place of rows given latents."""
    return [
        LatentRows(
            one.factor, None, pt.constant(one.precision), _information(state, one, changed or {})
        )
        for one in move.rows
    ]


def _information(
    state: SweepState, one: PseudoRows, changed: dict[TensorVariable, TensorVariable]
) -> TensorVariable:
    information = pt.constant(one.information)
    if one.shift is None:
        return information
    return information + pt.constant(one.precision) * state.substituted(one.shift, changed)


def move_from_reference(
    state: SweepState,
    machine: LatentMachine,
    move: ReferenceMove,
    latent_rows: Sequence[LatentRows],
) -> None:
    """Move scales and parameters along with the block, and then the block.

    Parameters
    ----------
    state : SweepState
        Changed in place.
    machine : LatentMachine
        The machine.
    move : ReferenceMove
        Pseudo-responses and number of rotations.
    latent_rows : sequence of LatentRows
        The factors that are not smooth, given their latents.
    """
    plan = machine.plan
    rows = current_rows(state, plan, [*latent_rows, *pseudo_rows(state, move)])
    z = gaussian_reference(plan, rows).coordinates(state.x)
    for hyper in machine.hyperparameters:
        if moves_with_block(machine, hyper):
            _move_parameter(state, machine, move, latent_rows, hyper, z)
    rows = current_rows(state, plan, [*latent_rows, *pseudo_rows(state, move)])
    reference = gaussian_reference(plan, rows)
    proposal = z.type("coordinates")
    x = reference.block(proposal)
    excess = _excess(state, move, x, {})
    gradient = reference.gradient(_gradient(state, move, x))
    # At other scales the target is narrower or wider than the reference, and some direction might
    # turn by half a circle at each move: it would come back to where it was.
    spread = SPREAD if machine.hyperparameters or machine.guests else 0.0
    state.rng, z = hamiltonian_update(state.rng, z, proposal, excess, gradient, move.steps, spread)
    state.set_block(reference.block(z))


def _move_parameter(
    state: SweepState,
    machine: LatentMachine,
    move: ReferenceMove,
    latent_rows: Sequence[LatentRows],
    hyper: Hyperparameter,
    z: TensorVariable,
) -> None:
    """Slice move of one variable, the block at the same coordinates of its reference."""
    proposal = hyper.value.type(f"{hyper.name}_proposal")
    changed = {hyper.value: proposal}
    references: list[GaussianReference] = []

    def marginal(rows: list[Rows]) -> TensorVariable:
        references.append(gaussian_reference(machine.plan, rows))
        return references[0].log_marginal()

    rows = [*latent_rows, *pseudo_rows(state, move, changed)]
    origin = np.zeros(machine.size)
    target = integrated_target(state, machine.plan, rows, hyper, changed, origin, marginal)
    target = target + _excess(state, move, references[0].block(z), changed)
    width = slice_width(state, hyper)
    state.rng, updated = slice_update(state.rng, state.values[hyper.value], proposal, target, width)
    state.set_value(hyper.value, updated)


def _excess(
    state: SweepState,
    move: ReferenceMove,
    x: TensorVariable,
    changed: dict[TensorVariable, TensorVariable],
) -> TensorVariable:
    """Log density of the smooth factors over that of their pseudo-responses."""
    total = pt.constant(0.0)
    for one in move.rows:
        factor = state.factors[one.factor]
        t = state.response_of(one.factor, x, changed)
        total = total + factor.family.log_density_sum(t, **state.parameters(factor, changed))
        total = total + _pseudo_excess(t, one.precision, _information(state, one, changed))
    return total


def _gradient(state: SweepState, move: ReferenceMove, x: TensorVariable) -> TensorVariable:
    """Gradient of the excess by the block."""
    total = None
    for one in move.rows:
        factor = state.factors[one.factor]
        t = state.response_of(one.factor, x, {})
        slope = factor.family.slope(t, **state.parameters(factor))
        weight = _pseudo_slope(slope, t, one.precision, _information(state, one, {}))
        part = transposed_product(state.linear_map(factor), cast(TensorVariable, weight))
        total = part if total is None else total + part
    assert total is not None
    return total
