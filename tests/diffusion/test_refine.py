"""Components that are added: where candidates come from, and what covers a target."""

from __future__ import annotations

import numpy as np
import pytest

from known import Target, crude_prior

from pymc_glm.diffusion import from_moments
from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import Moments
from pymc_glm.diffusion.greedy import with_component
from pymc_glm.diffusion.growth import grown
from pymc_glm.diffusion.langevin import LangevinKernel
from pymc_glm.diffusion.prior import MASKED, mixture
from pymc_glm.diffusion.refine import (
    CandidateGaussians,
    covering_mixture,
    langevin_candidates,
    nearest_weights,
    without_idle,
)
from pymc_glm.diffusion.search import plausible

APART = Target([0.2, 0.8], [[-5.0, 0.0], [5.0, 1.0]], [[0.5, 1.0], [1.0, 0.5]])
FACTORS = np.stack([np.diag(scale) for scale in APART.scales])


def near_means(rng, n=60):
    """Candidates around the modes, with the modes' covariances."""
    mode = rng.choice(2, size=n, p=[0.5, 0.5])
    means = APART.means[mode] + 0.05 * rng.standard_normal((n, 2))
    return CandidateGaussians(means, FACTORS[mode], APART.log_density(means))


def test_langevin_chains_end_in_the_modes():
    rng = np.random.default_rng(121)
    ends = langevin_candidates(APART, rng, (np.zeros(2), np.full(2, 6.0)))
    assert ends.shape == (500, 2)
    assert APART.log_density(ends).min() > APART.log_density(APART.means).min() - 15.0
    assert min(np.sum(ends[:, 0] < 0), np.sum(ends[:, 0] > 0)) > 100


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
    current = mixture(NUMPY, moments.parameters())
    found = nearest_weights(current, APART, np.random.default_rng(123))
    np.testing.assert_allclose(found, APART.weights, atol=0.02)


class Nowhere(Target):
    def log_density(self, x):
        return np.where(x[:, 0] > 0.0, np.nan, -np.inf)


def test_weights_stay_where_no_draw_has_a_density():
    current = mixture(NUMPY, Moments(np.array([0.7, 0.3]), APART.means, FACTORS).parameters())
    nowhere = Nowhere(APART.weights, APART.means, APART.scales)
    found = nearest_weights(current, nowhere, np.random.default_rng(123))
    np.testing.assert_allclose(found, [0.7, 0.3])


def one_component(slots=3):
    return from_moments(np.ones(1), APART.means[1:], FACTORS[1:], slots)


def test_the_gaussian_with_the_largest_mass_that_is_not_covered_is_added():
    candidates = near_means(np.random.default_rng(124))
    before = one_component()
    after = with_component(before, candidates, 0.0, np.random.default_rng(0))
    prior = mixture(NUMPY, after)
    # At the height of the target its mass is that of the mode, less what is off the mean.
    np.testing.assert_allclose(np.exp(prior.log_weights), [0.8, 0.2, 0.0], atol=0.01)
    np.testing.assert_allclose(prior.means[1], APART.means[0], atol=0.2)
    np.testing.assert_allclose(prior.factors[1], FACTORS[0], atol=1e-6)
    np.testing.assert_array_equal(prior.means[0], before["means"][0])
    assert before["logits"][1] == MASKED


def draws(rng, n=2000):
    """Candidates that are draws of the target, every one of them twice."""
    mode = rng.choice(2, size=n, p=APART.weights)
    x = APART.means[mode] + APART.scales[mode] * rng.standard_normal((n, 2))
    x = np.repeat(x, 2, axis=0)
    return CandidateGaussians(x, None, APART.log_density(x))


def test_a_component_of_draws_takes_their_mean_covariance_and_share():
    candidates = draws(np.random.default_rng(126))
    after = with_component(one_component(), candidates, 0.0, np.random.default_rng(0))
    prior = mixture(NUMPY, after)
    np.testing.assert_allclose(np.exp(prior.log_weights), [0.8, 0.2, 0.0], atol=0.03)
    np.testing.assert_allclose(prior.means[1], APART.means[0], atol=0.15)
    np.testing.assert_allclose(prior.factors[1], FACTORS[0], atol=0.1)
    again = with_component(after, candidates, 0.0, np.random.default_rng(0))
    assert again is None


def test_a_place_with_too_few_draws_gets_the_average_covariance():
    common = draws(np.random.default_rng(127)).means
    means = np.concatenate([common[common[:, 0] > 0], [[-5.0, 0.0], [-5.1, 0.1]]])
    candidates = CandidateGaussians(means, None, APART.log_density(means))
    after = with_component(one_component(), candidates, 0.0, np.random.default_rng(0))
    prior = mixture(NUMPY, after)
    share = 2 / len(means)
    np.testing.assert_allclose(np.exp(prior.log_weights), [1.0 - share, share, 0.0])
    np.testing.assert_allclose(prior.means[1], APART.means[0], atol=0.2)
    np.testing.assert_allclose(prior.factors[1], FACTORS[1], atol=1e-6)


@pytest.mark.parametrize("of", [near_means, draws])
def test_nothing_is_added_where_nothing_is_missing_or_no_slot_is_free(of):
    candidates = of(np.random.default_rng(125))
    rng = np.random.default_rng(0)
    complete = from_moments(APART.weights, APART.means, FACTORS, slots=3)
    assert with_component(complete, candidates, 0.0, rng) is None
    assert with_component(one_component(slots=1), candidates, 0.0, rng) is None


def test_weights_of_the_others_keep_their_ratio():
    prior = crude_prior(APART)
    far = CandidateGaussians(np.array([[30.0, 0.0]]), None, np.array([10.0]))
    after = with_component(prior, far, 0.0, np.random.default_rng(0))
    weights = np.exp(mixture(NUMPY, after).log_weights)
    np.testing.assert_allclose(weights, [0.6 * 2 / 3, 0.4 * 2 / 3, 1 / 3])


def test_steps_shorten_for_a_narrow_component():
    kernel = LangevinKernel("dis", steps=4)
    rng = np.random.default_rng(128)
    wide = kernel.new_parameters(rng, from_moments(np.ones(1), np.zeros((1, 2)), np.eye(2)[None]))
    factors = np.stack([np.eye(2), 0.01 * np.eye(2)])
    narrow = from_moments(np.full(2, 0.5), np.zeros((2, 2)), factors)
    same, changed = kernel.with_prior(wide, narrow)
    assert same["step_size"] == wide["step_size"]
    assert np.log1p(np.exp(wide["step_size"])) == pytest.approx(0.05)
    assert np.log1p(np.exp(changed["step_size"])) == pytest.approx(0.5 * 1e-4)
    _, unchanged = kernel.with_prior(wide, wide["prior"])
    assert unchanged["step_size"] == pytest.approx(wide["step_size"])


def test_a_mode_with_few_of_the_draws_is_added():
    rng = np.random.default_rng(129)
    rare = Target([0.99, 0.01], [np.zeros(10), np.full(10, 6.0)], np.ones((2, 10)))
    for count in (2, 8, 12, 25):
        mode = np.repeat([0, 1], [2000, count])
        x = rare.means[mode] + rng.standard_normal((len(mode), 10))
        candidates = CandidateGaussians(x, None, rare.log_density(x))
        prior = from_moments(np.ones(1), np.zeros((1, 10)), np.eye(10)[None], slots=2)
        after = with_component(prior, candidates, 0.0, np.random.default_rng(0))
        of_mode = x[mode == 1]
        missing = [
            np.median(candidates.value[mode == 1] - mixture(NUMPY, p).log_density(NUMPY, of_mode))
            for p in (prior, after)
        ]
        assert missing[0] > 150.0 and missing[1] < 15.0


def test_draws_that_were_drawn_often_weigh_as_many():
    rng = np.random.default_rng(130)
    mode = rng.choice(2, size=2000)
    x = APART.means[mode] + APART.scales[mode] * rng.standard_normal((2000, 2))
    x = np.repeat(x, np.where(mode == 0, 1, 4), axis=0)
    candidates = CandidateGaussians(x, None, APART.log_density(x))
    after = with_component(one_component(), candidates, 0.0, np.random.default_rng(0))
    weights = np.exp(mixture(NUMPY, after).log_weights)
    np.testing.assert_allclose(weights, [0.8, 0.2, 0.0], atol=0.03)


def test_no_component_is_narrower_than_a_mixture_can_be():
    rng = np.random.default_rng(131)
    x = 3.0 * rng.standard_normal((400, 2))
    x[:200, 0] = 20.0
    candidates = CandidateGaussians(x, None, np.zeros(400))
    prior = from_moments(np.ones(1), np.zeros((1, 2)), 3.0 * np.eye(2)[None], slots=2)
    after = with_component(prior, candidates, 0.0, np.random.default_rng(0))
    narrow = mixture(NUMPY, after).factors[1]
    assert np.linalg.norm(narrow, axis=1)[0] == pytest.approx(3e-4)
    kernel = LangevinKernel("dis", steps=2)
    assert kernel.new_parameters(rng, after)["step_size"] > -20.0


def test_draws_that_the_mixture_is_fitted_to_bring_no_component():
    # In many dimensions a component fits some of the draws, and no others.
    rng = np.random.default_rng(132)
    for n, d in ((100, 30), (300, 50), (2000, 5)):
        x = rng.standard_normal((n, d))
        candidates = CandidateGaussians(x, None, -0.5 * np.sum(x * x, axis=1))
        prior = from_moments(np.ones(1), np.zeros((1, d)), np.eye(d)[None], slots=2)
        log_z = 0.5 * d * np.log(2.0 * np.pi)
        # Where evidence is far too low, all draws seem to be open.
        for wrong in (0.0, -50.0):
            generator = np.random.default_rng(0)
            assert with_component(prior, candidates, log_z + wrong, generator) is None


def test_no_candidates_bring_no_component_and_odd_ones_are_refused():
    rng = np.random.default_rng(0)
    none = CandidateGaussians(np.empty((0, 2)), None, np.empty(0))
    for no_factors in (None, np.empty((0, 2, 2))):
        nothing = none._replace(factors=no_factors)
        assert with_component(one_component(), nothing, 0.0, rng) is None
    odd = CandidateGaussians(np.zeros((2, 2)), None, np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="1 of 2 candidates"):
        with_component(one_component(), odd, 0.0, rng)
    with pytest.raises(ValueError, match="log_z=nan"):
        with_component(one_component(), odd._replace(value=np.zeros(2)), np.nan, rng)


def test_gaussians_below_the_mixture_are_not_added():
    # The heavy one is covered, the other is not and has next to no mass.
    means = np.array([APART.means[1], [0.0, 40.0]])
    candidates = CandidateGaussians(means, FACTORS[[1, 0]], np.array([1.0, -5.0]))
    after = with_component(one_component(), candidates, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(mixture(NUMPY, after).means[1], [0.0, 40.0])
    tiny = candidates._replace(value=np.array([1.0, -30.0]))
    assert with_component(one_component(), tiny, 0.0, np.random.default_rng(0)) is None


def test_ends_lower_than_all_draws_are_not_plausible():
    value = np.array([np.nan, -np.inf, -50.0, -3.0, 2.0])
    found = plausible(value, np.array([-np.inf, -4.0, 0.0]))
    np.testing.assert_array_equal(found, [False, False, False, True, True])


def test_more_draws_than_a_covered_mode_has_mass_bring_no_component():
    # Langevin chains end in it as often as in the other one.
    rng = np.random.default_rng(133)
    uneven = Target([0.05, 0.95], [[-4.0, 0.0], [4.0, 0.0]], np.ones((2, 2)))
    mode = rng.choice(2, size=500)
    x = uneven.means[mode] + rng.standard_normal((500, 2))
    candidates = CandidateGaussians(x, None, uneven.log_density(x))
    factors = np.stack([np.eye(2)] * 2)
    complete = from_moments(uneven.weights, uneven.means, factors, slots=3)
    assert with_component(complete, candidates, 0.0, np.random.default_rng(0)) is None


def test_a_mode_with_many_draws_gets_its_component_first():
    rng = np.random.default_rng(134)
    for d, distance in ((2, 10.0), (6, 6.0)):
        means = np.zeros((2, d))
        means[1, 0] = distance
        apart = Target([0.5, 0.5], means, np.ones((2, d)))
        x = means[rng.choice(2, size=2000)] + rng.standard_normal((2000, d))
        candidates = CandidateGaussians(x, None, apart.log_density(x))
        prior = from_moments(np.ones(1), means[:1], np.eye(d)[None], slots=10)
        after = with_component(prior, candidates, 0.0, np.random.default_rng(0))
        found = mixture(NUMPY, after)
        np.testing.assert_allclose(found.means[1], means[1], atol=0.3)
        assert np.exp(found.log_weights[1]) == pytest.approx(0.5, abs=0.05)
        assert with_component(after, candidates, 0.0, np.random.default_rng(0)) is None


def test_weights_stay_where_hardly_any_draw_has_importance():
    means = np.zeros((2, 60))
    means[1, 0] = 10.0
    far = Target([0.5, 0.5], means, 3.0 * np.ones((2, 60)))
    moments = Moments(np.array([0.8, 0.2]), means, np.stack([np.eye(60)] * 2))
    current = mixture(NUMPY, moments.parameters())
    found = nearest_weights(current, far, np.random.default_rng(135))
    np.testing.assert_allclose(found, [0.8, 0.2])


def test_components_of_next_to_no_weight_leave_their_slots():
    factors = np.stack([np.eye(2)] * 3)
    prior = from_moments(np.array([0.6, 0.3995, 5e-4]), np.zeros((3, 2)), factors, slots=4)
    kept = mixture(NUMPY, without_idle(prior))
    np.testing.assert_allclose(np.exp(kept.log_weights), [0.6003, 0.3997, 0.0, 0.0], atol=1e-4)


def test_a_component_without_weight_makes_room_for_one_that_has():
    rng = np.random.default_rng(136)
    uneven = Target([0.7, 0.2999, 1e-4], [[0.0, 0.0], [6.0, 0.0], [0.0, 90.0]], np.ones((3, 2)))
    means = np.repeat(uneven.means, [700, 100, 100], axis=0)
    x = means + rng.standard_normal(means.shape)
    candidates = CandidateGaussians(x, None, uneven.log_density(x))
    prior = from_moments(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], slots=10)
    first = with_component(prior, candidates, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(mixture(NUMPY, first).means[1], [0.0, 90.0], atol=0.5)
    after = mixture(NUMPY, grown(prior, candidates, uneven, 0.0, np.random.default_rng(0)))
    np.testing.assert_allclose(after.means[1], [6.0, 0.0], atol=0.5)
    np.testing.assert_allclose(np.exp(after.log_weights)[:3], [0.7, 0.3, 0.0], atol=0.03)
    only = CandidateGaussians(x[-100:], None, uneven.log_density(x[-100:]))
    assert grown(prior, only, uneven, 0.0, np.random.default_rng(0)) is None
