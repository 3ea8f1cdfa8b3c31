"""Effective sample sizes, R-hat and Monte Carlo errors of many coordinates at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri

__all__ = [
    "MIN_ESS_PER_CHAIN",
    "QUANTILES",
    "RHAT_LIMIT",
    "Diagnostics",
    "autocovariance",
    "block_rows",
    "diagnose_array",
    "effective_size",
]

QUANTILES = (0.05, 0.5, 0.95)

# When chains count as converged, as recommended by Vehtari et al. (2021).
RHAT_LIMIT = 1.01
MIN_ESS_PER_CHAIN = 100

# Values in one block: large enough to amortise numpy's overhead, small enough for the cache.
BLOCK_SCALARS = 2**18


@dataclass(frozen=True)
class Diagnostics:
    """What the draws of one sampler say about each of p coordinates.

    Attributes
    ----------
    mean, sd : ndarray, shape (p,)
        Mean and standard deviation over all chains and draws.
    ess_bulk, ess_tail, ess_mean : ndarray, shape (p,)
        Effective sample sizes; the tail is the smaller one of the 5% and 95% quantiles.
    ess_quantiles : ndarray, shape (p, 3)
        Effective sample sizes of the indicators of the 5%, 50% and 95% quantiles.
    rhat : ndarray, shape (p,)
        Rank-normalised split R-hat, the larger one of bulk and folded; NaN for one chain.
    constant : ndarray of bool, shape (p,)
        Coordinates whose draws are all the same number. Their diagnostics are NaN.
    invalid : ndarray of bool, shape (p,)
        Coordinates with a draw that is NaN or infinite. Their diagnostics are NaN.
    """

    mean: np.ndarray
    sd: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    ess_mean: np.ndarray
    ess_quantiles: np.ndarray
    rhat: np.ndarray
    constant: np.ndarray
    invalid: np.ndarray

    @property
    def ess(self) -> np.ndarray:
        """The smaller one of bulk and tail effective sample size, shape (p,)."""
        return np.minimum(self.ess_bulk, self.ess_tail)

    @property
    def mcse_mean(self) -> np.ndarray:
        """Monte Carlo standard error of the mean, shape (p,), in units of the coordinate."""
        return self.sd / np.sqrt(self.ess_mean)


def diagnose_array(draws: np.ndarray) -> Diagnostics:
    """Diagnose p coordinates held in one array.

    The definitions are those of ArviZ, evaluated for all coordinates together: one call per
    coordinate costs seconds per thousand coordinates, and more the slower the chains mix.

    Parameters
    ----------
    draws : ndarray, shape (p, chains, draws)
        At least four draws in each chain.

    Returns
    -------
    diagnostics : Diagnostics

    Raises
    ------
    ValueError
        A chain has fewer than four draws.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Burkner (2021), Bayesian Analysis 16(2), 667-718,
    https://doi.org/10.1214/20-BA1221

    Examples
    --------
    Independent draws are worth as much as they are many::

        import numpy as np
        from pymc_glm.diagnostics import diagnose_array

        draws = np.random.default_rng(1).standard_normal((3, 4, 1000))
        diagnose_array(draws).ess_bulk  # three numbers near 4000
    """
    p, chains, length = draws.shape
    if length < 4:
        raise ValueError(
            f"A chain holds {length} draws. Diagnostics need at least four draws per chain."
        )
    pooled = draws.reshape(p, -1)
    invalid = ~np.isfinite(pooled).all(axis=1)
    constant = ~invalid & (np.ptp(np.where(invalid[:, None], 0.0, pooled), axis=1) == 0.0)
    usable = ~(invalid | constant)

    results = {name: np.full(p, np.nan) for name in ("sd", "bulk", "tail", "mean_ess", "rhat")}
    mean = np.where(invalid, np.nan, np.where(usable, 0.0, pooled[:, 0]))
    quantile_ess = np.full((p, len(QUANTILES)), np.nan)
    if usable.any():
        moving, flat = draws[usable], pooled[usable]
        split = _split(moving)
        normal = _normal_scores(split)
        mean[usable] = flat.mean(axis=1)
        results["sd"][usable] = flat.std(axis=1, ddof=1)
        results["bulk"][usable] = effective_size(normal)
        results["mean_ess"][usable] = effective_size(split)
        edges = np.quantile(flat, QUANTILES, axis=1)
        for column, edge in enumerate(edges):
            below = (moving <= edge[:, None, None]).astype(np.float64)
            quantile_ess[usable, column] = effective_size(_split(below))
        results["tail"][usable] = quantile_ess[usable][:, [0, -1]].min(axis=1)
        if chains > 1:
            median = np.median(split.reshape(len(split), -1), axis=1)
            folded = _normal_scores(np.abs(split - median[:, None, None]))
            results["rhat"][usable] = np.fmax(_rhat(normal), _rhat(folded))
    return Diagnostics(
        mean=mean,
        sd=results["sd"],
        ess_bulk=results["bulk"],
        ess_tail=results["tail"],
        ess_mean=results["mean_ess"],
        ess_quantiles=quantile_ess,
        rhat=results["rhat"],
        constant=constant,
        invalid=invalid,
    )


def block_rows(total: int) -> int:
    """Coordinates to treat together when each has `total` draws."""
    return max(1, BLOCK_SCALARS // total)


def effective_size(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of the mean by Geyer's initial monotone sequence.

    Parameters
    ----------
    draws : ndarray, shape (p, chains, draws)
        Used as they are, without splitting the chains.

    Returns
    -------
    size : ndarray, shape (p,)
        At most ``total * log10(total)``. Equal to the total number of draws where all draws of
        a coordinate are the same number.

    References
    ----------
    Geyer (1992), Statistical Science 7(4), 473-483, https://doi.org/10.1214/ss/1177011137
    """
    _, chains, length = draws.shape
    total = chains * length
    still = np.ptp(draws, axis=(1, 2)) < np.finfo(np.float64).resolution
    covariance = autocovariance(draws)
    within = covariance[:, 0] * length / (length - 1.0)
    spread = covariance[:, 0].copy()
    if chains > 1:
        spread += draws.mean(axis=2).var(axis=1, ddof=1)
    spread[still] = 1.0
    correlation = 1.0 - (within[:, None] - covariance) / spread[:, None]
    correlation[:, 0] = 1.0

    even = correlation[:, 0 : length - 1 : 2]
    pairs = even + correlation[:, 1:length:2]
    # The pair at which the sum stops: the first one that is not positive, or the last one that
    # the chain is long enough to estimate.
    last = max(0, (length - 3) // 2)
    stopped = pairs[:, : last + 1] <= 0.0
    stop = np.where(stopped.any(axis=1), stopped.argmax(axis=1), last)
    monotone = np.minimum.accumulate(pairs, axis=1)
    sums = np.concatenate([np.zeros((len(draws), 1)), np.cumsum(monotone, axis=1)], axis=1)
    rows = np.arange(len(draws))
    remainder = even[rows, stop]
    counts = (remainder > 0.0) | (pairs[rows, stop] >= 0.0)
    time = -1.0 + 2.0 * sums[rows, stop] + np.where(counts, remainder, 0.0)
    size = total / np.maximum(time, 1.0 / np.log10(total))
    return np.where(still, float(total), size)


def autocovariance(draws: np.ndarray) -> np.ndarray:
    """Autocovariance at every lag, averaged over chains.

    Parameters
    ----------
    draws : ndarray, shape (p, chains, draws)
        Each chain is centred at its own mean.

    Returns
    -------
    covariance : ndarray, shape (p, draws)
        Biased estimate: every lag is divided by the number of draws.
    """
    length = draws.shape[2]
    padded = next_fast_len(2 * length, real=True)
    centred = draws - draws.mean(axis=2, keepdims=True)
    spectrum = rfft(centred, n=padded, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return irfft(power, n=padded, axis=1)[:, :length] / length


def _split(draws: np.ndarray) -> np.ndarray:
    """First and last half of every chain as chains of their own."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Replace every draw by the normal quantile of its rank among all draws of its row."""
    flat = draws.reshape(len(draws), -1)
    total = flat.shape[1]
    order = np.argsort(flat, axis=1)
    table = ndtri((np.arange(1, total + 1) - 0.375) / (total + 0.25))
    scores = np.empty_like(flat)
    np.put_along_axis(scores, order, np.broadcast_to(table, flat.shape), axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    # Ties are common: rejected proposals repeat a draw, and folding at the median makes a pair.
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if tied.any():
        ranks = _tied_ranks(ordered[tied])
        tied_scores = np.empty_like(ranks)
        np.put_along_axis(tied_scores, order[tied], ndtri((ranks - 0.375) / (total + 0.25)), axis=1)
        scores[tied] = tied_scores
    return scores.reshape(draws.shape)


def _tied_ranks(ordered: np.ndarray) -> np.ndarray:
    """Average ranks, counted from one, of rows that are already sorted."""
    positions = np.broadcast_to(np.arange(1.0, ordered.shape[1] + 1.0), ordered.shape)
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(ordered.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, positions, 0.0), axis=1)
    backwards = np.where(ends, positions, np.inf)[:, ::-1]
    last = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
    return 0.5 * (first + last)


def _rhat(draws: np.ndarray) -> np.ndarray:
    """Potential scale reduction of chains that are already split and normalised."""
    length = draws.shape[2]
    between = length * draws.mean(axis=2).var(axis=1, ddof=1)
    within = draws.var(axis=2, ddof=1).mean(axis=1)
    # Chains that are each stuck: infinite if their places differ, else there is nothing to compare.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((between / within + length - 1.0) / length)
