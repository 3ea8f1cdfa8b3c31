"""The Gaussian draw as a PyTensor graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.iterative import iterative_draw
from pymc_glm.gaussian.low_rank import low_rank_draw
from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.gaussian.rows import Rows
from pymc_glm.ops import KernelOp

__all__ = ["draw_gaussian", "kernel_name"]

# Up to this many unknowns our own loop is no slower than LAPACK on one core; on several busy ones
# LAPACK takes many times longer, because its threads wait for each other.
_SMALL_DENSE = 200


def draw_gaussian(
    rng: Variable,
    plan: GaussianPlan,
    rows: Sequence[Rows],
    start: TensorVariable | None = None,
) -> tuple[Variable, TensorVariable]:
    """Draw x ~ N(Q^-1 h, Q^-1) exactly, with Q = sum of K' diag(w) K and h = sum of K' (eta - w c).

    Parameters
    ----------
    rng : Variable
        Random generator; it is advanced in place.
    plan : GaussianPlan
        Order and structure of Q.
    rows : sequence of Rows
        The factors, their maps permuted with ``linear_map.permuted(plan.position)``.
    start : TensorVariable, shape (n,), optional
        Where an iterative solution starts; zero by default. Other structures do not need it.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    x : TensorVariable, shape (n,)
        The draw, in the drawn order: unknown j of the block is ``x[plan.position[j]]``.

    Raises
    ------
    ValueError
        If a map does not fit the plan or an argument does not fit its map.
    ArithmeticError
        When the compiled graph runs and Q is not positive definite or not finite.

    References
    ----------
    .. [1] H. Rue (2001), "Fast sampling of Gaussian Markov random fields",
       doi:10.1111/1467-9868.00288.
    .. [2] W. K. Grassmann, M. I. Taksar and D. P. Heyman (1985), "Regenerative analysis and
       steady state distributions for Markov chains", doi:10.1287/opre.33.5.1107.
    .. [3] A. Bhattacharya, A. Chakraborty and B. K. Mallick (2016), "Fast sampling with Gaussian
       scale mixture priors in high-dimensional regression", doi:10.1093/biomet/asw042.

    Examples
    --------
    Five independent unknowns with prior precision 1, each observed once with precision 4::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.gaussian import Rows, draw_gaussian, plan_gaussian
        from pymc_glm.machine import LinearMap

        identity = LinearMap.from_matrix(np.eye(5))
        observed = np.arange(5.0)
        plan = plan_gaussian([identity, identity])
        rows = [
            Rows(identity, np.zeros(5), pt.constant(1.0), None),
            Rows(identity, -observed, pt.constant(4.0), None),
        ]
        rng = pt.random.type.random_generator_type()
        next_rng, x = draw_gaussian(rng, plan, rows)
        inputs = [pytensor.In(rng, mutable=True)]
        draw = pytensor.function(inputs, x, mode="NUMBA", accept_inplace=True)
        draw(np.random.default_rng(1))
    """
    if plan.structure == "iterative":
        return iterative_draw(rng, plan, rows, start)
    if plan.structure == "low rank":
        return low_rank_draw(rng, plan, rows)
    op = KernelOp(kernel_name(plan, "draw"), stochastic=True)
    next_rng, x = cast(list[Variable], op(rng, assemble(plan, rows), plan.layout))
    return next_rng, cast(TensorVariable, x)


def kernel_name(plan: GaussianPlan, task: str) -> str:
    """The kernel of a structure for ``"draw"``, ``"from_noise"`` or ``"log_marginal"``."""
    is_small = plan.structure == "dense" and plan.size <= _SMALL_DENSE
    structure = "small_dense" if is_small else plan.structure
    own = "marginal" if task == "log_marginal" else "draw"
    module = structure if structure in ("sparse", "spectral") else own
    return f"pymc_glm.gaussian.{module}_kernels:{structure}_{task}"
