"""Credible sets from draws hold truths as often as they say, and no more where they may not."""

import numpy as np
import pytest

from credible_sets import LEVEL, ZERO, highest_density_threshold, hold_truth

SEED = 20264
TRUTHS = 4000
# A false alarm in 10,000: 3.9 standard errors of a share of 4000.
BOUND = 3.9 * np.sqrt(0.09 / TRUTHS)


def laplace(rng, shape):
    return rng.laplace(size=shape)


def spike(share):
    """Zero with a probability of one less a share, else Laplace."""

    def draw(rng, shape):
        return rng.laplace(size=shape) * (rng.random(shape) < share)

    return draw


@pytest.mark.parametrize("law", [laplace, spike(0.5), spike(0.05)])
def test_truths_from_the_posterior_are_held_as_often_as_is_said(law):
    rng = np.random.default_rng(SEED)
    whole, shared = hold_truth(law(rng, TRUTHS), law(rng, (1500, TRUTHS)))
    # The shortest interval is chosen by the draws, which costs 0.005 at this number of them.
    assert shared.mean() == pytest.approx(LEVEL, abs=BOUND + 0.005)
    assert np.all(whole >= shared)


def test_zero_that_is_more_probable_than_the_set_is_in_no_exact_set():
    rng = np.random.default_rng(SEED)
    whole, _ = hold_truth(spike(0.05)(rng, TRUTHS), spike(0.05)(rng, (1500, TRUTHS)))
    assert whole.mean() == pytest.approx(0.95, abs=BOUND)


def test_draws_that_are_too_narrow_are_told():
    rng = np.random.default_rng(SEED)
    _, shared = hold_truth(rng.normal(size=TRUTHS), 0.8 * rng.normal(size=(1500, TRUTHS)))
    assert shared.mean() < LEVEL - BOUND - 0.005


def test_intervals_are_the_shortest():
    draws = np.concatenate([np.linspace(1.0, 2.0, 95), np.linspace(10.0, 50.0, 5)])[:, None]
    held = [hold_truth(np.array([value]), draws)[1][0] for value in (1.5, 2.1, 30.0, ZERO / 2)]
    assert held == [1.0, 0.0, 0.0, 0.0]


def test_threshold_is_exceeded_by_nine_tenths():
    values = np.random.default_rng(SEED).permutation(np.arange(999.0))
    assert np.mean(values >= highest_density_threshold(values)) == pytest.approx(0.9, abs=2e-3)
