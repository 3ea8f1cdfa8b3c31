"""The contract of GaussianLatentGibbs inside pm.sample."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_glm

SEED = 20250512
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def schools_with_guest() -> pm.Model:
    """A hierarchical model and a variable that only NUTS can update."""
    with pm.Model(coords={"school": list("ABCDEFGH")}) as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, dims="school")
        pm.Normal("y", theta, ERRORS, observed=EFFECTS, dims="school")
        rate = pm.Gamma("rate", 2, 1)
        pm.Poisson("count", rate, observed=[3, 1, 2])
        pm.Deterministic("gap", theta - mu, dims="school")
    return model


@pytest.fixture(scope="module")
def model() -> pm.Model:
    return schools_with_guest()


@pytest.fixture(scope="module")
def step(model: pm.Model) -> pymc_glm.GaussianLatentGibbs:
    return pymc_glm.GaussianLatentGibbs(model=model)


def run(model: pm.Model, **options):
    with model:
        return pm.sample(
            draws=30,
            tune=20,
            chains=2,
            step=pymc_glm.GaussianLatentGibbs(),
            random_seed=SEED,
            progressbar=False,
            compute_convergence_checks=False,
            **options,
        )


def test_takes_what_it_can_update_and_leaves_the_rest(step):
    assert [variable.name for variable in step.vars] == ["mu", "theta", "tau_log__"]
    assert [guest.rv_name for guest in step.machine.guests] == ["rate"]


def test_point_is_new_and_keeps_its_keys(model, step):
    point = model.initial_point()
    before = {name: value.copy() for name, value in point.items()}
    moved, stats = step.step(point)
    assert list(moved) == list(point)
    assert all(np.array_equal(point[name], before[name]) for name in point)
    assert all(not np.shares_memory(moved[v.name], point[v.name]) for v in step.vars)
    assert all(moved[name].shape == np.shape(point[name]) for name in point)
    assert set(stats[0]) == set(step.stats_dtypes_shapes)
    assert moved["rate_log__"] is point["rate_log__"]


def test_state_round_trip_repeats_the_draws(model, step):
    state = step.sampling_state
    first, _ = step.step(model.initial_point())
    after = step.sampling_state
    step.sampling_state = state
    second, _ = step.step(model.initial_point())
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert step.sampling_state == after


def test_pickle_carries_neither_model_nor_compiled_code(model, step):
    pickled = cloudpickle.dumps(step)
    restored = cloudpickle.loads(pickled)
    assert len(pickled) < 200_000
    restored.sampling_state = step.sampling_state
    first, _ = step.step(model.initial_point())
    second, _ = restored.step(model.initial_point())
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_sequential_fork_and_spawn_give_the_same_draws(model):
    sequential = run(model, cores=1)
    fork = run(model, cores=2, mp_ctx="fork")
    spawn = run(model, cores=2, mp_ctx="spawn")
    for other in (fork, spawn):
        for name in ("mu", "tau", "theta"):
            np.testing.assert_array_equal(sequential.posterior[name], other.posterior[name])
    assert sequential.posterior["gap"].dims == ("chain", "draw", "school")
    assert "sweep_time" in sequential.sample_stats


def test_is_never_assigned_by_itself(model):
    from pymc.step_methods import STEP_METHODS
    from pymc.step_methods.compound import Competence

    assert pymc_glm.GaussianLatentGibbs not in STEP_METHODS
    assert pymc_glm.GaussianLatentGibbs.competence(None, True) is Competence.INCOMPATIBLE


def test_progress_bar_is_driven(model, capsys):
    with model:
        pm.sample(
            draws=5,
            tune=5,
            chains=1,
            cores=1,
            step=pymc_glm.GaussianLatentGibbs(),
            random_seed=SEED,
            progressbar=True,
            compute_convergence_checks=False,
        )


def test_vars_restrict_the_block():
    with pm.Model():
        a = pm.Normal("a", 0, 1)
        b = pm.Normal("b", 0, 1)
        pm.Normal("y", a + b, 1, observed=[0.5])
        step = pymc_glm.GaussianLatentGibbs([a])
    assert [variable.name for variable in step.vars][:1] == ["a"]
    assert "b" not in [variable.rv_name for variable in step.machine.block]


def test_improper_posterior_is_refused_before_sampling():
    with pm.Model(), pytest.raises(pymc_glm.ImproperPosteriorError, match="x"):
        x = pm.Flat("x", shape=4)
        pm.Potential("walk", -pt.abs(pt.diff(x)).sum())
        pymc_glm.GaussianLatentGibbs()


def test_unknown_scales_are_refused(model):
    with pytest.raises(ValueError, match="scales='ancillary'"):
        pymc_glm.GaussianLatentGibbs(model=model, scales="ancillary")


def test_data_that_changed_are_refused():
    with pm.Model():
        data = pm.Data("data", np.arange(5.0))
        pm.Normal("y", pm.Normal("mu", 0, 10), 1, observed=data)
        step = pymc_glm.GaussianLatentGibbs()
        pm.set_data({"data": np.arange(5.0) + 100.0})
        with pytest.raises(pymc_glm.InvalidDataError, match="'data' changed"):
            pm.sample(5, tune=5, chains=1, cores=1, step=step, progressbar=False)
