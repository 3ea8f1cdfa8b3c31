"""Posteriors of several modes: R-hat and masses of modes of samplers that jump, and of others.

Run it from the root of the repository::

    python examples/benchmarks/several_modes.py --json
    python examples/benchmarks/several_modes.py label_switching --samplers nuts,gmp_diffusion

Each target is compared by `pymc_glm.compare`, four chains of each sampler, and gets a page of its
own. The masses of its modes are known exactly. With ``--json`` the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys

from pathlib import Path
from typing import Any

import numpy as np

from multimodal import build
from unimodal import Target

import pymc_glm

__all__ = ["NAMES", "main", "mode_errors"]

NAMES = ("spike_slab_bimodal", "mixture_product", "conflicting_data")
SAMPLERS = ("gibbs", "nuts", "gmp_diffusion")
BATCHES = 20


def mode_errors(target: Target, posterior: Any) -> dict[str, float]:
    """Largest deviation of a mode's share of the draws from its mass, and in standard errors."""
    values = {
        rv.name: posterior[rv.name].to_numpy()
        for rv in target.model.free_RVs
        if rv.name in posterior
    }
    chains, draws = next(iter(values.values())).shape[:2]
    modes = target.modes(values).reshape(chains, draws)
    hits = modes[..., None] == np.arange(len(target.mode_masses))
    length = draws // BATCHES
    batches = hits[:, : BATCHES * length].reshape(chains, BATCHES, length, -1).mean(axis=2)
    error = batches.std(axis=(0, 1), ddof=1) / np.sqrt(chains * BATCHES)
    deviation = np.abs(hits.mean(axis=(0, 1)) - target.mode_masses)
    return {
        "largest_deviation": float(deviation.max()),
        "in_standard_errors": float(np.max(deviation / np.maximum(error, 1e-12))),
        "modes_visited": int(hits.any(axis=(0, 1)).sum()),
        "modes": len(target.mode_masses),
    }


def main(arguments: list[str] | None = None) -> int:
    """Compare on each target."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where pages are written")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in options.names:
        target = build(name)
        comparison = pymc_glm.compare(
            target.model,
            options.samplers.split(","),
            draws=options.draws,
            tune=options.tune,
            chains=4,
            random_seed=options.seed,
            progressbar=sys.stderr.isatty(),
        )
        print(f"{name}\n{comparison}", flush=True)
        comparison.report(options.folder / f"{name}.html")
        metrics = comparison.metrics()
        found[name] = {}
        for sampler, tree in comparison.items():
            figures = mode_errors(target, tree["posterior"])
            found[name][sampler] = {"max_rhat": metrics[sampler]["max_rhat"], **figures}
            print(f"  {sampler}: {found[name][sampler]}", flush=True)
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
