"""The loops written by hand sample the same posterior as the sweeps that are held against them."""

import json

import limit
import limit_loops
import numpy as np
import pytest

from models import build
from regressions import diabetes

from pymc_glm.diagnostics import diagnose_array
from pymc_glm.sampling.compiled import prepare

SEED = 20264
DRAWS = 20_000
TUNE = 1000
# Two-sided and normal: a false alarm in 10,000 for a thousand coordinates.
BOUND = 5.4
LOG_SCALES = {"horseshoe": ("log_sigma", "tau"), "lasso": ("log_sigma", "kappa"), "tv1d": ()}
BLOCKS = {"horseshoe": "beta", "lasso": "beta", "tv1d": "x"}


def test_every_limit_is_tested():
    assert set(limit.LIMITS) == set(BLOCKS) == set(LOG_SCALES)


@pytest.mark.parametrize("p", [1, 4, 11])
def test_solution_and_covariance_of_the_block(p):
    solve = limit_loops.solve_with_noise.py_func
    rng = np.random.default_rng(SEED)
    root = rng.normal(size=(p, p + 2))
    precision, information = root @ root.T, rng.normal(size=p)

    def draw(noise):
        x = np.empty(p)
        solve(np.triu(precision), information.copy(), noise, x)
        return x

    mean = draw(np.zeros(p))
    np.testing.assert_allclose(mean, np.linalg.solve(precision, information), rtol=1e-9)
    factor = np.column_stack([draw(unit) - mean for unit in np.eye(p)])
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=1e-8, atol=1e-9)


def test_residuals_from_sufficient_statistics():
    X, y, _ = diabetes()
    beta = np.random.default_rng(SEED).normal(size=10)
    found = limit_loops.residual_sum.py_func(X.T @ X, X.T @ y, y @ y, beta)
    assert found == pytest.approx(np.sum((y - X @ beta) ** 2), rel=1e-10)


def test_unknown_model_is_refused(capsys):
    with pytest.raises(SystemExit):
        limit.main(["radon"])
    assert "There is no loop for 'radon'. Choose out of horseshoe" in capsys.readouterr().err


def by_hand(name):
    """Block and logarithms of scales, shape (coordinates, chains, draws)."""
    chains = []
    for seed in (SEED, SEED + 1):
        loop, rng = limit.LIMITS[name][1](), np.random.default_rng(seed)
        loop.run(rng, TUNE)
        drawn = loop.run(rng, DRAWS)
        parts = [drawn["block"], *([np.log(drawn["scales"])] if "scales" in drawn else [])]
        chains.append(np.concatenate(parts, axis=1))
    return np.stack(chains).transpose(2, 0, 1)


def compiled(name):
    model = build(limit.LIMITS[name][0])
    tree = prepare(model, "plain").run(DRAWS, TUNE, 2, 2, SEED, progressbar=False, warn=False)
    posterior = tree["posterior"]
    parts = [posterior[BLOCKS[name]].values]
    for scale in LOG_SCALES[name]:
        values = posterior[scale].values
        parts.append((values if scale.startswith("log_") else np.log(values))[..., None])
    return np.concatenate(parts, axis=2).transpose(2, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", limit.LIMITS)
def test_loops_agree_with_compiled_sweeps(name):
    first, second = (diagnose_array(draws) for draws in (by_hand(name), compiled(name)))
    assert first.ess.min() > 400
    assert second.ess.min() > 400
    z = (first.mean - second.mean) / np.hypot(first.mcse_mean, second.mcse_mean)
    assert np.abs(z).max() < BOUND


@pytest.mark.slow
def test_last_line_is_json(capsys):
    assert limit.main(["tv1d", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["tv1d"]
    rates = figures["compiled_sweeps_per_s"], figures["hand_written_sweeps_per_s"]
    assert figures["ratio"] == pytest.approx(rates[0] / rates[1])
    assert {"laplace_precision", "chain_draw", "everything else"} <= set(figures["kernels_us"])
