"""Compile Hamiltonian moves with numba."""

from __future__ import annotations

import numpy as np

from pytensor.link.numba.dispatch.basic import (
    numba_funcify_and_cache_key,
    numba_njit,
    register_funcify_and_cache_key,
)

from pymc_glm.machine import ANGLE
from pymc_glm.numba_support import compile_source
from pymc_glm.sweep.hamiltonian import CAREFUL, CAREFUL_SHARE, NOT_FINITE, HamiltonianUpdate

__all__: list[str] = []

SOURCE = """
def hamiltonian_update(rng, current{arguments}):
    n = current.size
    z = current.copy()
    v = np.empty(n)
    before = excess(z{arguments}).item()
    for j in range(n):
        v[j] = rng.standard_normal()
        before -= 0.5 * (z[j] * z[j] + v[j] * v[j])
    if not np.isfinite(before):
        raise ArithmeticError("{message}")
    steps = {steps}
    if rng.random() < {share}:
        steps *= {careful}
    angle = {angle} * (1.0 + {spread} * (2.0 * rng.random() - 1.0)) / steps
    cosine = np.cos(angle)
    sine = np.sin(angle)
    push = gradient(z{arguments})
    for j in range(n):
        v[j] += 0.5 * angle * push[j]
    for step in range(steps):
        for j in range(n):
            position = cosine * z[j] + sine * v[j]
            v[j] = cosine * v[j] - sine * z[j]
            z[j] = position
        push = gradient(z{arguments})
        length = angle if step < steps - 1 else 0.5 * angle
        for j in range(n):
            v[j] += length * push[j]
    after = excess(z{arguments}).item()
    for j in range(n):
        after -= 0.5 * (z[j] * z[j] + v[j] * v[j])
    if -rng.standard_exponential() < after - before:
        return rng, z
    return rng, current
"""


@register_funcify_and_cache_key(HamiltonianUpdate)
def _funcify_hamiltonian_update(op: HamiltonianUpdate, node, **_):
    functions, keys = zip(
        *(
            numba_funcify_and_cache_key(graph, squeeze_output=True, fgraph_name=name)
            for graph, name in zip(op.graphs, ("excess", "gradient"), strict=True)
        ),
        strict=True,
    )
    text = SOURCE.format(
        arguments="".join(f", a{i}" for i in range(len(node.inputs) - 2)),
        message=NOT_FINITE,
        steps=op.steps,
        angle=repr(float(ANGLE)),
        spread=op.spread,
        share=CAREFUL_SHARE,
        careful=CAREFUL,
    )
    key = None if None in keys else op.cache_key(keys)
    environment = {"excess": functions[0], "gradient": functions[1], "np": np}
    function = compile_source(
        text, "hamiltonian_update", environment, key=key or f"hamiltonian-{id(op)}"
    )
    return numba_njit(function), key
