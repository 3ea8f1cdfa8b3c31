"""Scales that have not converged are named, whatever the size of the block."""

from __future__ import annotations

import logging

import numpy as np
import pymc as pm
import pytest

from scipy.signal import lfilter

import pymc_glm

from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling.convergence import unconverged_message

SEED = 20311
Y = np.random.default_rng(SEED).normal(size=(8, 3)) + np.arange(3)


@pytest.fixture(scope="module")
def machine():
    """A block of three means, a scale, and a vector of noise scales."""
    with pm.Model():
        tau = pm.HalfNormal("tau", 1)
        sigma = pm.HalfNormal("sigma", 1, shape=3)
        mean = pm.Normal("mean", 0, tau, shape=3)
        pm.Normal("y", mean, sigma, observed=Y)
        return recognize(pm.modelcontext(None)).machine


def draws(machine, rho=0.0, length=1000, chains=4):
    """Autoregressions in place of the draws of each value variable."""
    rng = np.random.default_rng(SEED)
    return {
        variable.name: lfilter(
            [1.0],
            [1.0, -rho],
            rng.normal(size=(chains, length, *variable.shape)),
            axis=1,
        )
        for variable in [*machine.block, *machine.updated]
    }


def test_nothing_is_said_of_chains_that_converged(machine):
    assert unconverged_message(machine, draws(machine)) is None


def test_a_scale_is_named_with_its_figures_and_remedies(machine):
    values = draws(machine)
    values["tau_log__"] = draws(machine, 0.99)["tau_log__"]
    message = unconverged_message(machine, values)
    problem, remedy = message.split(". Try ")
    assert problem.startswith("Not converged: tau (R-hat 1.")
    assert problem.endswith("effective draws per chain)")
    assert "sigma" not in message
    for text in ("draws=", "scales=", "less diffuse prior", "NUTS; pymc_glm.advise(model)"):
        assert text in remedy


def test_one_entry_of_a_vector_is_found(machine):
    values = draws(machine)
    values["sigma_log__"][:2, :, 1] += 1.0
    message = unconverged_message(machine, values)
    assert message.startswith("Not converged: sigma[1] (R-hat 1.")


def test_the_block_is_not_looked_at(machine):
    values = draws(machine)
    values["mean"][0] += 100.0
    assert unconverged_message(machine, values) is None


def test_few_effective_draws_of_a_single_chain(machine):
    message = unconverged_message(machine, draws(machine, 0.98, chains=1))
    assert "R-hat" not in message
    assert "effective draws per chain" in message


def test_a_short_run_says_nothing(machine):
    assert unconverged_message(machine, draws(machine, 0.999, length=99)) is None


def test_a_variable_that_never_moves_is_no_finding(machine):
    values = draws(machine)
    values["tau_log__"][:] = 1.0
    assert unconverged_message(machine, values) is None


def slow_model():
    """A local level whose scale hardly moves given the level."""
    rng = np.random.default_rng(1)
    observed = np.cumsum(0.05 * rng.normal(size=100)) + rng.normal(size=100)
    with pm.Model() as model:
        step = pm.HalfNormal("step", 1)
        start = pm.Normal.dist(0, 10)
        level = pm.GaussianRandomWalk(
            "level", sigma=step, init_dist=start, shape=100, initval=observed
        )
        pm.Normal("y", level, 1.0, observed=observed)
    return model


@pytest.mark.parametrize(("scales", "is_slow"), [("plain", True), ("collapsed", False)])
def test_sample_warns_once_where_it_should(caplog, scales, is_slow):
    with caplog.at_level(logging.WARNING, logger="pymc_glm"):
        pymc_glm.sample(
            500,
            model=slow_model(),
            scales=scales,
            random_seed=SEED,
            progressbar=False,
            compute_convergence_checks=False,
        )
    found = [record.message for record in caplog.records if "Not converged" in record.message]
    assert len(found) == is_slow
    assert not is_slow or found[0].startswith("Not converged: step (R-hat 1.")


@pytest.mark.slow
def test_pymc_checks_the_scales_of_the_step_method(caplog):
    with slow_model():
        step = pymc_glm.GaussianLatentGibbs(scales="plain")
        with caplog.at_level(logging.INFO, logger="pymc.stats.convergence"):
            pm.sample(
                300, tune=50, chains=2, cores=1, step=step, random_seed=SEED, progressbar=False
            )
    assert "rhat statistic is larger than 1.01" in caplog.text
    assert "effective sample size per chain is smaller than 100" in caplog.text
