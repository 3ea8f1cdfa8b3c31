"""Effective draws per second of several samplers on one benchmark model.

Every speed claim of this package is a line of this script's output. Run it from the root of the
repository::

    python examples/benchmarks/run.py tv1d
    python examples/benchmarks/run.py lasso_diabetes --samplers gibbs,nutpie --seed 7 --json

The README next to it says what is measured, and how.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pymc as pm

from models import build
from samplers import BUDGETS, budget_of, sampler_named
from xarray import DataTree

import pymc_glm

from pymc_glm.compare import Comparison
from pymc_glm.compare.runners import Budget, available_cores, run, seed_of

__all__ = ["Results", "main", "measure"]

DEFAULT_SEED = 20264
TABLE_COLUMNS = [
    "chains",
    "draws",
    "compile_s",
    "warmup_s",
    "sample_s",
    "min_ess",
    "min_ess_block",
    "ess_per_draw",
    "min_ess_per_s",
    "min_ess_block_per_s",
    "max_rhat",
    "agreement_z",
    "unadjusted",
    "worst",
]


class Results(NamedTuple):
    """What one run of the benchmark found; the keys of the JSON object.

    Attributes
    ----------
    benchmark : str
        The model.
    reference : str or None
        The sampler that ``agreement_z`` refers to.
    variables : list of str
        What the figures are about: the free variables, or else those that all samplers have.
    samplers : dict of str to dict
        The figures of every sampler that ran, explained in the README. NaN and infinity
        are None.
    notes : dict of str to str
        What a sampler did otherwise than the others.
    skipped, failed : dict of str to str
        Why a sampler did not run, or did not return.
    """

    benchmark: str
    reference: str | None
    variables: list[str]
    samplers: dict[str, dict[str, object]]
    notes: dict[str, str]
    skipped: dict[str, str]
    failed: dict[str, str]


def measure(
    benchmark: str,
    samplers: Sequence[str],
    *,
    draws: int | None = None,
    tune: int | None = None,
    chains: int = 2,
    seed: int = DEFAULT_SEED,
) -> Results:
    """Run samplers one after the other on one benchmark model.

    Parameters
    ----------
    benchmark : str
        A name that `models.build` knows.
    samplers : sequence of str
        Keys of `samplers.BUDGETS`.
    draws, tune : int, optional
        Kept and tuning draws per chain. Default: each sampler's own, `samplers.budget_of`.
    chains : int
        Chains of each sampler, on as many cores as there are.
    seed : int
        Each sampler's seed is derived from it and from the sampler's name.

    Returns
    -------
    results : Results
    """
    model = build(benchmark)
    block = {variable.rv_name for variable in pymc_glm.explain(model).block}
    cores = min(chains, available_cores())
    trees, timings, skipped, failed = {}, {}, {}, {}
    # MCLMC comes last: JAX starts threads, after which PyMC's NUTS must not fork processes.
    for name in sorted(samplers, key=list(BUDGETS).index):
        try:
            sampler = sampler_named(name)
        except ImportError as error:
            skipped[name] = str(error)
            continue
        own_draws, own_tune = budget_of(name, benchmark)
        budget = Budget(
            own_draws if draws is None else draws, own_tune if tune is None else tune, chains, cores
        )
        try:
            outcome = run(name, sampler, model, budget, seed_of(name, seed), False)
        except NotImplementedError as error:
            skipped[name] = str(error)
            continue
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        trees[name], timings[name] = outcome.tree, outcome.timing
    if not trees:
        return Results(benchmark, None, [], {}, {}, skipped, failed)
    variables = _comparable(model, trees)
    comparison = Comparison(trees, var_names=variables, timings=timings, failures=failed)
    reference = "gibbs" if "gibbs" in trees else comparison.differences.reference
    notes = {name: tree["posterior"].attrs.get("note", "") for name, tree in trees.items()}
    notes = {name: note for name, note in notes.items() if note}
    # Deterministics of the block stand in for it where a sampler knows nothing else.
    block = block & set(variables) or set(variables) - {rv.name for rv in model.free_RVs}
    strangers = {
        name for name, tree in trees.items() if tree["posterior"].attrs.get("another_posterior")
    }
    figures = _figures(comparison, block, reference, strangers)
    figures = {name: _finite(values) for name, values in figures.items()}
    return Results(benchmark, reference, variables, figures, notes, skipped, failed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of one benchmark; the exit status is 1 if a sampler failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        build(options.benchmark)
    except ValueError as error:
        parser.error(str(error))
    results = measure(
        options.benchmark,
        options.samplers,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        seed=options.seed,
    )
    reasons_by_kind = {"ran": results.notes, "skipped": results.skipped, "failed": results.failed}
    for kind, reasons in reasons_by_kind.items():
        for name, reason in reasons.items():
            print(f"{name} {kind}: {reason}", file=sys.stderr)
    if results.samplers:
        table = pd.DataFrame.from_dict(results.samplers, orient="index")[TABLE_COLUMNS]
        with pd.option_context("display.precision", 4):
            print(f"{options.benchmark}, differences from {results.reference}")
            print(f"over {', '.join(results.variables)}")
            print(table.T.to_string())
    if options.json:
        print(json.dumps(results._asdict(), allow_nan=False))
    return 1 if results.failed else 0


def _comparable(model: pm.Model, trees: Mapping[str, DataTree]) -> list[str]:
    """Free variables, or else everything that all samplers have draws of."""
    free = [variable.name for variable in model.free_RVs]
    held = [set(tree["posterior"].data_vars) for tree in trees.values()]
    if all(names.issuperset(free) for names in held):
        return free
    return [rv.name for rv in model.unobserved_RVs if all(rv.name in names for names in held)]


def _figures(
    comparison: Comparison, block: set[str], reference: str, strangers: Collection[str]
) -> dict:
    """The figures of every sampler: those of `Comparison.metrics`, and what a benchmark adds.

    Strangers draw from another posterior; they have nothing to agree about.
    """
    variable_of = _variable_of_each_label(comparison)
    in_block = np.isin(variable_of, sorted(block))
    z = {name: _largest_mean_difference(comparison, name, reference) for name in comparison}
    z |= dict.fromkeys(strangers, float("nan"))
    others = [
        value
        for name, value in z.items()
        if name != reference
        and name not in strangers
        and comparison.summaries[name].converged
        and not comparison.summaries[name].unadjusted
    ]
    z[reference] = max(others, default=float("nan"))
    figures = {}
    for name, metrics in comparison.metrics().items():
        ess = comparison.diagnostics[name].ess
        total = int(metrics["draws"]) * int(metrics["chains"])
        min_ess_block = float(np.min(ess[in_block]))
        added: dict[str, object] = {
            "min_ess_bulk": comparison.summaries[name].min_ess_bulk,
            "min_ess_block": min_ess_block,
            "min_ess_block_per_s": min_ess_block / float(metrics["sample_s"]),
            "ess_per_draw": float(metrics["min_ess"]) / total,
            "ess_per_draw_by_variable": {
                variable: float(np.min(ess[variable_of == variable])) / total
                for variable in comparison.layout.shapes
            },
            "agreement_z": z[name],
            "divergences": comparison.summaries[name].divergences,
        }
        figures[name] = metrics | added
    return figures


def _variable_of_each_label(comparison: Comparison) -> np.ndarray:
    """The variable that each coordinate belongs to, shape (p,)."""
    shapes = comparison.layout.shapes
    return np.repeat(list(shapes), [math.prod(shape) for shape in shapes.values()])


def _largest_mean_difference(comparison: Comparison, name: str, reference: str) -> float:
    """Largest difference of posterior means in joint Monte Carlo standard errors."""
    ours, theirs = comparison.diagnostics[name], comparison.diagnostics[reference]
    z = np.abs(ours.mean - theirs.mean) / np.hypot(ours.mcse_mean, theirs.mcse_mean)
    return float(z.max())


def _finite(value: object) -> object:
    """Replace what JSON has no number for, NaN and infinity, by None."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("benchmark", help="a name that models.build knows")
    parser.add_argument(
        "--samplers",
        type=_samplers,
        default=list(BUDGETS),
        metavar="NAME,NAME",
        help=f"comma-separated, out of {', '.join(BUDGETS)}; default: all that are installed",
    )
    parser.add_argument("--draws", type=int, help="kept draws per chain of every sampler")
    parser.add_argument("--tune", type=int, help="tuning draws per chain of every sampler")
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")
    return parser


def _samplers(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in BUDGETS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"There is no sampler called {unknown[0]!r}. Choose out of {', '.join(BUDGETS)}."
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
