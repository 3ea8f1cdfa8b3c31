"""Kernels of the log integral of the block, one for each structure of Q.

They run inside slice moves, at proposals where Q may be anything: minus infinity stands for a Q
that is not positive definite or not finite.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import factor_envelope
from pymc_glm.numba_support import kernel

__all__ = [
    "arrow_log_marginal",
    "banded_log_marginal",
    "chain_log_marginal",
    "dense_log_marginal",
    "diagonal_log_marginal",
    "small_dense_log_marginal",
]

# A product of pivots is turned into a logarithm before it can leave these bounds.
LARGE = 1e150
SMALL = 1e-150


@kernel
def _result(quadratic, log_determinant):
    value = 0.5 * (quadratic - log_determinant)
    return value if math.isfinite(value) else -np.inf


@kernel
def diagonal_log_marginal(system, size):
    """Q = diag(q)."""
    n = size[0]
    quadratic = 0.0
    log_determinant = 0.0
    product = 1.0
    for i in range(n):
        pivot = system[i]
        if not pivot > 0.0:
            return -np.inf
        quadratic += system[n + i] * system[n + i] / pivot
        if not SMALL < pivot < LARGE:
            log_determinant += math.log(pivot)
            continue
        product *= pivot
        if not SMALL < product < LARGE:
            log_determinant += math.log(product)
            product = 1.0
    return _result(quadratic, log_determinant + math.log(product))


@kernel
def chain_log_marginal(system, size):
    """Q = D' diag(w) D + diag(c), by the elimination of `chain_from_noise`, from one end."""
    n = size[0]
    diagonal = n - 1
    information = 2 * n - 1
    s = system[diagonal]
    v = system[information]
    quadratic = 0.0
    log_determinant = 0.0
    product = 1.0
    for i in range(n):
        w = system[i] if i < n - 1 else 0.0
        pivot = s + w
        if not pivot > 0.0:
            return -np.inf
        variance = 1.0 / pivot
        quadratic += v * v * variance
        if SMALL < pivot < LARGE:
            product *= pivot
            if not SMALL < product < LARGE:
                log_determinant += math.log(product)
                product = 1.0
        else:
            log_determinant += math.log(pivot)
        if i < n - 1:
            t = w * variance
            s = system[diagonal + i + 1] + t * s
            v = system[information + i + 1] + t * v
    return _result(quadratic, log_determinant + math.log(product))


@kernel
def banded_log_marginal(system, size):
    """Q of some bandwidth b; q[i * (b + 1) + k] = Q[i + k, i]."""
    n = size[0]
    width = system.size // n - 1
    band = system[: n * width].copy()
    x = system[n * width :].copy()
    quadratic = 0.0
    log_determinant = 0.0
    for i in range(n):
        row = band[i * width : i * width + min(width, n - i)]
        if not row[0] > 0.0:
            return -np.inf
        variance = 1.0 / row[0]
        log_determinant += math.log(row[0])
        v = x[i]
        quadratic += v * v * variance
        for a in range(1, row.size):
            multiplier = row[a] * variance
            x[i + a] -= multiplier * v
            source = row[a:]
            target = band[(i + a) * width : (i + a) * width + source.size]
            for b in range(source.size):
                target[b] -= multiplier * source[b]
    return _result(quadratic, log_determinant)


@kernel
def arrow_log_marginal(system, starts):
    """Q by the rows of its envelope."""
    n = starts.size - 1
    band = system[: starts[n]].copy()
    x = system[starts[n] :].copy()
    if not factor_envelope(band, x, starts):
        return -np.inf
    quadratic = 0.0
    log_determinant = 0.0
    product = 1.0
    for i in range(n):
        quadratic += x[i] * x[i]
        inverse = band[starts[i + 1] - 1]
        # A root of a finite number: the product of two cannot leave the range of numbers.
        product *= inverse
        if not SMALL < product < LARGE:
            log_determinant -= math.log(product)
            product = 1.0
    return _result(quadratic, 2.0 * (log_determinant - math.log(product)))


@kernel
def small_dense_log_marginal(system, size):
    """Dense Q of few unknowns; q holds it by rows, of which the upper triangle is read."""
    n = size[0]
    factor = system[: n * n].copy().reshape((n, n))
    x = system[n * n :].copy()
    quadratic = 0.0
    log_determinant = 0.0
    for k in range(n):
        row = factor[k, k:]
        pivot = row[0]
        if not pivot > 0.0:
            return -np.inf
        log_determinant += math.log(pivot)
        inverse = 1.0 / pivot
        quadratic += x[k] * x[k] * inverse
        for i in range(1, row.size):
            multiplier = row[i] * inverse
            x[k + i] -= multiplier * x[k]
            source = row[i:]
            target = factor[k + i, k + i :]
            for j in range(source.size):
                target[j] -= multiplier * source[j]
    return _result(quadratic, log_determinant)


@kernel
def dense_log_marginal(system, size):
    """Dense Q; q holds it by rows, of which the upper triangle is read."""
    n = size[0]
    matrix = system[: n * n].reshape((n, n))
    x = system[n * n :].copy()
    factor = matrix
    failed = False
    try:
        # LAPACK reads the lower triangle by columns, which is the upper one by rows.
        factor = np.linalg.cholesky(matrix.T).T
    except Exception:
        failed = True
    if failed:
        return -np.inf
    quadratic = 0.0
    log_determinant = 0.0
    for k in range(n):
        row = factor[k, k:]
        value = x[k] / row[0]
        quadratic += value * value
        log_determinant += 2.0 * math.log(row[0])
        rest = x[k:]
        for j in range(1, row.size):
            rest[j] -= row[j] * value
    return _result(quadratic, log_determinant)
