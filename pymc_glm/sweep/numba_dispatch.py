"""Compile updates of a target given as a graph with numba."""

from __future__ import annotations

from pytensor.link.numba.dispatch.basic import (
    numba_funcify_and_cache_key,
    numba_njit,
    register_funcify_and_cache_key,
)

from pymc_glm.numba_support import compile_source
from pymc_glm.sweep.target_ops import (
    MOST_STEPS,
    NOT_FINITE,
    AbstractTargetUpdate,
    FlipUpdate,
    RowwiseSliceUpdate,
    SliceUpdate,
)

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

ROWWISE_SOURCE = """
def rowwise_slice_update(rng, current{arguments}):
    point = current.copy()
    entries = point.reshape(point.size)
    size = entries.size
    start = entries.copy()
    level = np.empty(size)
    density = target(point{arguments})
    for j in range(size):
        level[j] = density[j] - rng.standard_exponential()
        if not (np.isfinite(level[j]) and np.isfinite(start[j])):
            raise ArithmeticError("{message}")
    left = np.empty(size)
    right = np.empty(size)
    budget = np.empty(size, dtype=np.int64)
    other = np.empty(size, dtype=np.int64)
    for j in range(size):
        left[j] = start[j] - {width} * rng.random()
        budget[j] = int({steps} * rng.random())
        right[j] = left[j] + {width}
        other[j] = {steps} - 1 - budget[j]
    moving = True
    while moving:
        moving = False
        entries[:] = left
        density = target(point{arguments})
        for j in range(size):
            if budget[j] > 0 and density[j] > level[j]:
                left[j] -= {width}
                budget[j] -= 1
                moving = True
            else:
                budget[j] = 0
    moving = True
    while moving:
        moving = False
        entries[:] = right
        density = target(point{arguments})
        for j in range(size):
            if other[j] > 0 and density[j] > level[j]:
                right[j] += {width}
                other[j] -= 1
                moving = True
            else:
                other[j] = 0
    waiting = np.ones(size, dtype=np.bool_)
    left_over = size
    entries[:] = start
    while left_over > 0:
        for j in range(size):
            if waiting[j]:
                entries[j] = left[j] + (right[j] - left[j]) * rng.random()
        density = target(point{arguments})
        for j in range(size):
            if waiting[j]:
                if entries[j] == start[j] or density[j] > level[j]:
                    waiting[j] = False
                    left_over -= 1
                elif entries[j] < start[j]:
                    left[j] = entries[j]
                else:
                    right[j] = entries[j]
    return rng, point
"""

FLIP_SOURCE = """
def flip_update(rng, current{arguments}):
    point = current.copy()
    entries = point.reshape(point.size)
    here = target(point{arguments}).item()
    if not np.isfinite(here):
        raise ArithmeticError("{message}")
    for j in range(entries.size):
        entries[j] = 1 - entries[j]
        there = target(point{arguments}).item()
        if rng.random() * (1.0 + np.exp(here - there)) < 1.0:
            here = there
        else:
            entries[j] = 1 - entries[j]
    return rng, point
"""


def _compiled(op: AbstractTargetUpdate, node, source: str, name: str):
    import numpy as np

    target, graph_key = numba_funcify_and_cache_key(
        op.fgraph, squeeze_output=True, fgraph_name="slice_target"
    )
    names = "".join(f", a{i}" for i in range(len(node.inputs) - 2))
    text = source.format(arguments=names, width=op.width, steps=MOST_STEPS, message=NOT_FINITE)
    key = None if graph_key is None else op.cache_key(graph_key)
    function = compile_source(
        text, name, {"target": target, "np": np}, key=key or f"slice-{id(op)}"
    )
    return numba_njit(function), key


@register_funcify_and_cache_key(SliceUpdate)
def _funcify_slice_update(op: SliceUpdate, node, **_):
    return _compiled(op, node, SOURCE, "slice_update")


@register_funcify_and_cache_key(RowwiseSliceUpdate)
def _funcify_rowwise_slice_update(op: RowwiseSliceUpdate, node, **_):
    return _compiled(op, node, ROWWISE_SOURCE, "rowwise_slice_update")


@register_funcify_and_cache_key(FlipUpdate)
def _funcify_flip_update(op: FlipUpdate, node, **_):
    return _compiled(op, node, FLIP_SOURCE, "flip_update")
