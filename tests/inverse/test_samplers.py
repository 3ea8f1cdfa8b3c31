"""Exact posterior, SMC and guided samplers against one another and against theory."""

import numpy as np
import pytest

from scipy import stats
from simulations import OPERATORS, SHAPE, simulated

import pymc_glm

from pymc_glm.exceptions import InvalidDataError, SamplingError
from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    PrincipalComponents,
    dps,
    exact_posterior,
    gml_dps,
    guided,
    latent_scores,
    psld,
    smc,
    to_model,
)

QUIET = {"progressbar": False}


@pytest.mark.parametrize("name", OPERATORS)
def test_exact_posterior_is_bayes_rule(full_prior, rng, name):
    problem, _, _ = simulated(full_prior, name, 0.3, rng)
    posterior = exact_posterior(problem)
    z = full_prior.draw(rng, 5)
    parts = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(z)
        for w, m, c in zip(posterior.weights, posterior.means, posterior.covariances, strict=True)
        if w > 0
    ]
    joint = full_prior.log_density(z) + problem.log_likelihood(z)
    expected = joint - posterior.log_evidence
    np.testing.assert_allclose(np.logaddexp.reduce(parts, axis=0), expected, rtol=1e-8)
    np.testing.assert_allclose(posterior.mixture.log_density(z), expected, rtol=1e-8)


def test_model_has_the_same_density(full_prior, rng):
    problem, _, _ = simulated(full_prior, "box", 0.3, rng)
    logp = to_model(problem).compile_logp()
    for z in full_prior.draw(rng, 3):
        expected = full_prior.log_density(z[None]) + problem.log_likelihood(z[None])
        assert logp({"z": z}) == pytest.approx(expected[0], rel=1e-10)


def test_one_component_is_a_gaussian_block(digits, rng):
    prior = LatentMixturePrior.fit(digits[:500], latent=5, components=1)
    problem, _, _ = simulated(prior, "random", 0.3, rng)
    tree = pymc_glm.sample(1000, 100, 2, model=to_model(problem), random_seed=1, progressbar=False)
    z = tree["posterior"]["z"].to_numpy().reshape(-1, 5)
    posterior = exact_posterior(problem)
    error = np.sqrt(np.diagonal(posterior.covariance) / len(z))
    assert np.max(np.abs(z.mean(axis=0) - posterior.mean) / error) < 4.5


def test_images_carry_what_codes_leave_out(full_prior, rng):
    problem, _, _ = simulated(full_prior, "box", 0.1, rng)
    posterior = exact_posterior(problem)
    tree = posterior.sample(problem, 4000, 1, random_seed=1)
    images = tree["posterior"]["image"].to_numpy().reshape(-1, 64)
    assert tree["posterior"]["image"].dims == ("chain", "draw", "pixel_0", "pixel_1")
    # The joint Gaussian of image and data, a component at a time, is the reference.
    decoder, a = full_prior.decoder, problem.matrix
    mean = np.zeros(64)
    for weight, center, cov in zip(
        posterior.weights, full_prior.means, full_prior.covariances, strict=True
    ):
        spread = decoder.matrix @ cov @ decoder.matrix.T + decoder.residual_variance * np.eye(64)
        gain = np.linalg.solve(a @ spread @ a.T + 0.01 * np.eye(len(a)), a @ spread).T
        start = decoder.decode(center[None])[0]
        mean += weight * (start + gain @ (problem.data - a @ start))
    error = images.std(axis=0) / np.sqrt(len(images))
    assert np.max(np.abs(images.mean(axis=0) - mean) / error) < 4.8


# Runs of few particles are unbiased too, and warn.
@pytest.mark.filterwarnings("ignore:At some step:UserWarning")
@pytest.mark.parametrize("name, noise", [("box", 0.3), ("random", 0.5)])
def test_smc_has_the_evidence_and_the_posterior(prior, rng, name, noise):
    problem, _, _ = simulated(prior, name, noise, rng)
    posterior = exact_posterior(problem)
    tree = smc(problem, 500, particles=500, chains=16, random_seed=3, **QUIET)
    ratios = np.exp(tree["sample_stats"]["log_evidence"].to_numpy() - posterior.log_evidence)
    # The estimate of the evidence is unbiased.
    assert abs(stats.ttest_1samp(ratios, 1.0).statistic) < stats.t.isf(5e-5, 15)
    scores = latent_scores(posterior, tree["posterior"]["z"].to_numpy().reshape(-1, 20), rng)
    assert scores.distance < 0.2 and scores.mode_mass_error < 0.1


# Runs of few particles are unbiased too, and warn.
@pytest.mark.filterwarnings("ignore:At some step:UserWarning")
def test_smc_without_the_noising_kernel_is_wrong(prior, rng, monkeypatch):
    """The broken twin: weights of the targets alone."""
    problem, _, _ = simulated(prior, "box", 0.3, rng)
    posterior = exact_posterior(problem)
    module = __import__("pymc_glm.inverse.smc", fromlist=["_Twist"])
    right = module._Twist.at

    def without_prior(self, z, share):
        found = right(self, z, share)
        gone = 0.5 * np.sum(z * z, axis=1)
        return found._replace(
            log_density=found.log_density + gone, log_guess=found.log_guess + gone
        )

    monkeypatch.setattr(module._Twist, "at", without_prior)
    tree = smc(problem, 500, particles=500, chains=16, random_seed=3, **QUIET)
    ratios = np.exp(tree["sample_stats"]["log_evidence"].to_numpy() - posterior.log_evidence)
    assert abs(stats.ttest_1samp(ratios, 1.0).statistic) > stats.t.isf(5e-5, 15)


def single(prior):
    """One standard normal component, and orthonormal columns."""
    k, decoder = prior.decoder.latent, prior.decoder
    basis = decoder.matrix / np.linalg.norm(decoder.matrix, axis=0)
    plain = PrincipalComponents(decoder.mean, basis, np.ones(k), SHAPE)
    return LatentMixturePrior(np.ones(1), np.zeros((1, k)), np.eye(k)[None], plain)


@pytest.mark.parametrize("name", ["denoise", "box", "blur", "destripe"])
def test_one_step_recovers_codes_by_steps_along_eigenvectors(prior, rng, name):
    prior = single(prior)
    operator = OPERATORS[name](rng)
    z = prior.draw(rng, 1)
    data = operator.forward(prior.decoder.decode(z).reshape(SHAPE))
    problem = InverseProblem(prior, operator, data, noise=1.0)
    normal = problem.latent_matrix.T @ problem.latent_matrix
    from pymc_glm.inverse.schedule import signal_shares

    # The noise is one, so that this is in units of the squared residual as well.
    step = np.linalg.inv(normal) / np.sqrt(signal_shares(1)[-1])
    options = {"steps": 1, "eta": 0.0, "norm": "squared", "random_seed": 1, **QUIET}
    found = dps(problem, 5, measurement_step=step, **options)["posterior"]["z"].to_numpy()[0]
    assert np.max(np.linalg.norm(found - z, axis=1)) <= 1e-12 * np.linalg.norm(z) * 50
    scalar = dps(problem, 5, measurement_step=1.0, **options)["posterior"]["z"].to_numpy()[0]
    errors = np.linalg.norm(scalar - z, axis=1) / np.linalg.norm(z)
    assert np.min(errors) > 0.01 or name == "denoise"


def test_one_step_from_a_draw_misses_by_the_start_and_by_the_code(prior, rng):
    prior = single(prior)
    operator = OPERATORS["box"](rng)
    z = prior.draw(rng, 1)
    data = operator.forward(prior.decoder.decode(z).reshape(SHAPE))
    problem = InverseProblem(prior, operator, data, noise=1.0)
    normal = problem.latent_matrix.T @ problem.latent_matrix
    share, step = 0.98, 0.7
    options = {"steps": np.array([1.0, share]), "eta": 0.0, "norm": "squared", **QUIET}
    found = dps(problem, 5, measurement_step=step, random_seed=1, **options)
    start = np.random.default_rng(1).standard_normal((5, len(z[0])))
    root = np.sqrt(share)
    miss = root * (start - step * root * start @ normal) + (step * root * z @ normal - z)
    codes = found["posterior"]["z"].to_numpy()[0]
    np.testing.assert_allclose(codes - z, miss, rtol=1e-10, atol=1e-12)
    assert found["posterior"].attrs["steps"] == 1


@pytest.mark.parametrize("name", OPERATORS)
def test_gluing_is_a_second_measurement_under_a_linear_decoder(prior, rng, name):
    problem, _, _ = simulated(prior, name, 0.1, rng)
    z = prior.draw(rng, 3)
    scale = np.sum(prior.decoder.matrix**2, axis=0)
    pulled = problem.predict_pullback(z, problem.data - problem.predict(z)) / scale
    length, _ = guided._gluing(problem, z)
    np.testing.assert_allclose(length, np.linalg.norm(pulled, axis=1), rtol=1e-9)
    # The goodness term vanishes.
    assert np.max(guided._goodness(problem, z)[0]) < 1e-9


def test_gradients_of_terms(prior, rng):
    from test_prior import difference, network

    decoder = network(rng)
    mixture = LatentMixturePrior(np.ones(1), np.zeros((1, 3)), np.eye(3)[None], decoder)
    problem, _, _ = simulated(mixture, "blur", 0.1, rng)
    z, v = rng.normal(size=(2, 4, 3))
    for term in (guided._measurement, guided._goodness, guided._gluing):
        slope = difference(lambda x, term=term: 0.5 * term(problem, x)[0] ** 2, z, v)
        found = np.sum(term(problem, z)[1] * v, axis=1)
        np.testing.assert_allclose(found, slope, rtol=1e-8, atol=1e-9)


def test_squared_steps_do_not_depend_on_units(prior, rng):
    """Data and noise in other units change the plain form and leave the squared one."""
    problem, _, _ = simulated(prior, "denoise", 0.3, rng)
    data = 10.0 * problem.data.reshape(problem.operator.shape_out)
    other = InverseProblem(prior, 10.0 * problem.operator, data, 3.0)

    def codes(which, norm, step):
        options = {"measurement_step": step, "norm": norm, "steps": 50, "random_seed": 1, **QUIET}
        return dps(which, 10, **options)["posterior"]["z"].to_numpy()

    same = codes(problem, "squared", 0.02), codes(other, "squared", 0.02)
    np.testing.assert_allclose(*same, rtol=1e-6, atol=1e-8)
    assert np.max(np.abs(codes(problem, "plain", 0.1) - codes(other, "plain", 0.1))) > 0.1


def test_a_squared_step_of_one_is_the_gradient_of_the_log_likelihood(prior, rng):
    from test_prior import difference

    problem, _, _ = simulated(prior, "blur", 0.2, rng)
    z, v = rng.normal(size=(2, 4, 20))
    step = guided._Guide(problem, 1.0).gradient(z, "squared", lambda v: v)
    slope = difference(problem.log_likelihood, z, v)
    np.testing.assert_allclose(-np.sum(step * v, axis=1), slope, rtol=1e-8)


@pytest.mark.parametrize("sampler", [dps, gml_dps, psld])
def test_guided_samplers_say_that_they_are_not_exact(prior, rng, sampler):
    problem, _, _ = simulated(prior, "random", 0.1, rng)
    options = {"measurement_step": 0.1, "chains": 2, "steps": 50, **QUIET}
    tree = sampler(problem, 20, random_seed=1, **options)
    again = sampler(problem, 20, random_seed=1, **options)
    assert tree["posterior"].attrs["exact"] is False
    assert tree["posterior"].attrs["unadjusted"] == 1
    np.testing.assert_array_equal(tree["posterior"]["z"], again["posterior"]["z"])
    assert tree["posterior"]["z"].dims == ("chain", "draw", "code")
    assert tree["posterior"]["z"].shape == (2, 20, 20)


def test_without_data_dps_draws_from_the_prior(prior, rng):
    problem, _, _ = simulated(prior, "random", 0.1, rng)
    z = dps(problem, 2000, measurement_step=0.0, steps=250, random_seed=1, **QUIET)
    z = z["posterior"]["z"].to_numpy()[0]
    exact = prior.draw(rng, 2000)
    for column in range(5):
        assert stats.ks_2samp(z[:, column], exact[:, column]).pvalue > 1e-4


def test_compare_scores_them_against_the_exact_posterior(prior, rng):
    problem, z, image = simulated(prior, "random", 0.5, rng)

    def by_smc(*, draws, chains, random_seed, **options):
        return smc(problem, draws, particles=2000, chains=chains, random_seed=random_seed, **QUIET)

    def by_psld(*, draws, chains, random_seed, **options):
        some = {"chains": chains, "random_seed": random_seed, "steps": 100, **QUIET}
        return psld(problem, draws, measurement_step=1.0, **some)

    comparison = pymc_glm.compare(
        to_model(problem),
        {"smc": by_smc, "psld": by_psld},
        draws=500,
        tune=0,
        chains=2,
        random_seed=1,
        reference=exact_posterior(problem),
        truth={"z": z, "image": image.reshape(SHAPE)},
        **QUIET,
    )
    by_smc, by_psld = (comparison.scores[name] for name in ("smc", "psld"))
    assert by_smc.distance < 0.5 * by_psld.distance
    assert by_smc.mode_mass_error < by_psld.mode_mass_error
    assert abs(by_smc.log_evidence_error) < 0.5
    assert np.isnan(by_psld.log_evidence_error)
    assert "psld is unadjusted" in comparison.verdict
    assert np.isfinite([by_smc.psnr_mean, by_smc.psnr_draw, by_smc.coverage]).all()


def test_refusals(prior, rng):
    problem, _, _ = simulated(prior, "random", 0.1, rng)
    operator = problem.operator
    with pytest.raises(InvalidDataError, match="1 values that are NaN"):
        InverseProblem(prior, operator, np.where(np.arange(operator.size_out), 0, np.nan), 0.1)
    with pytest.raises(InvalidDataError, match=r"shape \(3,\)"):
        InverseProblem(prior, operator, np.zeros(3), 0.1)
    with pytest.raises(InvalidDataError, match=r"noise=0\.0\. It is the standard deviation"):
        InverseProblem(prior, operator, problem.data, 0.0)
    with pytest.raises(SamplingError, match="codes are not finite"):
        dps(problem, 5, measurement_step=1e6, norm="squared", steps=200, **QUIET)
    with pytest.raises(ValueError, match=r"particles=5 for draws=10\."):
        smc(problem, 10, particles=5, **QUIET)
    with pytest.raises(ValueError, match="steps=2000"):
        smc(problem, 10, steps=2000, **QUIET)
    for shares in ([1.0], [0.9, 0.5], [1.0, 0.5, 0.5], [1.0, 0.0], [[1.0, 0.5]]):
        with pytest.raises(ValueError, match="shares of the signal, which fall from 1"):
            dps(problem, 10, steps=shares, **QUIET)
    with pytest.raises(InvalidDataError, match="steps have 1 values that are NaN"):
        dps(problem, 10, steps=np.array([1.0, np.nan]), **QUIET)
