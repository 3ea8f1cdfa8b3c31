"""Components that are added: where candidates come from, and what covers a target."""

from __future__ import annotations

import numpy as np
import pytest

from known import Target, crude_prior

from pymc_glm.diffusion import from_moments
from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import Moments
from pymc_glm.diffusion.prior import MASKED, mixture
from pymc_glm.diffusion.refine import (
    CandidateGaussians,
    covering_mixture,
    langevin_candidates,
    reweighted,
    with_component,
)

APART = Target([0.2, 0.8], [[-5.0, 0.0], [5.0, 1.0]], [[0.5, 1.0], [1.0, 0.5]])
FACTORS = np.stack([np.diag(scale) for scale in APART.scales])


def near_means(rng, n=60):
    """Candidates around the modes, with the modes' covariances."""
    mode = rng.choice(2, size=n, p=[0.5, 0.5])
    means = APART.means[mode] + 0.05 * rng.standard_normal((n, 2))
    return CandidateGaussians(means, FACTORS[mode], APART.log_density(means))


def test_langevin_chains_end_in_the_modes():
    rng = np.random.default_rng(121)
    ends, gradients = langevin_candidates(APART, rng, np.zeros(2), np.full(2, 6.0))
    assert ends.shape == (200, 2) and gradients == 200 * 301
    assert APART.log_density(ends).min() > APART.log_density(APART.means).min() - 15.0
    assert min(np.sum(ends[:, 0] < 0), np.sum(ends[:, 0] > 0)) > 40


def test_few_candidates_cover_all_modes():
    found = covering_mixture(near_means(np.random.default_rng(122)))
    assert found.weights.sum() == pytest.approx(1.0)
    left = found.means[:, 0] < 0
    assert found.weights[left].sum() == pytest.approx(0.2, abs=0.05)
    assert 2 <= len(found.weights) < 20
    one = covering_mixture(near_means(np.random.default_rng(122)), most=1)
    assert one.means[0, 0] > 0


def test_weights_are_brought_to_those_of_the_target():
    moments = Moments(np.array([0.7, 0.3]), APART.means, FACTORS)
    found = reweighted(moments, APART, np.random.default_rng(123))
    np.testing.assert_allclose(found.weights, APART.weights, atol=0.02)
    np.testing.assert_array_equal(found.means, moments.means)


def one_component(slots=3):
    return from_moments(np.ones(1), APART.means[1:], FACTORS[1:], slots)


@pytest.mark.parametrize("factors", [True, False])
def test_a_component_is_added_where_the_mixture_has_none(factors):
    candidates = near_means(np.random.default_rng(124))
    if not factors:
        candidates = candidates._replace(factors=None)
    before = one_component()
    after = with_component(before, candidates, log_z=0.0)
    prior = mixture(NUMPY, after)
    np.testing.assert_allclose(np.exp(prior.log_weights), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(prior.means[1], APART.means[0], atol=0.2)
    expected = FACTORS[0] if factors else FACTORS[1]
    np.testing.assert_allclose(prior.factors[1], expected, atol=1e-6)
    np.testing.assert_array_equal(prior.means[0], before["means"][0])
    assert before["logits"][1] == MASKED


def test_nothing_is_added_where_nothing_is_missing_or_no_slot_is_free():
    candidates = near_means(np.random.default_rng(125))
    complete = from_moments(APART.weights, APART.means, FACTORS, slots=3)
    assert with_component(complete, candidates, log_z=0.0) is None
    assert with_component(one_component(slots=1), candidates, log_z=0.0) is None


def test_weights_of_the_others_keep_their_ratio():
    prior = crude_prior(APART)
    far = CandidateGaussians(np.array([[30.0, 0.0]]), None, np.array([10.0]))
    weights = np.exp(mixture(NUMPY, with_component(prior, far, log_z=0.0)).log_weights)
    np.testing.assert_allclose(weights, [0.6 * 2 / 3, 0.4 * 2 / 3, 1 / 3])
