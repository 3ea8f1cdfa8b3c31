"""Draws and integrals for more unknowns than data: Q is diagonal plus a few dense rows.

A matrix as large as the number of rows is factorised in place of one as large as the number of
unknowns, after Bhattacharya, Chakraborty and Mallick (2016), doi:10.1093/biomet/asw042.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.assembly import assemble, check_shapes
from pymc_glm.gaussian.plan import GaussianPlan, diagonal_plan
from pymc_glm.gaussian.rows import Rows
from pymc_glm.ops import KernelOp

__all__ = ["low_rank_arguments", "low_rank_draw", "low_rank_log_marginal"]

_KERNELS = "pymc_glm.gaussian.low_rank_kernels"
_gram = KernelOp(f"{_KERNELS}:gram", (("float64", 2),))
_draw = KernelOp(f"{_KERNELS}:low_rank_draw", stochastic=True)
_log_marginal = KernelOp(f"{_KERNELS}:low_rank_log_marginal", (("float64", 0),))
_weighted_rows = KernelOp(f"{_KERNELS}:weighted_rows", (("float64", 2),))


def low_rank_draw(
    rng: Variable, plan: GaussianPlan, rows: Sequence[Rows]
) -> tuple[Variable, TensorVariable]:
    """Draw the block; see `pymc_glm.gaussian.draw_gaussian`."""
    next_rng, x = cast(list[Variable], _draw(rng, *low_rank_arguments(plan, rows)))
    return next_rng, cast(TensorVariable, x)


def low_rank_log_marginal(plan: GaussianPlan, rows: Sequence[Rows]) -> TensorVariable:
    """Integrate the block out; see `pymc_glm.gaussian.log_marginal`.

    Where the rows of each part share one multiple, the Gram matrix is that of the rows without it:
    in a slice move of a scale it is computed once, and each step factorises a small matrix.
    """
    return cast(TensorVariable, _log_marginal(*low_rank_arguments(plan, rows)))


def low_rank_arguments(plan: GaussianPlan, rows: Sequence[Rows]) -> tuple[TensorVariable, ...]:
    """Arguments of the kernels: the Gram matrix, X, both parts of Q and h, and their multiples.

    Parameters
    ----------
    plan : GaussianPlan
        Its size and order; the rows of X are those of all maps with several entries in a row.
    rows : sequence of Rows
        The factors. Graphs that differ in multiples alone share one Gram matrix, if its inputs are
        the same variables.

    Returns
    -------
    arguments : tuple of TensorVariable
        In the order of `pymc_glm.gaussian.low_rank_kernels.low_rank_log_marginal`.

    Raises
    ------
    ValueError
        If no row has several entries, or such rows depend on variables.
    """
    single = [row for row in rows if row.stored_map.has_single_entries]
    dense = [row for row in rows if not row.stored_map.has_single_entries]
    symbolic = sum(not row.linear_map.is_constant for row in dense)
    if symbolic or not dense:
        raise ValueError(
            f"The low rank structure got {len(dense)} factors with several entries in a row, "
            f"{symbolic} of them symbolic. It needs at least one, and all of them constant."
        )
    for row in dense:
        check_shapes(plan, row)
    by_diagonal, single = _common_multiple(single)
    by_weight, dense = _common_multiple(dense)
    system = assemble(diagonal_plan(plan.size), single)
    diagonal, information = system[: plan.size], system[plan.size :]
    weighted = [_weighted(row) for row in dense]
    joined = weighted[0] if len(weighted) == 1 else pt.concatenate(weighted, axis=1)
    matrix = np.concatenate([row.stored_map.matrix().toarray() for row in dense])
    flat, shape = pt.constant(matrix.ravel()), pt.constant(np.array(matrix.shape, dtype=np.int64))
    product = cast(TensorVariable, _gram(flat, shape, diagonal, joined[0]))
    return product, flat, shape, diagonal, information, joined, by_diagonal, by_weight


def _common_multiple(rows: list[Rows]) -> tuple[TensorVariable, list[Rows]]:
    """The multiple that all rows share, and the rows without it; one where they do not."""
    multiples = {row.multiple for row in rows}
    # The kernels multiply the information as well, which is right for that of an offset only.
    centred = all(row.information is None for row in rows)
    if centred and len(multiples) == 1 and None not in multiples:
        [shared] = multiples
        return cast(TensorVariable, shared), [row._replace(multiple=None) for row in rows]
    return pt.constant(1.0), [row.multiplied() for row in rows]


def _weighted(row: Rows) -> TensorVariable:
    m = np.array([row.linear_map.shape[0]], dtype=np.int64)
    information = np.zeros(1) if row.information is None else row.information
    value = _weighted_rows(row.precision, pt.as_tensor(row.offset), pt.as_tensor(information), m)
    return cast(TensorVariable, value)
