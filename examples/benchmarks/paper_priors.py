"""Prior and posterior sampling of Kuric et al. (2025): effective draws per sweep, and MALA's.

Run it from the root of the repository::

    python examples/benchmarks/paper_priors.py --json

A first table compares effective draws per sweep with those of another implementation of the same
sampler. A second one, and the figure, hold the sampler against Metropolis-adjusted Langevin with
the step sizes of arXiv:2505.12836, on images of growing side length.

All laws here are symmetric, so that draws of a linear functional are uncorrelated however slowly
the chain moves. Absolute values and log densities say how fast it does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm

from mixing import effective_share, most_share
from paper_models import (
    EXPERTS,
    STEPS,
    TOPOLOGIES,
    denoising,
    on_graph,
    on_image,
    slowest_direction,
)

import pymc_glm

from pymc_glm.diagnostics import effective_size
from pymc_glm.operators import Differences

__all__ = ["REFERENCE", "Budget", "Row", "compare", "main", "race"]

SEED = 2505
CHAINS = 4
# How far a measured share may be from the reference, whose chains were short.
TOLERANCE = 0.2

# Of many pixels the least and the middle one are reported.
SUMMARIES = {"pixel min": np.min, "pixel median": np.median}

# Effective draws per sweep of an independent implementation of the same Gibbs sampler, from chains
# of 1,000 to 2,500 draws: exact up to 10 to 20 per cent. The figures that the paper prints, of
# another estimator, are not among them. Keys are model, functional and expert.
REFERENCE: dict[tuple[str, str], dict[str, float]] = {
    ("factor", "linear"): {"Laplace": 1.0, "Student t": 1.0, "mixture": 1.0},
    ("factor", "absolute"): {"Laplace": 0.58, "Student t": 0.71, "mixture": 0.40},
    ("factor", "log f"): {"Laplace": 0.58, "Student t": 0.70, "mixture": 0.27},
    ("product", "linear"): {"Laplace": 1.0, "Student t": 1.0, "mixture": 1.0},
    ("product", "absolute"): {"Laplace": 0.57, "Student t": 0.95, "mixture": 0.35},
    ("product", "log f"): {"Laplace": 0.57, "Student t": 0.94, "mixture": 0.45},
    ("loop", "linear"): {"Laplace": 1.0, "Student t": 1.0, "mixture": 1.0},
    ("loop", "absolute"): {"Laplace": 0.66, "Student t": 0.86, "mixture": 0.35},
    ("loop", "log f"): {"Laplace": 0.58, "Student t": 0.79, "mixture": 0.20},
    ("grid", "linear"): {"Laplace": 1.0, "Student t": 1.0, "mixture": 1.0},
    ("grid", "absolute"): {"Laplace": 0.66, "Student t": 0.87, "mixture": 0.35},
    ("grid", "log f"): {"Laplace": 0.58, "Student t": 0.80, "mixture": 0.18},
    ("prior 12", "log f"): {"Laplace": 0.61, "Student t": 0.88, "mixture": 0.07},
    ("prior 32", "log f"): {"Laplace": 0.50, "Student t": 0.86, "mixture": 0.10},
    ("denoising 12", "pixel min"): {"Laplace": 0.34, "Student t": 0.365, "mixture": 0.10},
    ("denoising 12", "pixel median"): {"Laplace": 0.71, "Student t": 0.63, "mixture": 0.53},
    ("denoising 12", "log prior"): {"Laplace": 0.59, "Student t": 0.31, "mixture": 0.14},
    ("denoising 32", "pixel min"): {"Laplace": 0.39, "Student t": 0.45, "mixture": 0.09},
    ("denoising 32", "pixel median"): {"Laplace": 0.76, "Student t": 0.80, "mixture": 0.60},
    ("denoising 32", "log prior"): {"Laplace": 0.59, "Student t": 0.29, "mixture": 0.17},
}


class Budget(NamedTuple):
    """How long chains are.

    Attributes
    ----------
    graph, small, large : int
        Draws per chain on a graph, on images of up to 24 pixels a side, and on larger ones.
    sides : tuple of int
        Side lengths of the images that are compared with the reference.
    langevin : int
        Iterations per Langevin chain.
    """

    graph: int = 10_000
    small: int = 4000
    large: int = 2000
    sides: tuple[int, ...] = (12, 32)
    langevin: int = 5000

    def draws(self, side: int) -> int:
        """Draws per chain; fewer above 48 pixels a side, where they would fill the memory."""
        if side > 48:
            return self.large // 4
        return self.small if side <= 24 else self.large


QUICK = Budget(2000, 500, 300, (12,), 300)


class Row(NamedTuple):
    """One line of the second table; the keys of a JSON object.

    Attributes
    ----------
    expert : str
        A key of `paper_models.EXPERTS`.
    side : int
        Pixels along each axis.
    sampler : str
        ``"gibbs"`` or ``"mala"``.
    absolute, log_f, slowest : float
        Effective draws per iteration of a difference's absolute value, of the log density, and of
        the square of the slowest wave. Of MALA: at most as many.
    ms : float
        Milliseconds per iteration on one core.
    per_s : float
        Effective draws per second of the worst of the three.
    acceptance : float
        Share of proposals that were accepted.
    """

    expert: str
    side: int
    sampler: str
    absolute: float
    log_f: float
    slowest: float
    ms: float
    per_s: float
    acceptance: float


def compare(budget: Budget, seed: int = SEED) -> pd.DataFrame:
    """Effective draws per sweep beside those of the reference.

    Parameters
    ----------
    budget : Budget
        How long chains are, and on which images.
    seed : int
        Of all chains.

    Returns
    -------
    table : DataFrame
        Columns model, expert, functional, share, arviz (the same by ArviZ's definition),
        reference and within.
    """
    rows = []
    for name, expert, functionals in _functionals(budget, seed):
        for functional, draws in functionals.items():
            pick = SUMMARIES.get(functional, np.squeeze)
            share = float(pick(effective_share(draws)))
            half = draws.shape[2] // 2
            split = np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)
            arviz = float(pick(effective_size(split))) / (split.shape[1] * half)
            known = REFERENCE[name, functional][expert]
            within = abs(share / known - 1.0) <= TOLERANCE
            rows.append((name, expert, functional, share, arviz, known, within))
    columns = ["model", "expert", "functional", "share", "arviz", "reference", "within"]
    return pd.DataFrame(rows, columns=columns)


def race(sides: Sequence[int], budget: Budget, seed: int = SEED) -> Iterator[Row]:
    """Gibbs and Langevin chains on prior images of each side length and expert.

    Parameters
    ----------
    sides : sequence of int
        Keys of `paper_models.STEPS`.
    budget : Budget
        How long chains are.
    seed : int
        Of all chains.

    Yields
    ------
    row : Row
        Gibbs first, then MALA, for each expert and side.
    """
    for side in sides:
        for expert in EXPERTS:
            model = on_image(expert, side)
            drawn, milliseconds = _sampled(model, budget.draws(side), seed)
            evaluate = _Functionals(expert, side)
            values = np.stack([evaluate(x) for x in drawn.reshape(-1, side, side)], axis=-1)
            values = values.reshape(3, CHAINS, -1)
            share = effective_share(values)
            yield _row(expert, side, "gibbs", share, milliseconds, 1.0)
            variance = values.var(axis=(1, 2))
            path, milliseconds, acceptance = _langevin(
                model, STEPS[side][expert], drawn[:, -1], budget.langevin, evaluate, seed
            )
            yield _row(expert, side, "mala", most_share(path, variance), milliseconds, acceptance)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables and write the figure; with ``--json`` an object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sides", type=int, nargs="*", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--figure", type=Path, default=Path("paper_priors.png"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="short chains, small images")
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")
    options = parser.parse_args(arguments)
    budget = QUICK if options.quick else Budget()
    sides = [side for side in options.sides if side <= 24] if options.quick else options.sides

    table = compare(budget, options.seed)
    print("Effective draws per sweep")
    print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    print(f"{table['within'].sum()} of {len(table)} within {TOLERANCE:.0%} of the reference\n")
    rows = []
    for row in race(sides, budget, options.seed):
        rows.append(row)
        print(_line(row), flush=True)
    _draw(rows, options.figure)
    print(f"Figure: {options.figure}")
    if options.json:
        shares = table.to_dict("records")
        found = {"shares": shares, "race": [row._asdict() for row in rows]}
        print(json.dumps(found, allow_nan=False))
    return 0


class _Functionals:
    """Even functionals of an image: |a difference|, log density, squared slowest wave."""

    def __init__(self, expert: str, side: int) -> None:
        self.differences = Differences((side, side), boundary="periodic")
        self.log_density = EXPERTS[expert].log_density
        self.wave = slowest_direction(side)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        differences = self.differences.forward(x)
        total = self.log_density(differences).sum()
        return np.array([abs(differences[-1]), total, np.sum(self.wave * x) ** 2])


def _functionals(budget: Budget, seed: int) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """Draws of the functionals that the reference knows, each of shape (p, chains, draws)."""
    experts = [name for name in EXPERTS if name != "Gaussian"]
    for topology, matrix in TOPOLOGIES.items():
        for expert in experts:
            responses = _sampled(on_graph(expert, topology), budget.graph, seed)[0] @ matrix.T
            last = responses[None, :, :, -1]
            log_f = EXPERTS[expert].log_density(responses).sum(axis=-1)[None]
            yield topology, expert, {"linear": last, "absolute": np.abs(last), "log f": log_f}
    for side in budget.sides:
        for expert in experts:
            x, _ = _sampled(on_image(expert, side), budget.draws(side), seed)
            yield f"prior {side}", expert, {"log f": _log_prior(expert, side, x, 1.0)}
    for side in budget.sides:
        for expert in experts:
            x, _ = _sampled(denoising(expert, side), budget.draws(side), seed)
            pixels = x.reshape(*x.shape[:2], -1).transpose(2, 0, 1)
            log_prior = _log_prior(expert, side, x, EXPERTS[expert].denoising)
            functionals = {"pixel min": pixels, "pixel median": pixels, "log prior": log_prior}
            yield f"denoising {side}", expert, functionals


def _log_prior(expert: str, side: int, x: np.ndarray, multiple: float) -> np.ndarray:
    """Log density of the differences of each image, shape (1, chains, draws)."""
    forward = Differences((side, side), boundary="periodic").forward
    images = x.reshape(-1, side, side)
    log_density = EXPERTS[expert].log_density
    values = [log_density(multiple * forward(image)).sum() for image in images]
    return np.reshape(values, (1, *x.shape[:2]))


def _sampled(model: pm.Model, draws: int, seed: int) -> tuple[np.ndarray, float]:
    """Draws of the unknowns, chains and draws first, and milliseconds per sweep at best."""
    tree = pymc_glm.sample(
        draws,
        tune=200,
        chains=CHAINS,
        # One at a time, for the clock.
        cores=1,
        random_seed=seed,
        model=model,
        # The sampler of the paper and nothing besides.
        block="gibbs",
        progressbar=False,
        compute_convergence_checks=False,
    )
    # Other processes slow chunks of sweeps down, nothing makes them faster.
    milliseconds = 1e3 * float(np.min(tree["sample_stats"]["sweep_time"]))
    return np.asarray(tree["posterior"]["x"]), milliseconds


def _langevin(
    model: pm.Model,
    tau: float,
    starts: np.ndarray,
    iterations: int,
    evaluate: _Functionals,
    seed: int,
) -> tuple[np.ndarray, float, float]:
    """Functionals along Langevin chains, milliseconds per iteration, and acceptance."""
    # Without tuning MALA keeps the step size it starts with, here sqrt(2 tau), and no metric.
    scale = np.sqrt(2.0 * tau) * starts[0].size ** (1 / 6)
    step = pymc_glm.MALA(model=model, step_scale=float(scale))
    path = np.empty((3, len(starts), iterations))
    seconds, accepted = 0.0, 0.0
    for chain, start in enumerate(starts):
        step.setup_chain(np.random.default_rng([seed, chain]), tune=0, draws=iterations)
        point = {"x": start}
        for iteration in range(iterations):
            began = time.process_time()
            point, (stats,) = step.step(point)
            seconds += time.process_time() - began
            accepted += stats["accepted"]
            path[:, chain, iteration] = evaluate(point["x"])
    total = len(starts) * iterations
    return path, 1e3 * seconds / total, accepted / total


def _row(
    expert: str,
    side: int,
    sampler: str,
    share: np.ndarray,
    milliseconds: float,
    acceptance: float,
) -> Row:
    per_second = 1e3 * float(share.min()) / milliseconds
    shares = [float(value) for value in share]
    return Row(expert, side, sampler, *shares, milliseconds, per_second, acceptance)


def _line(row: Row) -> str:
    most = "at most " if row.sampler == "mala" else ""
    return (
        f"{row.expert:9s} {row.side:3d} x {row.side:<3d} {row.sampler:5s} {most}"
        f"{row.absolute:.2g} |difference|, {row.log_f:.2g} log f, {row.slowest:.2g} slowest per "
        f"iteration of {row.ms:.3f} ms: {most}{row.per_s:.2g} per second; "
        f"accepted {row.acceptance:.0%}"
    )


def _draw(rows: Sequence[Row], path: Path) -> None:
    """Effective draws per second against side length."""
    fig, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for colour, expert in enumerate(EXPERTS):
        for sampler, style in {"gibbs": "o-", "mala": "x--"}.items():
            mine = [row for row in rows if (row.expert, row.sampler) == (expert, sampler)]
            sides, rates = [row.side for row in mine], [row.per_s for row in mine]
            label = f"{expert}, {'Gibbs' if sampler == 'gibbs' else 'MALA (at most)'}"
            axes.loglog(sides, rates, style, color=f"C{colour}", label=label)
    sides = sorted({row.side for row in rows})
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.minorticks_off()
    axes.set(xlabel="side length in pixels", ylabel="effective draws per second, worst functional")
    axes.legend(fontsize="small", ncols=2)
    fig.savefig(path, dpi=120)
    plt.close(fig)


if __name__ == "__main__":
    sys.exit(main())
