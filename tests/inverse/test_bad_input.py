"""What is refused or warned of, in words, before or after an inverse problem is solved."""

import re

import numpy as np
import pytest

from simulations import OPERATORS, simulated

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    PrincipalComponents,
    coverage,
    dps,
    exact_posterior,
    latent_scores,
    psld,
    psnr,
    sliced_wasserstein,
    smc,
    tempered,
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
        (np.full((5, 4), np.nan), np.zeros(4), 0.9, r"The draws have 20 values that are NaN"),
        (np.zeros((5, 4)), np.zeros(4), 90, r"probability=90\. It is between 0 and 1"),
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
        (np.array([[0.0, np.nan], [0.0, 1.0]]), "draws 'first' have 1 values that are NaN"),
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


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"measurement_step": -1.0}, ValueError, r"measurement_step=-1\.0\. The length of a step"),
        (
            {"measurement_step": np.array([0.1, 0.2])},
            ValueError,
            r"step of shape \(2,\)",
        ),
        ({"measurement_step": "long"}, ValueError, "measurement_step='long'"),
        ({"gluing_step": np.ones(2)}, ValueError, r"gluing_step=array\(\[1\., 1\.\]\)"),
        ({"step": 20}, TypeError, r"psld\(\) got an unexpected keyword argument 'step'\. How the"),
    ],
)
def test_steps_are_lengths(full_prior, rng, options, error, message):
    problem, _, _ = simulated(full_prior, "random", 0.1, rng)
    with pytest.raises(error, match=message):
        psld(problem, 2, progressbar=False, **options)


def test_a_problem_keeps_its_data_whatever_becomes_of_the_array(full_prior, rng):
    operator = OPERATORS["random"](rng)
    data = rng.normal(size=operator.shape_out)
    problem = InverseProblem(full_prior, operator, data, 0.1)
    before = exact_posterior(problem).log_evidence
    data[:] = 100.0
    assert exact_posterior(problem).log_evidence == before
    masked = np.ma.masked_array(np.zeros(operator.shape_out), mask=np.arange(data.size) == 1)
    with pytest.raises(InvalidDataError, match="The data have 1 masked values"):
        InverseProblem(full_prior, operator, masked, 0.1)
    with pytest.raises(InvalidDataError, match="The data are of type complex128"):
        InverseProblem(full_prior, operator, 1j * data, 0.1)


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-8])
def test_the_posterior_of_hardly_noisy_data(full_prior, rng, noise):
    decoder = full_prior.decoder
    scale = np.linalg.norm(decoder.matrix, axis=0)
    bare = PrincipalComponents(decoder.mean, decoder.matrix / scale, scale, decoder.shape)
    prior = LatentMixturePrior(full_prior.weights, full_prior.means, full_prior.covariances, bare)
    operator = OPERATORS["blur"](rng)
    z = prior.draw(rng, 1)
    clean = operator.forward(bare.decode(z).reshape(bare.shape))
    data = clean + noise * rng.standard_normal(operator.shape_out)
    problem = InverseProblem(prior, operator, data, noise)
    posterior = exact_posterior(problem)
    # Where the code is certain, the evidence is Laplace's and the volume of the codes that fit.
    b = problem.latent_matrix / noise
    solved, left, _, singular = np.linalg.lstsq(b, (problem.data - bare_start(problem)) / noise)
    k, m = len(solved), len(problem.data)
    expected = prior.log_density(solved[None])[0] - 0.5 * left[0] - np.log(singular).sum()
    expected -= 0.5 * (m - k) * np.log(2.0 * np.pi) + m * np.log(noise)
    assert posterior.log_evidence == pytest.approx(expected, abs=2e5 * noise + 1e-6)
    draws = posterior.sample(problem, 100, 1, 1)["posterior"]["z"].to_numpy()[0]
    np.testing.assert_allclose(draws.mean(axis=0), z[0], atol=1e3 * noise)


def bare_start(problem):
    return problem.predict(np.zeros((1, problem.prior.decoder.latent)))[0]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"means": np.full((1, 2), np.nan)}, InvalidDataError, "The means have 2 values that are"),
        ({"weights": [0.5]}, ValueError, "sum 0.5"),
        ({"covariances": [[[1.0, 0.9], [0.0, 1.0]]]}, ValueError, "transposes by up to 0.9"),
        ({"covariances": [[[1.0, 2.0], [2.0, 1.0]]]}, ValueError, "eigenvalue -1"),
    ],
)
def test_priors_are_laws(changed, error, message):
    given = {"weights": [1.0], "means": np.zeros((1, 2)), "covariances": np.eye(2)[None]}
    decoder = PrincipalComponents(np.zeros(4), np.eye(4)[:, :2], np.ones(2), (2, 2))
    with pytest.raises(error, match=message):
        LatentMixturePrior(**{**given, **changed}, decoder=decoder)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"basis": np.eye(3)[:, :2]}, ValueError, r"a basis of \(3, 2\)"),
        ({"basis": np.ones((4, 2))}, ValueError, "products are off by 4"),
        ({"scale": np.array([0.0, 1.0])}, ValueError, "smallest scale of 0"),
        ({"mean": np.full(4, np.inf)}, InvalidDataError, "The means have 4 values"),
        ({"residual_variance": -0.1}, ValueError, "residual_variance=-0.1"),
        ({"residual_variance": np.nan}, ValueError, "residual_variance=nan"),
    ],
)
def test_principal_components_are_a_basis(changed, error, message):
    given = {"mean": np.zeros(4), "basis": np.eye(4)[:, :2], "scale": np.ones(2), "shape": (2, 2)}
    with pytest.raises(error, match=message):
        LatentMixturePrior(
            [1.0], np.zeros((1, 2)), np.eye(2)[None], PrincipalComponents(**{**given, **changed})
        )


IMAGES = np.random.default_rng(8).normal(size=(30, 2, 2))


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (np.zeros((30, 2, 2)), {}, InvalidDataError, "Their pixels do not differ"),
        (IMAGES * 1e200, {}, InvalidDataError, "standard deviation inf"),
        (IMAGES[:, 0, 0], {"latent": 1}, ValueError, r"images of shape \(30,\)"),
        (IMAGES, {"latent": 2.0}, ValueError, r"latent=2\.0\. It is a positive number"),
        (IMAGES, {"latent": "2"}, ValueError, "latent='2'"),
        (IMAGES, {"components": 0}, ValueError, "components=0"),
        (IMAGES, {"components": 31}, ValueError, r"shape \(30, 2, 2\) for 31 components"),
        (np.full((30, 2, 2), "a"), {}, InvalidDataError, "The images are of type <U1"),
        ([[1.0], [1.0, 2.0]], {}, InvalidDataError, "The images are no array"),
    ],
)
def test_images_that_no_prior_is_fitted_to(images, options, error, message):
    with pytest.raises(error, match=message):
        LatentMixturePrior.fit(images, **{"latent": 2, "components": 1, **options})


def test_counts_and_seeds_of_numpy_will_do_for_a_prior():
    rng = np.random.default_rng(1)
    prior = LatentMixturePrior.fit(IMAGES, np.int64(2), np.int32(1), random_seed=rng)
    assert prior.means.shape == (1, 2)


def test_psnr_of_whole_numbers_does_not_wrap_around():
    image = np.array([[10, 250], [0, 128]], np.uint8)
    truth = np.array([[200, 100], [60, 20]], np.uint8)
    assert psnr(image, truth, 255) == psnr(image.astype(float), truth.astype(float), 255)
    with pytest.raises(InvalidDataError, match="The true pixels have 1 values that are NaN"):
        psnr(np.zeros(2), np.array([0.0, np.nan]))


def test_tempered_runs_that_collapse_come_with_a_warning(full_prior, rng):
    decoder = full_prior.decoder
    scale = np.linalg.norm(decoder.matrix, axis=0)
    bare = PrincipalComponents(decoder.mean, decoder.matrix / scale, scale, decoder.shape)
    prior = LatentMixturePrior(full_prior.weights, full_prior.means, full_prior.covariances, bare)
    problem, _, _ = simulated(prior, "random", 1e-9, rng)
    with pytest.warns(UserWarning, match="of 100 particles are distinct: hardly any moves"):
        tempered(problem, 50, particles=100, moves=1, chains=1, random_seed=1, progressbar=False)


def test_schedules_that_end_with_signal_come_with_a_warning(full_prior, rng):
    problem, _, _ = simulated(full_prior, "random", 0.1, rng)
    with pytest.warns(UserWarning, match=r"last share of the signal, 0\.5, moments"):
        tree = dps(problem, 20, steps=np.linspace(1.0, 0.5, 11), random_seed=1, progressbar=False)
    assert tree["posterior"].attrs["schedule"] == "own"


def test_what_is_printed_of_a_problem(full_prior, rng):
    problem, _, _ = simulated(full_prior, "random", 0.1, rng)
    assert re.fullmatch(
        r"<InverseProblem: \d+ data by .*, noise 0\.1, <LatentMixturePrior: \d+ components on codes"
        r" of length \d+, PrincipalComponents>>",
        repr(problem),
    )
    assert "log evidence" in repr(exact_posterior(problem))
