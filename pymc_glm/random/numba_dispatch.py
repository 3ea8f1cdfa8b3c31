"""Registers the random variables with PyTensor's numba backend.

Importing this module imports numba, so nothing on the path of ``import pymc_glm`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.random import numba_core_rv_funcify

from pymc_glm.numba_support import KERNEL_HASH
from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["CACHE_VERSION"]

# The cache key must be an integer; it changes with the source of any kernel.
CACHE_VERSION = int(KERNEL_HASH[:12], 16)


@numba_core_rv_funcify.register(AbstractKernelRandomVariable)
def _core_kernel(op: AbstractKernelRandomVariable, node: Apply) -> tuple[Callable, int]:
    return getattr(import_module(op.kernel_module), op.kernel_name), CACHE_VERSION
