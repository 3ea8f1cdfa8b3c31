"""Registers the application of operators with PyTensor's numba backend.

Importing this module imports numba, so nothing on the path of ``import pymc_glm`` does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key

from pymc_glm.numba_support import KERNEL_HASH, compile_source
from pymc_glm.operators.apply import ApplyOperator
from pymc_glm.operators.program_kernels import apply_published
from pymc_glm.operators.registry import publish

__all__: list[str] = []


@register_funcify_and_cache_key(ApplyOperator)
def _funcify_apply_operator(op: ApplyOperator, node: Apply, **_) -> tuple[Callable, str]:
    publish(op.operator)
    ndim_in, ndim_out = len(op.shape_in), len(op.shape_out)
    shape = "".join(f"code[{2 + i}], " for i in range(ndim_out))
    source = (
        "def apply_operator(x, code):\n"
        # A scalar comes as an array of no dimensions, and ravel makes a vector of it as well.
        "    y = apply_published(code, np.ascontiguousarray(x).ravel())\n"
        f"    return y.reshape(({shape}))\n"
    )
    key = f"apply-operator-{ndim_in}-{ndim_out}"
    environment = {"apply_published": apply_published, "np": np}
    function = compile_source(source, "apply_operator", environment, key)
    return numba_njit(function), f"{key}-{KERNEL_HASH}"
