"""Learned proposals on the targets of `multimodal.py`: evidence bounds, acceptance and CPU seconds.

Run it from the root of the repository::

    python examples/benchmarks/diffusion.py funnel --seeds 3 --json
    python examples/benchmarks/diffusion.py seeds --kernel dbs --components 1 --iterations 2000

Scores hold against exact draws of the target where there are any, and against long NUTS chains
elsewhere. With ``--json`` the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from multimodal import TARGETS, build
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from unimodal import Target

import pymc_glm

from pymc_glm.diffusion import Proposal
from pymc_glm.diffusion.draws import flat_draws
from pymc_glm.diffusion.metrics import entropic_mode_coverage, score
from pymc_glm.diffusion.targets import CompiledDensity, Density, layout_of

__all__ = ["main", "measure"]

SCORED = 10_000
REFERENCE_DRAWS = 2500
TRANSPORTED = 1000


def reference_draws(target: Target, rng: np.random.Generator, cache: Path | None) -> np.ndarray:
    """Vectors of value variables: exact draws, or those of long NUTS chains."""
    layout = layout_of(target.model)
    if target.draws is not None:
        values = target.draws(rng, SCORED)
        posterior = xr.Dataset(
            {
                name: (
                    ("chain", "draw", *(f"{name}_{i}" for i in range(part.ndim - 1))),
                    part[None],
                )
                for name, part in values.items()
            }
        )
        return flat_draws(target.model, layout, xr.DataTree.from_dict({"posterior": posterior}))
    file = None if cache is None else cache / f"{target.name}.npy"
    if file is not None and file.exists():
        return np.load(file)
    tree = pm.sample(
        REFERENCE_DRAWS,
        tune=2000,
        chains=4,
        target_accept=0.95,
        nuts_sampler="nutpie",
        model=target.model,
        random_seed=int(rng.integers(2**31)),
        progressbar=False,
        quiet=True,
    )
    flat = flat_draws(target.model, layout, tree)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, flat)
    return flat


def measure(
    target: Target, reference: np.ndarray, seed: int, paths: int, arguments: dict[str, Any]
) -> tuple[dict[str, Any], Proposal]:
    """Fit one proposal and score it."""
    proposal = pymc_glm.fit_diffusion(
        target.model, random_seed=seed, progressbar=sys.stderr.isatty(), **arguments
    )
    density = _density(target, proposal)
    rng = np.random.default_rng([seed, 1])
    single = score(proposal, density, reference, rng, SCORED)
    several = score(proposal, density, reference, rng, SCORED, paths)
    report = proposal.report
    figures = {
        "kernel": report["kernel"],
        "components": report["components"],
        "modes": report["modes"],
        "elbo": single.elbo,
        "eubo": single.eubo,
        "acceptance": single.acceptance,
        f"acceptance_{paths}_paths": several.acceptance,
        "log_z": several.log_z,
        "log_z_error": several.log_z_error,
        "ess_forward": single.effective_forward,
        "pareto_k": single.pareto_k,
        "cpu_s": report["cpu_s"],
        "starts_by_mode": report["starts_by_mode"],
    }
    if target.log_z is not None:
        figures["log_z_difference"] = several.log_z - target.log_z
    figures |= _coverage(target, proposal, density, reference, rng)
    return figures, proposal


def _density(target: Target, proposal: Proposal) -> Density:
    """PyTensor's; gradients at all steps of all paths are JAX's, which takes them together."""
    if not proposal.kernel.needs_score:
        return CompiledDensity(target.model).compile(gradient=False)
    from pymc_glm.diffusion.jax_target import JaxDensity, jax_log_density

    return JaxDensity(jax_log_density(target.model))


def _coverage(
    target: Target,
    proposal: Proposal,
    density: Density,
    reference: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Modes of proposals weighed by importance, and their distance from draws of the target.

    No figures if no proposal has any weight, as of paths that have diverged.
    """
    drawn = proposal.draw(rng, SCORED, 4, proposal.gradient_of(density))
    log_weight = density.log_density(drawn.x) - drawn.log_proposal
    log_weight[np.isnan(log_weight)] = -np.inf
    if log_weight.max() == -np.inf:
        return {}
    weight = np.exp(log_weight - log_weight.max())
    picked = rng.choice(SCORED, size=SCORED, p=weight / weight.sum())
    some = reference[rng.permutation(len(reference))[:TRANSPORTED]]
    cost = cdist(drawn.x[picked[:TRANSPORTED]], some, "sqeuclidean")
    figures = {"squared_wasserstein": float(cost[linear_sum_assignment(cost)].mean())}
    if target.modes is None or target.mode_masses is None:
        return figures
    names = [value.name for value in target.model.value_vars]
    if not set(names) <= {rv.name for rv in target.model.free_RVs}:
        return figures
    modes = target.modes(layout_of(target.model).point(drawn.x[picked]))
    figures["mode_coverage"] = entropic_mode_coverage(modes, target.mode_masses)
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=list(TARGETS))
    parser.add_argument("--kernel", default="auto")
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--loss", default="jeffreys")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--refinement", default="auto")
    parser.add_argument("--fixed-prior", action="store_true", help="do not train the mixture")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--paths", type=int, default=4)
    parser.add_argument("--cache", type=Path, default=None, help="folder of reference draws")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    # CPU seconds are those of one core.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    target = build(options.name)
    reference = reference_draws(target, np.random.default_rng(2503), options.cache)
    given: dict[str, Any] = {
        "kernel": options.kernel,
        "components": options.components,
        "loss": options.loss,
        "learning_rate": options.learning_rate,
        "refinement": options.refinement,
        "learn_prior": not options.fixed_prior,
    }
    if options.iterations is not None:
        given["iterations"] = options.iterations
    if options.steps is not None:
        given["steps"] = options.steps
    found = []
    for seed in range(options.seed, options.seed + options.seeds):
        figures, _ = measure(target, reference, seed, options.paths, given)
        print(
            f"seed {seed}: " + ", ".join(f"{k} {_text(v)}" for k, v in figures.items()), flush=True
        )
        found.append(figures)
    if options.json:
        numeric = [key for key, value in found[0].items() if isinstance(value, float)]
        means = {key: float(np.mean([one[key] for one in found])) for key in numeric}
        worst = {"elbo": min(one["elbo"] for one in found)}
        worst["acceptance"] = min(one["acceptance"] for one in found)
        print(json.dumps({"name": options.name, **means, "worst": worst, "seeds": found}))
    return 0


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
