"""Kernels for a stencil along one axis of an array (outer, length, inner), and its transpose.

Loops over taps are outside and loops over contiguous entries inside, so that compilers vectorise
them. Where the axis is the last one, or little follows it, a padded copy of each slice makes them
contiguous.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["convolve_axis", "convolve_axis_adjoint"]

# Rows of at least this length are worth a loop of their own.
LONG_ROW = 16


@kernel
def _add_multiple(factor, x, y):
    """Add a multiple of x to y."""
    for k in range(y.size):
        y[k] += factor * x[k]


@kernel
def _copy(x, y):
    """Write x into y."""
    for k in range(y.size):
        y[k] = x[k]


@kernel
def convolve_axis(data, taps, x):
    """``y[o, i, n] = sum over t of taps[t] * x[o, padding[i + t], n]``, zero where that is -1."""
    outer, length, inner, before = data[0], data[1], data[2], data[3]
    padding = data[4:]
    block = length * inner
    y = np.zeros(outer * block)
    if inner >= LONG_ROW:
        for o in range(outer):
            for i in range(length):
                begin = o * block + i * inner
                row = y[begin : begin + inner]
                for t in range(taps.size):
                    p = padding[i + t]
                    if p >= 0:
                        begin = o * block + p * inner
                        _add_multiple(taps[t], x[begin : begin + inner], row)
        return y
    padded = np.empty(padding.size * inner)
    for o in range(outer):
        _copy(x[o * block : (o + 1) * block], padded[before * inner : before * inner + block])
        for j in range(padding.size - length):
            i = j if j < before else j + length
            p = padding[i]
            for n in range(inner):
                padded[i * inner + n] = x[o * block + p * inner + n] if p >= 0 else 0.0
        row = y[o * block : (o + 1) * block]
        for t in range(taps.size):
            _add_multiple(taps[t], padded[t * inner : t * inner + block], row)
    return y


@kernel
def convolve_axis_adjoint(data, taps, y):
    """The transpose: spread each entry over the padded axis, then fold the padding back."""
    outer, length, inner, before = data[0], data[1], data[2], data[3]
    padding = data[4:]
    block = length * inner
    x = np.zeros(outer * block)
    if inner >= LONG_ROW:
        for o in range(outer):
            for i in range(length):
                begin = o * block + i * inner
                row = y[begin : begin + inner]
                for t in range(taps.size):
                    p = padding[i + t]
                    if p >= 0:
                        begin = o * block + p * inner
                        _add_multiple(taps[t], row, x[begin : begin + inner])
        return x
    padded = np.empty(padding.size * inner)
    for o in range(outer):
        padded[:] = 0.0
        row = y[o * block : (o + 1) * block]
        for t in range(taps.size):
            _add_multiple(taps[t], row, padded[t * inner : t * inner + block])
        _copy(padded[before * inner : before * inner + block], x[o * block : (o + 1) * block])
        for j in range(padding.size - length):
            i = j if j < before else j + length
            p = padding[i]
            if p >= 0:
                for n in range(inner):
                    x[o * block + p * inner + n] += padded[i * inner + n]
    return x
