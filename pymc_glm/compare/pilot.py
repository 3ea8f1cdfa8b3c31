"""Short runs of bounded time: our sampler and NUTS, compilation timed apart."""

from __future__ import annotations

import math
import time
import warnings

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pymc_glm.compare.diagnostics import diagnose
from pymc_glm.compare.draws import Layout, group
from pymc_glm.compare.pace import figure
from pymc_glm.compare.runners import seed_of
from pymc_glm.compare.timing import Timing, read_timing

if TYPE_CHECKING:
    from pymc import Model
    from xarray import DataTree

    from pymc_glm.machine import LatentMachine
    from pymc_glm.sampling.compiled import PreparedChains

__all__ = ["LEAST_DRAWS", "Limits", "Pilot", "pilot_machine", "pilot_nuts"]

DRAWS = 1000
OUR_TUNE, NUTS_TUNE = 200, 1000  # what our sampler and PyMC do by default
# Fewer draws say nothing about R-hat.
LEAST_DRAWS = 100
PROBE = 20
# An effective sample size is known to some ten per cent once it is as large as this.
ENOUGH = 400.0
MOST_NUMBERS = 2**25


class Limits(NamedTuple):
    """What each pilot may use.

    Attributes
    ----------
    chains, cores : int
        Chains, and how many of them run at once.
    seconds : float
        Wall time of warm-up and draws; compilation does not count.
    random_seed : int
        Each sampler derives its own seed.
    """

    chains: int
    cores: int
    seconds: float
    random_seed: int


class Pilot(NamedTuple):
    """Draws of one short run and the time they took.

    Attributes
    ----------
    label : str
        The sampler, for tables and sentences.
    tree : DataTree or None
        The draws; None where there are too few to say anything.
    timing : Timing
        Wall times.
    trouble : str
        Why there are no draws; empty where there are.
    """

    label: str
    tree: DataTree | None
    timing: Timing
    trouble: str = ""


def pilot_machine(model: Model, machine: LatentMachine, limits: Limits) -> Pilot:
    """Run our sampler: whole compiled chains, or the step method where PyMC has to help.

    The run is made four times as long until the smallest effective sample size is 400, or the time
    is used up.

    Parameters
    ----------
    model : pymc.Model
        The model.
    machine : LatentMachine
        What was recognised in it.
    limits : Limits
        Chains, cores, time and seed.

    Returns
    -------
    pilot : Pilot
    """
    if machine.guests:
        label = "Gaussian latent machine, with PyMC's steps"
        return _guarded(label, lambda: _step_method(label, model, limits))
    label = "Gaussian latent machine"
    return _guarded(label, lambda: _compiled(label, model, limits))


def pilot_nuts(model: Model, limits: Limits) -> Pilot:
    """Run NUTS: nutpie's where it is installed and the model is continuous, else PyMC's.

    Parameters
    ----------
    model : pymc.Model
        The model.
    limits : Limits
        Chains, cores, time and seed.

    Returns
    -------
    pilot : Pilot
    """
    if model.discrete_value_vars:
        label = "NUTS of PyMC, with its steps for discrete variables"
        return _guarded(label, lambda: _pymc(label, model, limits, NUTS_TUNE))
    if find_spec("nutpie") is None:
        label = "NUTS of PyMC"
        return _guarded(label, lambda: _pymc(label, model, limits, NUTS_TUNE))
    return _guarded("NUTS of nutpie", lambda: _nutpie("NUTS of nutpie", model, limits))


def _guarded(label: str, run: Callable[[], Pilot]) -> Pilot:
    """The pilot, or the error of a sampler as its trouble: the other one is still worth knowing."""
    try:
        return run()
    except Exception as error:
        nan = float("nan")
        message = f"{type(error).__name__}: {error}".rstrip(".")
        return Pilot(label, None, Timing(nan, nan, nan, "the sampler failed"), message)


def _compiled(label: str, model: Model, limits: Limits) -> Pilot:
    from pymc_glm.sampling.compiled import prepare

    prepared = prepare(model)
    probe = _run(prepared, limits, PROBE, 0)
    sweep_s = float(np.mean(group(probe, "sample_stats")["sweep_time"].values))
    rounds = math.ceil(limits.chains / limits.cores)
    sweeps = int(limits.seconds / (sweep_s * rounds))
    tune = min(OUR_TUNE, sweeps // 3)
    size = sum(int(value.size) for value in prepared.recognition.view.initial_point.values())
    # Memory bounds large models, though not below the least that says anything.
    most = min(sweeps - tune, max(LEAST_DRAWS, MOST_NUMBERS // (size * limits.chains)))
    if most < LEAST_DRAWS:
        trouble = (
            f"{sweeps} sweeps of {figure(sweep_s)} s in {figure(limits.seconds)} s are too few"
        )
        return Pilot(label, None, read_timing(probe, 0), trouble)
    draws = min(DRAWS, most)
    tree = _run(prepared, limits, draws, tune)
    while _smallest_size(tree) < ENOUGH and draws < most:
        draws = min(4 * draws, most)
        tree = _run(prepared, limits, draws, tune)
    timing = read_timing(tree, tune)
    warmup_s = timing.warmup_s * OUR_TUNE / max(tune, 1)
    return Pilot(label, tree, Timing(timing.compile_s, warmup_s, timing.sample_s, timing.rule))


def _run(prepared: PreparedChains, limits: Limits, draws: int, tune: int) -> DataTree:
    return prepared.run(
        draws,
        tune,
        limits.chains,
        limits.cores,
        seed_of("gibbs", limits.random_seed),
        var_names=[rv.name for rv in prepared.model.free_RVs],
        progressbar=False,
        warn=False,
    )


def _smallest_size(tree: DataTree) -> float:
    """Smallest effective sample size; infinite where nothing moves."""
    ess = diagnose(tree, Layout.of({"": tree})).ess
    return float(np.nanmin(ess)) if np.isfinite(ess).any() else math.inf


def _nutpie(label: str, model: Model, limits: Limits) -> Pilot:
    """Run nutpie, and once more for as long as it may take if the first run says too little."""
    import nutpie

    began = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model, var_names=[rv.name for rv in model.free_RVs])
    compile_s = time.perf_counter() - began
    first = _timed_nutpie(label, compiled, compile_s, limits, DRAWS)
    if first.tree is None or first.tree["posterior"].sizes["draw"] < DRAWS:
        return first
    draws = _longer(first, limits)
    if draws < 2 * DRAWS:
        return first
    return _timed_nutpie(label, compiled, compile_s, limits, draws)


def _longer(pilot: Pilot, limits: Limits) -> int:
    """Draws per chain that a second run needs, as far as time and memory allow."""
    assert pilot.tree is not None, "only called of pilots with draws"
    posterior = pilot.tree["posterior"].to_dataset()
    smallest = max(_smallest_size(pilot.tree), 1.0)
    needed = 0.0 if smallest >= ENOUGH else 2.0 * DRAWS * ENOUGH / smallest
    left = limits.seconds - pilot.timing.warmup_s
    # Seconds differ from run to run; a run that is stopped is not lost, but ends unevenly.
    affordable = 0.8 * DRAWS * left / max(pilot.timing.sample_s, 1e-9)
    size = sum(int(np.prod(variable.shape[2:])) for variable in posterior.data_vars.values())
    return int(min(needed, affordable, MOST_NUMBERS // (size * limits.chains)))


def _timed_nutpie(label: str, compiled: Any, compile_s: float, limits: Limits, draws: int) -> Pilot:
    import nutpie

    began = time.perf_counter()
    sampler = nutpie.sample(
        compiled,
        draws=draws,
        tune=NUTS_TUNE,
        chains=limits.chains,
        cores=limits.cores,
        seed=seed_of("nutpie", limits.random_seed),
        save_warmup=True,
        progress_bar=False,
        blocking=False,
    )
    with warnings.catch_warnings():
        # Stopped in warm-up, there are more chains than draws.
        warnings.filterwarnings("ignore", "Found chain dimension to be longer", UserWarning)
        try:
            tree = sampler.wait(timeout=limits.seconds)
        except TimeoutError:
            tree = sampler.abort()
    return _cut(label, tree, compile_s, time.perf_counter() - began)


def _cut(label: str, tree: DataTree, compile_s: float, loop_s: float) -> Pilot:
    """Keep the draws that every chain has made; gradients tell which time they took."""
    stats = group(tree, "sample_stats")
    # Chains that made fewer draws than others are filled up with NaN.
    length = int(np.isfinite(stats["logp"].values).sum(axis=1).min())
    steps = stats["n_steps"].values
    kept = float(np.nansum(steps[:, :length]))
    warmup = float(np.nansum(group(tree, "warmup_sample_stats")["n_steps"].values))
    total = max(warmup + float(np.nansum(steps)), 1.0)
    timing = Timing(
        compile_s, loop_s * warmup / total, loop_s * kept / total, "numbers of gradients"
    )
    groups = {
        name: tree[name].to_dataset().isel(draw=slice(length))
        for name in ("posterior", "sample_stats")
    }
    return _pilot(label, groups, timing)


def _step_method(label: str, model: Model, limits: Limits) -> Pilot:
    from pymc_glm.step_methods import GaussianLatentGibbs

    began = time.perf_counter()
    with model:
        step = GaussianLatentGibbs()
    compile_s = time.perf_counter() - began
    pilot = _pymc(label, model, limits, OUR_TUNE, step=step)
    timing = pilot.timing
    return pilot._replace(
        timing=Timing(timing.compile_s + compile_s, timing.warmup_s, timing.sample_s, timing.rule)
    )


def _pymc(label: str, model: Model, limits: Limits, tune: int, **options: Any) -> Pilot:
    import pymc as pm

    began = time.perf_counter()
    first: list[float] = []

    def stop_in_time(trace: object, draw: object) -> None:
        now = time.perf_counter()
        if not first:
            first.append(now)
        if now - first[0] > limits.seconds:
            raise KeyboardInterrupt

    tree = pm.sample(
        DRAWS,
        tune=tune,
        chains=limits.chains,
        cores=limits.cores,
        random_seed=seed_of("nuts", limits.random_seed),
        model=model,
        nuts_sampler="pymc",
        var_names=[rv.name for rv in model.free_RVs],
        callback=stop_in_time,
        progressbar=False,
        quiet=True,
        compute_convergence_checks=False,
        **options,
    )
    timing = read_timing(tree, tune, time.perf_counter() - began)
    groups = {name: tree[name].to_dataset() for name in ("posterior", "sample_stats")}
    return _pilot(label, groups, timing)


def _pilot(label: str, groups: dict, timing: Timing) -> Pilot:
    import xarray as xr

    draws = groups["posterior"].sizes["draw"]
    if draws < LEAST_DRAWS:
        seconds = timing.warmup_s + timing.sample_s
        trouble = f"kept only {draws} draws per chain in {seconds:.0f} s of sampling"
        return Pilot(label, None, timing, trouble)
    tree = xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    return Pilot(label, tree, timing)
