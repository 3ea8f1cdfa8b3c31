"""Kernel of the linear maps that depend on other variables."""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["csr_matvec"]


@kernel
def csr_matvec(indptr, indices, data, x):
    """Product of a sparse matrix, in compressed rows, with a vector."""
    m = indptr.size - 1
    y = np.empty(m)
    for i in range(m):
        total = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            total += data[j] * x[indices[j]]
        y[i] = total
    return y
