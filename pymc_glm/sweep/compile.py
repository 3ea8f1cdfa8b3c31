"""Compile a sweep: alone, or inside the loop that runs a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytensor

from pytensor.graph.basic import Constant
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.variable import TensorVariable

from pymc_glm.sweep.build import SweepGraph

__all__ = ["CompiledSweep", "compile_chain", "compile_sweep"]


class CompiledSweep(NamedTuple):
    """A compiled sweep and the arrays it reads.

    Attributes
    ----------
    function : callable
        ``function(rng, *state, *guests, *constants)`` returns the generator and the next state.
    constants : tuple of ndarray
        Data, matrices and index arrays, passed at every call so that the compiled code does not
        depend on them.
    """

    function: Callable
    constants: tuple[np.ndarray, ...]


def compile_sweep(sweep: SweepGraph) -> CompiledSweep:
    """Compile one sweep with PyTensor's numba linker.

    Parameters
    ----------
    sweep : SweepGraph
        The sweep.

    Returns
    -------
    compiled : CompiledSweep
    """
    outputs, lifted = _lift_constants(sweep)
    inputs = [
        pytensor.In(sweep.rng, mutable=True),
        *sweep.inputs,
        *sweep.guests,
        *lifted.values(),
    ]
    function = pytensor.function(
        inputs,
        [pytensor.Out(output, borrow=True) for output in outputs],
        mode="NUMBA",
        accept_inplace=True,
        on_unused_input="ignore",
    )
    constants = tuple(np.ascontiguousarray(constant.data) for constant in lifted)
    return CompiledSweep(function.vm.jit_fn, constants)


def _lift_constants(sweep: SweepGraph) -> tuple[list, dict[Constant, TensorVariable]]:
    """Replace constant arrays by inputs: compiled code is then reused for other data."""
    outputs = [sweep.next_rng, *sweep.outputs]
    arrays = [
        variable
        for variable in ancestors(outputs)
        if isinstance(variable, Constant) and getattr(variable.type, "ndim", 0) > 0
    ]
    lifted = {array: array.type() for array in dict.fromkeys(arrays)}
    if not lifted:
        return outputs, lifted
    # All of the graph is cloned at once: a node of which one output were cloned and another kept
    # would advance the generator twice.
    return clone_replace(outputs, lifted), lifted


CHAIN_SOURCE = """
def chain({arguments}):
    for draw in range({buffer}.shape[0]):
        {results} = sweep(rng, {inputs})
{stores}
    return {state}
"""


def compile_chain(sweep: SweepGraph, compiled: CompiledSweep) -> Callable:
    """Compile the loop of a chain around a sweep, without the GIL.

    Parameters
    ----------
    sweep : SweepGraph
        The sweep, without guests.
    compiled : CompiledSweep
        The same, compiled.

    Returns
    -------
    chain : callable
        ``chain(rng, *state, *buffers, *constants)`` runs as many sweeps as the buffers have rows,
        writes each state to its buffer and returns the last state.
    """
    # numba stays unimported until something is compiled.
    import numba

    from pymc_glm.numba_support import compile_source

    state = [f"s{i}" for i in range(len(sweep.inputs))]
    buffers = [f"b{i}" for i in range(len(sweep.inputs))]
    constants = [f"c{i}" for i in range(len(compiled.constants))]
    source = CHAIN_SOURCE.format(
        arguments=", ".join(["rng", *state, *buffers, *constants]),
        buffer=buffers[0],
        results=", ".join(["rng", *state]),
        inputs=", ".join([*state, *constants]),
        stores="\n".join(
            f"        {b}[draw] = {_stored(s, variable)}"
            for b, s, variable in zip(buffers, state, sweep.inputs, strict=True)
        ),
        state="(" + ", ".join(state) + ",)",
    )
    key = f"chain-{len(state)}-{len(constants)}-{_sweep_key(compiled)}"
    function = compile_source(source, "chain", {"sweep": compiled.function}, key)
    return numba.njit(nogil=True, cache=True)(function)


def _stored(name: str, variable: TensorVariable) -> str:
    return f"{name}.item()" if variable.type.ndim == 0 else name


def _sweep_key(compiled: CompiledSweep) -> str:
    """PyTensor's cache key of the compiled sweep; unique where it has none."""
    from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS

    py_func = getattr(compiled.function, "py_func")
    return CACHED_SRC_FUNCTIONS.get(py_func, f"uncached-{id(py_func)}")
