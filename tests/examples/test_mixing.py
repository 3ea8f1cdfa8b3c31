"""Effective draws of chains whose autocorrelation is known, and of chains that are stuck."""

import numpy as np
import pytest

from mixing import effective_share, most_share
from scipy.signal import lfilter

SEED = 20264


def autoregression(coefficient, chains, length):
    """Stationary chains of variance one, shape (1, chains, length)."""
    noise = np.random.default_rng(SEED).normal(size=(1, chains, length))
    noise[..., 1:] *= np.sqrt(1.0 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], noise)


# A run of 80,000 estimates an autocorrelation time of 20 within some 5 per cent.
@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
def test_share_of_an_autoregression(coefficient):
    share = (1.0 - coefficient) / (1.0 + coefficient)
    draws = autoregression(coefficient, 4, 20_000)
    assert effective_share(draws)[0] == pytest.approx(share, rel=0.15)
    assert most_share(draws, np.ones(1))[0] == pytest.approx(share, rel=0.15)


def test_several_functionals_at_once():
    draws = np.concatenate([autoregression(0.5, 2, 500), autoregression(0.9, 2, 500)])
    for estimate in (effective_share, lambda one: most_share(one, np.ones(len(one)))):
        apart = [estimate(one[None])[0] for one in draws]
        np.testing.assert_allclose(estimate(draws), apart)


def test_a_chain_that_is_stuck_does_not_look_as_if_it_moved():
    """Its own variance misleads; with the true one, its small steps tell."""
    draws = autoregression(1.0 - 1e-5, 20, 2000)
    truth = 1e-5 / 2.0
    assert effective_share(draws)[0] > 100 * truth
    assert most_share(draws, np.ones(1))[0] == pytest.approx(truth, rel=0.3)


def test_what_a_slow_part_leaves_is_a_bound():
    """Half of the variance moves a hundred times as slowly: both parts count."""
    slow, fast = autoregression(0.999, 20, 50_000), autoregression(0.9, 20, 50_000)
    fast = fast[:, ::-1]
    time = 0.5 * 1.999 / 0.001 + 0.5 * 1.9 / 0.1
    share = most_share((slow + fast) / np.sqrt(2.0), np.ones(1))[0]
    assert 0.85 / time < share < 3.0 / time
