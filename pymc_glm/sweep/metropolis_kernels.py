"""Kernels of moves from a Gaussian reference."""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["pseudo_excess", "pseudo_slope"]


@kernel
def pseudo_excess(t, precision, information):
    """Minus the log density of pseudo-responses, without its constant."""
    total = 0.0
    for i in range(t.size):
        total += (0.5 * precision[i] * t[i] - information[i]) * t[i]
    return total


@kernel
def pseudo_slope(slope, t, precision, information):
    """Slopes of factors less those of their pseudo-responses."""
    out = np.empty(t.size)
    for i in range(t.size):
        out[i] = slope[i] + precision[i] * t[i] - information[i]
    return out
