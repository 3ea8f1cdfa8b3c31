"""Compile slice updates with numba."""

from __future__ import annotations

from pytensor.link.numba.dispatch.basic import (
    numba_funcify_and_cache_key,
    numba_njit,
    register_funcify_and_cache_key,
)

from pymc_glm.numba_support import compile_source
from pymc_glm.sweep.slice_op import MOST_STEPS, NOT_FINITE, WIDTH, SliceUpdate

__all__: list[str] = []

SOURCE = """
def slice_update(rng, current{arguments}):
    point = current.copy()
    entries = point.reshape(point.size)
    for j in range(entries.size):
        start = entries[j]
        level = target(point{arguments}).item() - rng.standard_exponential()
        if not (np.isfinite(level) and np.isfinite(start)):
            raise ArithmeticError("{message}")
        left = start - {width} * rng.random()
        right = left + {width}
        budget = int({steps} * rng.random())
        other = {steps} - 1 - budget
        entries[j] = left
        while budget > 0 and target(point{arguments}).item() > level:
            left -= {width}
            budget -= 1
            entries[j] = left
        entries[j] = right
        while other > 0 and target(point{arguments}).item() > level:
            right += {width}
            other -= 1
            entries[j] = right
        while True:
            proposal = left + (right - left) * rng.random()
            entries[j] = proposal
            if proposal == start or target(point{arguments}).item() > level:
                break
            if proposal < start:
                left = proposal
            else:
                right = proposal
    return rng, point
"""


@register_funcify_and_cache_key(SliceUpdate)
def _funcify_slice_update(op: SliceUpdate, node, **_):
    import numpy as np

    target, graph_key = numba_funcify_and_cache_key(
        op.fgraph, squeeze_output=True, fgraph_name="slice_target"
    )
    names = "".join(f", a{i}" for i in range(len(node.inputs) - 2))
    source = SOURCE.format(arguments=names, width=WIDTH, steps=MOST_STEPS, message=NOT_FINITE)
    key = None if graph_key is None else op.cache_key(graph_key)
    function = compile_source(
        source, "slice_update", {"target": target, "np": np}, key=key or f"slice-{id(op)}"
    )
    return numba_njit(function), key
