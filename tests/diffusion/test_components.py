"""Mixtures for draws: their number, their moments, and the modes they belong to."""

from __future__ import annotations

import numpy as np
import pytest

from known import PLANE, Target

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import Moments, fit_mixture, shrunk_factor
from pymc_glm.diffusion.modes import by_modes, mode_of_components
from pymc_glm.diffusion.prior import mixture

APART = Target(
    [0.2, 0.3, 0.5],
    [[-6.0, 0.0], [0.0, 6.0], [6.0, 0.0]],
    [[1.0, 0.5], [0.7, 0.7], [0.5, 1.5]],
)


@pytest.mark.parametrize(
    "target, count", [(APART, 3), (Target([1.0], [[1.0, 2.0]], [[3.0, 0.1]]), 1)]
)
def test_the_criterion_picks_the_number_and_finds_the_moments(target, count):
    rng = np.random.default_rng(91)
    found = fit_mixture(target.draw(rng, 3000), rng)
    assert len(found.weights) == count
    order = np.argsort(found.means[:, 0])
    np.testing.assert_allclose(found.weights[order], target.weights, atol=0.04)
    np.testing.assert_allclose(found.means[order], target.means, atol=0.25)
    covariances = found.factors @ np.swapaxes(found.factors, 1, 2)
    scales = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    np.testing.assert_allclose(scales[order], target.scales, rtol=0.1)


def test_no_more_components_than_asked_for_or_than_draws_bear():
    rng = np.random.default_rng(92)
    assert len(fit_mixture(APART.draw(rng, 500), rng, most=2).weights) == 2
    few = np.random.default_rng(93).normal(size=(6, 4))
    assert len(fit_mixture(few, rng).weights) == 1


def test_components_of_overlapping_modes_have_the_density_of_the_target():
    rng = np.random.default_rng(94)
    found = fit_mixture(PLANE.draw(rng, 5000), rng)
    x = PLANE.draw(rng, 2000)
    fitted = mixture(NUMPY, found.parameters()).log_density(NUMPY, x)
    divergence = np.mean(PLANE.log_density(x) - PLANE.log_z - fitted)
    assert -0.01 < divergence < 0.02


def test_covariances_of_many_draws_are_hardly_shrunk():
    rng = np.random.default_rng(95)
    factor = np.array([[1.0, 0.0], [1.8, 0.6]])
    x = 3.0 + rng.normal(size=(20_000, 2)) @ factor.T
    weight = rng.random(20_000)
    found = shrunk_factor(x, weight, np.full(2, 3.0))
    centred = x - 3.0
    expected = (centred * weight[:, None]).T @ centred / weight.sum()
    np.testing.assert_allclose(found @ found.T, expected, rtol=1e-3)


def test_covariances_of_few_draws_keep_scales_and_can_be_inverted():
    x = np.random.default_rng(96).normal(size=(5, 8))
    found = shrunk_factor(x, np.ones(5), x.mean(axis=0))
    np.testing.assert_allclose(np.sqrt(np.diagonal(found @ found.T)), x.std(axis=0))
    correlation = (found @ found.T) / np.outer(x.std(axis=0), x.std(axis=0))
    assert np.linalg.eigvalsh(correlation).min() > 0.01


def test_constant_coordinates_do_no_harm():
    x = np.random.default_rng(97).normal(size=(200, 2))
    x[:, 1] = 4.0
    found = fit_mixture(x, np.random.default_rng(98), most=3)
    assert np.isfinite(found.factors).all()


def test_few_draws_have_few_components():
    # So few that some choice of seven would fit them by chance.
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=(20, 1)) ** 3
        assert len(fit_mixture(x, np.random.default_rng(0)).weights) <= 3


def test_components_of_one_mode_are_joined():
    means = np.array([[-6.0, 0.0], [-5.5, 0.3], [0.0, 6.0], [6.0, -1.0], [6.0, 1.0]])
    weights = np.array([0.1, 0.1, 0.3, 0.25, 0.25])
    moments = Moments(weights, means, np.stack([np.eye(2)] * 5))
    mode = mode_of_components(moments, APART)
    np.testing.assert_array_equal(mode, [0, 0, 1, 2, 2])
    x = APART.draw(np.random.default_rng(99), 4000)
    joined, labels = by_modes(moments, mode, x)
    np.testing.assert_allclose(joined.weights, APART.weights, atol=0.03)
    np.testing.assert_allclose(joined.means, APART.means, atol=0.15)
    nearest = np.argmin(np.sum((x[:, None] - APART.means) ** 2, axis=2), axis=1)
    assert np.mean(labels == nearest) > 0.998
