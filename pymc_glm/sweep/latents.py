"""Draw the latents of all factors given the block."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import GaussianPlan, is_far
from pymc_glm.machine import Factor
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.collapsed import LatentRows
from pymc_glm.sweep.state import SweepState

__all__ = ["draw_latents"]

# Where unknowns are coupled and the elimination subtracts, a precision this much above the others
# drowns them in rounding. It belongs to a response a hundred-thousandth of their scale or less.
LARGEST_RATIO = 1e10
# Typical latents of a small scale stay as they are, whatever the other factors are.
SMALLEST_CAP = 1e4

_relative = KernelOp("pymc_glm.sweep.collapsed_kernels:relative_precision")


def draw_latents(
    state: SweepState,
    plan: GaussianPlan,
    rescaled: Collection[int],
    without: Collection[int] = (),
) -> list[LatentRows]:
    """Draw the latents of every factor that involves the block, given the block.

    Parameters
    ----------
    state : SweepState
        Its generator is advanced.
    plan : GaussianPlan
        Structure of the block's precision, which bounds the latents that can be used.
    rescaled : collection of int
        Factors whose scales will change before the block is drawn.
    without : collection of int
        Factors whose latents are not needed.

    Returns
    -------
    latent_rows : list of LatentRows
    """
    reference = _reference_scale(state, plan)
    found = []
    for index, factor in enumerate(state.factors):
        if factor.linear_map.is_empty or index in without:
            continue
        if not factor.family.has_latent:
            found.append(LatentRows(index, pt.constant(1.0), None, None))
            continue
        parameters = state.parameters(factor)
        cap = _cap(factor, plan, parameters, reference)
        latent = factor.family.latent(state.rng, state.response(index), cap=cap, **parameters)
        state.rng = latent.rng
        if index in rescaled and factor.family.is_relative:
            relative = _relative(latent.precision, parameters["scale"])
            found.append(LatentRows(index, relative, None, latent.information))
        else:
            found.append(LatentRows(index, None, latent.precision, latent.information))
    return found


def _reference_scale(state: SweepState, plan: GaussianPlan) -> TensorVariable | None:
    """The largest scale of a Gaussian factor; None where precisions of any size are harmless."""
    if plan.structure in ("diagonal", "chain"):
        return None
    scales = [
        pt.max(state.parameters(factor)["scale"])
        for factor in state.factors
        if not factor.family.has_latent
    ]
    return reduce(pt.maximum, scales) if scales else None


def _cap(
    factor: Factor,
    plan: GaussianPlan,
    parameters: dict[str, TensorVariable],
    reference: TensorVariable | None,
) -> TensorVariable | float:
    """Largest precision of a latent, relative to its scale, that the Gaussian draw can take."""
    if reference is None or "scale" not in parameters or not _couples(factor, plan):
        return np.inf
    ratio = pt.min(parameters["scale"]) / reference
    return pt.maximum(LARGEST_RATIO * ratio**2, SMALLEST_CAP)


def _couples(factor: Factor, plan: GaussianPlan) -> bool:
    """Whether large precisions of the factor's rows would be subtracted from one another."""
    if plan.structure == "iterative":
        # Differences are weights of edges, which are never subtracted.
        return is_far(factor.linear_map)
    return not factor.stored_map.has_single_entries
