"""Teaches PyTensor's JAX backend the application of linear operators.

Importing this module imports JAX, so only what runs on JAX imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pytensor.graph.basic import Apply
from pytensor.link.jax.dispatch import jax_funcify

from pymc_glm.operators import DCT, AbstractOperator, Convolution
from pymc_glm.operators.apply import ApplyOperator
from pymc_glm.operators.registry import registered
from pymc_glm.operators.stages import CONVOLVE_AXIS, EXTERNAL, SCALE, SELECT, SPARSE, Stage

__all__: list[str] = []


@jax_funcify.register(ApplyOperator)
def _funcify_apply_operator(op: ApplyOperator, node: Apply, **_: Any) -> Callable:
    """Run the operator's stages on JAX; what only Python knows is called there."""
    stages = op.operator.stages()
    if op.transposed:
        stages = tuple(stage.transposed for stage in reversed(stages))
    functions = [_stage_function(stage) for stage in stages]
    shape_out = op.shape_out

    def multiply(x, code):
        flat = x.ravel()
        for function in functions:
            flat = function(flat)
        return flat.reshape(shape_out)

    return multiply


def _stage_function(stage: Stage) -> Callable:
    """One stage, as a function of a flat vector that JAX can differentiate."""
    kind = abs(stage.kind)
    if kind == EXTERNAL:
        return _external(registered(int(stage.integers[0])), stage.kind < 0)
    forward = {SPARSE: _sparse, SELECT: _select, SCALE: _scale, CONVOLVE_AXIS: _convolve_axis}
    size_in, size_out = stage.size_in, stage.size_out
    if stage.kind > 0:
        return forward[kind](stage, size_out)
    function = forward[kind](stage, size_in)
    like = jax.ShapeDtypeStruct((size_out,), np.float64)
    return lambda y: jax.linear_transpose(function, like)(y)[0]


def _sparse(stage: Stage, rows: int) -> Callable:
    starts, columns = stage.integers[: rows + 1], stage.integers[rows + 1 :]
    row = np.repeat(np.arange(rows), np.diff(starts))

    def multiply(x):
        return jax.ops.segment_sum(
            stage.floats * x[columns], row, num_segments=rows, indices_are_sorted=True
        )

    return multiply


def _select(stage: Stage, size: int) -> Callable:
    return lambda x: jnp.where(stage.integers >= 0, x[stage.integers], 0.0)


def _scale(stage: Stage, size: int) -> Callable:
    return lambda x: stage.floats * x


def _convolve_axis(stage: Stage, size: int) -> Callable:
    outer, length, inner, _ = (int(extent) for extent in stage.integers[:4])
    padding = stage.integers[4:]
    inside = (padding >= 0)[None, :, None]

    def slide(x):
        padded = jnp.where(inside, x.reshape(outer, length, inner)[:, padding], 0.0)
        terms = [tap * padded[:, t : t + length] for t, tap in enumerate(stage.floats)]
        return sum(terms).ravel()

    return slide


def _external(operator: AbstractOperator, transposed: bool) -> Callable:
    """Fourier and cosine transforms of JAX where they are what the operator does, else Python."""
    shape = operator.shape_in
    if isinstance(operator, Convolution) and operator.transfer is not None:
        transfer = operator.transfer.conj() if transposed else operator.transfer
        return lambda x: jnp.fft.irfftn(jnp.fft.rfftn(x.reshape(shape)) * transfer, s=shape).ravel()
    if isinstance(operator, DCT):
        transform = jax.scipy.fft.idctn if transposed else jax.scipy.fft.dctn
        return lambda x: transform(x.reshape(shape), norm="ortho").ravel()
    # JAX cannot differentiate a call of Python, so it is told the adjoint.
    multiply = jax.custom_vjp(_in_python(operator, transposed))
    adjoint = _in_python(operator, not transposed)
    multiply.defvjp(lambda x: (multiply(x), None), lambda _, y: (adjoint(y),))
    return multiply


def _in_python(operator: AbstractOperator, transposed: bool) -> Callable:
    shape = operator.shape_out if transposed else operator.shape_in
    product = operator.adjoint if transposed else operator.forward
    size_out = operator.size_in if transposed else operator.size_out
    like = jax.ShapeDtypeStruct((size_out,), np.float64)

    def multiply(x):
        return np.ascontiguousarray(product(np.asarray(x).reshape(shape))).ravel()

    return lambda x: jax.pure_callback(multiply, like, x, vmap_method="sequential")
