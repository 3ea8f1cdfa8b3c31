"""Draws of one unknown after the other: the density along one, columns in runs, whole chains."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp
import scipy.stats

from pytensor.graph.traversal import ancestors

import pymc_glm

from pymc_glm.operators import Convolution, Differences, gaussian_kernel
from pymc_glm.recognize.recognize import recognize
from pymc_glm.recognize.sites import with_sites
from pymc_glm.sweep import build_sweep
from pymc_glm.sweep.columns import columns_in_runs
from pymc_glm.sweep.site_kernels import draw_site, scan_sites

DRAWS = 20_000


def draw_many(rng, curvature, gradient, kinks, steepness):
    """Draws along one unknown."""
    pieces = np.empty((5, len(kinks) + 2))
    return np.array(
        [
            draw_site(rng, curvature, gradient, kinks.copy(), steepness.copy(), len(kinks), pieces)
            for _ in range(DRAWS)
        ]
    )


def exact_cdf(x, curvature, gradient, kinks, steepness):
    """Distribution function, by quadrature on a fine grid that has the kinks."""
    low, high = x.min(), x.max()
    margin = high - low
    grid = np.linspace(low - margin, high + margin, 400_001)
    grid = np.unique(np.append(grid, kinks[(kinks > grid[0]) & (kinks < grid[-1])]))
    distance = np.abs(grid[:, None] - kinks) @ steepness
    log_density = -0.5 * curvature * grid**2 - gradient * grid - distance
    density = np.exp(log_density - log_density.max())
    area = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    cdf = np.append(0.0, np.cumsum(area)) / area.sum()
    return np.interp(x, grid, cdf)


def random_line(case):
    """Curvature, gradient, kinks and steepnesses over many orders of magnitude."""
    rng = np.random.default_rng(case)
    count = case % 7
    kinks = rng.normal(size=count) * 10.0 ** rng.uniform(-3, 1)
    if case % 3 == 0 and count > 2:
        kinks[1] = kinks[0]
    steepness = 10.0 ** rng.uniform(-2, 3, count)
    is_flat = case % 4 == 0 and count > 0
    curvature = 0.0 if is_flat else 10.0 ** rng.uniform(-3, 3)
    gradient = rng.normal() * 10.0 ** rng.uniform(-1, 3)
    if is_flat:
        gradient = np.clip(gradient, -0.9 * steepness.sum(), 0.9 * steepness.sum())
    return curvature, gradient, kinks, steepness


@pytest.mark.parametrize("case", range(24))
def test_draws_along_one_unknown_follow_its_density(case):
    """Any number of kinks, equal ones too, with and without a parabola."""
    line = random_line(case)
    x = draw_many(np.random.default_rng(1000 + case), *line)
    uniform = exact_cdf(x, *line)
    assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-4 / 24


def test_a_wrong_steepness_is_noticed():
    """The test above can fail: a density one part in ten off is rejected."""
    curvature, gradient, kinks, steepness = random_line(5)
    x = draw_many(np.random.default_rng(3), curvature, gradient, kinks, 1.1 * steepness)
    uniform = exact_cdf(x, curvature, gradient, kinks, steepness)
    assert scipy.stats.kstest(uniform, "uniform").pvalue < 1e-4 / 24


@pytest.mark.parametrize(
    "line",
    [
        (1.0, 1e8, np.array([0.0]), np.array([1.0])),
        (1e-300, 0.5, np.array([0.0, 1.0]), np.array([1.0, 1.0])),
        (1e12, 0.0, np.array([-1e-9, 1e9]), np.array([1e3, 1e-3])),
        (1.0, 0.0, np.array([-1e300, 1e300]), np.array([1.0, 1.0])),
        (0.0, 0.0, np.array([1.0, 1.0, 1.0]), np.array([1e-8, 1e8, 1.0])),
    ],
)
def test_extreme_lines_give_numbers(line):
    """Nothing overflows, and nothing loops for ever."""
    assert np.all(np.isfinite(draw_many(np.random.default_rng(0), *line)[:200]))


@pytest.mark.parametrize(
    "matrix",
    [
        sp.random(30, 20, 0.3, random_state=1),
        sp.identity(7),
        sp.csr_matrix((4, 5)),
        Convolution(gaussian_kernel(5, 1.0), (9, 8)).matrix(),
        np.ones((4, 3)),
    ],
)
def test_columns_in_runs_are_the_matrix(matrix):
    """Every entry comes back, and no other."""
    columns = columns_in_runs(sp.csc_matrix(matrix))
    found = np.zeros(matrix.shape)
    for j in range(matrix.shape[1]):
        for k in range(columns.starts[j], columns.starts[j + 1]):
            row, size, place = columns.rows[k], columns.lengths[k], columns.places[k]
            found[row : row + size, j] += columns.values[place : place + size]
    np.testing.assert_array_equal(found, sp.csc_matrix(matrix).toarray())


def test_a_blur_stores_the_values_of_its_runs_once():
    """Columns that are shifts of one another share them."""
    columns = columns_in_runs(Convolution(gaussian_kernel(5, 1.0), (40, 40)).matrix())
    assert columns.values.size < 200 < columns.rows.size


def image(side=10, blur=False, noise=0.2):
    """A small image of known scales."""
    rng = np.random.default_rng(2)
    truth = np.zeros((side, side))
    truth[2:6, 3:8] = 1.0
    with pm.Model() as model:
        x = pm.Flat("x", shape=(side, side))
        for axis in (0, 1):
            pymc_glm.expert(f"axis{axis}", pm.Laplace.dist(0, 0.1), pt.diff(x, axis=axis))
        operator = Convolution(gaussian_kernel(3, 1.0), (side, side))
        mu = operator(x) if blur else x
        data = truth + noise * rng.normal(size=truth.shape)
        pm.StudentT("y", nu=4, mu=mu, sigma=noise, observed=data)
    return model


def blurred(side=20):
    """A square under a wide blur: where its edges are is uncertain by a pixel."""
    truth = np.zeros((side, side))
    truth[5:13, 6:15] = 1.0
    operator = Convolution(gaussian_kernel(9, 1.5), truth.shape)
    data = operator.forward(truth) + 0.02 * np.random.default_rng(4).normal(size=truth.shape)
    with pm.Model() as model:
        x = pm.Flat("x", shape=truth.shape)
        for axis in (0, 1):
            pymc_glm.expert(f"axis{axis}", pm.Laplace.dist(0, 0.05), pt.diff(x, axis=axis))
        pm.Normal("y", operator(x), 0.02, observed=data)
    return model


@pytest.mark.parametrize("blur", [False, True])
def test_posteriors_with_and_without_scans_agree(blur):
    """Means and variances, in Monte Carlo standard errors."""
    options = dict(draws=4000, tune=200, chains=2, progressbar=False)
    options["compute_convergence_checks"] = False
    found = []
    for block, seed in (("gibbs", 1), ("sites", 2)):
        tree = pymc_glm.sample(model=image(blur=blur), block=block, random_seed=seed, **options)
        x = tree["posterior"]["x"].values.reshape(2 * 40, 100, 100)
        moments = np.concatenate([x.mean(axis=1), (x**2).mean(axis=1)], axis=1)
        found.append((moments.mean(axis=0), moments.var(axis=0, ddof=1) / len(moments)))
    (one, error), (other, other_error) = found
    z = (one - other) / np.sqrt(error + other_error)
    assert np.abs(z).max() < 5.0
    assert np.sqrt(np.mean(z**2)) < 1.3


def test_scans_mix_better_at_edges():
    """Lag-one autocorrelation of the slowest pixel falls."""
    options = dict(draws=1000, chains=1, progressbar=False, random_seed=3)
    options["compute_convergence_checks"] = False
    sharp = blurred()
    slowest = []
    for block in ("gibbs", "sites"):
        tree = pymc_glm.sample(model=sharp, block=block, **options)
        x = tree["posterior"]["x"].values.reshape(1000, -1)
        x = x - x.mean(axis=0)
        slowest.append(np.max(np.sum(x[1:] * x[:-1], axis=0) / np.sum(x**2, axis=0)))
    assert slowest[1] < slowest[0] - 0.2


def test_a_scan_without_any_information_is_refused():
    """An unknown with neither kink nor parabola has no density."""
    empty = np.zeros(2, dtype=np.int64)
    nothing, none = np.zeros(0), np.zeros(0, dtype=np.int64)
    with pytest.raises(ArithmeticError, match="no proper density"):
        scan_sites(
            np.random.default_rng(0),
            np.zeros(1),
            empty,
            none,
            nothing,
            nothing,
            nothing,
            empty,
            none,
            none,
            none,
            nothing,
            nothing,
            nothing,
            np.array([1]),
        )


def test_when_scans_are_made():
    """In large blocks, where they pay; by name, where they are possible."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=(64, 64))
        pm.Potential("rows", -pt.abs(pt.diff(x, axis=0)).sum() / 0.1)
        pm.Potential("columns", -pt.abs(pt.diff(x, axis=1)).sum() / 0.1)
        blur = Convolution(gaussian_kernel(5, 1.0), (64, 64))
        pm.Normal("y", blur(x), 0.1, observed=np.zeros((64, 64)))
    machine = pymc_glm.explain(model)
    assert machine.scans >= 1
    assert "one by one without latents" in str(machine)
    assert pymc_glm.explain(model, block="gibbs").scans == 0
    assert pymc_glm.explain(image()).scans == 0
    with pm.Model() as normal:
        z = pm.Normal("z", shape=5)
        pm.Normal("y", z, 1, observed=np.zeros(5))
    with pytest.raises(ValueError, match="no factor is Laplace"):
        pymc_glm.explain(normal, block="sites")
    with pm.Model() as explicit:
        v = pm.Exponential("v", 1.0, shape=5)
        z = pm.Normal("z", 0, pt.sqrt(v), shape=5)
        pm.Normal("y", z, 1, observed=np.zeros(5))
    machine = recognize(explicit).machine
    with pytest.raises(ValueError, match="would not be drawn along"):
        with_sites(machine, "sites")


def test_constant_scales_stay_constants():
    """Folded into compiled code, arrays of megabytes would keep it out of numba's cache."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=(12, 12))
        pymc_glm.expert("jumps", pm.Laplace.dist(0, 0.1), Differences((12, 12))(x))
        pm.Normal("y", x, 0.5, observed=np.zeros((12, 12)))
    sweep = build_sweep(with_sites(recognize(model).machine, "sites"))
    [scan] = {
        variable.owner
        for variable in ancestors(sweep.outputs)
        if variable.owner is not None and "scan_sites" in str(variable.owner.op)
    }
    steepness, precision = scan.inputs[6], scan.inputs[-2]
    np.testing.assert_allclose(steepness.data, np.full(264, 10.0))
    np.testing.assert_allclose(precision.data, np.full(144, 4.0))
