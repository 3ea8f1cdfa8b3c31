"""Run the chains of a stream, and put its result together."""

from __future__ import annotations

import logging

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc.model.core import Model
from pymc.progress_bar import ProgressBarOptions
from pytensor.tensor.variable import TensorVariable
from xarray import DataArray, Dataset, DataTree

from pymc_glm.diagnostics import MIN_ESS_PER_CHAIN, RHAT_LIMIT
from pymc_glm.sampling.accumulators import STATISTICS, summarise, worst_rhat
from pymc_glm.sampling.chains import run_workers, tuning_share
from pymc_glm.sampling.compiled import (
    PreparedChains,
    ended_early,
    generators,
    run_attributes,
    without_draws,
)
from pymc_glm.sampling.fingerprint import model_fingerprint, seeds_fingerprint, versions
from pymc_glm.sampling.kept import (
    SMALL,
    Keep,
    KeptVariable,
    MemorySink,
    Variable,
    kept_variables,
    variables,
)
from pymc_glm.sampling.posterior import UserScale, data_groups, value_draws
from pymc_glm.sampling.progress import StreamProgress
from pymc_glm.sampling.store import CHUNK_BYTES, Store
from pymc_glm.sampling.stream_worker import StreamWorker, chunk_rows

__all__ = ["StreamSettings", "memory_bound", "run_stream"]

_log = logging.getLogger("pymc_glm")

# Data groups up to this size are part of the result.
DATA_BYTES = 2**20
# Shorter chains are not warned about, nor more variables named.
LEAST_DRAWS = 100
MOST_NAMED = 5


class StreamSettings(NamedTuple):
    """Arguments of `pymc_glm.stream` that decide what it returns, but for model and seed."""

    draws: int
    tune: int
    chains: int
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    thin: int | None = None
    keep: Keep = None
    keep_bytes: int = 2**28
    var_names: list[str] | None = None
    scales: str = "auto"
    block: str = "auto"
    solver: str = "auto"


def run_stream(
    prepared: PreparedChains,
    settings: StreamSettings,
    cores: int,
    random_seed: int | Sequence[int] | np.random.Generator | None = None,
    *,
    store: Store | None = None,
    checkpoint_seconds: float = 30.0,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """Run the chains of a compiled model; the arguments are those of `pymc_glm.stream`.

    Parameters
    ----------
    prepared : PreparedChains
        The model, compiled.
    settings : StreamSettings
        What to do.
    cores : int
        Chains that run at once.
    random_seed : int, sequence of int, numpy.random.Generator or None
        The seed.
    store : Store, optional
        Where to write.
    checkpoint_seconds : float
        Seconds between checkpoints of a chain.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    tree : DataTree
    """
    draws, tune, chains = settings.draws, settings.tune, settings.chains
    random_seed = _seed(random_seed, store)
    rngs = generators(random_seed, chains)
    seeds = seeds_fingerprint(rngs)
    starts = [prepared.starting_points.draw(rng) for rng in rngs]
    machine, wanted = prepared.recognition.machine, _wanted(prepared.model, settings.var_names)
    user_scales = [UserScale(prepared.model, wanted) for _ in range(chains)]
    found = variables(prepared.model, user_scales[0](value_draws(machine, starts[0])))
    kept = kept_variables(found, settings.keep, settings.thin, draws, chains, settings.keep_bytes)
    resumed = False
    if store is not None:
        manifest = _manifest(prepared.model, settings, kept, seeds, random_seed)
        resumed = store.matches(manifest)
        if not resumed:
            store.checkpoints.write_manifest(manifest)
        store.begin(kept, chains, draws)
    sink = MemorySink(kept, chains, draws) if store is None else store
    workers = [
        StreamWorker(
            index,
            prepared.chain,
            starts[index],
            rngs[index],
            prepared.constants,
            draws,
            tune,
            machine=machine,
            user_scale=user_scales[index],
            variables=found,
            kept=kept,
            sink=sink,
            quantiles=settings.quantiles,
        )
        for index in range(chains)
    ]
    for worker in workers if store is not None else ():
        worker.save_to(store.checkpoints, checkpoint_seconds)  # type: ignore[union-attr]
        snapshot = store.checkpoints.load(worker.index)  # type: ignore[union-attr]
        if snapshot is not None:
            worker.restore(snapshot)
    bound = memory_bound(workers, found, kept, settings, store is not None)
    _log.info(
        "Streaming %d entries in %d chains: at most %.0f MB besides what a sweep needs.",
        found[-1].entries.stop,
        chains,
        bound / 1e6,
    )
    progress = StreamProgress(
        lambda: worst_rhat([worker.accumulators for worker in workers]),
        chains,
        draws,
        tune,
        progressbar,
        done=[worker.tuned + worker.done for worker in workers],
    )
    seconds, interruption = run_workers(workers, cores, progress)
    begun = [worker for worker in workers if worker.done]
    if not begun:
        assert interruption is not None
        raise without_draws(interruption)
    share = tuning_share(workers)
    attributes = run_attributes(
        (seconds * share, seconds * (1.0 - share)),
        random_seed,
        prepared.compile_seconds,
        tune,
        interruption,
    )
    attributes |= {"memory_bound": bound, "resumed": int(resumed)}
    groups = {"summary": _summary(begun, found, settings.quantiles, attributes)}
    rows = min(worker.done for worker in begun)
    numbers = [worker.index for worker in begun]
    stats = np.stack([worker.sweep_seconds[:rows] for worker in begun])
    groups["sample_stats"] = Dataset(
        {"sweep_time": (("chain", "draw"), stats)},
        coords={"chain": numbers, "draw": np.arange(rows)},
    )
    if store is not None:
        store.finish(groups)
    for name in dict.fromkeys(variable.group for variable in kept):
        groups[name] = sink.group(name, numbers, rows).assign_attrs(attributes)
    groups |= {
        name: dataset
        for name, dataset in data_groups(prepared.model).items()
        if dataset.nbytes <= DATA_BYTES
    }
    tree = DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    message = _unconverged(begun, found)
    if message is not None:
        _log.warning(message)
    if interruption is None:
        return tree
    made = " + ".join(str(worker.done) for worker in workers)
    return ended_early(interruption, f"{made} draws of the chains", tree)


def memory_bound(
    workers: Sequence[StreamWorker],
    found: Sequence[Variable],
    kept: Sequence[KeptVariable],
    settings: StreamSettings,
    is_stored: bool,
) -> int:
    """Most bytes that a stream takes, besides the model and what a sweep itself needs.

    Parameters
    ----------
    workers : sequence of StreamWorker
        The chains.
    found : sequence of Variable
        Variables that are summarised.
    kept : sequence of KeptVariable
        Draws that are kept.
    settings : StreamSettings
        What is done.
    is_stored : bool
        Whether kept draws go to a store.

    Returns
    -------
    size : int
        Bytes.
    """
    entries = found[-1].entries.stop
    rows = chunk_rows(entries)
    state = sum(value.nbytes for value in workers[0].state)
    accumulators = sum(array.nbytes for array in workers[0].accumulators.arrays.values())
    # Of a chunk: the states as drawn, in the order of the variables, transformed, and as one array.
    chain = accumulators + 2 * state + rows * (2 * state + 16 * entries) + 8 * settings.draws
    per_row = {v.name: v.dtype.itemsize * v.numbers.size for v in kept}
    total = sum(settings.chains * per_row[v.name] * v.rows(settings.draws) for v in kept)
    if is_stored:
        # Rows that wait, and once more while they are written.
        total = 2 * settings.chains * (CHUNK_BYTES + sum(per_row.values()))
    table = 8 * entries * (len(STATISTICS) + len(settings.quantiles))
    return settings.chains * chain + total + table


def _seed(
    random_seed: int | Sequence[int] | np.random.Generator | None, store: Store | None
) -> int | Sequence[int] | np.random.Generator:
    """The seed; where none is given that of the store, or one drawn here so that it is recorded."""
    if random_seed is not None:
        return random_seed
    manifest = None if store is None else store.checkpoints.manifest()
    if manifest is None:
        return int(np.random.default_rng().integers(2**32))
    if manifest["given_seed"] is None:
        raise ValueError(
            "The run of the store was begun with a generator, and random_seed is None. Pass a"
            " generator in the same state."
        )
    return manifest["given_seed"]


def _manifest(
    model: Model,
    settings: StreamSettings,
    kept: Sequence[KeptVariable],
    seeds: str,
    random_seed: int | Sequence[int] | np.random.Generator,
) -> dict[str, object]:
    """What identifies the run."""
    given = None if isinstance(random_seed, np.random.Generator) else np.asarray(random_seed)
    manifest = settings._asdict()
    manifest["quantiles"] = list(settings.quantiles)
    manifest["keep"] = repr(
        [(v.name, v.group, v.step, v.numbers.dims, v.numbers.values.tolist()) for v in kept]
        if settings.keep is not None
        else None
    )
    return {
        "versions": versions(),
        "model": model_fingerprint(model),
        **manifest,
        "seed": seeds,
        "given_seed": None if given is None else given.tolist(),
    }


def _unconverged(workers: Sequence[StreamWorker], found: Sequence[Variable]) -> str | None:
    """Name the small variables that have not converged, scales above all."""
    if len(workers) < 2 or min(worker.done for worker in workers) < LEAST_DRAWS:
        return None
    named = []
    for variable in found:
        if variable.numbers.size > SMALL:
            continue
        chains = [worker.accumulators for worker in workers]
        table = summarise(chains, [0.5], variable.entries)
        ess, rhat = table[3] / len(workers), table[4]
        # Comparisons with NaN are false: an entry that never moves may be an indicator.
        if ((rhat > RHAT_LIMIT) | (ess < MIN_ESS_PER_CHAIN)).any():
            worst = float(np.fmax.reduce(rhat))
            named.append(
                f"{variable.name} (R-hat {worst:.2f}, {np.nanmin(ess):.0f} effective draws per"
                " chain)"
            )
    if not named:
        return None
    others = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return (
        f"Not converged: {', '.join(named[:MOST_NAMED])}{others}. Make more draws, or see whether"
        " another strategy for scales or a less diffuse prior helps."
    )


def _wanted(model: Model, var_names: Sequence[str] | None) -> list[TensorVariable]:
    if var_names is None:
        return list(model.free_RVs)
    known = {variable.name: variable for variable in model.unobserved_RVs}
    unknown = [name for name in var_names if name not in known]
    if unknown or not len(var_names):
        raise ValueError(
            f"Got var_names={list(var_names)}. Choose at least one of {', '.join(known)}."
        )
    return [variable for name, variable in known.items() if name in var_names]


def _summary(
    workers: Sequence[StreamWorker],
    found: Sequence[Variable],
    quantiles: Sequence[float],
    attributes: dict[str, object],
) -> Dataset:
    """Statistics of each variable along one dim, named as ArviZ names them."""
    table = summarise([worker.accumulators for worker in workers], quantiles)
    names = [*STATISTICS, *(f"{100 * probability:g}%" for probability in quantiles)]
    summary = {}
    for variable in found:
        rows = table[:, variable.entries]
        if variable.dtype.kind != "f":
            rows[len(STATISTICS) :] = np.rint(rows[len(STATISTICS) :])
        numbers = variable.numbers
        summary[variable.name] = DataArray(
            rows.reshape((len(names), *numbers.shape)),
            dims=("summary", *numbers.dims),
            coords=dict(numbers.coords) | {"summary": names},
        )
    counts = {"draws_made": [worker.done for worker in workers]}
    return Dataset(summary, attrs=attributes | counts)
