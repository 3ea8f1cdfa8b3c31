"""Update a vector whose entries are independent given everything else, all entries at once."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.replace import graph_replace
from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import Hyperparameter, RowwiseTarget
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import rowwise_slice_update

__all__ = ["update_rowwise"]

KERNELS = "pymc_glm.sweep.scale_kernels"

_sum_by_entry = KernelOp(f"{KERNELS}:sum_by_entry")
_bernoulli = KernelOp(f"{KERNELS}:bernoulli", (("int64", 1),), stochastic=True)


def update_rowwise(state: SweepState, hyper: Hyperparameter, rowwise: RowwiseTarget) -> None:
    """Update every entry of a vector given the block, with the latents integrated out.

    Parameters
    ----------
    state : SweepState
        Changed in place.
    hyper : Hyperparameter
        The vector.
    rowwise : RowwiseTarget
        Its conditional: an exact draw where entries are zero or one, slice moves elsewhere.
    """
    proposal = hyper.value.type(f"{hyper.name}_proposal")
    target = _log_densities(state, hyper, rowwise, proposal)
    if rowwise.is_binary:
        log_odds = _at(target, proposal, 1) - _at(target, proposal, 0)
        state.rng, updated = cast(list, _bernoulli(state.rng, log_odds))
        updated = updated.reshape(hyper.shape) if hyper.shape else updated[0]
    else:
        current = state.values[hyper.value]
        state.rng, updated = rowwise_slice_update(state.rng, current, proposal, target)
    state.set_value(hyper.value, updated)


def _at(target: TensorVariable, proposal: TensorVariable, number: int) -> TensorVariable:
    constant = pt.full(proposal.type.shape, number, dtype=proposal.dtype)
    return cast(TensorVariable, graph_replace([target], {proposal: constant}, strict=False)[0])


def _log_densities(
    state: SweepState, hyper: Hyperparameter, rowwise: RowwiseTarget, proposal: TensorVariable
) -> TensorVariable:
    """Log density of each entry of the proposal, shape (size,)."""
    changed = {hyper.value: proposal}
    total = pt.zeros(hyper.size)
    for rows, entries in rowwise.terms:
        total = total + _by_entry(state.substituted(rows, changed), entries, hyper.size)
    for index, entries in rowwise.factors:
        factor = state.factors[index]
        if factor.merged:
            # Rows that were merged share one scale, and with it one entry.
            rows, entries = state.log_density_sum(index, changed).reshape((1,)), entries[:1]
        else:
            parameters = state.parameters(factor, changed)
            rows = factor.family.log_density(state.response(index), **parameters)
            rows = state.within_bounds(factor, parameters, rows)
        total = total + _by_entry(rows, entries, hyper.size)
    return total


def _by_entry(rows: TensorVariable, entries: np.ndarray, size: int) -> TensorVariable:
    """Sum of the rows that belong to each entry."""
    if rows.type.shape == (size,) and np.array_equal(entries, np.arange(size)):
        return rows
    count = np.array([size], dtype=np.int64)
    return cast(TensorVariable, _sum_by_entry(rows, pt.constant(entries), count))
