"""What is refused or warned of, in words, before or after an inverse problem is solved."""

import numpy as np
import pytest

from simulations import simulated

from pymc_glm.inverse import InverseProblem, coverage, dps, psld, smc

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
