"""Running summaries of one chain, on draws that no sampler made."""

from __future__ import annotations

import numpy as np
import pytest

from scipy.stats import norm

from pymc_glm.sampling.accumulators import Accumulators, edge_levels, summarise
from pymc_glm.sampling.checkpoint import Checkpoints, Snapshot

QUANTILES = (0.05, 0.5, 0.95)


def accumulated(draws, quantiles=QUANTILES, chunk=7):
    """Accumulators of each chain, draws of shape (chains, draws, entries) in chunks."""
    chains = []
    for chain in draws:
        chains.append(Accumulators(chain.shape[1], len(chain), quantiles))
        for start in range(0, len(chain), chunk):
            chains[-1].take(np.ascontiguousarray(chain[start : start + chunk]))
    return chains


def autoregression(correlation, chains, draws, entries, seed):
    """Stationary standard normal chains."""
    noise = np.random.default_rng(seed).normal(size=(chains, draws, entries))
    result = noise.copy()
    for i in range(1, draws):
        result[:, i] = correlation * result[:, i - 1] + np.sqrt(1 - correlation**2) * noise[:, i]
    return result


SHAPES = {
    "normal": lambda z: z,
    "far from zero": lambda z: 1e6 + z,
    "lognormal": np.exp,
    "heavy tails": lambda z: np.sinh(1.5 * z),
    "bounded": norm.cdf,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("correlation", "bound"), [(0.0, 0.005), (0.9, 0.016)])
def test_quantiles_have_the_share_of_draws_below_that_they_should(shape, correlation, bound):
    """In the root mean square over entries; the Monte Carlo errors are 0.004 and 0.015."""
    draws = SHAPES[shape](autoregression(correlation, 4, 800, 200, 3))
    found = summarise(accumulated(draws), QUANTILES)[5:]
    for probability, quantile in zip(QUANTILES, found, strict=True):
        below = (draws <= quantile).mean(axis=(0, 1))
        assert np.sqrt(np.mean((below - probability) ** 2)) < bound


def test_bad_quantiles_would_be_found():
    """Those of a normal approximation, under heavy tails."""
    draws = np.sinh(1.5 * autoregression(0.0, 4, 800, 200, 3))
    below = (draws <= draws.mean() - 1.645 * draws.std()).mean(axis=(0, 1))
    assert np.sqrt(np.mean((below - 0.05) ** 2)) > 0.016


@pytest.mark.parametrize("quantiles", [(0.5,), (0.001, 0.999), (0.9, 0.1), (0.3, 0.31, 0.99)])
def test_any_quantiles(quantiles):
    """Within four Monte Carlo errors of 20,000 draws."""
    draws = autoregression(0.0, 4, 5000, 1, 4)
    found = summarise(accumulated(draws, quantiles, 50), quantiles)[5:, 0]
    below = (draws[..., 0] <= found[:, None, None]).mean(axis=(1, 2))
    p = np.array(quantiles)
    assert np.all(np.abs(below - p) < 4 * np.sqrt(p * (1 - p) / 20_000))


def test_edges_are_placed_at_increasing_levels():
    """The quantiles are among them."""
    levels = edge_levels(QUANTILES)
    assert np.all(np.diff(levels) > 0)
    assert np.all((0 < levels) & (levels < 1))
    assert np.isclose(levels[:, None], QUANTILES).any(axis=0).all()
    assert levels.size == 23


def test_entries_that_stand_still():
    """All of their quantiles are the value; they count in full; there is nothing to compare."""
    draws = np.broadcast_to([0.0, -3.5, 1e100], (2, 50, 3))
    table = summarise(accumulated(draws), QUANTILES)
    np.testing.assert_array_equal(table[0], draws[0, 0])
    np.testing.assert_array_equal(table[1], 0.0)
    np.testing.assert_array_equal(table[3], 100.0)
    assert np.isnan(table[4]).all()
    np.testing.assert_allclose(table[5:], np.broadcast_to(draws[0, 0], (3, 3)), rtol=1e-12)


def test_entries_that_move_late():
    """A value that all but the last draws have is the median."""
    draws = np.full((2, 400, 1), 2.0)
    draws[:, 350:] = 5.0
    table = summarise(accumulated(draws), QUANTILES)
    np.testing.assert_allclose(table[5:7, 0], 2.0, atol=1e-6)
    # Within the last bin, which the late value ends.
    assert table[7, 0] > 3.0


def test_entries_that_are_no_numbers():
    """They do no harm to others."""
    draws = autoregression(0.0, 2, 60, 3, 5)
    alone = summarise(accumulated(draws[..., :2]), QUANTILES)
    draws[..., 2] = np.nan
    np.testing.assert_array_equal(summarise(accumulated(draws), QUANTILES)[:, :2], alone)


def test_chunks_change_nothing():
    """To the bit."""
    draws = autoregression(0.5, 2, 300, 700, 6)
    first, second = (summarise(accumulated(draws, chunk=n), QUANTILES) for n in (1, 64))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generators_go_on_where_they_were(kind, tmp_path):
    """Whatever they are made of."""
    rng = np.random.Generator(getattr(np.random, kind)(7))
    rng.integers(10, size=3, dtype=np.int32)
    state = [np.arange(12.0) + i for i in range(11)]
    saved = Snapshot(1, 2, dict(rng.bit_generator.state), state, {"a": np.ones(2)}, np.ones(2), {})
    checkpoints = Checkpoints(tmp_path / "folder")
    assert checkpoints.load(0) is None
    checkpoints.save(0, saved)
    loaded = checkpoints.load(0)
    other = np.random.Generator(getattr(np.random, kind)(8))
    other.bit_generator.state = loaded.generator
    np.testing.assert_array_equal(rng.normal(size=9), other.normal(size=9))
    np.testing.assert_array_equal(loaded.state, state)
    assert (loaded.tuned, loaded.done) == (1, 2)
