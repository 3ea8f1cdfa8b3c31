"""Typed calls of the families' kernels."""

from __future__ import annotations

from typing import Any, cast

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import Latent, as_float64
from pymc_glm.ops import KernelOp

__all__ = ["as_float64", "draw_latent", "evaluate"]


def evaluate(op: KernelOp, *values: Any) -> TensorVariable:
    """Apply a kernel of one output."""
    return cast(TensorVariable, op(*map(as_float64, values)))


def draw_latent(
    op: KernelOp, rng: Variable, *values: Any, size: TensorVariable | None = None
) -> Latent:
    """Apply a stochastic kernel that returns the precision, and maybe the information.

    Where given, ``size`` is an integer, the last argument of the kernel.
    """
    sizes = [] if size is None else [size]
    outputs = cast(list[Any], op(rng, *map(as_float64, values), *sizes))
    next_rng, precision, *information = outputs
    return Latent(next_rng, precision, information[0] if information else None)
