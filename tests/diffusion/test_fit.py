"""fit_diffusion(): what it finds, what decides it, how it goes on, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

from importlib import import_module

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr

from known import KERNELS, PLANE, as_proposal, crude_prior, perturbed, small_kernel
from pytensor.graph.op import Op
from scipy import stats
from scipy.integrate import trapezoid

import pymc_glm

from pymc_glm.diffusion import Proposal
from pymc_glm.diffusion.child import Channel
from pymc_glm.diffusion.draws import flat_draws
from pymc_glm.diffusion.targets import CompiledDensity, layout_of
from pymc_glm.exceptions import (
    ImproperPosteriorError,
    InvalidDataError,
    RecognitionError,
    SamplingError,
)

FIT = import_module("pymc_glm.diffusion.fit")
FITTING = import_module("pymc_glm.diffusion.fitting")


def two_modes(observed=4.0):
    """A square is observed, so that either sign of x will do; s is apart."""
    with pm.Model() as model:
        x = pm.Normal("x", 0.5, 2.0)
        pm.HalfNormal("s", 1.0)
        pm.Normal("y", x**2, 0.8, observed=observed)
    return model


GRID = np.linspace(-8.0, 8.0, 20_001)
DENSITY = stats.norm.pdf(GRID, 0.5, 2.0) * stats.norm.pdf(4.0, GRID**2, 0.8)
LOG_Z = np.log(trapezoid(DENSITY, GRID))
POSITIVE = trapezoid(DENSITY * (GRID > 0), GRID) / trapezoid(DENSITY, GRID)


@pytest.fixture(scope="module")
def model():
    model = two_modes()
    # PyTensor's first compilation and what it caches may round differently.
    CompiledDensity(model).compile(gradient=True).with_gradient(np.zeros((1, 2)))
    return model


def run(model, **options):
    defaults = {"kernel": "mixture", "starts": 200, "random_seed": 61, "progressbar": False}
    return pymc_glm.fit_diffusion(model, **(defaults | options))


@pytest.fixture(scope="module")
def mixture(model):
    return run(model)


def draws_of(proposal, seed=62, n=200):
    return proposal.draw(np.random.default_rng(seed), n, 2)


def assert_same(one, other):
    for a, b in zip(draws_of(one), draws_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


def importance(model, proposal, n=20_000):
    candidates = proposal.draw(np.random.default_rng(63), n, 1)
    density = CompiledDensity(model).compile(gradient=False)
    log_weight = density.log_density(candidates.x) - candidates.log_proposal
    return candidates.x, np.exp(log_weight)


def assert_found(model, proposal):
    x, weight = importance(model, proposal)
    error = weight.std() / np.sqrt(len(weight))
    assert abs(weight.mean() - np.exp(LOG_Z)) < 4 * error
    share = np.average(x[:, 0] > 0, weights=weight)
    slack = np.sqrt(np.sum((weight * ((x[:, 0] > 0) - share)) ** 2)) / weight.sum()
    assert abs(share - POSITIVE) < 4 * slack
    report = proposal.report
    assert abs(report["log_z"] - LOG_Z) < 4 * report["log_z_error"] + 0.01
    assert report["acceptance"] > 0.7


def test_both_modes_are_found(model, mixture):
    assert_found(model, mixture)
    # Without weights the mixture is near the truth.
    assert np.mean(draws_of(mixture, n=4000).x[:, 0] > 0) == pytest.approx(POSITIVE, abs=0.05)


def test_the_report_says_how_many_starts_fed_each_mode(mixture):
    report = mixture.report
    assert report["kernel"] == "mixture" and report["modes"] == 2
    assert len(report["starts_by_mode"]) == 2 and min(report["starts_by_mode"]) > 20
    assert max(report["mode_shares"]) == pytest.approx(POSITIVE, abs=0.05)
    assert report["elbo"] < report["eubo"]
    assert report["components"] >= 2 and report["warmup_gradients"] > 0


def test_the_seed_decides(model, mixture):
    assert_same(run(model), mixture)
    assert not np.array_equal(draws_of(run(model, random_seed=64)).x, draws_of(mixture).x)


@pytest.mark.parametrize("name", KERNELS)
def test_files_give_the_same_draws(tmp_path, name):
    kernel = small_kernel(name)
    parameters = kernel.new_parameters(np.random.default_rng(65), crude_prior(PLANE))
    proposal = as_proposal(kernel, perturbed(np.random.default_rng(66), parameters, 0.2), PLANE)
    proposal.report = {"acceptance": 0.5, "starts_by_mode": [3, 4], "no_jax": ""}
    proposal.save(tmp_path / "proposal.npz")
    again = Proposal.load(tmp_path / "proposal.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["proposal.npz"]
    assert again.layout == proposal.layout and again.report == proposal.report
    ours, theirs = (
        p.draw(np.random.default_rng(67), 50, 2, PLANE.gradient) for p in (proposal, again)
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    weights = [
        p.weigh(np.random.default_rng(68), ours.x, 2, PLANE.gradient) for p in (proposal, again)
    ]
    np.testing.assert_array_equal(*weights)


def test_files_of_fits_keep_their_reports(tmp_path, mixture):
    mixture.save(tmp_path / "proposal.npz")
    again = Proposal.load(tmp_path / "proposal.npz")
    assert again.report == mixture.report
    assert_same(again, mixture)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", center=np.zeros(2))
    np.savez(tmp_path / "list.npz", header=np.array("[1]"))
    for name in ("other", "list"):
        with pytest.raises(
            ValueError, match=rf"{name}\.npz' holds no proposal\. Proposal\.load reads"
        ):
            Proposal.load(tmp_path / f"{name}.npz")


def test_a_folder_that_is_not_there_is_named(mixture, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        mixture.save(tmp_path / "nowhere" / "proposal.npz")


def test_a_proposal_says_what_it_is(mixture):
    accepted = mixture.report["acceptance"]
    count = len(mixture.parameters["prior"]["logits"])
    names = ", ".join(mixture.layout.names)
    assert repr(mixture) == (
        f"<Proposal 'mixture' for {names}: {count} components, 2 modes, acceptance {accepted:.2f}>"
    )
    bare = Proposal(
        mixture.kernel, mixture.parameters, mixture.layout, mixture.center, mixture.factor
    )
    assert repr(bare) == f"<Proposal 'mixture' for {names}: {count} components>"


def test_a_mode_that_tempering_loses_comes_with_a_warning():
    with pm.Model() as model:
        x = pm.Normal("x", 0.0, 10.0, shape=8)
        narrow = pm.logp(pm.Normal.dist(8.0, 0.4), x).sum()
        wide = pm.logp(pm.Normal.dist(-8.0, 1.0), x).sum()
        pm.Potential("two", pt.logaddexp(narrow, wide))
    # Python may warn of forks in a process with threads as well, which is of no interest here.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report = run(model, starts=1000, random_seed=62).report
    told = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert len(told) == 1
    assert re.match(r"Tempering had lost modes with \d+% of the posterior, which chains", told[0])
    assert report["mode_shares"] == pytest.approx([0.5, 0.5], abs=0.1)
    assert report["recovered"] == pytest.approx(0.5, abs=0.25)
    assert min(report["starts_by_mode"]) >= 1 and report["acceptance"] > 0.7


def test_vague_priors_do_not_hide_modes():
    with pm.Model() as model:
        x = pm.Normal("x", 0.0, 1e4, shape=2)
        modes = [pm.logp(pm.Normal.dist(side, 1.0), x).sum() for side in (-300.0, 300.0)]
        pm.Potential("two", pt.logaddexp(*modes))
    for seed in (1, 2, 3):
        report = run(model, random_seed=seed, starts=400).report
        assert report["mode_shares"] == pytest.approx([0.5, 0.5], abs=0.1)


@pytest.mark.parametrize("kind", ["text", "empty", "npy", "half", "header"])
def test_damaged_files_are_refused(tmp_path, model, mixture, kind):
    path = tmp_path / "damaged.npz"
    mixture.save(path)
    whole = path.read_bytes()
    contents = {"text": b"Something else.", "empty": b"", "half": whole[: len(whole) // 2]}
    path.write_bytes(contents.get(kind, whole))
    if kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    if kind == "header":
        np.savez(path, header=np.array("none"))
    message = r"damaged\.npz' cannot be read as a file of named arrays\. It is damaged, or"
    with pytest.raises(ValueError, match=message):
        Proposal.load(path)
    with pytest.raises(ValueError, match=message):
        run(model, checkpoint=path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"center": None}, r"KeyError\('center'\)"),
        ({"parameters/prior/means": None}, r"KeyError\('means'\)"),
        ({"center": np.full(2, np.nan)}, r"not finite: \['center'\]"),
        ({"factor": np.eye(3)}, "ValueError"),
    ],
)
def test_proposals_with_lost_or_changed_parts_are_refused(tmp_path, mixture, changed, message):
    path = tmp_path / "parts.npz"
    mixture.save(path)
    with np.load(path) as file:
        arrays = {**{name: file[name] for name in file.files}, **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=r"lacks parts of a proposal.*It is damaged") as caught:
        Proposal.load(path)
    assert re.search(message, str(caught.value))


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nope\.npz"):
        Proposal.load(tmp_path / "nope.npz")


def test_a_report_that_cannot_be_written_leaves_no_file(tmp_path, mixture):
    other = Proposal(
        mixture.kernel,
        mixture.parameters,
        mixture.layout,
        mixture.center,
        mixture.factor,
        {"mine": np.ones(2)},
    )
    with pytest.raises(TypeError, match="ndarray is not JSON serializable"):
        other.save(tmp_path / "report.npz")
    assert not list(tmp_path.iterdir())


def test_a_posterior_too_narrow_for_its_starts_is_refused():
    with pm.Model() as narrow:
        pm.Normal("x", 0.0, 1e-12)
    with pytest.raises(SamplingError, match=r"warm-up draws \d are distinct in the end"):
        run(narrow)


def here(monkeypatch, stop_after=None):
    """Fit in this process, and ask to stop after some messages of the training."""
    seen = []

    def apart(function, job, show):
        def is_stopped():
            return stop_after is not None and len(seen) >= stop_after

        def send(message):
            if message["stage"] == "training":
                seen.append(message)

        return function(job, Channel(send, is_stopped))

    monkeypatch.setattr(FIT, "run_apart", apart)
    return seen


@pytest.fixture(scope="module")
def checkpoint(model, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("checkpoint") / "fit.npz")
    run(model, checkpoint=path)
    return path


def test_a_warm_up_that_is_done_is_not_done_again(model, mixture, checkpoint, monkeypatch):
    def tempered_again(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(FITTING, "warm_up", tempered_again)
    again = run(model, checkpoint=checkpoint)
    assert_same(again, mixture)
    assert again.report["warmup_log_z"] == mixture.report["warmup_log_z"]


@pytest.mark.parametrize(
    "others",
    [
        {"random_seed": 69},
        {"starts": 201},
        {"observed": 4.1},
        {"warmup": np.arange(40.0).reshape(20, 2)},
    ],
    ids=["seed", "settings", "data", "draws"],
)
def test_the_checkpoint_of_another_fit_is_refused(model, checkpoint, others):
    if "observed" in others:
        model, others = two_modes(**others), {}
    with pytest.raises(ValueError, match=r"was written for another model, seed or other settings"):
        run(model, checkpoint=checkpoint, **others)


def test_a_warm_up_that_was_interrupted_gives_nothing(model, monkeypatch):
    def apart(function, job, show):
        return function(job, Channel(show, lambda: True))

    monkeypatch.setattr(FIT, "run_apart", apart)
    with pytest.raises(KeyboardInterrupt):
        run(model)


def test_checkpoints_tell_predictors_apart_whose_coefficients_start_at_zero(tmp_path):
    def regression(predictor):
        with pm.Model() as model:
            slope = pm.Normal("slope", 0.0, 1.0)
            pm.Normal("y", slope * np.array([1.0, predictor]), 1.0, observed=[1.0, 2.0])
        return model

    path = str(tmp_path / "fit.npz")
    run(regression(2.0), checkpoint=path)
    with pytest.raises(ValueError, match="was written for another model"):
        run(regression(-2.0), checkpoint=path)


def test_a_full_disk_does_not_end_a_fit(model, mixture, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    here(monkeypatch)
    path = str(tmp_path / "fit.npz")
    with pytest.warns(UserWarning, match=r"could not be written: .*No space left on device\. The"):
        found = run(model, checkpoint=path)
    assert_same(found, mixture)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", [".", "missing/fit.npz"])
def test_checkpoints_that_cannot_be_written_are_refused_beforehand(model, tmp_path, where):
    with pytest.raises(ValueError, match=r"where no file can be written\. Name a file in a folder"):
        run(model, checkpoint=tmp_path / where)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["gated", "dis"])
def test_a_fit_that_was_interrupted_goes_on_to_the_same_proposal(
    jax, model, tmp_path, monkeypatch, kernel
):
    options = {"kernel": kernel, "iterations": 150, "batch": 32, "steps": 2, "width": 8}
    if kernel == "dis":
        # Short enough for the narrow modes, so that evidence from both sides agrees.
        options["step_size"] = 0.002
    path = str(tmp_path / "fit.npz")
    seen = here(monkeypatch)
    whole = run(model, **options)
    assert len(seen) == 3
    here(monkeypatch, stop_after=1)
    with pytest.warns(UserWarning, match=r"Training was interrupted\. The proposal is exact"):
        stopped = run(model, checkpoint=path, **options)
    assert not np.array_equal(draws_of(stopped).x, draws_of(whole).x)
    seen = here(monkeypatch)
    resumed = run(model, checkpoint=path, **options)
    assert [message["done"] for message in seen] == [100, 150]
    assert_same(resumed, whole)
    # A fit that is done trains no more.
    seen = here(monkeypatch)
    assert_same(run(model, checkpoint=path, **options), whole)
    assert not seen


@pytest.mark.slow
@pytest.mark.parametrize("kernel, loss", [("gated", "jeffreys"), ("dbs", "log_derivative")])
def test_trained_paths_find_both_modes(model, kernel, loss):
    settings = {"steps": 4, "width": 16, "iterations": 500, "loss": loss}
    proposal = run(model, kernel=kernel, **settings)
    report = proposal.report
    assert report["kernel"] == kernel and set(report["acceptance_by_kernel"]) == {"mixture", kernel}
    assert abs(report["log_z"] - LOG_Z) < 4 * report["log_z_error"] + 0.01
    if kernel == "gated":
        assert_found(model, proposal)


@pytest.mark.slow
def test_a_mixture_that_suffices_is_kept():
    with pm.Model() as model:
        pm.Normal("x", [1.0, 2.0], 3.0)
    proposal = run(model, kernel="auto")
    assert proposal.report["kernel"] == "mixture"
    assert set(proposal.report["acceptance_by_kernel"]) == {"mixture"}


def test_draws_of_another_sampler_are_transformed(model):
    rng = np.random.default_rng(70)
    x, s = rng.normal(size=(2, 10)), rng.exponential(size=(2, 10))
    dims = ("chain", "draw")
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"s": (dims, s), "x": (dims, x)})})
    flat = flat_draws(model, layout_of(model), tree)
    np.testing.assert_allclose(flat, np.stack([x.ravel(), np.log(s.ravel())], axis=1))
    del tree["posterior"]["s"]
    with pytest.raises(InvalidDataError, match="The warm-up draws lack 's'"):
        run(model, warmup=tree)


def test_draws_take_the_place_of_a_warm_up(model):
    rng = np.random.default_rng(71)
    x = rng.choice(GRID, size=500, p=DENSITY / DENSITY.sum())
    draws = np.stack([x, np.log(np.abs(rng.normal(size=500)))], axis=1)
    proposal = run(model, warmup=draws)
    assert np.isnan(proposal.report["warmup_log_z"]) and proposal.report["warmup_gradients"] == 0
    assert_found(model, proposal)


def test_draws_of_other_shapes_are_refused(model):
    dims = ("chain", "draw")
    values = {"s": (dims, np.ones((2, 10))), "x": ((*dims, "side"), np.ones((2, 10, 3)))}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(values)})
    with pytest.raises(InvalidDataError, match=r"'x' have shape \(2, 10, 3\)\. The model needs"):
        run(model, warmup=tree)


@pytest.mark.filterwarnings("ignore:The log evidence is|About .* of the proposals:UserWarning")
def test_draws_that_hardly_differ_have_one_mode(model):
    near = 1.0 + 1e-12 * np.random.default_rng(84).standard_normal((20, 2))
    proposal = run(model, warmup=near)
    assert proposal.report["modes"] == 1


class Square(Op):
    """Without a gradient."""

    itypes = otypes = (pt.dscalar,)

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.asarray(inputs[0] ** 2)


@pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")
def test_draws_serve_models_without_gradients():
    with pm.Model() as model:
        x = pm.Normal("x", 0.5, 2.0)
        pm.Normal("y", Square()(x), 0.8, observed=4.0)
    with pytest.raises(RecognitionError, match=r"has no gradient: .*Square\. Write its pullback"):
        run(model)
    draws = np.random.default_rng(72).choice(GRID, size=(500, 1), p=DENSITY / DENSITY.sum())
    proposal = run(model, warmup=draws)
    assert proposal.report["modes"] == 2 and proposal.report["acceptance"] > 0.7


def with_nan():
    draws = np.ones((20, 2))
    draws[3, 1] = np.nan
    return draws


REFUSED = [
    ({"kernel": "pis"}, ValueError, r"kernel='pis'\. Choose one of 'auto', 'mixture', 'gated'"),
    ({"loss": "kl"}, ValueError, r"loss='kl'\. Choose one of 'elbo'"),
    ({"refinement": "imr"}, ValueError, r"refinement='imr'\. Choose one of 'auto', 'none'"),
    ({"refinement": "tempered"}, ValueError, r"kernel='mixture' and refinement='tempered'"),
    ({"components": 0}, ValueError, r"components=0\. It is a positive number"),
    ({"starts": -1}, ValueError, r"starts=-1\. It is a positive number"),
    ({"iterations": 0}, ValueError, r"iterations=0\. It is a positive number"),
    ({"batch": 0}, ValueError, r"batch=0\. It is a positive number"),
    ({"refine_every": 0}, ValueError, r"refine_every=0\. It is a positive number"),
    ({"spread": np.nan}, ValueError, r"spread=nan\. It is a positive number"),
    ({"learning_rate": -0.1}, ValueError, r"learning_rate=-0\.1\. It is a positive number"),
    (
        {"kernel": "gated", "loss": "log_derivative"},
        ValueError,
        r"with kernel='gated'\. Gated paths",
    ),
    ({"warmup": with_nan()}, InvalidDataError, "have 1 values that are NaN or infinite"),
    ({"warmup": np.ones((20, 3))}, InvalidDataError, r"shape \(20, 3\)\. The model needs \(n, 2\)"),
    ({"starts": 9}, ValueError, r"starts=9\. A population needs 10 at least"),
    ({"batch": 2.5}, ValueError, r"batch=2\.5\. It is a positive number, and a whole one"),
    ({"kernel": "dis", "step_size": -1.0}, ValueError, r"step_size=-1\.0\. It is a positive"),
    ({"warmup": {"x": 1.0}}, InvalidDataError, r"draws of type 'dict'\. Give the DataTree"),
    ({"warmup": xr.DataTree()}, InvalidDataError, r"draws lack 'x'\. They must have all"),
    (
        {"warmup": np.vstack([0.1 * np.arange(40.0).reshape(20, 2), np.full((3, 2), 1e300)])},
        InvalidDataError,
        r"At 3 of 23 warm-up draws the posterior has no density\. They are of another model",
    ),
    ({"warmup": np.ones((20, 2))}, InvalidDataError, "Of 20 warm-up draws 1 are distinct"),
    ({"kernel": "gated", "width": 0}, ValueError, r"width=0\. It is a positive number"),
    ({"checkpoint": "a.npz", "random_seed": None}, ValueError, "a.npz' without a random_seed"),
    ({"spread": "wide"}, ValueError, "spread='wide'"),
    (
        {"kernel": "dis", "refinement": "langevin", "components": 1},
        ValueError,
        "components=1 and refinement='langevin'",
    ),
    (
        {"kernel": "gated", "refinement": "tempered", "iterations": 200, "refine_every": 200},
        ValueError,
        r"refine_every=200 with iterations=200\. The first component would come after",
    ),
    (
        {"warmup": np.column_stack([np.arange(20.0), np.full(20, 3.0)])},
        InvalidDataError,
        r"A coordinate of 's_log__' is 3 in all 20 warm-up draws\. A proposal",
    ),
    ({"warmup": np.ones((5, 2))}, InvalidDataError, r"shape \(5, 2\).*n\s+of at least 10"),
]


@pytest.mark.parametrize("options, error, message", REFUSED)
def test_refusals_say_what_and_why(model, options, error, message):
    with pytest.raises(error, match=message):
        run(model, **options)


def test_machines_whose_gaussian_does_not_depend_on_the_block():
    with pm.Model() as model:
        x = pm.Normal("x", 0.0, 1.0)
        s = pm.HalfNormal("s", 1.0)
        pm.Normal("y", x, s, observed=[1.0, 2.0])
    assert run(model, refinement="machine").report["acceptance"] > 0.7


def test_models_without_real_unknowns_are_refused():
    with pm.Model() as discrete:
        pm.Normal("x")
        pm.Poisson("count", 2.0)
    with pytest.raises(RecognitionError, match=r"'count' is not of float64.*Marginalise"):
        run(discrete)
    with pm.Model() as empty:
        pm.Normal("y", observed=1.0)
    with pm.Model() as of_size_zero:
        pm.Normal("x", shape=0)
    for model in (empty, of_size_zero):
        with pytest.raises(RecognitionError, match="The model has no free variables"):
            run(model)
    with pm.Model() as angle:
        pm.VonMises("angle", 0.0, 1.0)
    with pytest.raises(RecognitionError, match=r"'angle' is an angle.*Interval\(-np\.pi, np\.pi"):
        run(angle)
    with pm.Model() as flat:
        pm.Flat("x")
    with pytest.raises(ImproperPosteriorError, match=r"No term of the log density has 'x' in it"):
        run(flat)


def test_starts_without_density_are_refused():
    with pm.Model() as nowhere:
        x = pm.Normal("x")
        pm.Potential("nowhere", pm.math.log(pm.math.abs(x) - pm.math.abs(x) - 1.0))
    with pytest.raises(SamplingError, match="Only 0 of 200 starts have a positive density"):
        run(nowhere)


def test_without_jax_the_extra_is_named(model, monkeypatch):
    monkeypatch.setattr(FIT, "find_spec", lambda name: None)
    message = r'needs jax and optax.*Install "pymc-glm\[diffusion\]", or pass kernel="mixture"'
    with pytest.raises(ImportError, match=message):
        run(model, kernel="gated")
    with pytest.raises(ImportError, match=message):
        run(model, kernel="auto")


@pytest.mark.slow
def test_mixtures_need_no_jax(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "sys.modules['jax'] = sys.modules['optax'] = None\n"
        "import pymc as pm, pymc_glm\n"
        "with pm.Model():\n"
        "    x = pm.NormalMixture('x', [0.3, 0.7], [-5.0, 5.0], [1.0, 1.0])\n"
        "    step = pymc_glm.GMPDiffusion(kernel='mixture', rng=1, progressbar=False)\n"
        "    pm.sample(10, tune=10, chains=1, step=step, random_seed=1, progressbar=False)\n"
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=200)
