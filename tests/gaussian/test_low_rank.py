"""More unknowns than data: the draw and the integral by the matrix of the data."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from problems import as_rows, dense_moments, evaluated, problem
from pytensor.graph.traversal import toposort
from pytensor.tensor.random.type import random_generator_type

from pymc_glm.gaussian import Rows, draw_gaussian, log_marginal, plan_gaussian
from pymc_glm.gaussian.low_rank import low_rank_arguments
from pymc_glm.machine import LinearMap


def plan_of(factors, structure="low rank"):
    return plan_gaussian([LinearMap.from_matrix(k) for k, *_ in factors], structure)


def arguments_of(rows, plan, inputs=(), values=()):
    """Arguments of the kernels, as they are handed over."""
    graphs = low_rank_arguments(plan, rows)
    return [np.atleast_1d(evaluated(graph, list(inputs), values)) for graph in graphs]


def moments(arguments):
    """Mean and covariance: x is affine in the noise: one for each unknown and each row of X."""
    from pymc_glm.gaussian.low_rank_kernels import low_rank_from_noise

    m, p = arguments[2]
    mean = low_rank_from_noise(*arguments, np.zeros(m + p))
    factor = np.stack(
        [low_rank_from_noise(*arguments, unit) - mean for unit in np.eye(m + p)], axis=1
    )
    return mean, factor @ factor.T


@pytest.mark.parametrize(
    "symbolic",
    [(), ("precision",), ("offset",), ("precision", "offset", "information")],
    ids=lambda names: "+".join(names) or "constant",
)
def test_moments_equal_dense_linear_algebra(symbolic):
    """Any ingredient but the rows of X may be symbolic."""
    factors = problem("low rank", np.random.default_rng(31), 20)
    plan = plan_of(factors)
    rows, inputs, values = as_rows(plan, factors, symbolic)
    mean, covariance = moments(arguments_of(rows, plan, inputs, values))
    expected_mean, expected = dense_moments(20, factors)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-10)


def test_several_factors_of_data_and_more_rows_than_a_strip():
    """Rows of X come from all factors with several entries, in the order of the factors."""
    rng = np.random.default_rng(32)
    p = 90
    factors = [
        (rng.normal(size=(35, p)), rng.normal(size=35), 2.5, None),
        (np.eye(p), rng.normal(size=p), rng.gamma(1.0, 1.0, p), None),
        (rng.normal(size=(6, p)), rng.normal(size=6), rng.gamma(1.0, 1.0, 6), rng.normal(size=6)),
    ]
    plan = plan_of(factors)
    mean, covariance = moments(arguments_of(as_rows(plan, factors, ())[0], plan))
    expected_mean, expected = dense_moments(p, factors)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(covariance, expected, rtol=1e-8, atol=1e-8)


def exact_moments(diagonal, matrix, weight, information):
    """Mean and variances in rational arithmetic, by Gauss-Jordan elimination."""
    n = diagonal.size
    x = [[Fraction(float(v)) for v in row] for row in matrix]
    work = [
        [
            sum(Fraction(float(w)) * row[i] * row[j] for w, row in zip(weight, x, strict=True))
            + (Fraction(float(diagonal[i])) if i == j else 0)
            for j in range(n)
        ]
        + [Fraction(float(information[i]))]
        + [Fraction(int(i == j)) for j in range(n)]
        for i in range(n)
    ]
    for k in range(n):
        pivot = work[k][k]
        work[k] = [value / pivot for value in work[k]]
        for i in range(n):
            if i != k:
                factor = work[i][k]
                work[i] = [a - factor * b for a, b in zip(work[i], work[k], strict=True)]
    mean = np.array([float(row[n]) for row in work])
    return mean, np.array([float(work[i][n + 1 + i]) for i in range(n)])


def test_weights_of_the_diagonal_over_twenty_orders_of_magnitude():
    """Local scales of a horseshoe: unknowns that are free, and unknowns that are zero."""
    rng = np.random.default_rng(33)
    m, p = 4, 12
    diagonal = 10.0 ** rng.uniform(-8, 12, p)
    diagonal[:3] = 1e-8, 1e-8, 1e12
    x, weight, target = rng.normal(size=(m, p)), rng.gamma(1.0, 1.0, m), rng.normal(size=m)
    factors = [(x, -target, weight, None), (np.eye(p), np.zeros(p), diagonal, None)]
    plan = plan_of(factors)
    mean, covariance = moments(arguments_of(as_rows(plan, factors, ())[0], plan))
    expected_mean, variance = exact_moments(diagonal, x, weight, x.T @ (weight * target))
    np.testing.assert_allclose(np.diag(covariance), variance, rtol=1e-6)
    assert np.max(np.abs(mean - expected_mean) / np.sqrt(variance)) < 1e-6


@pytest.mark.parametrize("given", [False, True], ids=["offsets", "informations"])
def test_multiples_scale_precisions_and_not_locations(given):
    """What a slice move changes is a number for each part; the Gram matrix is that of the rows."""
    rng = np.random.default_rng(34)
    p, m, r, s = 12, 5, 7.5, 0.2
    x, d, w = rng.normal(size=(m, p)), rng.gamma(2.0, 1.0, p), rng.gamma(2.0, 1.0, m)
    eta = rng.normal(size=m) if given else None
    data, prior = rng.normal(size=m), rng.normal(size=p)
    plan = plan_of([(x, data, w, None), (np.eye(p), prior, d, None)])
    by_diagonal, by_weight = pt.scalar("r"), pt.scalar("s")
    rows = [
        Rows(
            LinearMap.from_matrix(x),
            data,
            pt.constant(w),
            None if eta is None else pt.constant(eta),
            by_weight,
        ),
        Rows(LinearMap.from_matrix(np.eye(p)), prior, pt.constant(d), None, by_diagonal),
    ]
    inputs = [by_diagonal, by_weight]
    scaled = [(x, data, s * w, eta), (np.eye(p), prior, r * d, None)]
    expected_mean, expected = dense_moments(p, scaled)
    mean, covariance = moments(arguments_of(rows, plan, inputs, [r, s]))
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-10)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10, atol=1e-12)
    value = evaluated(log_marginal(plan, rows), inputs, [r, s])
    dense = plan_of(scaled, "dense")
    direct = evaluated(log_marginal(dense, as_rows(dense, scaled, ())[0]), [], [])
    assert value == pytest.approx(float(direct), rel=1e-11)


def test_graphs_that_differ_in_multiples_share_the_gram_matrix():
    """Two moves and a draw compute it once."""
    p, m = 12, 5
    rng = np.random.default_rng(35)
    x, identity = LinearMap.from_matrix(rng.normal(size=(m, p))), LinearMap.from_matrix(np.eye(p))
    plan = plan_gaussian([x, identity], "low rank")
    local, multiples = pt.vector("local"), [pt.scalar("a"), pt.scalar("b")]
    graphs = []
    for multiple in multiples:
        rows = [
            Rows(x, np.zeros(m), pt.constant(np.ones(m)), None, pt.constant(2.0)),
            Rows(identity, np.zeros(p), local, None, multiple),
        ]
        graphs.append(log_marginal(plan, rows))
    rng_variable = random_generator_type()
    _, draw = draw_gaussian(rng_variable, plan, rows)
    function = pytensor.function(
        [pytensor.In(rng_variable, mutable=True), local, *multiples],
        [*graphs, draw],
        mode=pytensor.compile.mode.Mode(linker="py", optimizer="merge"),
        accept_inplace=True,
    )
    names = [str(node.op) for node in toposort(function.maker.fgraph.outputs)]
    assert names.count("gram") == 1


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0, -1.0])
def test_an_improper_precision_raises(broken):
    """A bad precision anywhere is an error of the draw."""
    diagonal = np.ones(6)
    diagonal[3] = broken
    factors = [(np.eye(6), np.zeros(6), diagonal, None), (np.ones((1, 6)), np.ones(1), 1.0, None)]
    plan = plan_of(factors)
    rows, inputs, values = as_rows(plan, factors, ("precision",))
    with pytest.raises(ArithmeticError, match="not positive definite, or not finite"):
        moments(arguments_of(rows, plan, inputs, values))


def test_a_row_of_weight_zero_says_nothing():
    """Precisions of zero are no data."""
    rng = np.random.default_rng(36)
    x, prior = rng.normal(size=(3, 8)), (np.eye(8), rng.normal(size=8), 1.5, None)
    weight = np.array([1.0, 0.0, 2.0])
    factors = [(x, np.ones(3), weight, None), prior]
    plan = plan_of(factors)
    mean, covariance = moments(arguments_of(as_rows(plan, factors, ())[0], plan))
    expected_mean, expected = dense_moments(8, factors)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-10)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10, atol=1e-12)


def test_cost_is_linear_in_the_number_of_unknowns():
    """At a fixed number of rows; the plan counts operations."""

    def operations(p):
        maps = [LinearMap.from_matrix(np.ones((20, p))), LinearMap.from_matrix(np.eye(p))]
        plan = plan_gaussian(maps)
        assert plan.structure == "low rank"
        return plan.operations

    assert operations(2000) - operations(1000) == pytest.approx(1000 * 20**2)
    assert operations(4000) - operations(2000) == pytest.approx(2000 * 20**2)


def test_symbolic_data_rows_are_refused():
    """The rows of X are read as numbers."""
    x, identity = LinearMap.from_matrix(np.ones((2, 5))), LinearMap.from_matrix(np.eye(5))
    plan = plan_gaussian([x, identity], "low rank")
    symbolic = Rows(x._replace(values=pt.vector()), np.zeros(2), pt.constant(1.0), None)
    diagonal = Rows(identity, np.zeros(5), pt.constant(1.0), None)
    with pytest.raises(ValueError, match="1 factors with several entries in a row, 1 of them"):
        draw_gaussian(random_generator_type(), plan, [symbolic, diagonal])
