"""Move a scale and the block together, so that the scaled responses keep their shape.

In the direction d with K d = t, the scaled factors' densities cancel against the Jacobian of the
move, and what is left is the prior of the scale and the factors that the block meets on its way.
"""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import response
from pymc_glm.machine import CentredDirection, Hyperparameter, Interweaving, LinearMap
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.hyperparameters import first_entry
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import slice_update

__all__ = ["interweave"]

KERNELS = "pymc_glm.sweep.scale_kernels"

_centred = KernelOp(f"{KERNELS}:centred")
_quadratic_along = KernelOp(f"{KERNELS}:quadratic_along")
_moved = KernelOp(f"{KERNELS}:moved")


def interweave(state: SweepState, hyper: Hyperparameter, interweaving: Interweaving) -> None:
    """Update a scale together with the block, given the block's scaled coordinates.

    Parameters
    ----------
    state : SweepState
        Changed in place.
    hyper : Hyperparameter
        The scale.
    interweaving : InverseDirection or CentredDirection
        The direction of the block, in the drawn order.
    """
    direction = _direction(state, interweaving)
    moved = _moved_factors(state, interweaving)
    along = {
        index: response(state.linear_map(state.factors[index]), direction, np.zeros(1))
        for index in moved
    }
    proposal = hyper.value.type(f"{hyper.name}_proposal")
    changed = {hyper.value: proposal}
    growth = _growth(state, interweaving, changed)
    target = state.substituted(hyper.log_prior, changed)
    for index in moved:
        target = target + _density_along(state, index, along[index], growth)
    for index in interweaving.factors:
        correction = state.factors[index].correction
        if correction is not None:
            target = target + state.substituted(correction, changed)
    state.rng, updated = slice_update(state.rng, state.values[hyper.value], proposal, target)

    step = _growth(state, interweaving, {hyper.value: updated})
    responses = {index: _moved(state.response(index), along[index], step) for index in moved}
    x = _moved(state.x, direction, step)
    state.set_value(hyper.value, updated)
    state.set_block(x, responses)


def _direction(state: SweepState, interweaving: Interweaving) -> TensorVariable:
    if isinstance(interweaving, CentredDirection):
        component = interweaving.component
        count = np.array([component.max() + 1], dtype=np.int64)
        return _centred(state.x, pt.constant(component), pt.constant(count))
    responses = [state.response(index) for index in interweaving.factors]
    stacked = responses[0] if len(responses) == 1 else pt.concatenate(responses)
    return response(LinearMap.from_matrix(interweaving.inverse), stacked, np.zeros(1))


def _moved_factors(state: SweepState, interweaving: Interweaving) -> list[int]:
    """Other factors that the direction can reach."""
    reached = interweaving.reached()
    return [
        index
        for index, factor in enumerate(state.factors)
        if index not in interweaving.factors and reached[factor.linear_map.columns].any()
    ]


def _growth(state: SweepState, interweaving: Interweaving, changed) -> TensorVariable:
    """C - 1, where c is the ratio of the changed scale to the current one."""
    factor = state.factors[interweaving.factors[0]]
    now = first_entry(state.parameters(factor)["scale"])
    then = first_entry(state.parameters(factor, changed)["scale"])
    return (then - now) / now


def _density_along(
    state: SweepState, index: int, direction: TensorVariable, growth: TensorVariable
) -> TensorVariable:
    """A factor's log density after a step along the direction, up to a constant."""
    factor = state.factors[index]
    parameters = state.parameters(factor)
    t = state.response(index)
    if not factor.family.has_latent:
        coefficients = _quadratic_along(t, direction, parameters["scale"])
        return -growth * (coefficients[0] + 0.5 * growth * coefficients[1])
    return factor.family.log_density_sum(_moved(t, direction, growth), **parameters)
