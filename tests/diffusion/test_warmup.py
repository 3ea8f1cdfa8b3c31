"""Tempered draws: evidence, shares of modes, and where draws descend from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from known import LINE, PLANE, Target, as_proposal, crude_prior, small_kernel
from scipy import stats

from pymc_glm.diffusion.refresh import refreshed
from pymc_glm.diffusion.warmup import tempered_draws, warm_up
from pymc_glm.exceptions import SamplingError

APART = Target([0.3, 0.7], [[-6.0, 0.0], [6.0, 1.0]], [[0.5, 1.0], [1.0, 0.5]], log_z=-3.0)


def runs(target, seeds, n=500):
    center, scale = np.zeros(target.size), np.full(target.size, 6.0)
    return [tempered_draws(target, np.random.default_rng(s), center, scale, n) for s in seeds]


@pytest.mark.parametrize("target", [PLANE, APART], ids=["near", "apart"])
def test_evidence_and_shares_of_modes(target):
    found = runs(target, range(100, 112))
    # The evidence itself is unbiased.
    evidence = np.exp([warmup.log_z - target.log_z for warmup in found])
    assert abs(stats.ttest_1samp(evidence, 1.0).statistic) < stats.t.isf(1e-4 / 2, 11)
    assert evidence.std() < 0.3
    shares = [np.mean(warmup.x[:, 0] > 0) for warmup in found]
    truth = 1 - target.projected(np.zeros((1, 2)), np.eye(2)[0])[0]
    assert abs(stats.ttest_1samp(shares, truth).statistic) < stats.t.isf(1e-4 / 2, 11)


def test_draws_know_their_starts():
    [warmup] = runs(APART, [113], n=300)
    assert warmup.x.shape == (300, 2) and warmup.start.shape == (300,)
    assert set(warmup.start) <= set(range(300)) and len(set(warmup.start)) > 30
    assert warmup.gradients > 300


def test_the_seed_decides_and_progress_rises():
    told = []
    arguments = (np.zeros(1), np.full(1, 6.0), 200)
    one = tempered_draws(LINE, np.random.default_rng(114), *arguments, progress=told.append)
    other = tempered_draws(LINE, np.random.default_rng(114), *arguments)
    np.testing.assert_array_equal(one.x, other.x)
    assert told[-1] == 1.0 and np.all(np.diff(told) > 0)


class Half:
    """A half-normal, which has no density on the left."""

    def with_gradient(self, x):
        value = np.where(x[:, 0] > 0, stats.halfnorm.logpdf(np.abs(x[:, 0])), -np.inf)
        return value, -x

    def log_density(self, x):
        return self.with_gradient(x)[0]


def test_places_without_density_are_left():
    warmup = tempered_draws(Half(), np.random.default_rng(115), np.zeros(1), np.full(1, 3.0), 1000)
    assert warmup.x.min() > 0
    assert warmup.log_z == pytest.approx(0.0, abs=0.2)


class Steep:
    """So steep that long steps overflow."""

    def with_gradient(self, x):
        with np.errstate(over="ignore"):
            return -np.sum(x**8, axis=1), -8.0 * x**7

    def log_density(self, x):
        return self.with_gradient(x)[0]


def test_steps_that_overflow_are_rejected():
    warmup = tempered_draws(Steep(), np.random.default_rng(116), np.zeros(2), np.full(2, 20.0), 300)
    assert np.abs(warmup.x).max() < 2.0


class Nowhere:
    def with_gradient(self, x):
        return np.full(len(x), -np.inf), np.zeros_like(x)


def test_starts_without_density_are_refused():
    with pytest.raises(SamplingError, match="Only 0 of 50 starts have a positive density"):
        tempered_draws(Nowhere(), np.random.default_rng(117), np.zeros(1), np.ones(1), 50)


def test_near_starts_are_left_alone_where_wide_ones_do():
    center, scale = np.zeros(1), np.full(1, 6.0)
    pooled = warm_up(LINE, np.random.default_rng(113), center, scale, np.full(1, 9.0), 400)
    wide = tempered_draws(LINE, np.random.default_rng(113), center, scale, 400)
    np.testing.assert_array_equal(pooled.x, wide.x)


def test_near_starts_join_wide_ones(monkeypatch):
    monkeypatch.setattr(sys.modules[warm_up.__module__], "FEWEST_ANCESTORS", 1.0)
    arguments = (np.zeros(2), np.full(2, 6.0), APART.means[0])
    pooled = warm_up(APART, np.random.default_rng(1), *arguments, 600)
    assert pooled.x.shape == (600, 2)
    wide, near = pooled.x[pooled.start < 600], pooled.x[pooled.start >= 600]
    # Near starts see one of the modes, and have a share by its mass.
    assert np.all(near[:, 0] < 0)
    assert np.mean(wide[:, 0] > 0) == pytest.approx(0.7, abs=0.15)
    assert len(near) / len(wide) == pytest.approx(0.3, abs=0.1)
    assert pooled.log_z == pytest.approx(-3.0 + np.log(0.65), abs=0.3)


def test_near_starts_do_where_wide_ones_see_no_density():
    center, scale = np.full(1, -1000.0), np.ones(1)
    found = warm_up(Half(), np.random.default_rng(115), center, scale, np.ones(1), 300)
    assert stats.kstest(found.x[:, 0], stats.halfnorm.cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", ["mixture", "mcd"])
def test_refreshed_draws_are_of_the_target(name):
    kernel = small_kernel(name)
    parameters = kernel.new_parameters(np.random.default_rng(118), crude_prior(PLANE))
    proposal = as_proposal(kernel, parameters, PLANE)
    rng = np.random.default_rng(119)
    stuck = PLANE.means[rng.integers(2, size=4000)]
    kept = refreshed(proposal, PLANE, PLANE.draw(rng, 4000), rng)
    moved = refreshed(proposal, PLANE, stuck, rng)
    for direction in np.eye(2):
        assert stats.kstest(PLANE.projected(kept, direction), "uniform").pvalue > 1e-4
    assert np.mean(np.any(moved != stuck, axis=1)) > 0.3
