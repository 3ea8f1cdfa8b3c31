"""Draw a second Gaussian block given the first: the other side of a product of unknowns."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import draw_gaussian
from pymc_glm.machine import AlternateBlock, BlockVariable, LatentMachine
from pymc_glm.sweep.collapsed import current_rows
from pymc_glm.sweep.latents import draw_latents
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.sufficient_rows import sufficient_rows

__all__ = ["block_values", "draw_alternate"]


def draw_alternate(state: SweepState, machine: LatentMachine, alternate: AlternateBlock) -> None:
    """Draw latents given both blocks, then the second block given the first and the latents.

    Parameters
    ----------
    state : SweepState
        State of the first block; the variables of the second are among its values, and change.
    machine : LatentMachine
        The machine.
    alternate : AlternateBlock
        The second block.
    """
    position = alternate.plan.position
    factors = [sufficient_rows(factor) for factor in alternate.factors]
    factors = [f._replace(linear_map=f.linear_map.permuted(position)) for f in factors]
    flat = [state.values[variable.value].flatten() for variable in alternate.block]
    x = flat[0] if len(flat) == 1 else pt.concatenate(flat)
    values = state.values | block_values(machine.block, state.x, machine.plan.position)
    inner = SweepState(factors, state.rng, x[np.argsort(position)], values)
    rows = current_rows(inner, alternate.plan, draw_latents(inner, alternate.plan, ()))
    state.rng, drawn = draw_gaussian(inner.rng, alternate.plan, rows)
    for value, part in block_values(alternate.block, drawn, position).items():
        state.set_value(value, part)


def block_values(
    block: list[BlockVariable], x: TensorVariable, position: np.ndarray
) -> dict[TensorVariable, TensorVariable]:
    """Variables of a block in their own shapes.

    Parameters
    ----------
    block : list of BlockVariable
        The layout.
    x : TensorVariable, shape (n,)
        The block in the drawn order.
    position : ndarray of int64, shape (n,)
        Unknown j of the flat block sits at ``position[j]`` of `x`.

    Returns
    -------
    values : dict of TensorVariable to TensorVariable
    """
    natural = x if np.array_equal(position, np.arange(position.size)) else x[position]
    return {
        variable.value: natural[variable.positions].reshape(variable.shape) for variable in block
    }
