"""Samplers of one distribution must agree, samplers of two must not."""

import numpy as np
import pytest

from scipy.stats import chi2, norm

from pymc_glm.compare import Comparison
from pymc_glm.compare.agreement import FAMILY_WISE_LEVEL, STATISTICS

SEED = 20262


def test_differences_are_standard_normal(chains):
    p = 300
    differences = Comparison(
        {"a": chains(SEED, p=p, rho=0.5), "b": chains(SEED + 1, p=p)}
    ).differences
    (z,) = differences.z.values()
    assert z.shape == (p, 4)
    level = 1e-4 / len(STATISTICS)
    low, high = chi2.ppf([level / 2, 1 - level / 2], p)
    sums = (z**2).sum(axis=0)
    assert ((low < sums) & (sums < high)).all()
    assert np.abs(z).max() < norm.isf(1e-4 / (2 * z.size))


def test_threshold_is_bonferroni(chains):
    trees = {name: chains(SEED + i, p=7) for i, name in enumerate("abc")}
    result = Comparison(trees)
    expected = norm.isf(FAMILY_WISE_LEVEL / (2 * 2 * 7 * 4))
    np.testing.assert_allclose(result.agreement["threshold"], expected)
    assert result.agreement["ok"].all()
    assert len(result.agreement) == 2
    assert result.differences.reference not in result.agreement.index


def test_shifted_mean_is_found_and_named(chains):
    result = Comparison({"a": chains(SEED, p=20), "b": chains(SEED + 1, p=20, shift=0.5)})
    row = result.agreement.iloc[0]
    assert not row["ok"]
    assert row["parameter"] == "beta[0]"
    assert row["max_z"] > 5.0
    assert row["at_mean"] == "beta[0]"
    ((sampler, z),) = result.differences.z.items()
    assert (z[0] > 5.0).all() if sampler == "b" else (z[0] < -5.0).all()


def test_wrong_spread_is_found_by_quantiles_only(ar1, tree_of):
    rng = np.random.default_rng(SEED)
    draws = ar1(rng, 4, 2, 2000, 0.0)
    other = ar1(rng, 4, 2, 2000, 0.0)
    other[2] *= 1.3
    trees = {
        name: tree_of({"x": np.moveaxis(values, 0, 2)})
        for name, values in {"a": draws, "b": other}.items()
    }
    row = Comparison(trees).agreement.iloc[0]
    assert row["parameter"] == "x[2]"
    assert row["statistic"] in ("q5", "q95")
    assert row["z_mean"] < row["threshold"] < row["max_z"]
    assert not row["ok"]


def test_samplers_of_different_length_are_compared(chains):
    trees = {"short": chains(SEED, draws=500), "long": chains(SEED + 1, draws=1700, chains=4)}
    result = Comparison(trees)
    assert result.differences.reference == "long"
    assert result.agreement.loc["short", "ok"]


def test_discrete_variables_agree(tree_of):
    rng = np.random.default_rng(SEED)
    trees = {
        name: tree_of({"k": (rng.random((2, 1000)) < 0.3).astype(np.int64)}) for name in ("a", "b")
    }
    row = Comparison(trees).agreement.iloc[0]
    assert row["ok"]
    assert np.isfinite(row["max_z"])


def test_metrics_of_the_reference_use_the_others(chains):
    metrics = Comparison({"a": chains(SEED), "b": chains(SEED + 1)}).metrics()
    assert metrics["a"]["agreement_z"] == metrics["b"]["agreement_z"] > 0.0


def test_one_sampler_has_no_agreement(chains):
    result = Comparison({"a": chains(SEED)})
    assert result.agreement.empty
    assert np.isnan(result.metrics()["a"]["agreement_z"])


@pytest.mark.parametrize("stuck", ["a", "b"])
def test_coordinate_stuck_in_one_sampler_is_not_compared(chains, stuck):
    trees = {"a": chains(SEED), "b": chains(SEED + 1)}
    trees[stuck]["posterior"]["beta"].values[:, :, 3] = 1.0
    result = Comparison(trees)
    assert result.agreement.iloc[0]["n_parameters"] == 4
    assert not result.summaries[stuck].converged
