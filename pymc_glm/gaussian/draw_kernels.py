"""Kernels that draw x ~ N(Q^-1 h, Q^-1), one for each structure of Q.

Each has a pure part, ``*_from_noise``: x is affine in the noise, with x = Q^-1 h at zero noise and
a factor S of Q^-1 = S S' as its matrix. The draw feeds it standard normals. The system ``[q, h]``
is read, never written.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = [
    "arrow_draw",
    "arrow_from_noise",
    "banded_draw",
    "banded_from_noise",
    "chain_draw",
    "chain_from_noise",
    "dense_draw",
    "dense_from_noise",
    "diagonal_draw",
    "diagonal_from_noise",
    "dot",
    "factor_envelope",
    "factorize",
    "small_dense_draw",
    "small_dense_from_noise",
]

SINGULAR = (
    "The precision of the Gaussian block is not positive definite, or not finite, at the current "
    "latents. Some direction is informed by no factor, or a precision has overflowed."
)

# Below this many terms a plain sum beats several at once.
SHORT = 12


@kernel
def diagonal_from_noise(system, noise):
    """Q = diag(q)."""
    n = noise.size
    x = np.empty(n)
    for i in range(n):
        x[i] = (system[n + i] + noise[i] * np.sqrt(system[i])) / system[i]
    # In a loop of its own: the one above is then vectorised.
    improper = 0
    for i in range(n):
        improper += not (system[i] > 0.0 and np.isfinite(x[i]))
    if improper:
        raise ArithmeticError(SINGULAR)
    return x


@kernel
def chain_from_noise(system, noise):
    """Q = D' diag(w) D + diag(c), D the first differences; q holds w (n - 1), then c (n).

    Grassmann-Taksar-Heyman elimination, from both ends at once: the excess s = pivot - w of each
    unknown is kept instead of the pivot, so that nothing is ever subtracted. Two independent
    recurrences hide the latency of the divisions.
    """
    n = noise.size
    diagonal = n - 1
    information = 2 * n - 1
    x = np.empty(n)
    gain = np.empty(n)
    low = 0
    high = n - 1
    s = system[diagonal]
    v = system[information]
    s_high = system[diagonal + high]
    v_high = system[information + high]
    while high - low >= 3:
        w = system[low]
        variance = 1.0 / (s + w)
        t = w * variance
        gain[low] = t
        x[low] = v * variance + noise[low] * np.sqrt(variance)
        low += 1
        s = system[diagonal + low] + t * s
        v = system[information + low] + t * v
        w = system[high - 1]
        variance = 1.0 / (s_high + w)
        t = w * variance
        gain[high] = t
        x[high] = v_high * variance + noise[high] * np.sqrt(variance)
        high -= 1
        s_high = system[diagonal + high] + t * s_high
        v_high = system[information + high] + t * v_high
    while low < high:
        w = system[low]
        variance = 1.0 / (s + w)
        t = w * variance
        gain[low] = t
        x[low] = v * variance + noise[low] * np.sqrt(variance)
        low += 1
        if low < high:
            s = system[diagonal + low] + t * s
            v = system[information + low] + t * v
        else:
            s_high += t * s
            v_high += t * v
    variance = 1.0 / s_high
    x[high] = v_high * variance + noise[high] * np.sqrt(variance)
    down = x[high]
    up = x[high]
    low = high - 1
    high += 1
    while low >= 0 and high < n:
        down = x[low] + gain[low] * down
        up = x[high] + gain[high] * up
        x[low] = down
        x[high] = up
        low -= 1
        high += 1
    while low >= 0:
        down = x[low] + gain[low] * down
        x[low] = down
        low -= 1
    while high < n:
        up = x[high] + gain[high] * up
        x[high] = up
        high += 1
    # NaN and infinity travel outwards with the substitution, so the two ends tell of all.
    if not (np.isfinite(s_high) and np.isfinite(x[0]) and np.isfinite(x[n - 1])):
        raise ArithmeticError(SINGULAR)
    return x


@kernel
def banded_from_noise(system, noise):
    """Q of some bandwidth b; q[i * (b + 1) + k] = Q[i + k, i]. Factored as L D L'."""
    n = noise.size
    width = system.size // n - 1
    band = system[: n * width].copy()
    x = system[n * width :].copy()
    proper = True
    for i in range(n):
        row = band[i * width : i * width + min(width, n - i)]
        proper = proper and 0.0 < row[0] < np.inf
        variance = 1.0 / row[0]
        v = x[i]
        for a in range(1, row.size):
            multiplier = row[a] * variance
            x[i + a] -= multiplier * v
            source = row[a:]
            target = band[(i + a) * width : (i + a) * width + source.size]
            for b in range(source.size):
                target[b] -= multiplier * source[b]
        x[i] = v * variance + noise[i] * np.sqrt(variance)
        row[0] = variance
    for i in range(n - 1, -1, -1):
        row = band[i * width : i * width + min(width, n - i)]
        later = x[i : i + row.size]
        total = 0.0
        for a in range(1, row.size):
            total += row[a] * later[a]
        later[0] -= total * row[0]
        proper = proper and np.isfinite(later[0])
    if not proper:
        raise ArithmeticError(SINGULAR)
    return x


@kernel
def dot(left, right):
    """Inner product of two vectors, of the length of the first."""
    # Four sums at once hide the latency of the additions.
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    n = left.size
    j = 0
    while j + 3 < n:
        a += left[j] * right[j]
        b += left[j + 1] * right[j + 1]
        c += left[j + 2] * right[j + 2]
        d += left[j + 3] * right[j + 3]
        j += 4
    while j < n:
        a += left[j] * right[j]
        j += 1
    return (a + b) + (c + d)


@kernel
def _solve_with_factor(factor, x, noise):
    """Solve U' z = x, then U x = z + noise, U upper triangular by rows; in place."""
    n = noise.size
    for i in range(n):
        row = factor[i, i:]
        rest = x[i:]
        value = rest[0] / row[0]
        for j in range(1, row.size):
            rest[j] -= row[j] * value
        rest[0] = value + noise[i]
    for i in range(n - 1, -1, -1):
        row = factor[i, i:]
        x[i] = (x[i] - dot(row[1:], x[i + 1 :])) / row[0]
        if not np.isfinite(x[i]):
            raise ArithmeticError(SINGULAR)


@kernel
def factorize(system, factor, n):
    """Write U and z of Q = U'U, U'z = h into n rows of n + 1 entries; return whether Q is proper.

    q holds Q by rows, of which the upper triangle is read. Each row is completed by all rows above
    it, four at a time, so that most of what is read is used without being written.
    """
    stride = n + 1
    for i in range(n):
        width = n - i
        target = factor[i * stride + i : (i + 1) * stride]
        source = system[i * n + i : (i + 1) * n]
        for j in range(width):
            target[j] = source[j]
        target[width] = system[n * n + i]
        k = 0
        while k + 3 < i:
            start = k * stride + i
            first = factor[start : start + width + 1]
            second = factor[start + stride : start + stride + width + 1]
            third = factor[start + 2 * stride : start + 2 * stride + width + 1]
            fourth = factor[start + 3 * stride : start + 3 * stride + width + 1]
            a = first[0]
            b = second[0]
            c = third[0]
            d = fourth[0]
            for j in range(width + 1):
                target[j] -= (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j])
            k += 4
        while k < i:
            start = k * stride + i
            first = factor[start : start + width + 1]
            a = first[0]
            for j in range(width + 1):
                target[j] -= a * first[j]
            k += 1
        if not 0.0 < target[0] < np.inf:
            return False
        scale = 1.0 / np.sqrt(target[0])
        for j in range(width + 1):
            target[j] *= scale
    return True


@kernel
def small_dense_from_noise(system, noise):
    """Dense Q of few unknowns; q holds it by rows, of which the upper triangle is read."""
    n = noise.size
    stride = n + 1
    factor = np.empty(n * stride)
    if not factorize(system, factor, n):
        raise ArithmeticError(SINGULAR)
    x = np.empty(n)
    for i in range(n - 1, -1, -1):
        row = factor[i * stride + i : (i + 1) * stride]
        x[i] = (row[n - i] + noise[i] - dot(row[1 : n - i], x[i + 1 :])) / row[0]
        if not np.isfinite(x[i]):
            raise ArithmeticError(SINGULAR)
    return x


@kernel
def dense_from_noise(system, noise):
    """Dense Q; q holds it by rows, of which the upper triangle is read."""
    n = noise.size
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
        raise ArithmeticError(SINGULAR)
    _solve_with_factor(factor, x, noise)
    return x


@kernel
def factor_envelope(band, x, starts):
    """Cholesky factor of an envelope and z = L^-1 x, both in place; whether Q is proper.

    Reciprocals of the pivots are kept on the diagonal.
    """
    n = starts.size - 1
    for i in range(n):
        start = starts[i]
        diagonal = starts[i + 1] - 1
        begin = i - (diagonal - start)
        pivot = band[diagonal]
        value = x[i]
        for j in range(begin, i):
            place = start + j - begin
            other = starts[j + 1] - 1
            # The two rows meet from where the later one of them begins.
            overlap = min(j - begin, other - starts[j])
            total = band[place]
            if overlap < SHORT:
                for k in range(1, overlap + 1):
                    total -= band[place - k] * band[other - k]
            else:
                total -= dot(band[place - overlap : place], band[other - overlap : other])
            total *= band[other]
            band[place] = total
            pivot -= total * total
            value -= total * x[j]
        if not 0.0 < pivot < np.inf:
            return False
        inverse = 1.0 / np.sqrt(pivot)
        band[diagonal] = inverse
        x[i] = value * inverse
    return True


@kernel
def arrow_from_noise(system, noise, starts):
    """Q by the rows of its envelope, as `find_envelope` lays them out."""
    n = noise.size
    band = system[: starts[n]].copy()
    x = system[starts[n] :].copy()
    if not factor_envelope(band, x, starts):
        raise ArithmeticError(SINGULAR)
    for i in range(n - 1, -1, -1):
        row = band[starts[i] : starts[i + 1]]
        last = row.size - 1
        value = (x[i] + noise[i]) * row[last]
        if not np.isfinite(value):
            raise ArithmeticError(SINGULAR)
        x[i] = value
        earlier = x[i - last : i]
        for k in range(last):
            earlier[k] -= row[k] * value
    return x


@kernel
def arrow_draw(rng, system, starts):
    """Draw for the envelope of an arrow."""
    return arrow_from_noise(system, rng.standard_normal(starts.size - 1), starts)


@kernel
def diagonal_draw(rng, system, layout):
    """Draw for diagonal Q."""
    return diagonal_from_noise(system, rng.standard_normal(layout[0]))


@kernel
def chain_draw(rng, system, layout):
    """Draw for a chain."""
    return chain_from_noise(system, rng.standard_normal(layout[0]))


@kernel
def banded_draw(rng, system, layout):
    """Draw for banded Q."""
    return banded_from_noise(system, rng.standard_normal(layout[0]))


@kernel
def small_dense_draw(rng, system, layout):
    """Draw for dense Q of few unknowns."""
    return small_dense_from_noise(system, rng.standard_normal(layout[0]))


@kernel
def dense_draw(rng, system, layout):
    """Draw for dense Q."""
    return dense_from_noise(system, rng.standard_normal(layout[0]))
