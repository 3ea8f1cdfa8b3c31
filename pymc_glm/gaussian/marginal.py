"""The integral over the block as a PyTensor graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.draw import kernel_name
from pymc_glm.gaussian.low_rank import low_rank_log_marginal
from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.gaussian.rows import Rows
from pymc_glm.ops import KernelOp

__all__ = ["log_marginal"]


def log_marginal(plan: GaussianPlan, rows: Sequence[Rows]) -> TensorVariable:
    """Log of the integral of exp(h'x - x'Q x / 2) over the block, without its power of 2 pi.

    That is ``0.5 * h' Q^-1 h - 0.5 * log det Q``, with Q and h those of `draw_gaussian`.

    Parameters
    ----------
    plan : GaussianPlan
        Order and structure of Q.
    rows : sequence of Rows
        The factors, their maps permuted with ``linear_map.permuted(plan.position)``.

    Returns
    -------
    value : TensorVariable, shape ()
        Minus infinity where Q is not positive definite or not finite.

    Raises
    ------
    ValueError
        If a map does not fit the plan or an argument does not fit its map.

    Examples
    --------
    Three independent unknowns of prior precision two::

        import numpy as np
        import pytensor.tensor as pt
        from pymc_glm.gaussian import Rows, log_marginal, plan_gaussian
        from pymc_glm.machine import LinearMap

        identity = LinearMap.from_matrix(np.eye(3))
        plan = plan_gaussian([identity])
        log_marginal(plan, [Rows(identity, np.zeros(3), pt.constant(2.0), None)]).eval()
    """
    if plan.structure == "low rank":
        return low_rank_log_marginal(plan, rows)
    op = KernelOp(kernel_name(plan, "log_marginal"), (("float64", 0),))
    return cast(TensorVariable, op(assemble(plan, rows), plan.layout))
