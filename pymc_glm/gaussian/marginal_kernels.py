"""Kernels of the log integral of the block, one for each structure of Q.

They run inside slice moves, at proposals where Q may be anything: minus infinity stands for a Q
that is not positive definite or not finite. Pivots are multiplied, and a logarithm is taken only
where the product is about to leave the range of floating point numbers.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.gaussian.draw_kernels import factor_envelope, factorize
from pymc_glm.numba_support import kernel

__all__ = [
    "arrow_log_marginal",
    "banded_log_marginal",
    "chain_log_marginal",
    "dense_log_marginal",
    "diagonal_log_marginal",
    "log_integral",
    "multiplied",
    "small_dense_log_marginal",
]

# A product of pivots is turned into a logarithm when it leaves these bounds.
LARGE = 1e100
SMALL = 1e-100


@kernel
def log_integral(quadratic, log_determinant):
    """Half the difference, minus infinity where it is no number."""
    value = 0.5 * (quadratic - log_determinant)
    return value if math.isfinite(value) else -np.inf


@kernel
def multiplied(product, logarithm, pivot):
    """Multiply a product by a pivot, and move what gets too large or small into a logarithm."""
    if not SMALL < pivot < LARGE:
        return product, logarithm + math.log(pivot)
    product *= pivot
    if SMALL < product < LARGE:
        return product, logarithm
    return 1.0, logarithm + math.log(product)


@kernel
def diagonal_log_marginal(system, layout):
    """Q = diag(q)."""
    n = layout[0]
    q = system[:n]
    h = system[n:]
    # Four sums at once hide the latency of the additions.
    sum_a = 0.0
    sum_b = 0.0
    sum_c = 0.0
    sum_d = 0.0
    product = 1.0
    logarithm = 0.0
    improper = 0
    i = 0
    while i + 3 < n:
        a = q[i]
        b = q[i + 1]
        c = q[i + 2]
        d = q[i + 3]
        sum_a += h[i] * h[i] / a
        sum_b += h[i + 1] * h[i + 1] / b
        sum_c += h[i + 2] * h[i + 2] / c
        sum_d += h[i + 3] * h[i + 3] / d
        improper += (not a > 0.0) + (not b > 0.0) + (not c > 0.0) + (not d > 0.0)
        four = (a * b) * (c * d)
        if SMALL < four < LARGE:
            product, logarithm = multiplied(product, logarithm, four)
        else:
            logarithm += (math.log(a) + math.log(b)) + (math.log(c) + math.log(d))
        i += 4
    while i < n:
        sum_a += h[i] * h[i] / q[i]
        improper += not q[i] > 0.0
        product, logarithm = multiplied(product, logarithm, q[i])
        i += 1
    if improper:
        return -np.inf
    quadratic = (sum_a + sum_b) + (sum_c + sum_d)
    return log_integral(quadratic, logarithm + math.log(product))


@kernel
def _careful_chain(system, layout):
    """Eliminate a chain by `chain_from_noise`'s recurrence, for weights of any size."""
    n = layout[0]
    diagonal = n - 1
    information = 2 * n - 1
    s = system[diagonal]
    v = system[information]
    quadratic = 0.0
    logarithm = 0.0
    for i in range(n):
        w = system[i] if i < n - 1 else 0.0
        pivot = s + w
        if not pivot > 0.0:
            return -np.inf
        logarithm += math.log(pivot)
        variance = 1.0 / pivot
        quadratic += v * v * variance
        if i < n - 1:
            t = w * variance
            s = system[diagonal + i + 1] + t * s
            v = system[information + i + 1] + t * v
    return log_integral(quadratic, logarithm)


@kernel
def chain_log_marginal(system, layout):
    """Q = D' diag(w) D + diag(c); q holds w (n - 1), then c (n).

    The elimination of `chain_from_noise`, from both ends, with numerators in place of quotients:
    the determinants d of the eliminated part, e of that part without its outgoing link, and the
    numerator u of the information obey

        d' = e + w d,  e' = c d' + w e,  u' = h d' + w u.

    Nothing is subtracted, and no step waits for a division. d, e and u share a factor, which is
    taken out before it can overflow.
    """
    n = layout[0]
    diagonal = n - 1
    information = 2 * n - 1
    low = 0
    high = n - 1
    d_low = 1.0
    e_low = system[diagonal]
    u_low = system[information]
    r_low = 1.0
    d_high = 1.0
    e_high = system[diagonal + high]
    u_high = system[information + high]
    r_high = 1.0
    quadratic_low = 0.0
    quadratic_high = 0.0
    logarithm = 0.0
    improper = 0
    while high - low >= 2:
        w = system[low]
        d = e_low + w * d_low
        improper += not d > 0.0
        r = 1.0 / d
        quadratic_low += (u_low * r_low) * (u_low * r)
        low += 1
        e_low = system[diagonal + low] * d + w * e_low
        u_low = system[information + low] * d + w * u_low
        d_low = d
        r_low = r
        if not SMALL < d < LARGE:
            logarithm += math.log(d)
            e_low *= r
            u_low *= r
            d_low = 1.0
            r_low = 1.0
        if high - low < 2:
            break
        w = system[high - 1]
        d = e_high + w * d_high
        improper += not d > 0.0
        r = 1.0 / d
        quadratic_high += (u_high * r_high) * (u_high * r)
        high -= 1
        e_high = system[diagonal + high] * d + w * e_high
        u_high = system[information + high] * d + w * u_high
        d_high = d
        r_high = r
        if not SMALL < d < LARGE:
            logarithm += math.log(d)
            e_high *= r
            u_high *= r
            d_high = 1.0
            r_high = 1.0
    quadratic = quadratic_low + quadratic_high
    s = e_low * r_low
    v = u_low * r_low
    if low < high:
        w = system[low]
        pivot = s + w
        improper += not pivot > 0.0
        quadratic += v * v / pivot
        logarithm += math.log(pivot)
        s = e_high * r_high + w / pivot * s
        v = u_high * r_high + w / pivot * v
    improper += not s > 0.0
    quadratic += v * v / s
    logarithm += math.log(d_low) + math.log(d_high) + math.log(s)
    value = 0.5 * (quadratic - logarithm)
    if improper or not math.isfinite(value):
        return _careful_chain(system, layout)
    return value


@kernel
def banded_log_marginal(system, layout):
    """Q of some bandwidth b; q[i * (b + 1) + k] = Q[i + k, i]."""
    n = layout[0]
    width = system.size // n - 1
    band = system[: n * width].copy()
    x = system[n * width :].copy()
    quadratic = 0.0
    product = 1.0
    logarithm = 0.0
    for i in range(n):
        row = band[i * width : i * width + min(width, n - i)]
        if not row[0] > 0.0:
            return -np.inf
        variance = 1.0 / row[0]
        product, logarithm = multiplied(product, logarithm, row[0])
        v = x[i]
        quadratic += v * v * variance
        for a in range(1, row.size):
            multiplier = row[a] * variance
            x[i + a] -= multiplier * v
            source = row[a:]
            target = band[(i + a) * width : (i + a) * width + source.size]
            for b in range(source.size):
                target[b] -= multiplier * source[b]
    return log_integral(quadratic, logarithm + math.log(product))


@kernel
def arrow_log_marginal(system, starts):
    """Q by the rows of its envelope."""
    n = starts.size - 1
    band = system[: starts[n]].copy()
    x = system[starts[n] :].copy()
    if not factor_envelope(band, x, starts):
        return -np.inf
    quadratic = 0.0
    product = 1.0
    logarithm = 0.0
    for i in range(n):
        quadratic += x[i] * x[i]
        product, logarithm = multiplied(product, logarithm, band[starts[i + 1] - 1])
    # The diagonal holds inverse roots of pivots.
    return log_integral(quadratic, -2.0 * (logarithm + math.log(product)))


@kernel
def small_dense_log_marginal(system, layout):
    """Dense Q of few unknowns; q holds it by rows, of which the upper triangle is read."""
    n = layout[0]
    stride = n + 1
    factor = np.empty(n * stride)
    if not factorize(system, factor, n):
        return -np.inf
    quadratic = 0.0
    product = 1.0
    logarithm = 0.0
    for i in range(n):
        solved = factor[i * stride + n]
        quadratic += solved * solved
        product, logarithm = multiplied(product, logarithm, factor[i * stride + i])
    return log_integral(quadratic, 2.0 * (logarithm + math.log(product)))


@kernel
def dense_log_marginal(system, layout):
    """Dense Q; q holds it by rows, of which the upper triangle is read."""
    n = layout[0]
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
    product = 1.0
    logarithm = 0.0
    for k in range(n):
        row = factor[k, k:]
        rest = x[k:]
        value = rest[0] / row[0]
        quadratic += value * value
        product, logarithm = multiplied(product, logarithm, row[0])
        for j in range(1, row.size):
            rest[j] -= row[j] * value
    return log_integral(quadratic, 2.0 * (logarithm + math.log(product)))
