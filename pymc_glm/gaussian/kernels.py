"""Kernels that assemble Q and h into one vector, the system, and that compute responses.

The system is ``[q, h]``: q is the flat storage that the structure of Q prescribes, h has n
entries. Vectors of length one stand for a value that all rows share.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "add_column",
    "add_gram",
    "add_information",
    "add_products",
    "add_single",
    "add_sparse",
    "add_tail",
    "response_dense",
    "response_sparse",
    "transposed_dense",
    "transposed_sparse",
]


@kernel
def add_column(system, column, weight):
    """``system + column * weight`` for one weight that all rows of a factor share."""
    return system + column * weight[0]


@kernel
def add_single(system, targets, index, data, weight):
    """``system + M weight``, M with one entry in each of its non-empty rows."""
    out = system.copy()
    for r in range(targets.size):
        out[targets[r]] += data[r] * weight[index[r]]
    return out


@kernel
def add_sparse(system, targets, starts, index, data, weight):
    """``system + M weight``, M by its non-empty rows."""
    out = system.copy()
    for r in range(targets.size):
        even = 0.0
        odd = 0.0
        stop = starts[r + 1]
        for k in range(starts[r], stop - 1, 2):
            even += data[k] * weight[index[k]]
            odd += data[k + 1] * weight[index[k + 1]]
        if (stop - starts[r]) % 2:
            even += data[stop - 1] * weight[index[stop - 1]]
        out[targets[r]] += even + odd
    return out


@kernel
def add_tail(system, vector):
    """``system`` with a vector added to its last entries, those of h."""
    out = system.copy()
    first = system.size - vector.size
    for i in range(vector.size):
        out[first + i] += vector[i]
    return out


@kernel
def add_products(system, targets, starts, first, second, row, values, weight):
    """Add ``values[first] * values[second] * weight[row]``, summed for each target."""
    out = system.copy()
    step = 0 if weight.size == 1 else 1
    for r in range(targets.size):
        total = 0.0
        for k in range(starts[r], starts[r + 1]):
            total += values[first[k]] * values[second[k]] * weight[step * row[k]]
        out[targets[r]] += total
    return out


@kernel
def add_information(system, targets, starts, entry, row, values, weight, offset, information):
    """Add ``K' (information - weight * offset)``, K by columns."""
    out = system.copy()
    by_weight = 0 if weight.size == 1 else 1
    by_offset = 0 if offset.size == 1 else 1
    by_information = 0 if information.size == 1 else 1
    for r in range(targets.size):
        total = 0.0
        for k in range(starts[r], starts[r + 1]):
            i = row[k]
            residual = (
                information[by_information * i] - weight[by_weight * i] * offset[by_offset * i]
            )
            total += values[entry[k]] * residual
        out[targets[r]] += total
    return out


@kernel
def add_gram(system, places, values, shape, weight, offset, information):
    """Add ``K' diag(weight) K`` and ``K' (information - weight * offset)`` for a dense K.

    ``places`` are the positions of the values in the row-major matrix, empty where the values
    are the matrix.
    """
    m = shape[0]
    n = shape[1]
    if places.size == 0:
        matrix = np.ascontiguousarray(values).reshape((m, n))
    else:
        flat = np.zeros(m * n)
        for k in range(places.size):
            flat[places[k]] = values[k]
        matrix = flat.reshape((m, n))
    by_weight = 0 if weight.size == 1 else 1
    by_offset = 0 if offset.size == 1 else 1
    by_information = 0 if information.size == 1 else 1
    weighted = np.empty((m, n))
    added = np.zeros(n)
    for i in range(m):
        w = weight[by_weight * i]
        residual = information[by_information * i] - w * offset[by_offset * i]
        for j in range(n):
            weighted[i, j] = w * matrix[i, j]
            added[j] += residual * matrix[i, j]
    out = np.empty(system.size)
    out[: n * n] = np.dot(matrix.T, weighted).ravel()
    out[n * n :] = added
    return out + system


@kernel
def response_dense(values, shape, x, offset):
    """``K x + offset`` for K by rows, without gaps."""
    t = np.dot(np.ascontiguousarray(values).reshape((shape[0], shape[1])), x)
    t += offset
    return t


@kernel
def response_sparse(starts, columns, values, x, offset):
    """``K x + offset`` for K in compressed rows."""
    m = starts.size - 1
    t = np.empty(m)
    step = 0 if offset.size == 1 else 1
    for i in range(m):
        total = offset[step * i]
        for k in range(starts[i], starts[i + 1]):
            total += values[k] * x[columns[k]]
        t[i] = total
    return t


@kernel
def transposed_dense(values, shape, weight):
    """``K' weight`` for K by rows, without gaps."""
    return np.dot(weight, np.ascontiguousarray(values).reshape((shape[0], shape[1])))


@kernel
def transposed_sparse(starts, columns, values, size, weight):
    """``K' weight`` for K in compressed rows."""
    out = np.zeros(size[0])
    for i in range(starts.size - 1):
        for k in range(starts[i], starts[i + 1]):
            out[columns[k]] += values[k] * weight[i]
    return out
