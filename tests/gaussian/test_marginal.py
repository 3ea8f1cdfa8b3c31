"""The log integral over the block against dense linear algebra and rational arithmetic."""

from __future__ import annotations

import math

from fractions import Fraction

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from problems import as_rows, evaluated, problem, widened

from pymc_glm.gaussian import log_marginal, plan_gaussian
from pymc_glm.machine import LinearMap

STRUCTURES = ["diagonal", "chain", "banded", "arrow", "low rank", "sparse", "dense"]
INGREDIENTS = [
    (),
    ("precision",),
    ("offset",),
    ("precision", "offset", "information"),
    ("map", "precision"),
]


def dense_log_marginal(n, factors):
    """The same number by numpy, from (K, c, w, eta) of each factor."""
    q, h = np.zeros((n, n)), np.zeros(n)
    for k, c, w, eta in factors:
        w = np.broadcast_to(w, (k.shape[0],))
        q += k.T @ (w[:, None] * k)
        h += k.T @ ((0 if eta is None else eta) - w * c)
    return 0.5 * h @ np.linalg.solve(q, h) - 0.5 * np.linalg.slogdet(q)[1]


def value_of(structure, factors, symbolic=()):
    """The integral by the kernels of a structure."""
    factors = widened(structure, factors)
    maps = [LinearMap.from_matrix(k) for k, *_ in factors]
    if "map" in symbolic:
        maps = [m._replace(values=pt.vector()) for m in maps]
    plan = plan_gaussian(maps, structure)
    rows, inputs, values = as_rows(plan, factors, symbolic)
    return float(evaluated(log_marginal(plan, rows), inputs, values))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("symbolic", INGREDIENTS, ids=lambda names: "+".join(names) or "constant")
def test_value_equals_dense_linear_algebra(structure, symbolic):
    """Any ingredient may be constant or symbolic."""
    if "map" in symbolic and structure in ("chain", "low rank"):
        pytest.skip("Symbolic rows have neither of these structures.")
    factors = problem(structure, np.random.default_rng(21))
    expected = dense_log_marginal(9, factors)
    assert value_of(structure, factors, symbolic) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("structure", ["diagonal", "chain", "banded", "sparse", "dense"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 70, 230])
def test_blocks_of_any_size(structure, n):
    """Remainders of the unrolled loops, both ends of a chain, and the call of LAPACK."""
    if structure == "sparse" and n == 2:
        pytest.skip("A difference of two unknowns leaves no zeros.")
    rng = np.random.default_rng(n)
    factors = problem("diagonal" if structure == "diagonal" or n == 1 else "chain", rng, n)
    expected = dense_log_marginal(n, factors)
    assert value_of(structure, factors, ("precision",)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("structure", ["diagonal", "banded", "arrow", "sparse", "dense"])
def test_weights_over_ten_orders_of_magnitude(structure):
    """Pivots are multiplied, and so are their sizes."""
    rng = np.random.default_rng(23)
    n = 60
    weights = 10.0 ** rng.uniform(-5, 5, n)
    walk = np.diff(np.eye(n), axis=0)
    factors = [(np.eye(n), rng.normal(size=n), weights, None)]
    if structure != "diagonal":
        factors.append((walk, np.zeros(n - 1), 10.0 ** rng.uniform(-5, 5, n - 1), None))
    expected = dense_log_marginal(n, factors)
    assert value_of(structure, factors, ("precision",)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size", [1e-250, 1e-60, 1e60, 1e250])
@pytest.mark.parametrize("structure", ["diagonal", "banded", "arrow", "sparse", "dense"])
def test_pivots_whose_product_is_no_number(structure, size):
    """Scaling Q by s and h by its root changes the value by -n log(s) / 2."""
    n = 40
    rng = np.random.default_rng(24)
    h = rng.normal(size=n)
    factors = [(np.eye(n), np.zeros(n), size, np.sqrt(size) * h)]
    expected = 0.5 * h @ h - 0.5 * n * np.log(size)
    assert value_of(structure, factors, ("precision",)) == pytest.approx(expected, rel=1e-12)


def exact_chain(weights, diagonal, information):
    """Rational elimination of a chain from its first unknown."""
    w, c, h = ([Fraction(float(v)) for v in part] for part in (weights, diagonal, information))
    excess, v, quadratic, logarithm = c[0], h[0], Fraction(0), 0.0
    for i in range(len(c)):
        link = w[i] if i < len(w) else Fraction(0)
        pivot = excess + link
        quadratic += v * v / pivot
        logarithm += math.log(pivot.numerator) - math.log(pivot.denominator)
        if i < len(w):
            excess, v = c[i + 1] + link * excess / pivot, h[i + 1] + link * v / pivot
    return 0.5 * float(quadratic) - 0.5 * logarithm


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 40])
@pytest.mark.parametrize("power", [0, 14, 90, 300])
def test_chain_is_exact_for_weights_of_any_size(n, power):
    """No subtraction, hence no loss, for weights in 1e-300..1e300."""
    from pymc_glm.gaussian.marginal_kernels import chain_log_marginal

    rng = np.random.default_rng(25)
    weights = 10.0 ** rng.uniform(-power, power, n - 1)
    diagonal, information = rng.gamma(1.0, 1.0, n), rng.gamma(1.0, 1.0, n)
    system = np.concatenate([weights, diagonal, information])
    value = chain_log_marginal(system, np.array([n]))
    assert value == pytest.approx(exact_chain(weights, diagonal, information), rel=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0, -1.0])
@pytest.mark.parametrize("place", [0, 3, 5])
def test_an_improper_precision_has_no_mass(structure, broken, place):
    """A slice move may propose anything: minus infinity, never an exception or NaN."""
    n = 6
    weight = np.ones(n)
    weight[place] = broken
    factors = [(np.eye(n), np.ones(n), weight, None)]
    if structure == "low rank":
        factors.append((np.ones((1, n)), np.zeros(1), 1.0, None))
    assert value_of(structure, factors, ("precision",)) == -np.inf


@pytest.mark.parametrize("structure", ["banded", "arrow", "sparse", "dense"])
def test_an_indefinite_precision_has_no_mass(structure):
    """All diagonal entries are positive, one eigenvalue is not."""
    n = 5
    walk = np.abs(np.diff(np.eye(n), axis=0))
    factors = [(np.eye(n), np.ones(n), 3.0, None), (walk, np.zeros(n - 1), -0.9, None)]
    q = 3.0 * np.eye(n) - 0.9 * walk.T @ walk
    assert np.diag(q).min() > 0 > np.linalg.eigvalsh(q)[0]
    assert value_of(structure, factors, ("precision",)) == -np.inf


@pytest.mark.parametrize("broken", [np.nan, -2.0])
def test_an_improper_large_dense_precision_has_no_mass(broken):
    """LAPACK's refusal is no exception."""
    from pymc_glm.gaussian.marginal_kernels import dense_log_marginal

    matrix = np.eye(70)
    matrix[5, 5] = broken
    system = np.append(matrix.ravel(), np.zeros(70))
    assert dense_log_marginal(system, np.array([70])) == -np.inf


def test_compiled_value():
    """The kernel inside a graph compiled by numba, at several precisions."""
    factors = problem("chain", np.random.default_rng(26))
    plan = plan_gaussian([LinearMap.from_matrix(k) for k, *_ in factors])
    rows, inputs, values = as_rows(plan, factors, ("precision",))
    value = log_marginal(plan, rows)
    function = pytensor.function(inputs, value, mode="NUMBA", on_unused_input="ignore")
    for power in range(3):
        scaled = [(k, c, w * 10.0**power, eta) for k, c, w, eta in factors]
        found = function(*(value * 10.0**power for value in values))
        assert found == pytest.approx(dense_log_marginal(9, scaled), rel=1e-10)
