"""The Gaussian draw by perturbation and conjugate gradients, for blocks too large to factorise.

The information vector is perturbed so that its covariance is Q, and the equations are solved for
it: the solution has covariance Q^-1. Only products with Q are needed. Rows that are differences
or have one entry are merged into the edges of a graph, whose modified incomplete Cholesky factor is
the preconditioner; all other rows, *far rows*, are applied by the programs of their operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.assembly import assemble, check_shapes
from pymc_glm.gaussian.constants import per_row
from pymc_glm.gaussian.edges import Edges, is_far
from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.gaussian.rows import Rows
from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.operators import AbstractOperator, Sparse
from pymc_glm.operators.program import program
from pymc_glm.ops import KernelOp

__all__ = ["iterative_arguments", "iterative_draw"]

# Iterations grow with the side of a lattice; a multiple of what any well-posed model has needed.
ITERATIONS_PER_ROOT = 50.0
LEAST_ITERATIONS = 2000.0

_KERNELS = "pymc_glm.gaussian.iterative_kernels"
_draw = KernelOp(f"{_KERNELS}:iterative_draw", stochastic=True)
_corrected_draw = KernelOp(f"{_KERNELS}:corrected_draw", stochastic=True)


def iterative_draw(
    rng: Variable, plan: GaussianPlan, rows: Sequence[Rows], start: TensorVariable | None = None
) -> tuple[Variable, TensorVariable]:
    """Draw the block; see `pymc_glm.gaussian.draw_gaussian`.

    Parameters
    ----------
    rng : Variable
        Random generator; it is advanced in place.
    plan : GaussianPlan
        Of structure ``"iterative"``.
    rows : sequence of Rows
        The factors.
    start : TensorVariable, shape (n,), optional
        The current block, zero by default. The iteration starts there; a corrected draw is a
        Metropolis move from there.

    Returns
    -------
    next_rng : Variable
        The advanced generator.
    x : TensorVariable, shape (n,)
        The draw.

    References
    ----------
    .. [1] G. Papandreou and A. Yuille (2010), "Gaussian sampling by local perturbations",
       Advances in Neural Information Processing Systems 23.
    .. [2] I. Gustafsson (1978), "A class of first order factorization methods",
       doi:10.1007/BF01931691.
    """
    op = _corrected_draw if plan.solution.corrected else _draw
    next_rng, x = cast(list[Variable], op(rng, *iterative_arguments(plan, rows, start)))
    return next_rng, cast(TensorVariable, x)


def iterative_arguments(
    plan: GaussianPlan, rows: Sequence[Rows], start: TensorVariable | None = None
) -> tuple[TensorVariable | np.ndarray, ...]:
    """Arguments of the kernels after the generator; parameters as in `iterative_draw`.

    Returns
    -------
    arguments : tuple of TensorVariable or ndarray
        The system, weights of far rows, the start, and the constant integers, floats and options.
    """
    near = [one for one in rows if not is_far(one.linear_map)]
    far = [one for one in (row.multiplied() for row in rows) if is_far(one.linear_map)]
    for row in far:
        check_shapes(plan, row)
    weights = [per_row(row.precision, row.linear_map.shape[0]) for row in far]
    layout = _layout(plan, [_far_part(row.linear_map) for row in far])
    largest = max(LEAST_ITERATIONS, ITERATIONS_PER_ROOT * np.sqrt(plan.size))
    return (
        assemble(plan, [*near, *far]),
        pt.concatenate(weights) if weights else np.zeros(0),
        np.zeros(plan.size) if start is None else start,
        layout.integers,
        layout.floats,
        np.array([plan.solution.tolerance, largest]),
    )


class _FarPart(NamedTuple):
    """The far rows of one factor."""

    operator: AbstractOperator
    is_matrix: bool


class _Layout(NamedTuple):
    """The constant arrays of the kernels; see `pymc_glm.gaussian.iterative_kernels`."""

    integers: np.ndarray
    floats: np.ndarray


def _far_part(linear_map: LinearMap | OperatorMap) -> _FarPart:
    operator = (
        linear_map.operator if isinstance(linear_map, OperatorMap) else Sparse(linear_map.matrix())
    )
    return _FarPart(operator, isinstance(operator, Sparse))


def _layout(plan: GaussianPlan, parts: Sequence[_FarPart]) -> _Layout:
    edges = cast(Edges, plan.storage)
    graph = edges.layout
    header = [plan.size, edges.weights, edges.offsets.size, len(parts)]
    begin = 4 + 7 * len(parts) + graph.size
    table, programs, floats, first = [], [], [], 0
    for part in parts:
        own = program(part.operator)
        diagonal = np.zeros(0) if part.is_matrix else part.operator.gram_diagonal()
        last = first + own.floats.size
        table += [
            part.operator.size_out,
            int(part.is_matrix),
            begin,
            begin + own.integers.size,
            first,
            last,
            last,
        ]
        programs.append(own.integers)
        floats += [own.floats, diagonal]
        begin += own.integers.size
        first = last + diagonal.size
    return _Layout(
        np.concatenate([header, table, graph, *programs]).astype(np.int64),
        np.concatenate([np.zeros(0), *floats]),
    )
