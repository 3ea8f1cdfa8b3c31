"""Gibbs samplers of three benchmark models, each written by hand as one numba loop.

They are the limit that generated code is held against: one loop over everything, sufficient
statistics instead of data, no allocation inside, no generality. Each draws the latents given the
block, scales from their exact conditionals, then the block.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from pymc_glm.families.horseshoe_kernels import horseshoe_log_density_sum

__all__ = [
    "horseshoe",
    "horseshoe_by_latents",
    "lasso",
    "solve_with_noise",
    "total_variation",
]

# Sums may be split over vector registers; nothing else is relaxed.
fast = numba.njit(fastmath={"reassoc", "contract"}, nogil=True)

SMALLEST = 1e-300


@fast
def laplace_root(d, normal, uniform):
    """Precision of a Laplace response in units of 1 / scale**2, given d = |response| / scale.

    It is inverse Gaussian with mean 1 / d and shape 1 (Park, Casella, 2008), drawn by the roots of
    Michael, Schucany and Haas in a form that does not cancel.
    """
    c = max(0.5 * normal * normal, 1e-33)
    s = d + c + math.sqrt(c * (c + 2.0 * d))
    # One division after the choice: a branch would be mispredicted in a third of the draws.
    small = uniform * (s + d) <= s
    numerator = 1.0 if small else s
    denominator = s if small else d * d
    return numerator / denominator


@fast
def local_precision(rng, u):
    """One over the square of a horseshoe's local scale: density exp(-u eta) / (1 + eta).

    Rejection from an exponential, or for u < 1, in s = 1 + eta, from 1 / s below 1 / u and an
    exponential above.
    """
    if u >= 1.0:
        while True:
            eta = rng.standard_exponential() / u
            if rng.random() * (1.0 + eta) <= 1.0:
                return eta
    log_u = math.log(u)
    lower, upper = -log_u * math.exp(-u), math.exp(-1.0)
    while True:
        if rng.random() * (lower + upper) < lower:
            eta = math.expm1(-log_u * rng.random())
            if rng.random() <= math.exp(-u * eta):
                return eta
        else:
            s = (1.0 + rng.standard_exponential()) / u
            if rng.random() * u * s <= 1.0:
                return s - 1.0


@fast
def solve_with_noise(q, h, noise, x):
    """Write Q**-1 h + U**-1 noise to x, with Q = U' U; q, Q's upper triangle, and h are spent.

    Each row takes what earlier rows have to give, four of them at a time: one store for four
    products, with unit stride.
    """
    p = x.size
    for i in range(p):
        whole = i - i % 4
        for k in range(0, whole, 4):
            a, b, c, d = q[k, i], q[k + 1, i], q[k + 2, i], q[k + 3, i]
            h[i] -= a * h[k] + b * h[k + 1] + c * h[k + 2] + d * h[k + 3]
            for j in range(i, p):
                q[i, j] -= a * q[k, j] + b * q[k + 1, j] + c * q[k + 2, j] + d * q[k + 3, j]
        for k in range(whole, i):
            a = q[k, i]
            h[i] -= a * h[k]
            for j in range(i, p):
                q[i, j] -= a * q[k, j]
        inverse = 1.0 / math.sqrt(q[i, i])
        q[i, i] = inverse
        for j in range(i + 1, p):
            q[i, j] *= inverse
        h[i] *= inverse
    for i in range(p - 1, -1, -1):
        total = h[i] + noise[i]
        for j in range(i + 1, p):
            total -= q[i, j] * x[j]
        x[i] = total * q[i, i]


@fast
def residual_sum(gram, xty, yty, beta):
    """Sum of squared residuals from sufficient statistics."""
    total = yty
    for i in range(beta.size):
        inner = 0.0
        for j in range(beta.size):
            inner += gram[i, j] * beta[j]
        total += beta[i] * (inner - 2.0 * xty[i])
    return total


@fast
def lasso(rng, gram, xty, yty, n, beta, scales, betas, all_scales):
    """Bayesian lasso with a gamma(2, 0.2) prior on kappa and a flat one on log sigma.

    Parameters
    ----------
    rng : Generator
    gram, xty, yty, n : ndarray (p, p), ndarray (p,), float, int
        X'X, X'y, y'y and the number of observations.
    beta, scales : ndarray, shapes (p,) and (2,)
        State, overwritten; the scales are sigma and kappa.
    betas, all_scales : ndarray, shapes (draws, p) and (draws, 2)
        Draws, written.
    """
    p = beta.size
    q, h, noise = np.empty((p, p)), np.empty(p), np.empty(p)
    for draw in range(betas.shape[0]):
        absolute = 0.0
        for j in range(p):
            absolute += abs(beta[j])
        kappa = rng.standard_gamma(2.0 + p) / (0.2 + absolute)
        rss = residual_sum(gram, xty, yty, beta)
        variance = 0.5 * rss / rng.standard_gamma(0.5 * n)
        sigma = math.sqrt(variance)
        for j in range(p):
            root = laplace_root(abs(beta[j]) * kappa, rng.standard_normal(), rng.random())
            for k in range(j, p):
                q[j, k] = gram[j, k]
            q[j, j] += root * kappa * kappa * variance
            h[j] = xty[j]
            noise[j] = sigma * rng.standard_normal()
        solve_with_noise(q, h, noise, beta)
        scales[0], scales[1] = sigma, kappa
        betas[draw] = beta
        all_scales[draw] = scales


@fast
def log_prior_of_scale(log_scale, terms, scale):
    """Log density of coefficients under a horseshoe of scale exp(log_scale)."""
    scale[0] = math.exp(log_scale)
    return horseshoe_log_density_sum(terms, scale)


@fast
def horseshoe(rng, gram, xty, yty, n, beta, scales, betas, all_scales):
    """Horseshoe regression with scales updated with the local ones integrated out.

    The parameters are those of `lasso`; the scales are sigma (flat in the logarithm) and tau
    (half-Cauchy), each moved by slice sampling (Neal, 2003) in its logarithm.
    """
    p = beta.size
    q, h, noise = np.empty((p, p)), np.empty(p), np.empty(p)
    terms, scale = np.empty((2, p)), np.empty(1)
    log_sigma, log_tau = math.log(scales[0]), math.log(scales[1])
    widths = 4.0 / math.sqrt(2.0 * (n + p)), min(4.0 / math.sqrt(2.0 * p), 1.0)
    for draw in range(betas.shape[0]):
        rss = residual_sum(gram, xty, yty, beta)
        for j in range(p):
            half = max(0.5 * beta[j] * beta[j], SMALLEST)
            terms[0, j] = half
            terms[1, j] = math.log(half)
        for which in range(2):
            start = log_sigma if which == 0 else log_tau
            width = widths[which]
            level = -rng.standard_exponential()
            left = start - width * rng.random()
            right = left + width
            budget = int(60 * rng.random())
            other = 59 - budget
            # Stages: the level, stepping out to the left and to the right, shrinkage.
            stage, at = 0, start
            while True:
                if which == 0:
                    value = log_prior_of_scale(log_tau + at, terms, scale)
                    value -= n * at + 0.5 * rss * math.exp(-2.0 * at)
                else:
                    value = log_prior_of_scale(log_sigma + at, terms, scale)
                    value += at - math.log1p(math.exp(2.0 * at))
                if stage == 0:
                    level += value
                    stage, at = 1, left
                    continue
                if stage == 1 and value > level and budget > 0:
                    left -= width
                    budget -= 1
                    at = left
                    continue
                if stage == 1:
                    stage, at = 2, right
                    continue
                if stage == 2 and value > level and other > 0:
                    right += width
                    other -= 1
                    at = right
                    continue
                if stage == 3:
                    if value > level or at == start:
                        break
                    if at < start:
                        left = at
                    else:
                        right = at
                stage = 3
                at = left + (right - left) * rng.random()
            if which == 0:
                log_sigma = at
            else:
                log_tau = at
        variance = math.exp(2.0 * log_sigma)
        tau_square = math.exp(2.0 * log_tau)
        for j in range(p):
            eta = local_precision(rng, terms[0, j] / (variance * tau_square))
            for k in range(j, p):
                q[j, k] = gram[j, k]
            q[j, j] += eta / tau_square
            h[j] = xty[j]
            noise[j] = math.sqrt(variance) * rng.standard_normal()
        solve_with_noise(q, h, noise, beta)
        scales[0], scales[1] = math.exp(log_sigma), math.exp(log_tau)
        betas[draw] = beta
        all_scales[draw] = scales


@fast
def horseshoe_by_latents(rng, gram, xty, yty, n, beta, scales, betas, all_scales):
    """Horseshoe regression with scales drawn given the local ones, as textbooks do.

    Sweeps are cheaper than those of `horseshoe`, and draws of tau depend more on each other.

    The parameters are those of `lasso`; the scales are sigma (flat in the logarithm) and tau
    (half-Cauchy, through the auxiliary variance of Makalic and Schmidt, 2016).
    """
    p = beta.size
    q, h, noise = np.empty((p, p)), np.empty(p), np.empty(p)
    eta = np.empty(p)
    sigma, tau = scales
    for draw in range(betas.shape[0]):
        half = 0.5 / (sigma * sigma * tau * tau)
        spread = 0.0
        for j in range(p):
            square = beta[j] * beta[j]
            eta[j] = local_precision(rng, max(square * half, SMALLEST))
            spread += eta[j] * square
        auxiliary = (1.0 + 1.0 / (tau * tau)) / rng.standard_gamma(1.0)
        rate = 1.0 / auxiliary + 0.5 * spread / (sigma * sigma)
        tau_square = rate / rng.standard_gamma(0.5 * (p + 1.0))
        rate = 0.5 * (residual_sum(gram, xty, yty, beta) + spread / tau_square)
        sigma = math.sqrt(rate / rng.standard_gamma(0.5 * (n + p)))
        tau = math.sqrt(tau_square)
        for j in range(p):
            for k in range(j, p):
                q[j, k] = gram[j, k]
            q[j, j] += eta[j] / tau_square
            h[j] = xty[j]
            noise[j] = sigma * rng.standard_normal()
        solve_with_noise(q, h, noise, beta)
        scales[0], scales[1] = sigma, tau
        betas[draw] = beta
        all_scales[draw] = scales


@fast
def total_variation(rng, y, noise_sd, scale, x, xs):
    """Series y in noise of known sd under Laplace increments of known scale.

    The elimination keeps each pivot less the next weight, so that nothing is subtracted.

    Parameters
    ----------
    rng : Generator
    y : ndarray, shape (n,)
    noise_sd, scale : float
    x : ndarray, shape (n,)
        State, overwritten.
    xs : ndarray, shape (draws, n)
        Draws, written.
    """
    n = x.size
    gain, normals, uniforms, weights = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    precision = 1.0 / (noise_sd * noise_sd)
    inverse = 1.0 / scale
    for draw in range(xs.shape[0]):
        for i in range(n - 1):
            normals[i] = rng.standard_normal()
            uniforms[i] = rng.random()
        # Without calls or recurrences in it, this loop runs on vector registers.
        for i in range(n - 1):
            d = abs(x[i + 1] - x[i]) * inverse
            weights[i] = laplace_root(d, normals[i], uniforms[i]) * inverse * inverse
        for i in range(n - 1):
            normals[i] = rng.standard_normal()
        excess, information = precision, precision * y[0]
        for i in range(n - 1):
            variance = 1.0 / (excess + weights[i])
            gain[i] = weights[i] * variance
            x[i] = information * variance + normals[i] * math.sqrt(variance)
            excess = precision + gain[i] * excess
            information = precision * y[i + 1] + gain[i] * information
        x[n - 1] = information / excess + rng.standard_normal() / math.sqrt(excess)
        for i in range(n - 2, -1, -1):
            x[i] += gain[i] * x[i + 1]
        xs[draw] = x
