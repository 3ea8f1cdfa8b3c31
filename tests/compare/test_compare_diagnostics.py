"""Effective sample sizes and R-hat against ArviZ and against known answers."""

import numpy as np
import pytest

from arviz_stats.base import array_stats

from pymc_glm import diagnostics
from pymc_glm.compare.diagnostics import diagnose
from pymc_glm.compare.draws import Layout
from pymc_glm.diagnostics import autocovariance, diagnose_array

AXES = {"chain_axis": -2, "draw_axis": -1}
SEED = 20261


def assert_as_arviz(draws):
    found = diagnose_array(draws)
    expected = {
        "ess_bulk": array_stats.ess(draws, method="bulk", **AXES),
        "ess_tail": array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **AXES),
        "ess_mean": array_stats.ess(draws, method="mean", **AXES),
        "mcse_mean": array_stats.mcse(draws, method="mean", **AXES),
    }
    if draws.shape[1] > 1:
        expected["rhat"] = array_stats.rhat(draws, **AXES)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.9, 0.9999])
@pytest.mark.parametrize("chains", [1, 2, 3])
@pytest.mark.parametrize("draws", [4, 5, 8, 9, 101, 600])
def test_equals_arviz(rho, chains, draws, ar1):
    assert_as_arviz(ar1(np.random.default_rng(SEED), 6, chains, draws, rho))


@pytest.mark.parametrize("transform", [np.round, lambda x: (x > 1.0).astype(float)])
def test_equals_arviz_with_ties(transform, ar1):
    assert_as_arviz(transform(ar1(np.random.default_rng(SEED), 20, 2, 300, 0.5)))


def test_equals_arviz_where_proposals_are_rejected(ar1):
    rng = np.random.default_rng(SEED)
    draws = ar1(rng, 10, 2, 400, 0.3)
    keep = np.maximum.accumulate(np.where(rng.random((2, 400)) < 0.5, np.arange(400), 0), axis=1)
    assert_as_arviz(np.take_along_axis(draws, np.broadcast_to(keep, draws.shape), axis=2))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autoregression_has_known_size(rho, ar1):
    p, chains, length = 200, 4, 2000
    found = diagnose_array(ar1(np.random.default_rng(SEED), p, chains, length, rho))
    known = chains * length * (1.0 - rho) / (1.0 + rho)
    np.testing.assert_allclose(np.median(found.ess_mean), known, rtol=0.06)
    np.testing.assert_allclose(np.median(found.ess_bulk), known, rtol=0.06)


def test_chains_apart_have_large_rhat():
    draws = np.random.default_rng(SEED).standard_normal((2, 2, 500))
    draws[1, 1] += 3.0
    rhat = diagnose_array(draws).rhat
    assert rhat[0] < 1.01 < 1.5 < rhat[1]


def test_constant_and_invalid_coordinates_are_marked():
    draws = np.random.default_rng(SEED).standard_normal((4, 2, 100))
    draws[1] = 7.0
    draws[2, 0, 3] = np.nan
    draws[3, 1, 9] = np.inf
    found = diagnose_array(draws)
    assert found.constant.tolist() == [False, True, False, False]
    assert found.invalid.tolist() == [False, False, True, True]
    for values in (found.ess_bulk, found.ess_tail, found.rhat, found.ess_quantiles[:, 1]):
        assert np.isnan(values).tolist() == [False, True, True, True]
    assert found.mean[1] == 7.0
    assert np.isnan(found.mean[2])


def test_chain_stuck_at_another_place_has_infinite_rhat():
    draws = np.zeros((1, 2, 50))
    draws[0, 1] = 1.0
    assert diagnose_array(draws).rhat[0] == np.inf


def test_short_chains_are_refused():
    with pytest.raises(ValueError, match=r"holds 3 draws\. .* at least four"):
        diagnose_array(np.zeros((1, 2, 3)))


def test_autocovariance_at_lag_zero_is_the_variance():
    draws = np.random.default_rng(SEED).standard_normal((3, 2, 64))
    expected = draws.var(axis=2).mean(axis=1)
    np.testing.assert_allclose(autocovariance(draws)[:, 0], expected, rtol=1e-12)


def test_blocks_do_not_change_the_result(monkeypatch, chains):
    tree = chains(SEED, p=11, draws=100)
    layout = Layout.of({"a": tree})
    whole = diagnose(tree, layout)
    monkeypatch.setattr(diagnostics, "BLOCK_SCALARS", 500)
    np.testing.assert_array_equal(whole.ess_bulk, diagnose(tree, layout).ess_bulk)


def test_labels_use_coordinates(tree_of):
    values = np.random.default_rng(SEED).standard_normal((2, 10, 3, 2))
    tree = tree_of(
        {"beta": values[..., 0], "gamma": values, "tau": values[..., 0, 0]},
        coords={"beta": ["name"], "gamma": ["name", "side"]},
    )
    layout = Layout.of({"a": tree})
    assert layout.labels[:5] == (
        "beta[age]",
        "beta[sex]",
        "beta[bmi]",
        "gamma[age, 0]",
        "gamma[age, 1]",
    )
    assert layout.labels[-1] == "tau"
    np.testing.assert_array_equal(layout.one(tree, "gamma[sex, 1]"), values[:, :, 1, 1])
    np.testing.assert_array_equal(layout.one(tree, "tau"), values[:, :, 0, 0])
    blocks = np.concatenate(list(layout.blocks(tree, 2)))
    np.testing.assert_array_equal(blocks[6], values[:, :, 1, 1])


def test_missing_variable_is_named(chains, tree_of):
    trees = {"a": chains(1), "b": tree_of({"tau": np.zeros((2, 10))})}
    with pytest.raises(ValueError, match=r"Sampler 'b' returned no draws of 'beta'.*var_names"):
        Layout.of(trees)


def test_different_shapes_are_refused(chains):
    with pytest.raises(ValueError, match=r"'beta' with shape \(4,\), .* \(5,\)\. Give every"):
        Layout.of({"a": chains(1, p=5), "b": chains(1, p=4)})


def test_nothing_to_compare_is_refused(tree_of):
    with pytest.raises(ValueError, match=r"hold no coordinate to compare\. Pass var_names"):
        Layout.of({"a": tree_of({"empty": np.zeros((2, 10, 0))})})
