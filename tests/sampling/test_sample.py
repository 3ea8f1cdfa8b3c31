"""sample(): what it returns, that seeds decide everything, and how it ends early."""

from __future__ import annotations

import logging

from importlib import import_module

import numpy as np
import pymc as pm
import pytest

from scipy.stats import norm

import pymc_glm

from pymc_glm import ImproperPosteriorError, SamplingError
from pymc_glm.sampling.progress import ChainProgress
from pymc_glm.sweep import compile_chain

# The package has a function of the module's name.
SAMPLE = import_module("pymc_glm.sampling.compiled")

DATA = np.random.default_rng(6)
X = DATA.normal(size=(20, 3))
Y = X @ [1.0, 0.0, -1.0] + DATA.normal(size=20)


@pytest.fixture(scope="module")
def model():
    """A regression with coords, a matrix of data, and deterministics."""
    with pm.Model(coords={"column": ["u", "v", "w"], "row": np.arange(20)}) as model:
        design = pm.Data("X", X, dims=("row", "column"))
        beta = pm.Laplace("beta", 0, 1, dims="column")
        sigma = pm.HalfNormal("sigma", 2)
        mean = pm.Deterministic("mean", design @ beta, dims="row")
        pm.Deterministic("variance", sigma**2)
        pm.Normal("y", mean, sigma, observed=Y, dims="row")
    return model


def run(model, **options):
    """A short run."""
    defaults = {"draws": 60, "tune": 10, "chains": 2, "random_seed": 91, "progressbar": False}
    return pymc_glm.sample(model=model, **(defaults | options))


@pytest.fixture(scope="module")
def tree(model):
    """A short run with the default options."""
    return run(model)


def values(tree, name="beta"):
    """Draws of one variable."""
    return tree["posterior"][name].values


def test_groups_dims_and_coords(tree):
    """Named dimensions survive, and data are kept."""
    posterior = tree["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "column")
    assert posterior["mean"].dims == ("chain", "draw", "row")
    assert posterior["beta"].shape == (2, 60, 3)
    assert posterior["column"].values.tolist() == ["u", "v", "w"]
    assert set(posterior.data_vars) == {"beta", "sigma", "mean", "variance"}
    np.testing.assert_array_equal(tree["observed_data"]["y"].values, Y)
    np.testing.assert_array_equal(tree["constant_data"]["X"].values, X)
    assert tree["sample_stats"]["sweep_time"].shape == (2, 60)
    assert np.all(tree["sample_stats"]["sweep_time"].values > 0)


def test_deterministics(tree):
    """They are computed from the draws of the same row."""
    np.testing.assert_allclose(values(tree, "mean"), values(tree) @ X.T, rtol=1e-10)
    np.testing.assert_allclose(values(tree, "variance"), values(tree, "sigma") ** 2, rtol=1e-10)
    assert np.all(values(tree, "sigma") > 0)


def test_attributes(tree):
    """Times, versions and the seed are recorded."""
    attributes = tree["posterior"].attrs
    assert attributes["sampler"] == f"pymc_glm {pymc_glm.__version__}"
    assert attributes["pymc_version"] == pm.__version__
    assert attributes["tuning_steps"] == 10
    assert attributes["random_seed"] == "91"
    assert attributes["interrupted"] == 0
    for name in ("sampling_time", "tuning_time", "compile_time"):
        assert attributes[name] > 0


def test_chains_differ_and_draws_move(tree):
    """No two rows are equal."""
    rows = values(tree).reshape(-1, 3)
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.parametrize("cores", [1, 2])
def test_same_seed_same_draws(model, tree, cores):
    """Whatever the number of cores."""
    again = run(model, cores=cores)
    np.testing.assert_array_equal(values(again), values(tree))
    np.testing.assert_array_equal(values(again, "sigma"), values(tree, "sigma"))


def test_another_seed(model, tree):
    """Another seed, other draws; a generator is as good as its seed."""
    assert not np.array_equal(values(run(model, random_seed=92)), values(tree))
    generated = [run(model, random_seed=np.random.default_rng(93)) for _ in range(2)]
    np.testing.assert_array_equal(values(generated[0]), values(generated[1]))


def test_one_seed_for_each_chain(model):
    """A chain's draws depend on its own seed only."""
    first = values(run(model, random_seed=[1, 2]))
    second = values(run(model, random_seed=[2, 3]))
    np.testing.assert_array_equal(first[1], second[0])
    assert not np.array_equal(first[0], second[1])


def test_var_names(model):
    """Only what is asked for."""
    kept = run(model, var_names=["variance", "sigma"])["posterior"]
    assert set(kept.data_vars) == {"variance", "sigma"}


@pytest.mark.parametrize("options", [{"tune": 0}, {"draws": 1, "chains": 1}])
def test_small_numbers(model, options):
    """The least of each count."""
    shape = values(run(model, **options)).shape
    assert shape == (options.get("chains", 2), options.get("draws", 60), 3)


def test_plain_scales(model, tree):
    """scales="plain" runs, and a model without moving scales is not changed by it."""
    np.testing.assert_array_equal(values(run(model, scales="plain")), values(tree))


REFUSED = {
    "draws": ({"draws": 0}, "Got draws=0. It is a positive number, and a whole one"),
    "fractional draws": ({"draws": 1.5}, "Got draws=1.5"),
    "tune": ({"tune": -1}, "Got tune=-1. It is a whole number, and not negative"),
    "tune that is no number": ({"tune": True}, "Got tune=True"),
    "chains": ({"chains": 0}, "Got chains=0"),
    "seeds": ({"random_seed": [1, 2, 3]}, "Got 3 seeds for 2 chains"),
    "scales": (
        {"scales": "ancillary"},
        "Got scales='ancillary'. Choose one of 'auto', 'collapsed', 'interweave', 'plain'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_options(model, case):
    """Refused before anything is compiled."""
    options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        run(model, **options)


@pytest.mark.parametrize("seed", ["a", 1.5, -1])
def test_bad_seed(model, seed):
    """What numpy refuses as a seed."""
    with pytest.raises((TypeError, ValueError), match=r"eed|non-negative|integer"):
        run(model, random_seed=seed)


LONG = 1_000_000


class Interrupted(ChainProgress):
    """A user who presses Ctrl-C when the bars have moved a few times."""

    patience = 5

    def update(self, chain, sweeps, seconds):
        """Count, then interrupt."""
        self.patience -= 1
        if self.patience == 0:
            raise KeyboardInterrupt


def test_interrupt_returns_what_was_drawn(model, monkeypatch, caplog):
    """The draws made so far are the first of those an uninterrupted run makes."""
    monkeypatch.setattr(SAMPLE, "ChainProgress", Interrupted)
    with caplog.at_level(logging.WARNING, logger="pymc_glm"):
        cut = run(model, draws=LONG, tune=0, cores=2)
    monkeypatch.undo()
    assert "Sampling was interrupted" in caplog.text
    assert cut["posterior"].attrs["interrupted"] == 1
    drawn = values(cut)
    assert 0 < drawn.shape[1] < LONG
    assert cut["sample_stats"]["sweep_time"].shape == drawn.shape[:2]
    full = values(run(model, draws=10, tune=0))
    np.testing.assert_array_equal(drawn[:, :10], full)


def fail_after(chunks):
    """A compiled chain that fails at its n-th chunk with draws."""

    def compile_failing(sweep, compiled):
        chain = compile_chain(sweep, compiled)
        left = [chunks]

        def failing(rng, *arguments):
            # The first call has no rows: it compiles.
            if arguments[-1 - len(compiled.constants)].shape[0]:
                left[0] -= 1
            if left[0] < 0:
                raise FloatingPointError("the precision lost its last digit")
            return chain(rng, *arguments)

        return failing

    return compile_failing


def test_failing_sweep_keeps_the_draws(model, monkeypatch):
    """The error carries what was drawn in every chain."""
    monkeypatch.setattr(SAMPLE, "compile_chain", fail_after(2))
    with pytest.raises(SamplingError, match=r"failed after .* draws .* last digit") as caught:
        run(model, draws=LONG, tune=0, chains=1)
    partial = caught.value.partial
    assert partial["posterior"].attrs["interrupted"] == 1
    assert 10 <= values(partial).shape[1] < LONG
    assert isinstance(caught.value.__cause__, FloatingPointError)


def test_failure_before_the_first_draw(model, monkeypatch):
    """Nothing was drawn, so the error itself is what there is to see."""
    monkeypatch.setattr(SAMPLE, "compile_chain", fail_after(0))
    with pytest.raises((SamplingError, FloatingPointError), match="lost its last digit"):
        run(model, chains=1)


def test_interrupt_before_the_first_draw(model, monkeypatch):
    """An interrupt while tuning is an interrupt."""

    class AtOnce(Interrupted):
        patience = 1

    monkeypatch.setattr(SAMPLE, "ChainProgress", AtOnce)
    with pytest.raises(KeyboardInterrupt):
        run(model, tune=LONG, chains=1)


def test_improper_posterior_is_refused_before_sampling():
    """Before anything is compiled."""
    with pm.Model() as model:
        pm.Normal("y", X[:2] @ pm.Flat("b", shape=3), 1.0, observed=Y[:2])
    with pytest.raises(ImproperPosteriorError, match=r"no factor informs b\[0\]"):
        run(model)


def test_posterior_agrees_with_closed_form(gaussian_model):
    """Means and second moments, in standard errors of independent draws."""
    model, mean, covariance = gaussian_model
    drawn = values(run(model, draws=4000, chains=2), "b").reshape(-1, 3)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (drawn - mean).T)
    n = white.shape[1]
    second = white @ white.T / n
    z = np.concatenate(
        [
            white.mean(axis=1) * np.sqrt(n),
            (np.diag(second) - 1) * np.sqrt(n / 2),
            second[np.triu_indices(3, 1)] * np.sqrt(n),
        ]
    )
    assert np.abs(z).max() < norm.isf(0.5e-4 / z.size)


@pytest.fixture(scope="module")
def gaussian_model():
    """A regression without latents, its posterior mean and covariance."""
    with pm.Model() as model:
        b = pm.Normal("b", 1.0, 2.0, shape=3)
        pm.Normal("y", X @ b, 0.7, observed=Y)
    covariance = np.linalg.inv(X.T @ X / 0.7**2 + np.eye(3) / 4)
    return model, covariance @ (X.T @ Y / 0.7**2 + 1 / 4), covariance
