"""Scores, Tweedie's means and Jacobians against differences; what priors refuse."""

import itertools

import numpy as np
import pytest

from scipy import stats
from scipy.special import logsumexp

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.inverse import LatentMixturePrior, NetworkDecoder, PrincipalComponents

STEP = 1e-4
SHARES = [0.999, 0.5, 0.01]


def difference(function, x, directions):
    """Fourth-order differences along directions."""
    out = 0.0
    for weight, place in ((1 / 12, -2), (-2 / 3, -1), (2 / 3, 1), (-1 / 12, 2)):
        out = out + weight * function(x + place * STEP * directions)
    return out / STEP


@pytest.mark.parametrize("share", SHARES)
def test_density_of_noisy_codes(prior, rng, share):
    z = rng.normal(size=(4, 20))
    parts = [
        stats.multivariate_normal(
            np.sqrt(share) * mean, share * covariance + (1 - share) * np.eye(20)
        ).logpdf(z)
        for mean, covariance in zip(prior.means, prior.covariances, strict=True)
    ]
    expected = logsumexp(parts, axis=0, b=prior.weights[:, None])
    np.testing.assert_allclose(prior.denoise(z, share).log_density, expected, rtol=1e-11)


@pytest.mark.parametrize("share", SHARES)
def test_scores_and_means(prior, rng, share):
    z = np.sqrt(share) * prior.draw(rng, 4) + np.sqrt(1 - share) * rng.normal(size=(4, 20))
    denoised = prior.denoise(z, share)
    slopes = [difference(lambda x: prior.denoise(x, share).log_density, z, e) for e in np.eye(20)]
    np.testing.assert_allclose(np.stack(slopes, axis=1), denoised.score, rtol=1e-7, atol=1e-7)
    tweedie = (z + (1 - share) * denoised.score) / np.sqrt(share)
    np.testing.assert_allclose(denoised.mean, tweedie, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_jacobian_products(prior, rng, share):
    z, v = rng.normal(size=(2, 4, 20))
    slope = difference(lambda x: prior.denoise(x, share).mean, z, v)
    denoised = prior.denoise(z, share)
    np.testing.assert_allclose(prior.pull_back(denoised, v), slope, rtol=1e-7, atol=1e-9)
    # It is symmetric.
    w = rng.normal(size=(4, 20))
    left = np.sum(w * prior.pull_back(denoised, v), axis=1)
    right = np.sum(v * prior.pull_back(denoised, w), axis=1)
    np.testing.assert_allclose(left, right, rtol=1e-9)


def test_draws_are_of_the_prior(prior, rng):
    z = prior.mixture.diffused(0.6).draw(rng, 20_000)
    mean = np.sqrt(0.6) * prior.weights @ prior.means
    sd = z.std(axis=0) / np.sqrt(len(z))
    assert np.max(np.abs(z.mean(axis=0) - mean) / sd) < 4.5


def network(rng):
    def layers(*sizes):
        return [
            (rng.normal(size=(a, b)) / np.sqrt(a), rng.normal(size=b))
            for a, b in itertools.pairwise(sizes)
        ]

    return NetworkDecoder(layers(64, 16, 3), layers(3, 16, 64), (8, 8))


@pytest.mark.parametrize("kind", ["components", "network"])
def test_pull_backs_of_decoders(digits, rng, kind):
    decoder = network(rng) if kind == "network" else PrincipalComponents.fit(digits, 3)
    z, v, x = rng.normal(size=(2, 3)), rng.normal(size=(2, 64)), rng.normal(size=(2, 64))
    for function, pull_back, at, up in (
        (decoder.decode, decoder.decode_pullback, z, v),
        (decoder.encode, decoder.encode_pullback, x, z),
    ):
        directions = rng.normal(size=at.shape)
        along = np.sum(up * difference(function, at, directions), axis=1)
        np.testing.assert_allclose(along, np.sum(directions * pull_back(at, up), axis=1), rtol=1e-9)


def test_principal_components(digits, rng):
    decoder = PrincipalComponents.fit(digits, 20)
    z = rng.normal(size=(5, 20))
    np.testing.assert_allclose(decoder.encode(decoder.decode(z)), z, atol=1e-12)
    codes = decoder.encode(digits.reshape(-1, 64))
    assert codes.var(axis=0, ddof=1).mean() == pytest.approx(1.0)
    left = digits.reshape(-1, 64) - decoder.decode(codes)
    assert np.sum(left**2) / (len(digits) - 1) / 44 == pytest.approx(decoder.residual_variance)


def refused(weights=(0.5, 0.5), means=((0, 0), (1, 1)), scale=1.0):
    decoder = PrincipalComponents(np.zeros(4), np.eye(4)[:, :2], np.ones(2), (2, 2))
    covariances = np.stack([np.eye(2), scale * np.eye(2)])
    return LatentMixturePrior(np.array(weights), np.array(means), covariances, decoder)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"weights": (0.5, 0.6)}, r"sum 1\.1\. They are positive and sum to one"),
        ({"means": ((0, 0),)}, r"means of shape \(1, 2\)"),
        ({"scale": -1.0}, r"component 1 has the eigenvalue -1\. It has to be positive definite"),
    ],
)
def test_priors_that_are_none(options, message):
    with pytest.raises(ValueError, match=message):
        refused(**options)


def test_images_with_nan(digits):
    with pytest.raises(InvalidDataError, match="1 values that are NaN"):
        LatentMixturePrior.fit(np.where(np.arange(64).reshape(8, 8) == 0, np.nan, digits[:1]))
    with pytest.raises(ValueError, match="latent=64 for 30 images of 64 pixels"):
        PrincipalComponents.fit(digits[:30], 64)
