"""A trained autoencoder, and tempered runs that need no linear decoder."""

import os
import subprocess
import sys

import numpy as np
import pytest

from scipy import stats
from simulations import simulated

from pymc_glm.exceptions import InvalidDataError, SamplingError
from pymc_glm.inverse import (
    LatentMixturePrior,
    PrincipalComponents,
    exact_posterior,
    fit_autoencoder,
    latent_scores,
    sliced_wasserstein,
    smc,
    tempered,
)
from pymc_glm.inverse.metrics import coverage

QUIET = {"progressbar": False}


@pytest.fixture(scope="module")
def decoder(digits):
    return fit_autoencoder(digits[:1500], 4, hidden=32, epochs=40, random_seed=1, **QUIET)


@pytest.fixture(scope="module")
def coded(digits, decoder):
    return LatentMixturePrior.fit(digits[:1500], decoder, components=4)


def test_decoded_codes_resemble_images_nobody_trained_on(digits, decoder):
    x = digits[1500:].reshape(-1, 64)
    error = np.mean((decoder.decode(decoder.encode(x)) - x) ** 2)
    linear = PrincipalComponents.fit(digits[:1500], 4)
    assert error < np.mean((linear.decode(linear.encode(x)) - x) ** 2)
    assert decoder.residual_variance == pytest.approx(error, rel=0.35)
    assert decoder.encode(x).std(axis=0) == pytest.approx(np.ones(4), abs=0.5)


def test_codes_do_not_return(decoder, coded):
    z = coded.draw(np.random.default_rng(2), 500)
    gap = np.linalg.norm(decoder.encode(decoder.decode(z)) - z, axis=1)
    assert 0.02 < np.median(gap / np.linalg.norm(z, axis=1)) < 0.5


def test_products_with_jacobians(digits, decoder, rng):
    z, x = rng.normal(size=(3, 4)), digits[1500:1503].reshape(3, 64)
    pairs = [(decoder.decode, decoder.decode_pullback, z), (decoder.encode, None, x)]
    for function, pullback, at in pairs:
        pullback = decoder.encode_pullback if pullback is None else pullback
        u = rng.normal(size=at.shape)
        # Four points make the error of the slope one of the fourth order.
        e = 2e-3
        slope = 8.0 * (function(at + e * u) - function(at - e * u))
        slope -= function(at + 2 * e * u) - function(at - 2 * e * u)
        v = rng.normal(size=slope.shape)
        expected = np.sum(v * slope, axis=1) / (12.0 * e)
        np.testing.assert_allclose(np.sum(pullback(at, v) * u, axis=1), expected, rtol=1e-8)


@pytest.mark.slow
def test_the_seed_decides(digits):
    runs = [
        fit_autoencoder(digits[:300], 2, hidden=8, epochs=2, random_seed=seed, **QUIET)
        for seed in (3, 3, 4)
    ]
    weights = [run.layers_out[0][0] for run in runs]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert runs[0].residual_variance == runs[1].residual_variance


@pytest.mark.parametrize(
    "options, message",
    [
        ({"latent": 0}, r"Got latent=0\. It is a positive number, and a whole one"),
        ({"hidden": 2.5}, r"Got hidden=2\.5\. It is a positive number, and a whole one"),
        ({"learning_rate": -1.0}, r"Got learning_rate=-1\.0\. It is a positive number\."),
    ],
)
def test_numbers_are_positive(digits, options, message):
    with pytest.raises(ValueError, match=message):
        fit_autoencoder(digits[:100], **options, **QUIET)


def test_images_are_finite_and_enough(digits):
    spoilt = digits[:100].copy()
    spoilt[0, 0, 0] = np.nan
    with pytest.raises(InvalidDataError, match=r"The images have 1 values that are NaN"):
        fit_autoencoder(spoilt, **QUIET)
    with pytest.raises(InvalidDataError, match=r"Got images of shape \(10, 8, 8\)\. The first"):
        fit_autoencoder(digits[:10], **QUIET)


def test_it_says_what_is_missing(digits, monkeypatch):
    monkeypatch.setattr("pymc_glm.inverse.autoencoder.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs jax and optax, which cannot be imported"):
        fit_autoencoder(digits[:100], **QUIET)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="trains in a process that is spawned")
def test_jax_stays_out_of_this_process():
    program = """
import sys
import numpy as np
from pymc_glm.inverse import fit_autoencoder
images = np.random.default_rng(0).normal(size=(40, 2, 2))
fit_autoencoder(images, 1, hidden=2, epochs=1, random_seed=1, progressbar=False)
assert not {"jax", "optax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="trains in this process")
def test_an_interrupt_keeps_what_was_trained(digits, monkeypatch):
    def interrupted(function, job, show):
        class Channel:
            send = staticmethod(show)
            is_stopped = staticmethod(lambda: True)

        return function(job, Channel)

    monkeypatch.setattr("pymc_glm.inverse.autoencoder.run_apart", interrupted)
    with pytest.warns(UserWarning, match=r"Training was interrupted\. The decoder is the one so"):
        decoder = fit_autoencoder(digits[:100], 2, hidden=8, epochs=50, random_seed=5, **QUIET)
    assert decoder.residual_variance > 0


def test_score_is_the_slope_of_the_log_density(coded):
    z = coded.draw(np.random.default_rng(6), 5)
    e = 1e-3
    for index, unit in enumerate(np.eye(4)):
        slope = 8.0 * (coded.log_density(z + e * unit) - coded.log_density(z - e * unit))
        slope -= coded.log_density(z + 2 * e * unit) - coded.log_density(z - 2 * e * unit)
        np.testing.assert_allclose(
            coded.mixture.with_score(z)[1][:, index], slope / (12.0 * e), atol=1e-8
        )


@pytest.mark.parametrize("name, noise", [("box", 0.3), ("random", 0.5)])
def test_tempered_draws_are_of_the_exact_posterior(full_prior, rng, name, noise):
    problem, _, _ = simulated(full_prior, name, noise, rng)
    posterior = exact_posterior(problem)
    tree = tempered(problem, 400, particles=400, chains=6, random_seed=7, **QUIET)
    gaps = tree["sample_stats"]["log_evidence"].to_numpy() - posterior.log_evidence
    assert abs(stats.ttest_1samp(np.exp(gaps), 1.0).statistic) < stats.t.isf(5e-5, 5)
    z = tree["posterior"]["z"].to_numpy().reshape(-1, 12)
    scores = latent_scores(posterior, z, rng)
    assert scores.distance < 2.5 * scores.floor and scores.mode_mass_error < 0.1
    assert scores.variance_share == pytest.approx(1.0, abs=0.1)


def test_tempered_runs_agree_with_importance_sampling_under_a_network(coded, monkeypatch, rng):
    """By draws of the prior, which miss no mode."""
    monkeypatch.setattr(coded.decoder, "residual_variance", 0.0)
    problem, _, _ = simulated(coded, "random", 0.5, rng)
    z = coded.draw(rng, 400_000)
    log_weight = np.concatenate([problem.log_likelihood(part) for part in np.split(z, 100)])
    weight = np.exp(log_weight - log_weight.max())
    share = weight / weight.sum()
    effective = 1.0 / np.sum(share**2)
    assert effective > 300
    mean = share @ z
    spread = np.sqrt(share @ (z - mean) ** 2)
    log_evidence = log_weight.max() + np.log(weight.mean())
    tree = tempered(problem, 500, particles=500, chains=8, random_seed=10, **QUIET)
    evidences = tree["sample_stats"]["log_evidence"].to_numpy()
    error = np.sqrt(1.0 / effective + evidences.var(ddof=1) / 8)
    assert abs(evidences.mean() - log_evidence) < 4.5 * error
    runs = tree["posterior"]["z"].to_numpy().mean(axis=1)
    errors = np.sqrt(spread**2 / effective + runs.var(axis=0, ddof=1) / 8)
    assert np.max(np.abs(runs.mean(axis=0) - mean) / errors) < 4.5
    found = tree["posterior"]["z"].to_numpy().reshape(-1, 4).std(axis=0)
    assert found == pytest.approx(spread, rel=0.15)


@pytest.mark.slow
def test_both_monte_carlo_samplers_agree_under_a_network(coded, rng):
    coded.decoder.residual_variance = 0.0
    problem, truth, _ = simulated(coded, "random", 0.2, rng)
    reference = tempered(problem, 2000, particles=2000, chains=2, random_seed=8, **QUIET)
    one, other = reference["posterior"]["z"].to_numpy()
    found = smc(problem, 2000, particles=8000, steps=100, chains=1, random_seed=9, **QUIET)
    z = found["posterior"]["z"].to_numpy()[0]
    unit = np.sqrt(one.var(axis=0).mean())
    floor = sliced_wasserstein(one, other, rng) / unit
    assert floor < 0.15 and sliced_wasserstein(z, one, rng) / unit < 0.3
    evidence = reference["sample_stats"]["log_evidence"].to_numpy().mean()
    assert found["sample_stats"]["log_evidence"].to_numpy()[0] == pytest.approx(evidence, abs=0.5)
    assert 0.0 <= coverage(z, truth) <= 1.0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"draws": 0}, r"Got draws=0\. It is a positive number, and a whole one"),
        ({"draws": 10.0}, r"Got draws=10\.0\. It is a positive number, and a whole one"),
        ({"chains": 0}, r"Got chains=0\. It is a positive number"),
        ({"moves": 2.5}, r"Got moves=2\.5\. It is a positive number"),
        ({"draws": 20, "particles": 10}, r"Got particles=10 for draws=20\. A run needs"),
    ],
)
def test_tempering_needs_particles(full_prior, rng, options, message):
    problem, _, _ = simulated(full_prior, "box", 0.3, rng)
    with pytest.raises(ValueError, match=message):
        tempered(problem, **options, **QUIET)


def test_training_that_diverges_is_no_decoder(digits):
    with pytest.raises(SamplingError, match=r"Training has diverged: the mean squared error is"):
        fit_autoencoder(
            digits[:300], 5, hidden=8, epochs=3, learning_rate=1e30, random_seed=1, **QUIET
        )
