"""Update scales with the Gaussian block integrated out, given the latents.

Given its latents relative to its scale, a factor is Gaussian with a precision that the scale
divides. The block is then integrated out in closed form: the logarithm of its integral is that of
a determinant and a quadratic form, both of which the factorisation for the draw gives. So scales
move on their marginal posterior, and the block is drawn afterwards: a joint draw of both.

Van Dyk and Park (2008), doi:10.1198/016214508000000409: the block has to be drawn after the scale,
and the latents are those of the same sweep, not drawn in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import GaussianPlan, Rows, log_marginal, response
from pymc_glm.machine import Hyperparameter, linear_operator
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.hyperparameters import draw_conjugate, slice_width
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import flip_update, slice_update

__all__ = ["LatentRows", "current_rows", "integrated_target", "update_without_block"]

KERNELS = "pymc_glm.sweep.collapsed_kernels"
SCALAR = (("float64", 0),)

_absolute = KernelOp(f"{KERNELS}:absolute_precision")
_half_squares = KernelOp(f"{KERNELS}:half_squares", SCALAR)
_sum_log = KernelOp(f"{KERNELS}:sum_log", SCALAR)


class LatentRows(NamedTuple):
    """A factor given its latents.

    Attributes
    ----------
    factor : int
        Index of the factor.
    relative : TensorVariable or None
        Its precision in units of the scale to the power of minus two, of shape () or (m,). None
        where the precision itself is given.
    precision : TensorVariable or None, shape () or (m,)
        Its precision, where `relative` is None.
    information : TensorVariable or None, shape (m,)
        Precision times location; None where the location is zero.
    """

    factor: int
    relative: TensorVariable | None
    precision: TensorVariable | None
    information: TensorVariable | None


def current_rows(
    state: SweepState, plan: GaussianPlan, latent_rows: Sequence[LatentRows]
) -> list[Rows]:
    """The rows of the Gaussian draw at the current values of all scales.

    Parameters
    ----------
    state : SweepState
        The current values.
    plan : GaussianPlan
        Order and structure of the block's precision.
    latent_rows : sequence of LatentRows
        All factors that involve the block.

    Returns
    -------
    rows : list of Rows
    """
    return [_rows(state, one, {}, _keeps_scales_apart(plan)) for one in latent_rows]


def _keeps_scales_apart(plan: GaussianPlan) -> bool:
    """Whether a product of the rows is worth sharing between scales: the Gram matrix."""
    return plan.structure == "low rank"


def update_without_block(
    state: SweepState,
    plan: GaussianPlan,
    latent_rows: Sequence[LatentRows],
    hyper: Hyperparameter,
    reference: np.ndarray,
) -> None:
    """Move one scale on its posterior given the latents, with the block integrated out.

    Parameters
    ----------
    state : SweepState
        Changed in place. The block in it is out of date until it is drawn again.
    plan : GaussianPlan
        Order and structure of the block's precision.
    latent_rows : sequence of LatentRows
        All factors that involve the block, given latents that were drawn before.
    hyper : Hyperparameter
        The scale; `collapsible`.
    reference : ndarray, shape (n,)
        A point near the block, in the drawn order, from which responses are measured.
    """
    if hyper.joint is not None:
        decay = _residual_sum(state, plan, latent_rows, reference)
        draw_conjugate(state, hyper, hyper.joint, decay)
        return
    proposal = hyper.value.type(f"{hyper.name}_proposal")
    target = integrated_target(
        state,
        plan,
        latent_rows,
        hyper,
        {hyper.value: proposal},
        reference,
        lambda rows: log_marginal(plan, rows),
    )
    current = state.values[hyper.value]
    if hyper.is_binary:
        state.rng, updated = flip_update(state.rng, current, proposal, target)
    else:
        # What the block takes up of the data says nothing about its scales, and half of what is
        # left is already much.
        total = sum(factor.responses for factor in state.factors)
        width = 2.0 * slice_width(state, hyper, most=max(total - plan.size, 1))
        state.rng, updated = slice_update(state.rng, current, proposal, target, width)
    state.set_value(hyper.value, updated)


def integrated_target(
    state: SweepState,
    plan: GaussianPlan,
    latent_rows: Sequence[LatentRows],
    hyper: Hyperparameter,
    changed: dict[TensorVariable, TensorVariable],
    reference: np.ndarray,
    marginal: Callable[[list[Rows]], TensorVariable],
) -> TensorVariable:
    """Log density of a changed scale given the latents, with the block integrated out.

    Parameters
    ----------
    state : SweepState
        The current values.
    plan : GaussianPlan
        Order and structure of the block's precision.
    latent_rows : sequence of LatentRows
        All factors that involve the block.
    hyper : Hyperparameter
        The scale.
    changed : dict of TensorVariable to TensorVariable
        Its value variable and the new value.
    reference : ndarray, shape (n,)
        A point near the block, in the drawn order, from which responses are measured.
    marginal : callable
        Log of the integral over the block of what rows say.

    Returns
    -------
    target : TensorVariable, shape ()
    """
    touched = set(hyper.factors)
    # What the proposal does not change comes first, to be assembled once.
    ordered = sorted(latent_rows, key=lambda one: one.factor in touched)
    rows = [_rows(state, one, changed, _keeps_scales_apart(plan)) for one in ordered]
    rows = [_measured_from(reference, row) for row in rows]
    target = state.substituted(hyper.log_prior, changed) + marginal(rows)
    for one, row in zip(ordered, rows, strict=True):
        if one.factor in touched:
            target = target + _normalizer(state, one, row, changed)
    for index in sorted(touched - {one.factor for one in latent_rows}):
        target = target + state.log_density_sum(index, changed)
    for index in touched:
        correction = state.factors[index].correction
        if correction is not None:
            target = target + state.substituted(correction, changed)
    return target


def _residual_sum(
    state: SweepState,
    plan: GaussianPlan,
    latent_rows: Sequence[LatentRows],
    reference: np.ndarray,
) -> TensorVariable:
    """Half the weighted squares that the best block leaves of all responses."""
    rows = [_measured_from(reference, row) for row in current_rows(state, plan, latent_rows)]
    centred = [row._replace(offset=np.zeros(row.linear_map.shape[0])) for row in rows]
    total = log_marginal(plan, centred) - log_marginal(plan, rows)
    for row in rows:
        if not (isinstance(row.offset, np.ndarray) and not np.any(row.offset)):
            total = total + _weighted_squares(row)
    return total


def _rows(
    state: SweepState,
    one: LatentRows,
    changed: dict[TensorVariable, TensorVariable],
    apart: bool,
) -> Rows:
    factor = state.factors[one.factor]
    precision, multiple = one.precision, None
    if one.relative is not None:
        scale = state.parameters(factor, changed)["scale"]
        if apart and scale.type.ndim == 0:
            precision, multiple = one.relative, scale**-2
        else:
            precision = _divided(one.relative, scale)
    assert precision is not None
    return Rows(
        state.linear_map(factor, changed),
        state.offset(factor, changed),
        precision,
        one.information,
        multiple,
    )


def _divided(relative: TensorVariable, scale: TensorVariable) -> TensorVariable:
    """The precision of each row from the relative one."""
    if relative.type.ndim == 0 and scale.type.ndim == 0:
        return relative * scale**-2
    return cast(TensorVariable, _absolute(relative, scale))


def _normalizer(
    state: SweepState, one: LatentRows, row: Rows, changed: dict[TensorVariable, TensorVariable]
) -> TensorVariable:
    """What the rows of a factor contribute besides the integral over the block."""
    total = pt.constant(0.0)
    if one.relative is not None:
        factor = state.factors[one.factor]
        scale = state.parameters(factor, changed)["scale"]
        rows = np.array([factor.size], dtype=np.int64)
        total = total - _sum_log(scale, pt.constant(rows))
        if factor.merged:
            total = total - factor.merged * pt.log(scale)
    offset = row.offset
    if isinstance(offset, np.ndarray) and not np.any(offset):
        return total
    if row.information is not None:
        total = total + pt.sum(row.information * offset)
    return total - _weighted_squares(row)


def _measured_from(reference: np.ndarray, row: Rows) -> Rows:
    """The same rows for the block less a reference point."""
    if not reference.any():
        return row
    linear_map, offset = row.linear_map, row.offset
    if linear_map.is_constant and isinstance(offset, np.ndarray):
        return row._replace(offset=offset + linear_operator(linear_map).matvec(reference))
    moved = response(linear_map, pt.constant(reference), offset)
    return row._replace(offset=moved)


def _weighted_squares(row: Rows) -> TensorVariable:
    """Half the sum of precision times squared offset."""
    total = cast(TensorVariable, _half_squares(row.precision, pt.as_tensor(row.offset)))
    return total if row.multiple is None else row.multiple * total
