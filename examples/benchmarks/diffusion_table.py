"""Tables of learned proposals: the samplers of the paper, all targets, and ways of refinement.

Run it from the root of the repository::

    python examples/benchmarks/diffusion_table.py samplers --targets funnel seeds
    python examples/benchmarks/diffusion_table.py targets --store rows.jsonl --cache folder
    python examples/benchmarks/diffusion_table.py refinements

Rows go to the store one by one, and rows that it has are not measured again. With ``--json`` the
last line is one JSON array.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from pathlib import Path
from typing import Any

import numpy as np

from diffusion import measure, reference_draws
from multimodal import TARGETS, build

__all__ = ["TABLES", "main"]

# Of the paper's samplers, whose 40 000 iterations of 2000 paths take hours on a GPU.
SHORT = {"steps": 16, "iterations": 600, "loss": "elbo", "learning_rate": 6e-3}
PRIORS = {
    "fixed": {"components": 1, "refinement": "none", "learn_prior": False},
    "one Gaussian": {"components": 1, "refinement": "none"},
    "mixture": {"components": 10, "refinement": "none"},
    "refined": {"components": 10, "refinement": "langevin", "refine_every": 50},
}
SAMPLERS = {
    f"{kernel}, {name}": {"kernel": kernel, **prior, **SHORT}
    for kernel in ("dis", "mcd", "cmcd", "dbs")
    for name, prior in PRIORS.items()
}
OURS = {"mixture alone": {"kernel": "mixture"}, "default": {}}
TRAINED = {"kernel": "gated", "iterations": 2000, "refine_every": 200}
REFINEMENTS = {
    "mixture of warm-up draws": {"kernel": "mixture", "refinement": "none"},
    "mixture of the machine": {"kernel": "mixture", "refinement": "machine"},
    **{
        f"gated, {source}": {**TRAINED, "refinement": source}
        for source in ("none", "langevin", "tempered", "machine")
    },
}
MACHINES = ("spike_slab_bimodal", "mixture_product", "conflicting_data")
TABLES = {
    "samplers": (("funnel", "seeds", "separated_mixture"), {**SAMPLERS, **OURS}),
    "targets": (tuple(TARGETS), OURS),
    "refinements": (MACHINES, REFINEMENTS),
}
COLUMNS = {
    "components": "components",
    "elbo": "ELBO",
    "log_z_difference": "log Z error",
    "ess_forward": "ESS",
    "acceptance": "acceptance",
    "acceptance_4_paths": "4 paths",
    "mode_coverage": "coverage",
    "cpu_s": "CPU s",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure the rows of a table and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", choices=list(TABLES))
    parser.add_argument("--targets", nargs="*", choices=list(TARGETS))
    parser.add_argument("--recipes", nargs="*", help="rows of each target; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=None, help="folder of reference draws")
    parser.add_argument("--store", type=Path, default=None, help="file of rows")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    targets, recipes = TABLES[options.table]
    if options.recipes:
        recipes = {name: recipes[name] for name in options.recipes}
    rows = _stored(options.store)
    chosen = options.targets or targets
    for name in chosen:
        target = build(name)
        reference = reference_draws(target, np.random.default_rng(2503), options.cache)
        for recipe, given in recipes.items():
            if (name, recipe) in rows:
                continue
            figures, _ = measure(target, reference, options.seed, 4, given)
            rows[name, recipe] = figures
            print(f"{name}, {recipe}: ELBO {figures['elbo']:.4g}", file=sys.stderr, flush=True)
            if options.store is not None:
                line = {"name": name, "recipe": recipe, "figures": figures}
                with options.store.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    found = {key: rows[key] for key in rows if key[0] in chosen and key[1] in recipes}
    print("| target | proposal | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (2 + len(COLUMNS)) + "|")
    for (name, recipe), figures in found.items():
        cells = " | ".join(_text(figures.get(column)) for column in COLUMNS)
        print(f"| {name} | {recipe} | {cells} |")
    if options.json:
        print(json.dumps([{"name": n, "recipe": r, **row} for (n, r), row in found.items()]))
    return 0


def _stored(store: Path | None) -> dict[tuple[str, str], dict[str, Any]]:
    if store is None or not store.exists():
        return {}
    lines = [json.loads(line) for line in store.read_text().splitlines()]
    return {(line["name"], line["recipe"]): line["figures"] for line in lines}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


if __name__ == "__main__":
    sys.exit(main())
