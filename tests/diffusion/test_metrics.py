"""Figures that judge a proposal, against ArviZ and against known proposals."""

from __future__ import annotations

import numpy as np
import pytest

from arviz_stats.base import array_stats
from known import LINE, as_proposal, small_kernel

from pymc_glm.diffusion import from_moments
from pymc_glm.diffusion.metrics import (
    entropic_mode_coverage,
    pareto_shape,
    score,
    stationary_acceptance,
)


@pytest.mark.parametrize("shape", [-0.4, 0.2, 0.5, 0.9, 1.5])
def test_pareto_shape_is_that_of_arviz(shape):
    rng = np.random.default_rng(81)
    uniform = rng.random(4000)
    log_weight = np.log1p((uniform**-shape - 1.0) / shape)
    # ArviZ takes logs of likelihoods, which weights are the inverses of.
    expected = array_stats.psislw(-log_weight, r_eff=1.0)[1]
    assert pareto_shape(log_weight) == pytest.approx(float(expected), abs=1e-6)
    assert pareto_shape(log_weight - 700.0) == pytest.approx(pareto_shape(log_weight))
    # From the largest two hundred of them.
    assert pareto_shape(log_weight) == pytest.approx(shape, abs=0.35)


def test_pareto_shape_where_there_is_no_tail():
    assert pareto_shape(np.zeros(1000)) == -np.inf
    assert np.isnan(pareto_shape(np.array([0.0, 1.0, 2.0])))
    log_weight = np.random.default_rng(82).normal(size=1000)
    with_zeros = np.concatenate([log_weight, np.full(5, -np.inf)])
    assert pareto_shape(with_zeros) == pareto_shape(log_weight)


def test_mode_coverage():
    equal, unequal = np.full(4, 0.25), np.array([0.5, 0.25, 0.125, 0.125])
    assert entropic_mode_coverage(np.arange(400) % 4, equal) == pytest.approx(1.0)
    assert entropic_mode_coverage(np.repeat([0, 0, 0, 0, 1, 1, 2, 3], 9), unequal) == 1.0
    assert entropic_mode_coverage(np.zeros(50, dtype=int), equal) == pytest.approx(0.0)
    for modes, masses, message in (
        ([0, 0], [1.0], "of two modes at least"),
        ([0, 0], [0.0, 1.0], "They are positive"),
        ([0, 0], [5.0, 5.0], "masses with sum 10"),
        ([], [0.5, 0.5], "0 draws for 2 modes"),
        ([2], [0.5, 0.5], "1 draws for 2 modes"),
    ):
        with pytest.raises(ValueError, match=message):
            entropic_mode_coverage(np.array(modes, dtype=int), np.array(masses))
    half = entropic_mode_coverage(np.arange(400) % 2, equal)
    assert half == pytest.approx(np.log(2) / np.log(4))


def test_acceptance_of_pairs():
    found = stationary_acceptance(np.array([0.0, -1.0, 3.0]), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [1.0, np.exp(-2.0), 1.0])


def mixture_of(weights, means, scales):
    kernel = small_kernel("mixture")
    prior = from_moments(
        np.array(weights), np.array(means, dtype=float), np.array(scales)[:, :, None]
    )
    proposal = as_proposal(kernel, {"prior": prior}, LINE)
    proposal.center, proposal.factor, proposal._log_determinant = np.zeros(1), np.eye(1), 0.0
    return proposal


def scores_of(proposal, n=4000):
    rng = np.random.default_rng(83)
    return score(proposal, LINE, LINE.draw(rng, n), rng, n)


def test_scores_of_the_target_itself():
    scores = scores_of(mixture_of(LINE.weights, LINE.means, LINE.scales))
    for name in ("elbo", "eubo", "log_z", "log_z_backward"):
        assert getattr(scores, name) == pytest.approx(LINE.log_z)
    assert scores.acceptance == pytest.approx(1.0)
    assert scores.effective_forward == scores.effective_backward == pytest.approx(1.0)


def test_scores_of_a_wider_mixture():
    scores = scores_of(mixture_of([0.5, 0.5], 0.8 * LINE.means, 1.5 * LINE.scales), n=20_000)
    assert scores.elbo < LINE.log_z < scores.eubo
    assert abs(scores.log_z - LINE.log_z) < 4 * scores.log_z_error
    assert scores.log_z_backward == pytest.approx(LINE.log_z, abs=0.1)
    # Pinsker's inequality.
    assert 1.0 - np.sqrt(0.5 * (scores.eubo - scores.elbo)) < scores.acceptance < 1.0
    assert 0.0 < scores.effective_forward < 1.0 and scores.pareto_k < 0.7


def test_a_mode_that_is_missed_shows_in_evidence_from_draws():
    scores = scores_of(mixture_of([1.0], LINE.means[:1], LINE.scales[:1]))
    assert scores.log_z_backward - scores.log_z > 0.5
    assert scores.eubo - LINE.log_z > 2.0
