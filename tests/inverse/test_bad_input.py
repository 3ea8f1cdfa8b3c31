"""What is refused or warned of, in words, before or after an inverse problem is solved."""

import numpy as np
import pytest

from simulations import simulated

from pymc_glm.inverse import (
    InverseProblem,
    coverage,
    dps,
    exact_posterior,
    latent_scores,
    psld,
    psnr,
    sliced_wasserstein,
    smc,
)

QUIET = {"progressbar": False}


def test_a_run_of_few_effective_particles_comes_with_a_warning(full_prior, rng):
    problem, _, _ = simulated(full_prior, "denoise", 0.02, rng)
    with pytest.warns(UserWarning, match=r"At some step \d+\.\d of 100 particles were effective"):
        tree = smc(problem, 20, particles=100, steps=2, chains=1, random_seed=1, **QUIET)
    assert tree["sample_stats"]["smallest_ess"].to_numpy()[0] < 3


@pytest.mark.parametrize(
    "sampler, options, message",
    [
        (smc, {"draws": 10.5}, r"Got draws=10\.5\. It is a positive number, and a whole one"),
        (smc, {"draws": 1, "particles": 1}, r"Got particles=1 for draws=1\. A run needs"),
        (smc, {"chains": True}, r"Got chains=True\. It is a positive number"),
        (dps, {"draws": "5"}, r"Got draws='5'\. It is a positive number"),
        (dps, {"eta": 1.5}, r"Got eta=1\.5\. It is between 0"),
        (dps, {"measurement_step": np.nan}, r"Got measurement_step=nan\. The length of a step"),
        (psld, {"gluing_step": np.inf}, r"Got gluing_step=inf\. The length of a step"),
    ],
)
def test_numbers_are_what_they_should_be(full_prior, rng, sampler, options, message):
    problem, _, _ = simulated(full_prior, "box", 0.3, rng)
    with pytest.raises(ValueError, match=message):
        sampler(problem, **options, **QUIET)


@pytest.mark.parametrize("noise", ["a", None, True, np.full(64, 0.1)])
def test_noise_is_one_number(full_prior, rng, noise):
    problem, _, _ = simulated(full_prior, "denoise", 0.3, rng)
    with pytest.raises(TypeError, match=r"It is one number: the standard deviation"):
        InverseProblem(full_prior, problem.operator, np.zeros(64), noise)


def test_an_array_is_no_operator(full_prior):
    with pytest.raises(TypeError, match=r"Got an operator of type ndarray\. It is one of pymc_glm"):
        InverseProblem(full_prior, np.eye(64), np.zeros(64), 0.1)


@pytest.mark.parametrize(
    "draws, truth, probability, message",
    [
        (np.zeros((2, 5, 4)), np.zeros(4), 0.9, r"draws of shape \(2, 5, 4\) for a truth of shape"),
        (np.zeros((5, 4)), np.zeros((2, 2)), 0.9, r"for a truth of shape \(2, 2\)\. They are"),
        (np.full((5, 4), np.nan), np.zeros(4), 0.9, r"Got 20 draws that are not finite"),
        (np.zeros((5, 4)), np.zeros(4), 90, r"probability=90\. Intervals need"),
    ],
)
def test_coverage_takes_draws_and_one_truth(draws, truth, probability, message):
    with pytest.raises(ValueError, match=message):
        coverage(draws, truth, probability)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (np.zeros(3), r"first of shape \(3,\)\. It is \(n, 2\)"),
        (np.zeros((5, 3)), r"first of shape \(5, 3\)\. It is \(n, 2\)"),
        (np.zeros((1, 2)), r"first of shape \(1, 2\)"),
        (np.array([[0.0, np.nan], [0.0, 1.0]]), "first with 1 values that are NaN"),
    ],
)
def test_distances_are_of_draws_of_one_length(rng, first, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein(first, np.zeros((4, 2)), rng)


def test_scores_are_of_codes_of_the_posterior(full_prior, rng):
    problem, _, _ = simulated(full_prior, "random", 0.1, rng)
    posterior = exact_posterior(problem)
    with pytest.raises(ValueError, match=rf"z of shape .* It is \(n, {len(posterior.mean)}\)"):
        latent_scores(posterior, np.zeros((10, 3)), rng)


def test_psnr_is_of_images_of_one_shape():
    truth = np.arange(6.0).reshape(2, 3)
    with pytest.raises(ValueError, match=r"image of shape \(3, 2\) for a truth of shape \(2, 3\)"):
        psnr(truth.T, truth)
    with pytest.raises(ValueError, match="peak=0"):
        psnr(truth, truth, 0)
    assert psnr(truth, truth) == np.inf
    assert psnr(np.stack([truth + 0.2, truth - 0.2]), truth) == pytest.approx(20.0)


def test_steps_that_lead_astray_come_with_a_warning(full_prior, rng):
    problem, _, _ = simulated(full_prior, "random", 0.1, rng)
    with pytest.warns(UserWarning, match=r"A measurement_step of 1e\+10 is too long"):
        dps(problem, 20, measurement_step=1e10, steps=20, random_seed=1, progressbar=False)
