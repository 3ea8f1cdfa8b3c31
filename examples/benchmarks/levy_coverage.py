"""How often 0.9 credible sets of noisy signals hold the truth: an exact sampler's say 0.9.

Run it from the root of the repository::

    python examples/benchmarks/levy_coverage.py --json
    python examples/benchmarks/levy_coverage.py laplace cauchy --operators identity --signals 100

The signals of Zach, Haouchat and Unser (2025, arXiv:2509.12821), of length 64, have independent
increments. They are drawn from their prior and seen through four operators in Gaussian noise; each
posterior is sampled, and what its draws say is compared with the signal. Where the sampler is
exact, a set of posterior probability 0.9 holds the truth for 0.9 of all signals.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pandas as pd
import pymc as pm

from credible_sets import ZERO, highest_density_threshold, hold_truth
from scipy import stats

import pymc_glm

from pymc_glm.operators import Convolution, Fourier

__all__ = ["OPERATORS", "PRIORS", "Coverage", "Prior", "main", "measure"]

SIZE = 64
# The coverage that passes, if its standard error is small enough to say.
BOUNDS = (0.88, 0.92)
SMALL_ERROR = 0.006
DECIBELS = 25.0
JUMP_PROBABILITY = 0.1
BATCH = 100
CHAINS = 2
SEED = 2509
CUMULATE = np.tril(np.ones((SIZE, SIZE)))
DIFFERENCES = np.eye(SIZE) - np.eye(SIZE, k=-1)


class Prior(NamedTuple):
    """A law of increments.

    Attributes
    ----------
    law : scipy.stats.rv_frozen
        Law of an increment, or of one that is a jump.
    declare : callable
        The same as a PyMC distribution, made by ``.dist()``.
    has_spike : bool
        Whether an increment is zero but for a probability of `JUMP_PROBABILITY`.
    """

    law: stats.rv_continuous
    declare: Callable[[], object]
    has_spike: bool = False

    def increments(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent draws."""
        drawn = self.law.rvs(size=shape, random_state=rng)
        return drawn * (rng.random(shape) < JUMP_PROBABILITY) if self.has_spike else drawn

    def log_density(self, increments: np.ndarray) -> np.ndarray:
        """Log density; of a spike, with respect to length and a unit mass at zero."""
        if not self.has_spike:
            return self.law.logpdf(increments)
        jump = np.log(JUMP_PROBABILITY) + self.law.logpdf(increments)
        return np.where(np.abs(increments) < ZERO, np.log1p(-JUMP_PROBABILITY), jump)


class Coverage(NamedTuple):
    """What one prior and operator gave; the keys of a JSON object.

    Attributes
    ----------
    prior, operator : str
        Which ones.
    signals, draws : int
        Number of signals, and of draws for each of them.
    signal, signal_se : float
        Coverage of the intervals of the signal's entries, and its Monte Carlo standard error.
    jumps, jumps_se : float
        The same of its increments.
    region, region_se : float
        Coverage of the region of highest density of the whole signal.
    whole_spike : float
        Coverage of the increments where a zero that alone exceeds 0.9 is held by all sets, not by
        as many as make its probability 0.9.
    sweep_ms : float
        Milliseconds per sweep and signal, on one core.
    """

    prior: str
    operator: str
    signals: int
    draws: int
    signal: float
    signal_se: float
    jumps: float
    jumps_se: float
    region: float
    region_se: float
    whole_spike: float
    sweep_ms: float


def _matrix(operator: Convolution | Fourier) -> np.ndarray:
    return np.column_stack([operator.forward(unit) for unit in np.eye(SIZE)])


def _blur() -> np.ndarray:
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    return _matrix(Convolution(kernel / kernel.sum(), (SIZE,)))


def _sample() -> np.ndarray:
    kept = np.random.default_rng(SEED).permutation(SIZE)[: SIZE // 2]
    return np.eye(SIZE)[np.sort(kept)]


def _fourier() -> np.ndarray:
    """The five lowest frequencies and half of the others, real and imaginary parts."""
    kept = np.arange(SIZE // 2 + 1) < 5
    kept[5 + np.random.default_rng(SEED).permutation(kept.size - 5)[::2]] = True
    return _matrix(Fourier(SIZE, kept))


OPERATORS: dict[str, Callable[[], np.ndarray]] = {
    "identity": lambda: np.eye(SIZE),
    "convolution": _blur,
    "sample": _sample,
    "fourier": _fourier,
}
PRIORS = {
    "gauss": Prior(stats.norm(0, 0.5), lambda: pm.Normal.dist(0, 0.5)),
    "laplace": Prior(stats.laplace(0, 1), lambda: pm.Laplace.dist(0, 1)),
    "bernoulli-laplace": Prior(stats.laplace(0, 1), lambda: pm.Laplace.dist(0, 1), True),
    "cauchy": Prior(stats.t(1), lambda: pm.StudentT.dist(nu=1, mu=0, sigma=1)),
    "student2": Prior(stats.t(2), lambda: pm.StudentT.dist(nu=2, mu=0, sigma=1)),
    "student3": Prior(stats.t(3), lambda: pm.StudentT.dist(nu=3, mu=0, sigma=1)),
}


def measure(name: str, operator: str, signals: int, draws: int, seed: int = SEED) -> Coverage:
    """Draw signals, sample their posteriors, and count how often credible sets hold the truth.

    Parameters
    ----------
    name, operator : str
        Keys of `PRIORS` and `OPERATORS`.
    signals : int
        Number of signals, at least two.
    draws : int
        Draws of each posterior, over two chains; half as many sweeps come before.
    seed : int
        Of signals, noise and chains.

    Returns
    -------
    coverage : Coverage
    """
    prior, matrix = PRIORS[name], OPERATORS[operator]()
    rng = np.random.default_rng([seed, *(name + operator).encode()])
    increments = prior.increments(rng, (signals, SIZE))
    noise = _noise_sd(prior, matrix, rng)
    data = increments @ CUMULATE.T @ matrix.T
    data = data + noise * rng.standard_normal(data.shape)

    held, milliseconds = [], []
    sample = _one_by_one if prior.has_spike else _in_batches
    for index, drawn, cost in sample(prior, matrix, noise, data, draws, rng):
        milliseconds.append(cost)
        signal = np.cumsum(increments[index])
        # Cumulated zeros are zero; differences of equal numbers too.
        jumps = np.diff(drawn, axis=1, prepend=0.0)
        whole, shared = hold_truth(increments[index], jumps)
        residuals = data[index] - np.vstack([signal, drawn]) @ matrix.T
        log_density = -0.5 * np.sum((residuals / noise) ** 2, axis=1)
        log_density += prior.log_density(np.vstack([increments[index], jumps])).sum(axis=1)
        held.append(
            (
                hold_truth(signal, drawn)[1].mean(),
                shared.mean(),
                log_density[0] >= highest_density_threshold(log_density[1:]),
                whole.mean(),
            )
        )
    means = np.mean(held, axis=0)
    errors = np.std(held, axis=0, ddof=1) / np.sqrt(signals)
    return Coverage(
        prior=name,
        operator=operator,
        signals=signals,
        draws=CHAINS * (draws // CHAINS),
        signal=float(means[0]),
        signal_se=float(errors[0]),
        jumps=float(means[1]),
        jumps_se=float(errors[1]),
        region=float(means[2]),
        region_se=float(errors[2]),
        whole_spike=float(means[3]),
        sweep_ms=float(np.min(milliseconds)),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 1 if a coverage is outside of the bounds."""
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = [name for name in options.priors if name not in PRIORS]
    if unknown:
        parser.error(f"There is no prior {unknown[0]!r}. Choose out of {', '.join(PRIORS)}.")
    signals, draws = (100, 1000) if options.quick else (options.signals, options.draws)
    spikes = (5, 1000) if options.quick else (options.spike_signals, options.spike_draws)
    found = []
    for name in options.priors or PRIORS:
        for operator in options.operators:
            counts = spikes if PRIORS[name].has_spike else (signals, draws)
            with _without_warnings():
                found.append(measure(name, operator, *counts, options.seed))
            print(_line(found[-1]), flush=True)
    failed = [one for one in found if _is_off(one)]
    table = pd.DataFrame(found).drop(columns=["draws"]).set_index(["prior", "operator"])
    print(table.to_string(float_format=lambda value: f"{value:.3f}"))
    print(f"{len(found) - len(failed)} of {len(found)} within {BOUNDS[0]} and {BOUNDS[1]}")
    if options.json:
        print(json.dumps([one._asdict() for one in found], allow_nan=False))
    return 1 if failed else 0


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hundreds of chains would warn; coverage is what says whether they are long enough."""
    logger = logging.getLogger("pymc_glm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _noise_sd(prior: Prior, matrix: np.ndarray, rng: np.random.Generator) -> float:
    """Noise of 25 dB less than the median power of what is measured, over other signals."""
    measured = prior.increments(rng, (10_000, SIZE)) @ CUMULATE.T @ matrix.T
    power = np.median(np.mean(measured**2, axis=1))
    return float(np.sqrt(power / 10 ** (DECIBELS / 10)))


def _in_batches(
    prior: Prior,
    matrix: np.ndarray,
    noise: float,
    data: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Iterator[tuple[int, np.ndarray, float]]:
    """Sample many signals in one model; its block has no entry between two of them."""
    for start in range(0, len(data), BATCH):
        some = data[start : start + BATCH]
        with pm.Model() as model:
            x = pm.Flat("x", shape=(len(some), SIZE))
            pymc_glm.expert("increments", prior.declare(), x @ DIFFERENCES.T)
            pm.Normal("y", x @ matrix.T, noise, observed=some)
        drawn, milliseconds = _sampled(model, "x", draws, rng)
        for i in range(len(some)):
            yield start + i, drawn[:, i], milliseconds / len(some)


def _one_by_one(
    prior: Prior,
    matrix: np.ndarray,
    noise: float,
    data: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Iterator[tuple[int, np.ndarray, float]]:
    """Sample signals with a spike one by one: a flip costs a factorisation of all unknowns."""
    for i, observed in enumerate(data):
        with pm.Model() as model:
            is_jump = pm.Bernoulli("is_jump", JUMP_PROBABILITY, shape=SIZE)
            height = pm.Laplace("height", 0, 1, shape=SIZE)
            pm.Normal("y", matrix @ CUMULATE @ (is_jump * height), noise, observed=observed)
            pm.Deterministic("x", pm.math.cumsum(is_jump * height))
        drawn, milliseconds = _sampled(model, "x", draws, rng)
        yield i, drawn, milliseconds


def _sampled(
    model: pm.Model, name: str, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Draws of a variable, of all chains together, and milliseconds per sweep."""
    tree = pymc_glm.sample(
        draws // CHAINS,
        tune=draws // (2 * CHAINS),
        chains=CHAINS,
        random_seed=rng,
        model=model,
        # Only this draws each signal's block at once, whatever the size of the batch.
        block="gibbs",
        var_names=[name],
        progressbar=False,
        compute_convergence_checks=False,
    )
    drawn = np.asarray(tree["posterior"][name])
    # Other processes slow chunks of sweeps down, nothing makes them faster.
    milliseconds = 1e3 * float(np.min(tree["sample_stats"]["sweep_time"]))
    return drawn.reshape(-1, *drawn.shape[2:]), milliseconds


def _is_off(one: Coverage) -> bool:
    """Whether a coverage that is known well enough is outside of the bounds."""
    pairs = ((one.signal, one.signal_se), (one.jumps, one.jumps_se))
    return any(
        error < SMALL_ERROR and not BOUNDS[0] <= value <= BOUNDS[1] for value, error in pairs
    )


def _line(one: Coverage) -> str:
    return (
        f"{one.prior:17s} {one.operator:11s} signal {one.signal:.3f} +- {one.signal_se:.3f}, "
        f"jumps {one.jumps:.3f} +- {one.jumps_se:.3f}, "
        f"region {one.region:.3f} +- {one.region_se:.3f}, {one.sweep_ms:.4f} ms"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("priors", nargs="*", metavar="PRIOR", help=f"out of {', '.join(PRIORS)}")
    parser.add_argument("--operators", nargs="*", choices=list(OPERATORS), default=list(OPERATORS))
    parser.add_argument("--signals", type=int, default=500)
    parser.add_argument("--draws", type=int, default=4000, help="of each signal, over two chains")
    parser.add_argument("--spike-signals", type=int, default=100)
    parser.add_argument("--spike-draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="few signals and draws")
    parser.add_argument("--json", action="store_true", help="print a JSON array as the last line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
