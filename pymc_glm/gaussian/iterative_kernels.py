"""Kernels that draw x ~ N(Q^-1 h, Q^-1) by perturbing h and solving by conjugate gradients.

Q = D' diag(w) D + diag(c) + sum of A' diag(v) A: differences over edges, one row for each unknown,
and *far rows* A, which are applied by their programs. Everything that does not change between draws
is one array of integers and one of floats:

- the integers start with n, the number of stored edges, of offsets (0 where edges are listed by
  neighbours), and of far parts; then, for each far part, its number of rows, whether its columns'
  squares are summed by entry, where its program starts and ends among the integers and the floats,
  and where its diagonal starts; then the offsets, or the starts and the later neighbours;
- the floats hold the programs' numbers and the diagonals of A'A.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.gaussian.draw_kernels import SINGULAR, dot
from pymc_glm.gaussian.incomplete_kernels import (
    neighbours_multiply,
    neighbours_pivots,
    neighbours_solve,
    offsets_multiply,
    offsets_pivots,
    offsets_solve,
)
from pymc_glm.numba_support import kernel
from pymc_glm.operators.program_kernels import apply_program, apply_program_adjoint

__all__ = ["corrected_draw", "iterative_draw", "iterative_from_noise"]

NOT_CONVERGED = (
    "The conjugate gradients that draw the Gaussian block did not reach their tolerance. The "
    "precisions of its factors differ by too many orders of magnitude for an iterative solver; ask "
    "for a direct one with solver='sparse' or solver='dense' where the block is small enough."
)

HEADER = 4
FAR = 7


@kernel
def _far(integers, part):
    return integers[HEADER + FAR * part : HEADER + FAR * (part + 1)]


@kernel
def _graph(integers):
    """Offsets, or starts and later neighbours."""
    begin = HEADER + FAR * integers[3]
    size = integers[2] if integers[2] > 0 else integers[0] + 1 + integers[1]
    return integers[begin : begin + size]


@kernel
def preconditioner(integers, floats, weight, diagonal, far_weight):
    """Pivots of the incomplete factor, of Q with the far rows by their diagonal only."""
    n = integers[0]
    graph = _graph(integers)
    total = diagonal.copy()
    begin = 0
    for part in range(integers[3]):
        far = _far(integers, part)
        rows = far[0]
        w = far_weight[begin : begin + rows]
        begin += rows
        if far[1] == 1:
            _add_squares(integers[far[2] : far[3]], floats[far[4] : far[5]], w, total)
            continue
        mean = 0.0
        for i in range(rows):
            mean += w[i]
        mean /= rows
        squares = floats[far[6] : far[6] + n]
        for i in range(n):
            total[i] += mean * squares[i]
    if integers[2] > 0:
        return offsets_pivots(graph, weight, total)
    return neighbours_pivots(graph[: n + 1], graph[n + 1 :], weight, total)


@kernel
def _add_squares(program, values, weight, total):
    """Add diag(A' diag(weight) A) of a program whose only stage is a sparse matrix."""
    begin = program[4]
    shift = program[6]
    rows = program[3]
    starts = program[begin : begin + rows + 1]
    columns = program[begin + rows + 1 :]
    for i in range(rows):
        for k in range(starts[i], starts[i + 1]):
            value = values[shift + k]
            total[columns[k]] += weight[i] * value * value


@kernel
def precondition(integers, weight, inverse, r, z, buffer):
    """Write M^-1 r into z."""
    n = integers[0]
    graph = _graph(integers)
    if integers[2] > 0:
        offsets_solve(graph, weight, inverse, r, z, buffer)
    else:
        neighbours_solve(graph[: n + 1], graph[n + 1 :], weight, inverse, r, z)


@kernel
def multiply(integers, floats, weight, diagonal, far_weight, x, y):
    """Write Q x into y."""
    n = integers[0]
    graph = _graph(integers)
    if integers[2] > 0:
        offsets_multiply(graph, weight, diagonal, x, y)
    else:
        neighbours_multiply(graph[: n + 1], graph[n + 1 :], weight, diagonal, x, y)
    begin = 0
    for part in range(integers[3]):
        far = _far(integers, part)
        rows = far[0]
        program = integers[far[2] : far[3]]
        values = floats[far[4] : far[5]]
        t = apply_program(program, values, x)
        for i in range(rows):
            t[i] *= far_weight[begin + i]
        begin += rows
        back = apply_program_adjoint(program, values, t)
        for i in range(n):
            y[i] += back[i]


@kernel
def perturbed(integers, floats, system, far_weight, noise):
    """A draw from N(h, Q): h + D' sqrt(w) e + sqrt(c) e + sum of A' sqrt(v) e."""
    n = integers[0]
    edges = integers[1]
    graph = _graph(integers)
    out = np.empty(n)
    for i in range(n):
        out[i] = system[edges + n + i] + np.sqrt(system[edges + i]) * noise[edges + i]
    if integers[2] > 0:
        for k in range(graph.size):
            offset = graph[k]
            for i in range(n - offset):
                push = np.sqrt(system[k * n + i]) * noise[k * n + i]
                out[i] += push
                out[i + offset] -= push
    else:
        later = graph[n + 1 :]
        for i in range(n):
            for k in range(graph[i], graph[i + 1]):
                push = np.sqrt(system[k]) * noise[k]
                out[i] += push
                out[later[k]] -= push
    begin = edges + n
    first = 0
    for part in range(integers[3]):
        far = _far(integers, part)
        rows = far[0]
        push_far = np.empty(rows)
        for i in range(rows):
            push_far[i] = np.sqrt(far_weight[first + i]) * noise[begin + i]
        begin += rows
        first += rows
        back = apply_program_adjoint(integers[far[2] : far[3]], floats[far[4] : far[5]], push_far)
        for i in range(n):
            out[i] += back[i]
    return out


@kernel
def conjugate_gradients(integers, floats, system, far_weight, target, start, options):
    """Solve Q x = target from a start, to a residual of `options[0]` in the norm of M^-1.

    The norm is relative to sqrt(n), about that of the perturbation alone: a block far from zero, in
    units of its spread, is solved as exactly as any other. Returns x and the number of iterations.
    """
    n = integers[0]
    edges = integers[1]
    weight = system[:edges]
    diagonal = system[edges : edges + n]
    inverse = preconditioner(integers, floats, weight, diagonal, far_weight)
    buffer = np.empty(n)
    x = start.copy()
    z = np.empty(n)
    product = np.empty(n)
    # The same for any target: where a corrected draw stops must not depend on where it comes from.
    bound = options[0] * options[0] * n
    multiply(integers, floats, weight, diagonal, far_weight, x, product)
    residual = target - product
    precondition(integers, weight, inverse, residual, z, buffer)
    direction = z.copy()
    size = dot(residual, z)
    iterations = 0
    while size > bound:
        if iterations >= options[1]:
            raise ArithmeticError(NOT_CONVERGED)
        multiply(integers, floats, weight, diagonal, far_weight, direction, product)
        curvature = dot(direction, product)
        if not 0.0 < curvature < np.inf:
            raise ArithmeticError(SINGULAR)
        step = size / curvature
        for i in range(n):
            x[i] += step * direction[i]
            residual[i] -= step * product[i]
        precondition(integers, weight, inverse, residual, z, buffer)
        following = dot(residual, z)
        ratio = following / size
        size = following
        for i in range(n):
            direction[i] = z[i] + ratio * direction[i]
        iterations += 1
    if not np.isfinite(size):
        raise ArithmeticError(SINGULAR)
    return x, iterations


@kernel
def iterative_from_noise(system, noise, far_weight, start, integers, floats, options):
    """The draw that belongs to some noise: of the edges, the unknowns and the far rows in turn."""
    target = perturbed(integers, floats, system, far_weight, noise)
    x, _ = conjugate_gradients(integers, floats, system, far_weight, target, start, options)
    return x


@kernel
def iterative_draw(rng, system, far_weight, start, integers, floats, options):
    """Draw; `options` are the tolerance and the largest number of iterations."""
    noise = rng.standard_normal(system.size - integers[0] + far_weight.size)
    return iterative_from_noise(system, noise, far_weight, start, integers, floats, options)


@kernel
def corrected_draw(rng, system, far_weight, current, integers, floats, options):
    """A Metropolis move that leaves N(Q^-1 h, Q^-1) as it is, whatever the tolerance.

    Where the solution u of Q u = Q x + eta is exact, u - x is an independent draw and accepted.
    The iteration starts at zero, so that u depends on its target only.
    """
    n = integers[0]
    edges = integers[1]
    noise = rng.standard_normal(system.size - n + far_weight.size)
    target = perturbed(integers, floats, system, far_weight, noise)
    product = np.empty(n)
    weight = system[:edges]
    diagonal = system[edges : edges + n]
    multiply(integers, floats, weight, diagonal, far_weight, current, product)
    for i in range(n):
        target[i] += product[i]
    solution, _ = conjugate_gradients(
        integers, floats, system, far_weight, target, np.zeros(n), options
    )
    multiply(integers, floats, weight, diagonal, far_weight, solution, product)
    log_ratio = 0.0
    for i in range(n):
        log_ratio += (solution[i] - 2.0 * current[i]) * (target[i] - product[i])
    if np.log(rng.random()) < log_ratio:
        return solution - current
    return current.copy()
