"""Modes that tempering loses, and how chains from single starts bring them back."""

from __future__ import annotations

import numpy as np
import pytest

from known import LINE, PLANE, Target

from pymc_glm.diffusion.modes import joined
from pymc_glm.diffusion.search import langevin_chains, with_lost_modes
from pymc_glm.diffusion.warmup import Warmup, pooled, spread_of, tempered_draws

D = 8
# The left mode is half as wide in each of eight directions: of the tempered target it has next to
# nothing.
UNEQUAL = Target([0.5, 0.5], [[-6.0] * D, [6.0] * D], [[0.5] * D, [1.0] * D], log_z=2.0)
WIDE = np.zeros(D), np.full(D, 8.0)
NO_MORE = np.empty((0, D))


def lost(seed: int, n: int = 400) -> Warmup:
    """A population of the right mode alone."""
    rng = np.random.default_rng(seed)
    x = 6.0 + rng.standard_normal((n, D))
    return Warmup(x, np.arange(n), 2.0 + np.log(0.5), 0)


def test_a_lost_mode_is_found_and_weighed_by_its_evidence():
    for seed in (1, 2):
        rng = np.random.default_rng([1, seed])
        warmup = with_lost_modes(UNEQUAL, rng, lost(seed), *WIDE, NO_MORE)
        assert len(warmup.x) == 400 and len(warmup.shares) == 2
        assert warmup.shares[1] == pytest.approx(0.5, abs=0.15)
        left = warmup.x[:, 0] < 0
        assert np.mean(left) == pytest.approx(warmup.shares[1], abs=0.01)
        # Draws of the lost mode descend from other starts than those of the population.
        assert not set(warmup.start[left]) & set(range(400))
        assert np.std(warmup.x[left]) == pytest.approx(0.5, rel=0.2)
        assert warmup.log_z == pytest.approx(2.0, abs=0.4)
        assert warmup.gradients > 200 * 301


class TwoScales:
    """Normal with one of two scales, which only draws of the prior know to go together."""

    size = 5

    def draws(self, rng, n):
        v = np.where(rng.random(n) < 0.4, rng.normal(-6.0, 0.5, n), rng.normal(2.0, 0.5, n))
        return np.column_stack([v, np.exp(v)[:, None] * rng.standard_normal((n, 4))])

    def log_density(self, x):
        return self.with_gradient(x)[0]

    def with_gradient(self, x):
        v, rest = x[:, 0], x[:, 1:]
        far = np.stack([(v + 6.0) / 0.5, (v - 2.0) / 0.5])
        parts = np.log([[0.4], [0.6]]) - 0.5 * far**2 - np.log(0.5)
        total = np.logaddexp(*parts)
        slope_v = -np.sum(np.exp(parts - total) * far / 0.5, axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.exp(-2.0 * v) * np.sum(rest**2, axis=1)
            value = total - 0.5 * square - 4.0 * v - 2.5 * np.log(2.0 * np.pi)
            slope = np.column_stack([slope_v + square - 4.0, -np.exp(-2.0 * v)[:, None] * rest])
        value = np.where(np.isfinite(value), value, -np.inf)
        return value, np.where(np.isfinite(slope), slope, 0.0)


def test_chains_from_draws_of_the_prior_find_a_neck_that_is_a_mode():
    target = TwoScales()
    rng = np.random.default_rng(6)
    prior = target.draws(rng, 200)
    center, scale = np.quantile(prior, 0.5, axis=0), 1.5 * spread_of(prior)
    warmup = tempered_draws(target, rng, center, scale, 400)
    assert np.mean(warmup.x[:, 0] < -2.0) < 0.01
    found = with_lost_modes(target, rng, warmup, center, scale, prior)
    assert np.mean(found.x[:, 0] < -2.0) == pytest.approx(0.4, abs=0.12)
    assert found.log_z == pytest.approx(0.0, abs=0.4)


def test_nothing_is_added_where_nothing_was_lost():
    for target, seed in ((LINE, 3), (PLANE, 4)):
        center, scale = np.zeros(target.size), np.full(target.size, 6.0)
        rng = np.random.default_rng(seed)
        warmup = tempered_draws(target, rng, center, scale, 400)
        found = with_lost_modes(target, rng, warmup, center, scale, np.empty((0, target.size)))
        np.testing.assert_array_equal(found.x, warmup.x)
        assert found.shares == (1.0,) and found.gradients > warmup.gradients


class Funnel:
    """Neal's, whose neck is narrow without being a mode."""

    size = 4

    def log_density(self, x):
        return self.with_gradient(x)[0]

    def with_gradient(self, x):
        v, rest = x[:, 0], x[:, 1:]
        with np.errstate(over="ignore", invalid="ignore"):
            precision = np.exp(-v)
            square = precision * np.sum(rest**2, axis=1)
            value = -v * v / 18.0 - 0.5 * square - 1.5 * v
            slope = np.column_stack([-v / 9.0 + 0.5 * square - 1.5, -precision[:, None] * rest])
        value = np.where(np.isfinite(value), value, -np.inf)
        return value, np.where(np.isfinite(slope), slope, 0.0)


def test_the_neck_of_a_funnel_takes_no_share_that_is_not_its_own():
    center, scale = np.zeros(4), np.array([4.5, 5.0, 5.0, 5.0])
    means, shares = [], []
    for seed in range(7, 12):
        rng = np.random.default_rng(seed)
        warmup = tempered_draws(Funnel(), rng, center, scale, 1000)
        found = with_lost_modes(Funnel(), rng, warmup, center, scale, NO_MORE)
        means.append(found.x[:, 0].mean())
        shares.append(found.shares[0])
    # The population's own mean has a standard deviation of about a quarter.
    assert abs(np.mean(means)) < 1.0 and np.mean(shares) > 0.97


def test_chains_draw_from_the_target_with_steps_of_their_own():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((400, D))
    x[:200] = -6.0 + 0.5 * x[:200]
    x[200:] = 6.0 + x[200:]
    chains = langevin_chains(UNEQUAL, rng, x, np.full(400, 0.1), np.ones(D))
    assert chains.x[:200].std() == pytest.approx(0.5, rel=0.06)
    assert chains.x[200:].std() == pytest.approx(1.0, rel=0.06)
    ratio = np.median(chains.step[200:]) / np.median(chains.step[:200])
    assert ratio == pytest.approx(2.0, rel=0.15)
    np.testing.assert_allclose(chains.value, UNEQUAL.log_density(chains.x))


def test_valleys_part_points():
    points = np.array([[-6.0] * D, [5.0] * D, [6.5] * D])
    np.testing.assert_array_equal(joined(UNEQUAL, points[1], points), [False, True, True])


def test_pooling_keeps_shares_and_sums_evidence():
    rng = np.random.default_rng(13)
    first = Warmup(np.zeros((50, 1)), np.arange(50), 0.0, 10)
    second = Warmup(np.ones((20, 1)), np.arange(50, 70), np.log(3.0), 20)
    both = pooled(rng, [first, second], 100)
    assert len(both.x) == 100 and both.x.sum() == 75
    assert both.log_z == pytest.approx(np.log(4.0)) and both.gradients == 30
    assert both.shares == pytest.approx((0.25, 0.75))
    assert pooled(rng, [first], 100) is first
