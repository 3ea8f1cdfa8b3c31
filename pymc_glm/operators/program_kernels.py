"""Kernels that run an operator's program on flat vectors, forward and transposed.

One signature, ``(int64[::1], float64[::1], float64[::1])``, serves every operator, so that nothing
is compiled when a model gets another one.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel
from pymc_glm.operators.program import HEADER
from pymc_glm.operators.stages import CONVOLVE_AXIS, EXTERNAL, SCALE, SELECT, SPARSE
from pymc_glm.operators.stencil_kernels import convolve_axis, convolve_axis_adjoint
from pymc_glm.operators.symbol_kernels import apply_external, find_program

__all__ = ["apply_program", "apply_program_adjoint", "apply_published"]

FAILED = (
    "An operator raised an exception when compiled code called it. Call its forward and adjoint in "
    "Python to see which."
)
WRONG_SIZE = (
    "A program got a vector whose size is not the one it takes. It belongs to another operator."
)


@kernel
def apply_program(integers, floats, x):
    """Return A x.

    Parameters
    ----------
    integers, floats : ndarray of int64, ndarray of float64
        The program, as `pymc_glm.operators.program.program` returns it.
    x : ndarray of float64, shape (size_in,)
        Contiguous.

    Returns
    -------
    y : ndarray of float64, shape (size_out,)
        Fresh, also where the program has no stage.
    """
    count = integers[0]
    if count == 0:
        return x.copy()
    y = x
    for s in range(count):
        y = _apply_stage(integers, floats, s, integers[1 + HEADER * s] < 0, y)
    return y


@kernel
def apply_program_adjoint(integers, floats, y):
    """Return A' y; arguments as in `apply_program`."""
    count = integers[0]
    if count == 0:
        return y.copy()
    x = y
    for s in range(count - 1, -1, -1):
        x = _apply_stage(integers, floats, s, integers[1 + HEADER * s] > 0, x)
    return x


@kernel
def apply_published(code, x):
    """Run the published program ``code[0]``, transposed if ``code[1]`` is 1."""
    integers, floats = find_program(code[0])
    if code[1] == 1:
        return apply_program_adjoint(integers, floats, x)
    return apply_program(integers, floats, x)


@kernel
def _apply_stage(integers, floats, s, transposed, x):
    """Run one stage, or its transpose."""
    at = 1 + HEADER * s
    kind = abs(integers[at])
    own = integers[at + 3 : at + 7]
    data = integers[own[0] : own[1]]
    values = floats[own[2] : own[3]]
    # The table holds the sizes of the stage as it stands in the program.
    backward = transposed != (integers[at] < 0)
    size_in, size_out = integers[at + 1], integers[at + 2]
    if backward:
        size_in, size_out = size_out, size_in
    if x.size != size_in:
        raise ValueError(WRONG_SIZE)
    if kind == SPARSE:
        if transposed:
            return _sparse_adjoint(data, values, x, size_out)
        return _sparse(data, values, x, size_out)
    if kind == SELECT:
        if transposed:
            return _select_adjoint(data, x, size_out)
        return _select(data, x)
    if kind == CONVOLVE_AXIS:
        if transposed:
            return convolve_axis_adjoint(data, values, x)
        return convolve_axis(data, values, x)
    if kind == SCALE:
        return x * values
    if kind == EXTERNAL:
        y = np.empty(size_out)
        if apply_external(
            data[0], int(transposed), x.ctypes.data, size_in, y.ctypes.data, size_out
        ):
            raise ArithmeticError(FAILED)
        return y
    raise ValueError("A program has a stage of unknown kind. Rebuild it from its operator.")


@kernel
def _sparse(data, values, x, rows):
    indices = data[rows + 1 :]
    y = np.empty(rows)
    for i in range(rows):
        total = 0.0
        for k in range(data[i], data[i + 1]):
            total += values[k] * x[indices[k]]
        y[i] = total
    return y


@kernel
def _sparse_adjoint(data, values, y, columns):
    rows = y.size
    indices = data[rows + 1 :]
    x = np.zeros(columns)
    for i in range(rows):
        for k in range(data[i], data[i + 1]):
            x[indices[k]] += values[k] * y[i]
    return x


@kernel
def _select(positions, x):
    y = np.empty(positions.size)
    for i in range(positions.size):
        p = positions[i]
        y[i] = x[p] if p >= 0 else 0.0
    return y


@kernel
def _select_adjoint(positions, y, size):
    x = np.zeros(size)
    for i in range(positions.size):
        if positions[i] >= 0:
            x[positions[i]] += y[i]
    return x
