"""Registers the declared distributions with PyTensor's numba backend.

Importing this module imports numba, so nothing on the path of ``import pymc_glm`` does.
"""

from __future__ import annotations

from collections.abc import Callable

from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch.random import numba_core_rv_funcify

from pymc_glm.declare import draw_kernels
from pymc_glm.declare.random_variables import FamilyRandomVariable
from pymc_glm.numba_support import KERNEL_HASH

__all__ = ["CACHE_VERSION"]

# The cache key must be an integer; it changes with the source of any kernel.
CACHE_VERSION = int(KERNEL_HASH[:12], 16)


@numba_core_rv_funcify.register(FamilyRandomVariable)
def _core_draw(op: FamilyRandomVariable, node: Apply) -> tuple[Callable, int]:
    return getattr(draw_kernels, op.name), CACHE_VERSION
