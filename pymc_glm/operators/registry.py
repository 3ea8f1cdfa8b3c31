"""Operators that compiled code finds by number: called back in Python, or by their programs.

Compiled code is cached on disk, so it cannot hold addresses. It holds two symbols, which every
process points to its own data: a function that calls a registered operator, and a table of
programs.
"""

from __future__ import annotations

import ctypes
import threading

from typing import Any

import numpy as np

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.program import Program, program

__all__ = ["install", "last_failure", "publish", "register", "registered"]

APPLY_SYMBOL = "pymc_glm_apply_operator"
TABLE_SYMBOL = "pymc_glm_program_table"
# Handle, then address and size of the integers and of the floats.
ENTRY = 5

_lock = threading.Lock()
# Compiled functions know handles only, so operators and programs live as long as the process.
_operators: dict[int, AbstractOperator] = {}
_programs: dict[int, Program] = {}
_tables: list[np.ndarray] = [np.zeros((64, ENTRY), dtype="int64")]
# Number of entries, and where they are.
_root = np.array([0, _tables[0].ctypes.data], dtype="int64")
_failures: dict[int, BaseException] = {}


def register(operator: AbstractOperator) -> int:
    """Let compiled code call an operator, in this process and where the operator is unpickled.

    Parameters
    ----------
    operator : AbstractOperator
        The operator. It is kept for the life of the process.

    Returns
    -------
    handle : int
        Its number.
    """
    known = _operators.setdefault(operator.handle, operator)
    if known is not operator and known != operator:
        raise ValueError(
            f"{operator.name} and {known.name} have the same handle {operator.handle}. This has a "
            "probability of 1e-19; change the operator by a rounding error."
        )
    operator.__dict__["_is_registered"] = True
    return operator.handle


def publish(operator: AbstractOperator) -> None:
    """Enter an operator's program into the table that compiled code reads without the GIL.

    Parameters
    ----------
    operator : AbstractOperator
        The operator. Its program is kept for the life of the process.
    """
    handle = operator.handle
    if handle in _programs:
        return
    integers, floats = flat = program(operator)
    with _lock:
        if handle in _programs:
            return
        count = int(_root[0])
        if count == len(_tables[-1]):
            # Readers may still be in the old table, which stays as it is.
            _tables.append(np.concatenate([_tables[-1], np.zeros_like(_tables[-1])]))
            _root[1] = _tables[-1].ctypes.data
        _tables[-1][count] = (
            handle,
            integers.ctypes.data,
            integers.size,
            floats.ctypes.data,
            floats.size,
        )
        _root[0] = count + 1
        _programs[handle] = flat


def registered(handle: int) -> AbstractOperator:
    """Return the operator that is called by a handle; KeyError if there is none."""
    return _operators[handle]


def last_failure(handle: int) -> BaseException | None:
    """Return the exception that an operator raised last when compiled code called it."""
    return _failures.get(handle)


def _apply(
    handle: int, transposed: int, x_address: int, size_in: int, y_address: int, size_out: int
) -> int:
    """Write the product of a registered operator to memory; return 1 if that raised."""
    y = _vector(y_address, size_out)
    try:
        operator = _operators[handle]
        x = _vector(x_address, size_in)
        x.flags.writeable = False
        if transposed:
            y[:] = operator.adjoint(x.reshape(operator.shape_out)).ravel()
        else:
            y[:] = operator.forward(x.reshape(operator.shape_in)).ravel()
    except BaseException as error:  # An exception cannot pass through compiled code.
        _failures[handle] = error
        y[:] = np.nan
        return 1
    return 0


def _vector(address: int, size: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_double * size).from_address(address))


_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_ssize_t,
    ctypes.c_int64,
    ctypes.c_ssize_t,
    ctypes.c_int64,
)
# Taken from Python only once, and kept: compiled code jumps to it.
_callback: Any = _PROTOTYPE(_apply)


def install() -> None:
    """Point the symbols of compiled code to this process's callback and table."""
    from llvmlite import binding

    binding.add_symbol(APPLY_SYMBOL, ctypes.cast(_callback, ctypes.c_void_p).value)
    binding.add_symbol(TABLE_SYMBOL, _root.ctypes.data)
