"""Typed calls of the families' kernels."""

from __future__ import annotations

from typing import Any, cast

import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import Latent
from pymc_glm.ops import KernelOp

__all__ = ["as_float64", "draw_latent", "evaluate"]


def as_float64(value: Any) -> TensorVariable:
    """Return the value as a float64 tensor.

    Every kernel is compiled for one signature; and PyTensor makes the number 2.0 a float32, whose
    logarithm has half the digits.
    """
    return pt.as_tensor(value).astype("float64")


def evaluate(op: KernelOp, *values: Any) -> TensorVariable:
    """Apply a kernel of one output."""
    return cast(TensorVariable, op(*map(as_float64, values)))


def draw_latent(op: KernelOp, rng: Variable, *values: Any) -> Latent:
    """Apply a stochastic kernel that returns the precision, and maybe the information."""
    outputs = cast(list[Any], op(rng, *map(as_float64, values)))
    next_rng, precision, *information = outputs
    return Latent(next_rng, precision, information[0] if information else None)
