"""What the gluing term of PSLD buys where coding and decoding lose something.

Run it from the root of the repository::

    python examples/benchmarks/gluing.py --json
    python examples/benchmarks/gluing.py --data digits --problems 24

Images of a variational autoencoder, measured with noise; codes are simulated, so that their
posterior is the right answer. Step lengths of each heuristic are those with the smallest distance
from the posterior on problems of their own. The posterior is that of tempered runs, which know
nothing of diffusions: two for each problem, whose distance is the floor. With ``--json`` the last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time

from typing import Any

import numpy as np

from psld import SEED, images
from psld_recovery import operators

from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    coverage,
    dps,
    fit_autoencoder,
    gml_dps,
    psld,
    psnr,
    sliced_wasserstein,
    smc,
    tempered,
)

__all__ = ["main"]

# Steps of gluing of a tenth and more are far from the posterior on images of 784 pixels.
MEASUREMENT_STEPS = (0.05, 0.1, 0.2, 0.4)
GLUING_STEPS = (0.003, 0.01, 0.03)
TUNING = 3
TUNING_DRAWS = 100
# Of the second SMC: noise of 0.2 is little against what a code moves.
FINE = 100
SAMPLERS = {
    "dps": (dps, [{"measurement_step": step} for step in MEASUREMENT_STEPS]),
    **{
        name: (
            sampler,
            [
                {"measurement_step": step, "gluing_step": gluing}
                for step, gluing in itertools.product(MEASUREMENT_STEPS, GLUING_STEPS)
            ],
        )
        for name, sampler in (("gml_dps", gml_dps), ("psld", psld))
    },
}
SCORES = ("mean error", "variance", "distance", "coverage", "PSNR of a draw", "CPU s")


def codes(tree: Any) -> np.ndarray:
    """All draws of the code."""
    z = tree["posterior"]["z"].to_numpy()
    return z.reshape(-1, z.shape[2])


class Posed:
    """A problem with its truth and two independent runs of the reference."""

    def __init__(
        self, prior: LatentMixturePrior, name: str, noise: float, particles: int, seed: list[int]
    ) -> None:
        rng = np.random.default_rng(seed)
        shape = prior.decoder.shape
        operator = operators(shape, rng)[name]
        self.truth = prior.draw(rng, 1)
        self.image = prior.decoder.decode(self.truth)
        clean = operator.forward(self.image.reshape(shape))
        data = clean + noise * rng.standard_normal(operator.shape_out)
        self.problem = InverseProblem(prior, operator, data, noise)
        sizes = {"draws": particles, "particles": particles, "chains": 2}
        start = time.process_time()
        tree = tempered(self.problem, **sizes, random_seed=rng, progressbar=False)
        self.seconds = 0.5 * (time.process_time() - start)
        self.reference, self.second = tree["posterior"]["z"].to_numpy()
        self.evidence_gap = float(np.ptp(tree["sample_stats"]["log_evidence"].to_numpy()))
        self.unit = float(np.sqrt(self.reference.var(axis=0).mean()))

    def distance(self, z: np.ndarray) -> float:
        """Sliced Wasserstein distance from the posterior, in its standard deviations."""
        return sliced_wasserstein(z, self.reference, np.random.default_rng(SEED)) / self.unit

    def scores(self, z: np.ndarray, seconds: float) -> tuple[float, ...]:
        """As named by SCORES."""
        gap = (z.mean(axis=0) - self.reference.mean(axis=0)) / self.reference.std(axis=0)
        return (
            float(np.sqrt(np.mean(gap**2))),
            float(z.var(axis=0).sum() / self.reference.var(axis=0).sum()),
            self.distance(z),
            coverage(z, self.truth[0]),
            psnr(self.problem.prior.decoder.decode(z[:1]), self.image),
            seconds,
        )


def tuned(posed: list[Posed], steps: int) -> dict[str, dict[str, float]]:
    """Step lengths of each sampler with the smallest mean log distance."""
    chosen = {}
    same: dict[str, Any] = {"steps": steps, "random_seed": SEED, "progressbar": False}
    for name, (sampler, grid) in SAMPLERS.items():
        means = []
        for lengths in grid:
            found = [
                one.distance(codes(sampler(one.problem, TUNING_DRAWS, **lengths, **same)))
                for one in posed
            ]
            means.append(np.mean(np.log(found)))
        chosen[name] = grid[int(np.argmin(means))]
        print(f"{name}: {chosen[name]} of {np.exp(means).round(2)}", file=sys.stderr, flush=True)
    return chosen


def measured(
    posed: list[Posed], chosen: dict[str, dict[str, float]], draws: int, steps: int
) -> dict[str, np.ndarray]:
    """Scores of all samplers on each problem, shape (problems, scores)."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for index, one in enumerate(posed):
        quiet = {"random_seed": np.random.default_rng([SEED, index]), "progressbar": False}

        def timed(name: str, run: Any, one: Posed = one) -> None:
            start = time.process_time()
            z = codes(run())
            seconds = time.process_time() - start
            rows.setdefault(name, []).append(one.scores(z, seconds))

        # As many draws of the second run: what no sampler can beat.
        rows.setdefault("reference", []).append(one.scores(one.second[:draws], one.seconds))
        timed("smc", lambda one=one: smc(one.problem, draws, particles=4000, chains=1, **quiet))
        for name, lengths in chosen.items():
            sampler = SAMPLERS[name][0]
            given = {"steps": steps, **lengths, **quiet}
            timed(name, lambda s=sampler, g=given, one=one: s(one.problem, draws, **g))
        finer = {"steps": FINE, "random_seed": np.random.default_rng([SEED, index, FINE])}
        many = {"particles": 4000, "chains": 1, "progressbar": False, **finer}
        timed(f"smc, {FINE} steps", lambda m=many, one=one: smc(one.problem, draws, **m))
        print(f"problem {index + 1} of {len(posed)}", file=sys.stderr, flush=True)
    return {name: np.array(found) for name, found in rows.items()}


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", choices=("digits", "mnist"), default="mnist")
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--problems", type=int, default=10, help="of each operator")
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--particles", type=int, default=500, help="of each run of the reference")
    parser.add_argument("--operators", nargs="*", default=["random 70%", "box"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    pixels, training = images(options.data)
    decoder = fit_autoencoder(
        pixels[:training], options.latent, hidden=options.hidden, random_seed=SEED
    )
    # Images are what codes decode to, so that the decoder's misfit is not at stake.
    decoder.residual_variance = 0.0
    prior = LatentMixturePrior.fit(pixels[:training], decoder, 10)
    z = prior.draw(np.random.default_rng(SEED), 1000)
    gap = np.linalg.norm(decoder.encode(decoder.decode(z)) - z, axis=1)
    figures: dict[str, Any] = {
        "lost_by_coding": float(np.median(gap / np.linalg.norm(z, axis=1))),
        "operators": {},
    }
    print(f"Codes return off by {figures['lost_by_coding']:.1%} of their length.")
    for number, name in enumerate(options.operators):
        posed = [
            Posed(prior, name, options.noise, options.particles, [SEED, number, i])
            for i in range(TUNING + options.problems)
        ]
        chosen = tuned(posed[:TUNING], options.steps)
        scores = measured(posed[TUNING:], chosen, options.draws, options.steps)
        figures["operators"][name] = _shown(name, scores, chosen)
        figures["operators"][name]["evidence_gap"] = max(one.evidence_gap for one in posed)
    if options.json:
        print(json.dumps(figures))
    return 0


def _shown(
    name: str, scores: dict[str, np.ndarray], chosen: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Print one table, and what gluing buys."""
    print(f"\n{name}\n\n| sampler | steps | {' | '.join(SCORES)} |")
    print("|---" * (2 + len(SCORES)) + "|")
    place = SCORES.index("distance")
    figures: dict[str, Any] = {}
    for sampler, rows in scores.items():
        lengths = ", ".join(str(length) for length in chosen.get(sampler, {}).values())
        cells = np.median(rows, axis=0)
        # Coverage is a mean of few entries for each problem.
        cells[SCORES.index("coverage")] = rows[:, SCORES.index("coverage")].mean()
        quartiles = np.quantile(rows[:, place], [0.25, 0.75])
        shown = [f"{x:.3g}" for x in cells]
        shown[place] += f" ({quartiles[0]:.2g}, {quartiles[1]:.2g})"
        print(f"| {sampler} | {lengths} | {' | '.join(shown)} |")
        figures[sampler] = dict(zip(SCORES, cells.tolist(), strict=True))
        figures[sampler] |= {"quartiles": quartiles.tolist(), "lengths": chosen.get(sampler)}
    for sampler in ("gml_dps", "psld"):
        ratio = np.log(scores[sampler][:, place] / scores["dps"][:, place])
        mean, error = ratio.mean(), ratio.std(ddof=1) / np.sqrt(len(ratio))
        figures[f"{sampler}_over_dps"] = [float(mean), float(error)]
        print(f"log distance of {sampler} over that of dps: {mean:.3f} +- {error:.3f}")
    return figures


if __name__ == "__main__":
    sys.exit(main())
