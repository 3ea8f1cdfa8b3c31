"""The Gaussian draw against dense linear algebra, without and with randomness."""

from __future__ import annotations

import importlib

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.stats

from problems import as_rows, dense_moments, evaluated, problem, widened
from pytensor.tensor.random.type import random_generator_type

from pymc_glm.gaussian import Rows, draw_gaussian, plan_gaussian
from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.draw import kernel_name
from pymc_glm.machine import LinearMap

STRUCTURES = ["diagonal", "chain", "banded", "arrow", "sparse", "dense"]


def from_noise(plan):
    """Return the pure part of the kernel that draws for a plan, of the system and the noise."""
    module, _, name = kernel_name(plan, "from_noise").partition(":")
    kernel = getattr(importlib.import_module(module), name)
    if plan.structure not in ("arrow", "sparse"):
        return kernel
    return lambda system, noise: kernel(system, noise, plan.layout)


def moments(kernel, system, n):
    """Mean, covariance: x is affine in the noise."""
    mean = kernel(system, np.zeros(n))
    factor = np.stack([kernel(system, unit) - mean for unit in np.eye(n)], axis=1)
    return mean, factor @ factor.T


def check_moments(structure, factors, symbolic=(), rtol=1e-10):
    """Mean and covariance of the draw, in the order of the block, against numpy."""
    n = factors[0][0].shape[1]
    maps = [LinearMap.from_matrix(k) for k, *_ in factors]
    if "map" in symbolic:
        maps = [m._replace(values=pt.vector()) for m in maps]
    plan = plan_gaussian(maps, structure)
    rows, inputs, values = as_rows(plan, factors, symbolic)
    system = evaluated(assemble(plan, rows), inputs, values)
    mean, covariance = moments(from_noise(plan), system, n)
    mean, covariance = mean[plan.position], covariance[np.ix_(plan.position, plan.position)]
    expected_mean, expected = dense_moments(n, factors)
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(
        covariance / np.outer(scale, scale), expected / np.outer(scale, scale), atol=rtol
    )
    np.testing.assert_allclose(mean, expected_mean, rtol=rtol, atol=rtol * abs(expected_mean).max())


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    "symbolic",
    [
        (),
        ("precision",),
        ("precision", "information"),
        ("offset",),
        ("precision", "offset", "information"),
        ("map", "precision"),
        ("map", "offset", "precision", "information"),
    ],
    ids=lambda names: "+".join(names) or "constant",
)
def test_moments_equal_dense_linear_algebra(structure, symbolic):
    """Any ingredient may be constant or symbolic."""
    factors = problem(structure, np.random.default_rng(20240601))
    # Entries of a symbolic map are unknown, so its rows are not known to be differences.
    used = "banded" if structure == "chain" and "map" in symbolic else structure
    check_moments(used, factors, symbolic)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_that_can_represent_a_precision_agrees(structure):
    """A diagonal Q is a chain without links, a band of one, and a dense matrix."""
    factors = widened(structure, problem("diagonal", np.random.default_rng(7)))
    check_moments(structure, factors, ("precision",))


@pytest.mark.parametrize("structure", ["chain", "banded", "sparse", "dense"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 210])
def test_chains_of_any_length(structure, n):
    """Both ends meet in the middle, whatever the parity; 210 unknowns reach LAPACK."""
    if structure == "sparse" and n == 2:
        pytest.skip("A difference of two unknowns leaves no zeros.")
    rng = np.random.default_rng(n)
    check_moments(structure, problem("chain", rng, n), ("precision",), rtol=1e-9)


@pytest.mark.parametrize("structure", ["diagonal", "chain", "banded", "sparse", "dense"])
def test_one_unknown(structure):
    """A block of one unknown, seen by one row."""
    check_moments(structure, [(np.array([[2.0]]), np.array([1.0]), 3.0, None)], ("precision",))


def test_a_large_dense_map_by_gram_matrix():
    """Dense maps beyond the small kernel, with varying and shared precisions."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(160, 70))
    c, eta = rng.normal(size=160), rng.normal(size=160)
    prior = (np.eye(70), np.zeros(70), rng.gamma(1.0, 1.0, 70), None)
    for weight in (rng.gamma(1.0, 1.0, 160), 0.7):
        for symbolic in (("precision",), ("precision", "offset"), ("map", "precision")):
            check_moments("dense", [(x, c, weight, eta), prior], symbolic, rtol=1e-9)


def test_a_dense_symbolic_map_with_gaps():
    """Values are scattered where a dense map misses some entries."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(40, 12))
    x[rng.random((40, 12)) < 0.1] = 0.0
    check_moments("dense", [(x, rng.normal(size=40), 1.5, None)], ("map", "precision"), 1e-8)


@pytest.mark.parametrize("symbolic", [("precision",), ("map", "precision", "offset")])
def test_groups_with_effects_they_share(symbolic):
    """Blocks of two effects and four shared ones; a border of shared effects under a band."""
    rng = np.random.default_rng(27)
    groups, shared, m = 12, 4, 90
    effects = np.zeros((m, 2 * groups + shared))
    for i, group in enumerate(rng.integers(0, groups, m)):
        effects[i, [group, groups + group]] = 1.0, rng.normal()
    effects[:, 2 * groups :] = rng.normal(size=(m, shared))
    walk = np.hstack([np.diff(np.eye(40), n=2, axis=0), np.zeros((38, 3))])
    regression = np.hstack([np.eye(40), rng.normal(size=(40, 3))])
    for matrices in ([effects], [walk, regression]):
        n = matrices[0].shape[1]
        prior = (np.eye(n), rng.normal(size=n), rng.gamma(2.0, 1.0, n), None)
        factors = [
            (k, rng.normal(size=len(k)), rng.gamma(1.0, 1.0, len(k)), None) for k in matrices
        ]
        check_moments("arrow", [*factors, prior], symbolic, rtol=1e-9)


@pytest.mark.parametrize("structure", ["banded", "arrow", "sparse", "dense"])
def test_weights_over_ten_orders_of_magnitude(structure):
    """Assembled Q loses digits in proportion to the range of the weights, no more."""
    rng = np.random.default_rng(13)
    n = 8
    walk = np.diff(np.eye(n), axis=0)
    factors = [
        (walk, np.zeros(n - 1), 10.0 ** rng.uniform(-5, 5, n - 1), None),
        (np.eye(n), rng.normal(size=n), 1.0, None),
    ]
    check_moments(structure, widened(structure, factors), ("precision",), rtol=1e-9)


def exact_chain_moments(weights, diagonal, information):
    """Mean and variances of a chain in rational arithmetic, by Gauss-Jordan elimination."""
    from fractions import Fraction

    n = len(diagonal)
    w = [Fraction(float(value)) for value in weights]
    q = [[Fraction(0)] * n for _ in range(n)]
    for i in range(n):
        q[i][i] += Fraction(float(diagonal[i]))
    for i in range(n - 1):
        q[i][i] += w[i]
        q[i + 1][i + 1] += w[i]
        q[i][i + 1] -= w[i]
        q[i + 1][i] -= w[i]
    work = [
        row + [Fraction(float(information[i]))] + [Fraction(int(i == j)) for j in range(n)]
        for i, row in enumerate(q)
    ]
    for k in range(n):
        pivot = work[k][k]
        work[k] = [value / pivot for value in work[k]]
        for i in range(n):
            if i != k and work[i][k] != 0:
                factor = work[i][k]
                work[i] = [a - factor * b for a, b in zip(work[i], work[k], strict=True)]
    return [float(row[n]) for row in work], [float(work[i][n + 1 + i]) for i in range(n)]


@pytest.mark.parametrize("n", [5, 8])
@pytest.mark.parametrize("power", [14, 300])
def test_chain_is_exact_for_weights_of_any_size(n, power):
    """No subtraction, hence no loss, for weights in 1e-300..1e300."""
    from pymc_glm.gaussian.draw_kernels import chain_from_noise

    rng = np.random.default_rng(14)
    weights = 10.0 ** rng.uniform(-power, power, n - 1)
    weights[0], weights[-1] = 10.0**power, 10.0**-power
    diagonal, information = rng.gamma(1.0, 1.0, n), rng.gamma(1.0, 1.0, n)
    mean, covariance = moments(
        chain_from_noise, np.concatenate([weights, diagonal, information]), n
    )
    expected_mean, expected_variance = exact_chain_moments(weights, diagonal, information)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-13)
    np.testing.assert_allclose(np.diag(covariance), expected_variance, rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0, -1.0])
def test_an_improper_precision_raises(structure, broken):
    """A bad precision anywhere is an error, never NaN."""
    n = 6
    weight = np.ones(n)
    weight[3] = broken
    factors = widened(structure, [(np.eye(n), np.zeros(n), weight, None)])
    plan = plan_gaussian([LinearMap.from_matrix(k) for k, *_ in factors], structure)
    rows, inputs, values = as_rows(plan, factors, ("precision",))
    system = evaluated(assemble(plan, rows), inputs, values)
    with pytest.raises(ArithmeticError, match="not positive definite, or not finite"):
        from_noise(plan)(system, np.full(n, 0.3))


@pytest.mark.parametrize("broken", [np.nan, 0.0])
def test_an_improper_large_dense_precision_raises(broken):
    """LAPACK's refusal is told in the words of the package."""
    from pymc_glm.gaussian.draw_kernels import dense_from_noise

    matrix = np.eye(70)
    matrix[5, 5] = broken
    with pytest.raises(ArithmeticError, match="not positive definite, or not finite"):
        dense_from_noise(np.append(matrix.ravel(), np.zeros(70)), np.zeros(70))


def test_an_unlinked_chain_without_data_raises():
    """A weight of zero and a diagonal of zero leave an unknown open."""
    from pymc_glm.gaussian.draw_kernels import chain_from_noise

    with pytest.raises(ArithmeticError, match="not positive definite"):
        chain_from_noise(np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.ones(3))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_compiled_draws_have_the_right_moments(structure):
    """Seed 15; bounds at 1e-4 in all, by Bonferroni."""
    n, draws, seed = 4, 20_000, 15
    factors = problem(structure, np.random.default_rng(seed), n)
    plan = plan_gaussian([LinearMap.from_matrix(k) for k, *_ in factors], structure)
    # The assembly is compiled once; elsewhere it is constant, which saves seconds.
    rows, inputs, values = as_rows(plan, factors, ("precision",) if structure == "chain" else ())
    rng = random_generator_type()
    _, x = draw_gaussian(rng, plan, rows)
    draw = pytensor.function(
        [pytensor.In(rng, mutable=True), *inputs],
        x,
        mode="NUMBA",
        accept_inplace=True,
        on_unused_input="ignore",
    )
    generator = np.random.default_rng(seed)
    sample = np.stack([draw(generator, *values) for _ in range(draws)])[:, plan.position]
    mean, covariance = dense_moments(n, factors)
    white = np.linalg.solve(np.linalg.cholesky(covariance), (sample - mean).T)
    bound = scipy.stats.norm.isf(1e-4 / 2 / (len(STRUCTURES) * (n + n * n)))
    assert np.abs(white.mean(axis=1)).max() * np.sqrt(draws) < bound
    second = (white @ white.T) / draws
    error = np.where(np.eye(n) > 0, np.sqrt(2.0), 1.0) / np.sqrt(draws)
    assert (np.abs(second - np.eye(n)) / error).max() < bound


def test_the_draw_follows_the_generator():
    """Equal seeds give equal draws; the generator advances by n normals."""
    n = 5
    plan = plan_gaussian([LinearMap.from_matrix(np.eye(n))])
    rng = random_generator_type()
    _, x = draw_gaussian(
        rng, plan, [Rows(LinearMap.from_matrix(np.eye(n)), np.zeros(n), pt.constant(4.0), None)]
    )
    draw = pytensor.function([pytensor.In(rng, mutable=True)], x, mode="NUMBA", accept_inplace=True)
    generator, twin = np.random.default_rng(16), np.random.default_rng(16)
    np.testing.assert_array_equal(draw(generator), twin.standard_normal(n) / 2)
    assert generator.random() == twin.random()


def test_few_ops_per_sweep():
    """One draw, and one kernel for each factor that varies; constants cost nothing."""
    n = 6
    walk, identity = np.diff(np.eye(n), axis=0), np.eye(n)
    factors = [(walk, np.zeros(n - 1), np.ones(n - 1), None), (identity, np.ones(n), 1.0, None)]
    plan = plan_gaussian([LinearMap.from_matrix(k) for k, *_ in factors])
    fixed = (identity, np.ones(n), 3.0, None)
    rows, _, _ = as_rows(plan, factors, ("precision",))
    rows += as_rows(plan, [fixed], ())[0]
    _, x = draw_gaussian(random_generator_type(), plan, rows)
    from pytensor.graph.traversal import toposort

    assert [str(node.op) for node in toposort([x])] == ["add_single", "add_column", "chain_draw"]


def test_maps_must_be_permuted():
    """A map in the wrong order is refused, where it can be seen."""
    walk = LinearMap.from_matrix(np.diff(np.eye(9), axis=0)[:, [4, 1, 7, 0, 8, 3, 2, 6, 5]])
    identity = LinearMap.from_matrix(np.eye(9))
    plan = plan_gaussian([walk, identity])
    rows = [Rows(walk, np.zeros(8), pt.constant(1.0), None)]
    with pytest.raises(ValueError, match="beyond the bandwidth 1 of the plan"):
        assemble(plan, rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((np.eye(3), np.zeros(3), pt.constant(1.0), None), "has 3 unknowns and the plan 4"),
        ((np.eye(4), np.zeros(3), pt.constant(1.0), None), r"offset of a factor has shape \(3,\)"),
        ((np.eye(4), np.zeros(4), pt.constant(np.ones(2)), None), r"precision .* shape \(2,\)"),
        ((np.eye(4), np.zeros(4), pt.constant(1.0), pt.constant(np.ones(1))), "information"),
    ],
    ids=["unknowns", "offset", "precision", "information"],
)
def test_shapes_are_checked(rows, message):
    """Static shapes that do not fit are refused when the graph is built."""
    plan = plan_gaussian([LinearMap.from_matrix(np.eye(4))])
    with pytest.raises(ValueError, match=message):
        assemble(plan, [Rows(LinearMap.from_matrix(rows[0]), *rows[1:])])
