"""Improper posteriors are refused by name, proper ones never."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from pymc_glm.exceptions import ImproperPosteriorError, InvalidDataError
from pymc_glm.gaussian import check_proper
from pymc_glm.machine import LinearMap

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3))


def check(names, *factors):
    """Run the check on (matrix, weights) pairs."""
    maps = [(LinearMap.from_matrix(matrix), weights) for matrix, weights in factors]
    check_proper([(one, one.values, np.asarray(weights)) for one, weights in maps], names)


def differences(n, order=1):
    """Differences of neighbours, sparse."""
    matrix = sp.identity(n, format="csr")
    for _ in range(order):
        matrix = matrix[1:] - matrix[:-1]
    return matrix


PROPER = {
    "identity": [(np.eye(4), 1.0)],
    "anchored walk": [(differences(50), 1e-8), (np.eye(1, 50), 1e-8)],
    "weights of any size": [(differences(50), 10.0 ** RNG.uniform(-300, 300, 49)), (np.eye(50), 1)],
    "walk with a sum": [(differences(50), 1.0), (np.ones((1, 50)), 1e-30)],
    "regressors of any scale": [(X * [1e-120, 1.0, 1e120], 1.0)],
    "long second differences": [
        (differences(3000, 2), 1.0),
        (np.stack([np.ones(3000), np.arange(1.0, 3001.0)]), 1.0),
    ],
    "large regression": [(np.random.default_rng(4).normal(size=(1300, 1100)), 1.0)],
}


@pytest.mark.parametrize("case", PROPER)
def test_proper(case):
    """Accepted, however badly scaled."""
    n = PROPER[case][0][0].shape[1]
    assert check([("x", slice(0, n))], *PROPER[case]) is None


IMPROPER = {
    "level": (
        [("level", slice(0, 3))],
        [(differences(3), 1.0)],
        r"informs level\[0\] \+ level\[1\] \+ level\[2\]\.",
    ),
    "long level": (
        [("level", slice(0, 50))],
        [(differences(50), 1.0)],
        r"a combination of level \(all 50 entries, moved together\)",
    ),
    "collinear": (
        [("intercept", slice(0, 1)), ("beta", slice(1, 5))],
        [(np.c_[np.ones(40), X, X[:, 0] - 2 * X[:, 1]], 1e12)],
        r"informs beta\[0\] - 2 beta\[1\] - beta\[3\]\.",
    ),
    "two-way layout": (
        [("row", slice(0, 4)), ("column", slice(4, 7))],
        [(np.c_[np.kron(np.eye(4), np.ones((3, 1))), np.tile(np.eye(3), (4, 1))], 1.0)],
        r"row \(all 4 entries, moved together\) and column \(all 3 entries, moved together\)",
    ),
    "unused": (
        [("a", slice(0, 1)), ("b", slice(1, 3))],
        [(np.eye(3)[[0, 2]], 1.0)],
        r"informs b\[0\]\.",
    ),
    "weight of zero": (
        [("a", slice(0, 1)), ("b", slice(1, 3))],
        [(np.eye(3), [0.0, 1.0, 1.0])],
        r"informs a\.",
    ),
    "fewer rows than unknowns": (
        [("x", slice(0, 9))],
        [(np.random.default_rng(5).normal(size=(3, 9)), 1.0)],
        r"informs .*x\[",
    ),
    "no rows": ([("x", slice(0, 1))], [(np.zeros((0, 1)), 1.0)], r"informs x\."),
    "long second differences": (
        [("trend", slice(0, 3000))],
        [(differences(3000, 2), 1.0)],
        r"a combination of trend",
    ),
    "large regression": (
        [("x", slice(0, 1100))],
        [(np.random.default_rng(6).normal(size=(1050, 1100)), 1.0)],
        r"a combination of x",
    ),
}


@pytest.mark.parametrize("case", IMPROPER)
def test_improper(case):
    """Refused, with the variables of a null direction."""
    names, factors, message = IMPROPER[case]
    with pytest.raises(ImproperPosteriorError, match=message):
        check(names, *factors)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_invalid_weights(weight):
    """Precisions that are no precisions."""
    with pytest.raises(InvalidDataError, match=f"precision of row 1 of a factor on x is {weight}"):
        check([("x", slice(0, 3))], (np.eye(3), [1.0, weight, 1.0]))


def test_invalid_coefficients():
    """A matrix with NaN."""
    identity = LinearMap.from_matrix(np.eye(2))
    with pytest.raises(InvalidDataError, match="Row 1 of a factor on x has the coefficient nan"):
        check_proper([(identity, np.array([1.0, np.nan]), np.ones(2))], [("x", slice(0, 2))])
