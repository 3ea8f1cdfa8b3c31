"""stream(): summaries of the draws that sample() stores, and runs that go on where they ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time

from importlib import import_module

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import pymc_glm

from pymc_glm import SamplingError
from pymc_glm.sampling.compiled import prepare
from pymc_glm.sampling.progress import StreamProgress
from pymc_glm.sampling.store import Store, open_store
from pymc_glm.sampling.stream_run import StreamSettings, run_stream

RUN = import_module("pymc_glm.sampling.stream_run")

DATA = np.random.default_rng(11)
X = DATA.normal(size=(20, 3))
Y = X @ [1.0, 0.0, -1.0] + DATA.normal(size=20)
# Odd, and no multiple of a batch.
DRAWS, TUNE, CHAINS, SEED = 403, 20, 3, 5


def regression(scale=2.0, data=Y):
    """The regression of the tests of sample(), whose compiled chain is in the cache then."""
    with pm.Model(coords={"column": ["u", "v", "w"], "row": np.arange(20)}) as model:
        design = pm.Data("X", X, dims=("row", "column"))
        beta = pm.Laplace("beta", 0, 1, dims="column")
        sigma = pm.HalfNormal("sigma", scale)
        mean = pm.Deterministic("mean", design @ beta, dims="row")
        pm.Deterministic("square", beta.dimshuffle(0, "x") * beta)
        pm.Normal("y", mean, sigma, observed=data, dims="row")
    return model


@pytest.fixture(scope="module")
def prepared():
    """The model, compiled once."""
    return prepare(regression())


@pytest.fixture(scope="module")
def full(prepared):
    """All draws."""
    return prepared.run(DRAWS, TUNE, CHAINS, 2, SEED, progressbar=False, warn=False)["posterior"]


def run(prepared, cores=2, seed=SEED, store=None, resume=False, **settings):
    """A streamed run."""
    chosen = StreamSettings(**({"draws": DRAWS, "tune": TUNE, "chains": CHAINS} | settings))
    opened = None if store is None else open_store(store, resume)
    return run_stream(prepared, chosen, cores, seed, store=opened, progressbar=False)


@pytest.fixture(scope="module")
def tree(prepared):
    """A run with the default options, deterministics included."""
    return run(prepared, var_names=["beta", "sigma", "mean", "square"])


@pytest.fixture(scope="module")
def plain(prepared):
    """A run with the default options."""
    return run(prepared)


def summary(tree, name, statistic):
    """One statistic of one variable."""
    return tree["summary"][name].sel(summary=statistic).values


def assert_same(first, second):
    """The same numbers, to the bit."""
    for group in ("summary", "posterior"):
        assert first[group].to_dataset().equals(second[group].to_dataset())


@pytest.mark.parametrize("name", ["beta", "square", "sigma", "mean"])
def test_moments_are_exact(tree, full, name):
    """On the user's scale, over all chains."""
    draws = full[name].values.reshape((DRAWS * CHAINS, *full[name].shape[2:]))
    np.testing.assert_allclose(summary(tree, name, "mean"), draws.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(summary(tree, name, "sd"), draws.std(axis=0, ddof=1), rtol=1e-10)


@pytest.mark.parametrize("name", ["beta", "square", "sigma"])
def test_quantiles(tree, full, name):
    """The share of draws below differs by less than a quarter of a bin between quantiles.

    Bins next to the outer quantiles hold 1.25 per cent of the draws, those next to the median 7.
    """
    draws = full[name].values.reshape((DRAWS * CHAINS, *full[name].shape[2:]))
    for probability, bound in ((0.05, 0.012), (0.5, 0.018), (0.95, 0.012)):
        below = (draws <= summary(tree, name, f"{100 * probability:g}%")).mean(axis=0)
        np.testing.assert_allclose(below, probability, atol=bound)


def split_rhat(draws):
    """Its definition, the first half of an odd chain one longer."""
    cut = (draws.shape[1] + 1) // 2
    halves = [half for chain in draws for half in (chain[:cut], chain[cut:])]
    length = np.mean([len(half) for half in halves])
    within = np.mean([half.var(axis=0, ddof=1) for half in halves], axis=0)
    between = np.var([half.mean(axis=0) for half in halves], axis=0, ddof=1)
    return np.sqrt(between / within + (length - 1) / length)


def replicated_batch_means(draws):
    """Monte Carlo variance of one draw's worth."""
    size = int(np.sqrt(draws.shape[1]))
    count = draws.shape[1] // size
    means = draws[:, : count * size].reshape((len(draws) * count, size, *draws.shape[2:]))
    return size * means.mean(axis=1).var(axis=0, ddof=1)


@pytest.mark.parametrize("name", ["beta", "square", "sigma", "mean"])
def test_diagnostics_follow_their_definitions(tree, full, name):
    """Computed from all draws."""
    draws = full[name].values
    total = DRAWS * CHAINS
    spread = replicated_batch_means(draws)
    variance = draws.reshape((total, *draws.shape[2:])).var(axis=0, ddof=1)
    size = np.minimum(total * variance / spread, total * np.log10(total))
    np.testing.assert_allclose(summary(tree, name, "r_hat"), split_rhat(draws), rtol=1e-10)
    np.testing.assert_allclose(summary(tree, name, "ess_mean"), size, rtol=1e-9)
    np.testing.assert_allclose(
        summary(tree, name, "mcse_mean"), np.sqrt(variance / size), rtol=1e-9
    )


def test_labels(tree):
    """Dims, coords, and the names of ArviZ."""
    group = tree["summary"]
    assert group["beta"].dims == ("summary", "column")
    assert group["column"].values.tolist() == ["u", "v", "w"]
    names = ["mean", "sd", "mcse_mean", "ess_mean", "r_hat", "5%", "50%", "95%"]
    assert group["summary"].values.tolist() == names
    assert set(tree["posterior"].data_vars) == {"beta", "square", "sigma", "mean"}
    assert tree["sample_stats"]["sweep_time"].shape == (CHAINS, DRAWS)
    np.testing.assert_array_equal(tree["observed_data"]["y"].values, Y)
    assert group.attrs["memory_bound"] > 0


def test_small_variables_are_kept_in_full(plain, full):
    """The draws of sample(), and deterministics only if asked for."""
    assert set(plain["posterior"].data_vars) == {"beta", "sigma"}
    for name in plain["posterior"].data_vars:
        xr.testing.assert_equal(plain["posterior"][name], full[name])


def test_thinning(prepared, full):
    """Every so many draws, labelled by their numbers."""
    kept = run(prepared, thin=7, cores=1)["posterior"]
    xr.testing.assert_equal(kept["beta"], full["beta"].isel(draw=slice(None, None, 7)))


def test_large_variables_are_thinned_to_the_budget(prepared, full, monkeypatch):
    """They have a group of their own."""
    kept = import_module("pymc_glm.sampling.kept")
    monkeypatch.setattr(kept, "SMALL", 2)
    tree = run(prepared, keep_bytes=8 * 3 * CHAINS * 100)
    thinned = tree["thinned_posterior"]
    assert set(tree["posterior"].data_vars) == {"sigma"}
    xr.testing.assert_equal(thinned["beta"], full["beta"].isel(draw=slice(None, None, 5)))
    assert thinned["beta"].nbytes <= 8 * 3 * CHAINS * 100


SELECTIONS = {
    "labels": ("beta", {"column": ["w", "u"]}, lambda d: d.sel(column=["w", "u"])),
    "label": ("beta", {"column": "v"}, lambda d: d.sel(column="v")),
    "slices": ("square", (slice(1), 1), lambda d: d[:, :, :1, 1]),
    "flat": ("square", [5, 0], lambda d: d.values.reshape((CHAINS, DRAWS, 9))[..., [5, 0]]),
    "scalar": ("sigma", "all", lambda d: d),
}


@pytest.mark.parametrize("case", SELECTIONS)
def test_selected_entries(prepared, full, case):
    """They keep their labels."""
    name, selection, expected = SELECTIONS[case]
    kept = run(prepared, keep={name: selection}, var_names=[name])["posterior"][name]
    wanted = expected(full[name])
    np.testing.assert_array_equal(kept.values, wanted)
    if case == "flat":
        assert kept.coords["square_entry"].values.tolist() == [5, 0]
    else:
        xr.testing.assert_equal(kept, wanted)


def test_nothing_kept(prepared):
    """Of one variable, or of all."""
    assert "beta" not in run(prepared, keep={"beta": "none"}, draws=9)["posterior"]
    assert "posterior" not in run(prepared, keep="none", draws=9)


@pytest.mark.parametrize("cores", [1, 3])
def test_cores_change_nothing(prepared, plain, cores):
    """Nor does the cut into chunks, which is by the clock."""
    assert_same(run(prepared, cores=cores), plain)


def test_chunks_change_nothing(prepared, plain, monkeypatch):
    """One draw at a time."""
    monkeypatch.setattr(import_module("pymc_glm.sampling.stream_worker"), "MOST_ROWS", 1)
    assert_same(run(prepared), plain)


@pytest.mark.parametrize("draws", [1, 2, 5, 16, 17])
def test_few_draws(prepared, full, draws):
    """Means and quantiles of as few as there are."""
    tree = run(prepared, draws=draws, tune=TUNE, chains=2)
    some = full["beta"].values[:2, :draws].reshape(-1, 3)
    np.testing.assert_allclose(summary(tree, "beta", "mean"), some.mean(axis=0), atol=1e-10)
    medians = summary(tree, "beta", "50%")
    assert np.all((some.min(axis=0) <= medians) & (medians <= some.max(axis=0)))
    assert np.isnan(summary(tree, "beta", "r_hat")).all() == (draws == 1)


class Interrupted(StreamProgress):
    """A user who presses Ctrl-C when the bars have moved a few times."""

    patience = 5

    def update(self, chain, sweeps, seconds):
        """Count, then interrupt."""
        self.patience -= 1
        if self.patience == 0:
            raise KeyboardInterrupt


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks small enough to be interrupted between."""
    monkeypatch.setattr(import_module("pymc_glm.sampling.stream_worker"), "MOST_ROWS", 10)


def interrupt(monkeypatch, patience):
    """Interrupt the next runs after so many chunks."""
    kind = type("InterruptedThen", (Interrupted,), {"patience": patience})
    monkeypatch.setattr(RUN, "StreamProgress", kind)


def test_resumed_runs_are_the_same(prepared, plain, monkeypatch, small_chunks, tmp_path, caplog):
    """Interrupted while tuning, then again and again, until it is done."""
    store = tmp_path / "run.zarr"
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        # A chain may get to its first draws before it hears of the interrupt.
        try:
            run(prepared, store=store, cores=1)
        except KeyboardInterrupt:
            pass
    made = []
    for patience in (3, 9, 20, 25, 40):
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "pymc_glm"):
            interrupt(patch, patience)
            cut = run(prepared, store=store, resume=True, cores=1)
        made.append(sum(cut["summary"].attrs["draws_made"]))
    assert "interrupted after " in caplog.text
    # How far a chain gets before it hears of an interrupt depends on what else the machine does.
    assert 0 < made[0] and made == sorted(made)
    resumed = run(prepared, store=store, resume=True, seed=None)
    assert resumed["posterior"].attrs["resumed"] == 1
    assert_same(resumed, plain)
    # The store itself holds the result.
    stored = xr.open_datatree(store, engine="zarr", consolidated=False, chunks=None)
    assert_same(stored, plain)
    # Once more: there is nothing left to do.
    assert_same(run(prepared, store=store, resume=True), plain)


def test_summaries_of_an_interrupted_run(prepared, full, monkeypatch, small_chunks):
    """They are those of the draws made, which no one chain need share with another."""
    interrupt(monkeypatch, 12)
    tree = run(prepared, draws=100_000, cores=2)
    made = tree["summary"].attrs["draws_made"]
    long = prepared.run(max(made), TUNE, CHAINS, 2, SEED, progressbar=False, warn=False)
    begun = [chain for chain in tree["posterior"]["chain"].values]
    pooled = [long["posterior"]["beta"].values[c, :n] for c, n in zip(begun, made, strict=True)]
    np.testing.assert_allclose(
        summary(tree, "beta", "mean"), np.concatenate(pooled).mean(axis=0), atol=1e-10
    )
    assert tree["posterior"].sizes["draw"] == min(made)
    assert tree["posterior"].attrs["interrupted"] == 1


def failing(prepared, chunks):
    """A chain that fails after some chunks."""
    left = [chunks]

    def chain(rng, *arguments):
        left[0] -= 1
        if left[0] < 0:
            rng.normal()
            raise FloatingPointError("the precision lost its last digit")
        return prepared.chain(rng, *arguments)

    return prepared._replace(chain=chain)


def test_a_failing_sweep_loses_nothing(prepared, plain, small_chunks, tmp_path):
    """What was drawn is in the error, and in the store."""
    store = tmp_path / "run.zarr"
    with pytest.raises(
        SamplingError, match=r"failed after 180 . 0 . 0 draws .* last digit"
    ) as caught:
        run(failing(prepared, 20), store=store, cores=1)
    assert caught.value.partial["summary"].attrs["draws_made"] == [180]
    # The generator had moved on before the sweep failed.
    assert_same(run(prepared, store=store, resume=True), plain)


def test_failure_before_the_first_draw(prepared):
    """There is nothing to return."""
    with pytest.raises(SamplingError, match="before every chain had a draw"):
        run(failing(prepared, 0))


@pytest.fixture(scope="module")
def stored(prepared, tmp_path_factory):
    """A finished store."""
    path = tmp_path_factory.mktemp("stores") / "run.zarr"
    run(prepared, store=path, draws=20)
    return path


OTHERS = {
    "draws": ({"draws": 30}, "with draws=20, not 30"),
    "seed": ({"seed": 6}, r"with another seed \(random_seed=5\)"),
    "thin": ({"thin": 2}, "with thin=None, not 2"),
    "keep": ({"keep": {"beta": [1]}}, "with keep="),
    "var_names": ({"var_names": ["beta"]}, "with var_names=None"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_store_of_other_settings(prepared, stored, case):
    """Refused, with the setting that differs."""
    options, message = OTHERS[case]
    with pytest.raises(ValueError, match=message):
        run(prepared, store=stored, resume=True, **({"draws": 20} | options))


@pytest.mark.parametrize("options", [{"scale": 3.0}, {"data": Y + 1e-9}])
def test_store_of_another_model(prepared, stored, options):
    """Another constant, or other data."""
    other = prepared._replace(model=regression(**options))
    with pytest.raises(ValueError, match="another model or other data"):
        run(other, store=stored, resume=True, draws=20)


def test_the_same_model_declared_again(prepared, stored):
    """Is the same."""
    run(prepared._replace(model=regression()), store=stored, resume=True, draws=20)


def test_store_of_other_versions(prepared, stored, tmp_path):
    """Refused: draws may differ."""
    store = Store(tmp_path / "run.zarr")
    manifest = Store(stored).checkpoints.manifest()
    manifest["versions"]["numpy"] = "1.0"
    store.checkpoints.write_manifest(manifest)
    with pytest.raises(ValueError, match="made with other versions"):
        run(prepared, store=store.path, resume=True, draws=20)


def test_a_store_is_never_overwritten(prepared, stored):
    """Not even a finished one."""
    with pytest.raises(FileExistsError, match=r"already, and it is not overwritten\. Pass"):
        run(prepared, store=stored, draws=20)


def test_checkpoints_without_a_store_are_named(tmp_path):
    """A run may have been killed before its first draw."""
    folder = tmp_path / "run.zarr.checkpoint"
    folder.mkdir()
    with pytest.raises(FileExistsError, match=r"no store at .*run\.zarr', but checkpoints .* Pass"):
        open_store(tmp_path / "run.zarr", resume=False)
    assert open_store(tmp_path / "run.zarr", resume=True).folder == folder


def test_a_folder_that_is_no_store(prepared, tmp_path):
    """Refused."""
    with pytest.raises(ValueError, match="There is no checkpoint of a run"):
        run(prepared, store=tmp_path, resume=True)


def test_missing_zarr(monkeypatch, tmp_path):
    """Said before anything is compiled."""
    monkeypatch.setattr(import_module("pymc_glm.sampling.store"), "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"zarr is not installed\. Install it with"):
        pymc_glm.stream(store=tmp_path / "run.zarr", model=regression())


REFUSED = {
    "draws": ({"draws": 0}, "Got draws=0"),
    "thin": ({"thin": 0}, "Got thin=0"),
    "quantiles": ({"quantiles": [0.5, 1.0]}, "each between zero and one"),
    "no quantiles": ({"quantiles": []}, "at least one probability"),
    "resume": ({"resume": True}, "Got resume=True without a store"),
    "keep word": ({"keep": "all"}, r"Got keep='all'\. Pass 'none', or a mapping"),
    "keep list": ({"keep": ["beta"]}, r"Got keep=\['beta'\]\. Pass 'none'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_options(case):
    """Refused before anything is compiled."""
    options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        pymc_glm.stream(model=regression(), **options)


UNKNOWN = {
    "variable": ({"keep": {"gamma": [0]}}, "Got 'gamma' in `keep`"),
    "var_names": ({"var_names": ["gamma"]}, "Choose at least one of beta"),
    "word": ({"keep": {"beta": "some"}}, "Choose 'all', 'none'"),
    "number": ({"keep": {"beta": [3]}}, r"entries of 'beta' to keep, \[3\], does not fit"),
    "fraction": ({"keep": {"beta": [0.5]}}, "must be integers"),
    "label": ({"keep": {"beta": {"column": "x"}}}, "does not fit its dims"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_entries(prepared, case):
    """Refused before the first sweep."""
    options, message = UNKNOWN[case]
    with pytest.raises(ValueError, match=message):
        run(prepared, **options)


def test_the_bars_show_the_worst_rhat(capsys):
    """With a column of its own."""
    progress = StreamProgress(lambda: 1.234, 2, 10, 5, done=[15, 0])
    with progress:
        progress.update(1, 15, 0.1)
    shown = capsys.readouterr().out
    assert "R-hat" in shown
    assert "1.234" in shown


SCRIPT = """
import sys
import numpy as np
import pymc as pm
import pymc_glm
import pytensor.tensor as pt

with pm.Model() as model:
    x = pm.Flat("x", shape={n})
    scale = pm.HalfNormal("scale", 1)
    pymc_glm.expert("jumps", pm.Laplace.dist(0, scale), pt.diff(x))
    pm.Normal("y", x, 1.0, observed=np.random.default_rng(1).normal(size={n}))
"""
KILLED = (
    SCRIPT.format(n=300)
    + """
tree = pymc_glm.stream(
    3000, 100, 2, random_seed=4, model=model, progressbar=False, store=sys.argv[1],
    resume=True, checkpoint_seconds=0.05,
)
groups = tree["summary"], tree["posterior"]
np.savez(sys.argv[2], *(group[name].values for group in groups for name in ("x", "scale")))
"""
)


@pytest.mark.slow
def test_killed_runs_are_resumed(tmp_path):
    """By SIGKILL, several times, at whatever point."""

    def start(store, result):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(store), str(result)]
        return subprocess.Popen(command)

    store, result = tmp_path / "run.zarr", tmp_path / "killed.npz"
    kills, wait = 0, 0.1
    while not result.exists():
        process = start(store, result)
        folder = Store(store).folder
        before = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
        while process.poll() is None:
            now = {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
            if now != before and kills < 4:
                time.sleep(wait)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                break
            time.sleep(0.005)
        assert process.returncode in (0, -signal.SIGKILL)
    assert kills >= 2
    whole = tmp_path / "whole.npz"
    assert start(tmp_path / "other.zarr", whole).wait() == 0
    with np.load(result) as first, np.load(whole) as second:
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name])


MEASURED = (
    SCRIPT.format(n=200_000)
    + """
import json
import resource

def run(draws):
    return pymc_glm.stream(
        draws, 2, 2, cores=2, random_seed=4, model=model, progressbar=False,
        var_names=["x"], keep="none" if draws == 1 else None, keep_bytes=2**24,
    )

peak = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[1] == "sweep":
    # What compilation and two sweeps of two chains take, their states included.
    from pymc_glm.sampling.compiled import prepare
    prepared = prepare(model)
    prepared.run(1, 2, 2, 2, 4, progressbar=False, warn=False)
    print(json.dumps([peak(), 0]))
else:
    tree = run(int(sys.argv[1]))
    print(json.dumps([peak(), tree["summary"].attrs["memory_bound"]]))
"""
)


@pytest.mark.slow
def test_memory_stays_within_the_bound():
    """Next to a run of one draw; and it does not grow with the number of draws."""

    def measure(argument):
        command = [sys.executable, "-c", textwrap.dedent(MEASURED), argument]
        found = subprocess.run(command, capture_output=True, check=True, text=True)
        return json.loads(found.stdout.splitlines()[-1])

    base, _ = measure("sweep")
    short, bound = measure("60")
    long, _ = measure("180")
    # Stored, 180 draws of two chains would take 576 MB.
    assert short - base < bound < 300e6
    assert long - short < 0.1 * bound
