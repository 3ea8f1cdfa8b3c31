"""Kernels that draw one unknown after the other, given all others, without latents of Laplace rows.

Along one unknown the log density is concave and piecewise quadratic: a parabola from the Gaussian
rows, with kinks from the Laplace rows. The line is cut at the kinks and at the mode. From the end
of a piece that is closest to the mode the density falls as exp(-slope u - curvature u**2 / 2). It
lies below an exponential, a uniform and a half-normal density, of which the one of the least mass
is proposed from: about three of four proposals are accepted, whatever the pieces are.
"""

from __future__ import annotations

import math

import numpy as np

from pymc_glm.numba_support import kernel

__all__ = ["draw_site", "scan_sites"]

NO_DENSITY = (
    "An unknown of the block has no proper density given all others. Some precision or scale has "
    "overflowed."
)
ROOT_HALF_PI = math.sqrt(0.5 * math.pi)
# Pieces whose density is below exp(-45) of the largest hold nothing that a double could resolve.
NEGLIGIBLE = 45.0
EXPONENTIAL, UNIFORM, HALF_NORMAL = 0.0, 1.0, 2.0


@kernel
def _drop(slope, curvature, width):
    """How far the log density falls over a piece."""
    if curvature == 0.0:
        return slope * width
    return width * (slope + 0.5 * curvature * width)


@kernel
def _propose(rng, kind, slope, width, half_width):
    """A distance from the start of a piece."""
    if kind == EXPONENTIAL:
        covered = -math.expm1(-min(slope * width, 700.0))
        return -math.log1p(-covered * rng.random()) / slope
    if kind == UNIFORM:
        return width * rng.random()
    return half_width * abs(rng.standard_normal())


@kernel
def _log_acceptance(kind, slope, curvature, width, u):
    """Log of the density over its envelope at a distance."""
    if kind == EXPONENTIAL:
        return -0.5 * curvature * u * u
    if kind == UNIFORM:
        return -u * (slope + 0.5 * curvature * u)
    return -slope * u if u <= width else -np.inf


@kernel
def draw_site(rng, curvature, gradient, kinks, steepness, count, pieces):
    """Draw d from exp(-curvature d**2 / 2 - gradient d - sum of steepness |d - kink|).

    The first `count` kinks and steepnesses are used, and sorted in place; `pieces` is a buffer of
    shape (5, count + 2 or more). NaN where the density has no integral.
    """
    for p in range(1, count):
        place, weight = kinks[p], steepness[p]
        q = p
        while q > 0 and kinks[q - 1] > place:
            kinks[q] = kinks[q - 1]
            steepness[q] = steepness[q - 1]
            q -= 1
        kinks[q] = place
        steepness[q] = weight
    # The derivative of the negative log density just left of the kinks, from the lowest upwards.
    pull = gradient
    for p in range(count):
        pull -= steepness[p]
    # The piece with the mode: the first whose derivative at its right end is not negative.
    left = pull
    mode = 0
    while mode < count and left + curvature * kinks[mode] < 0.0:
        left += 2.0 * steepness[mode]
        mode += 1
    if mode > 0 and left + curvature * kinks[mode - 1] >= 0.0:
        top = kinks[mode - 1]
    elif curvature > 0.0:
        top = -left / curvature
        if mode < count:
            top = min(top, kinks[mode])
        if mode > 0:
            top = max(top, kinks[mode - 1])
    elif count == 0:
        return np.nan
    else:
        top = kinks[mode] if mode < count else kinks[mode - 1]
    # A piece ends where the next kink is; the last one each way has no end.
    half_width = 1.0 / math.sqrt(curvature) if curvature > 0.0 else np.inf
    total = 0.0
    found = 0
    upwards = 0
    for step in (1, -1):
        start = top
        slope = step * (left + curvature * top)
        height = 0.0
        p = mode if step > 0 else mode - 1
        while True:
            inside = 0 <= p < count
            width = step * (kinks[p] - start) if inside else np.inf
            if width > 0.0:
                # Not negative but for rounding.
                slope = max(slope, 0.0)
                mass = width
                kind = UNIFORM
                if ROOT_HALF_PI * half_width < mass:
                    mass = ROOT_HALF_PI * half_width
                    kind = HALF_NORMAL
                if slope * mass > 1.0 or slope * width > 1.0:
                    below = -math.expm1(-min(slope * width, 700.0)) / slope
                    if below < mass:
                        mass = below
                        kind = EXPONENTIAL
                if height < 0.0:
                    mass *= math.exp(height)
                pieces[0, found] = mass
                pieces[1, found] = start
                pieces[2, found] = slope
                pieces[3, found] = width
                pieces[4, found] = kind
                total += mass
                found += 1
            if not inside:
                break
            height -= _drop(slope, curvature, width)
            if height < -NEGLIGIBLE:
                break
            slope += curvature * width + 2.0 * steepness[p]
            start = kinks[p]
            p += step
        if step > 0:
            upwards = found
    if not total < np.inf:
        # Some end does not fall.
        return np.nan
    while True:
        threshold = rng.random() * total
        chosen = 0
        while chosen < found - 1 and threshold > pieces[0, chosen]:
            threshold -= pieces[0, chosen]
            chosen += 1
        slope, width, kind = pieces[2, chosen], pieces[3, chosen], pieces[4, chosen]
        u = _propose(rng, kind, slope, width, half_width)
        log_ratio = _log_acceptance(kind, slope, curvature, width, u)
        if log_ratio >= 0.0 or rng.random() < math.exp(log_ratio):
            return pieces[1, chosen] + u if chosen < upwards else pieces[1, chosen] - u


@kernel
def _pull_and_curvature(values, pull, precision):
    """Sums of value * pull and value**2 * precision over a run of rows."""
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    n = values.size
    j = 0
    # Two sums of each kind hide the latency of the additions.
    while j + 1 < n:
        a += values[j] * pull[j]
        c += values[j] * values[j] * precision[j]
        b += values[j + 1] * pull[j + 1]
        d += values[j + 1] * values[j + 1] * precision[j + 1]
        j += 2
    if j < n:
        a += values[j] * pull[j]
        c += values[j] * values[j] * precision[j]
    return a + b, c + d


@kernel
def scan_sites(
    rng,
    block,
    kinked_starts,
    kinked_rows,
    kinked_values,
    kinked_response,
    steepness,
    smooth_starts,
    smooth_rows,
    smooth_lengths,
    smooth_places,
    smooth_values,
    smooth_pull,
    precision,
    scans,
):
    """Draw every unknown in turn, `scans` times over.

    Of Laplace rows: their columns, responses and inverse scales. Of all other rows, Gaussian given
    their latents: their columns as runs, the precisions w, and w t - eta for responses t and
    informations eta.
    """
    x = block.copy()
    t = kinked_response.copy()
    pull = smooth_pull.copy()
    n = x.size
    most = 0
    for i in range(n):
        most = max(most, kinked_starts[i + 1] - kinked_starts[i])
    kinks = np.empty(most)
    weights = np.empty(most)
    pieces = np.empty((5, most + 2))
    for _ in range(scans[0]):
        for i in range(n):
            gradient = 0.0
            curvature = 0.0
            for k in range(smooth_starts[i], smooth_starts[i + 1]):
                row = smooth_rows[k]
                size = smooth_lengths[k]
                values = smooth_values[smooth_places[k] : smooth_places[k] + size]
                one, other = _pull_and_curvature(
                    values, pull[row : row + size], precision[row : row + size]
                )
                gradient += one
                curvature += other
            count = 0
            for k in range(kinked_starts[i], kinked_starts[i + 1]):
                value = kinked_values[k]
                row = kinked_rows[k]
                kinks[count] = -t[row] / value
                weights[count] = abs(value) * steepness[row]
                count += 1
            d = draw_site(rng, curvature, gradient, kinks, weights, count, pieces)
            if not np.isfinite(d):
                raise ArithmeticError(NO_DENSITY)
            x[i] += d
            for k in range(smooth_starts[i], smooth_starts[i + 1]):
                row = smooth_rows[k]
                size = smooth_lengths[k]
                values = smooth_values[smooth_places[k] : smooth_places[k] + size]
                target = pull[row : row + size]
                weight = precision[row : row + size]
                for j in range(size):
                    target[j] += weight[j] * (values[j] * d)
            for k in range(kinked_starts[i], kinked_starts[i + 1]):
                t[kinked_rows[k]] += kinked_values[k] * d
    return x
