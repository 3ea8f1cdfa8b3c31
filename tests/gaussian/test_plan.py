"""The rule that picks a structure."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp

from pytensor.tensor.variable import TensorConstant
from scipy.spatial import Delaunay

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian import plan_gaussian
from pymc_glm.gaussian.constants import constant_array, per_row
from pymc_glm.machine import LinearMap


def of(matrix):
    """Make a constant map."""
    return LinearMap.from_matrix(matrix)


def differences(n, order=1):
    """Differences of neighbours, sparse."""
    matrix = sp.identity(n, format="csr")
    for _ in range(order):
        matrix = matrix[1:] - matrix[:-1]
    return matrix


def grid(side):
    """Differences of the neighbours on a square grid."""
    walk, identity = differences(side), sp.identity(side)
    return sp.vstack([sp.kron(walk, identity), sp.kron(identity, walk)])


def effects(groups, shared, rows=900):
    """Two effects of each group, and coefficients that all rows share."""
    rng = np.random.default_rng(2)
    group = sp.csr_matrix((np.ones(rows), (np.arange(rows), np.arange(rows) % groups)))
    slopes = sp.diags(rng.normal(size=rows)) @ group
    return sp.hstack([group, slopes, rng.normal(size=(rows, shared))])


def crossed(first, second):
    """Every effect of one kind with every effect of the other."""
    one = sp.kron(sp.identity(first), np.ones((second, 1)))
    return sp.hstack([one, sp.kron(np.ones((first, 1)), sp.identity(second))])


def regression_on_a_band(n, coefficients):
    """Second differences, and data that see the level and coefficients."""
    x = np.random.default_rng(3).normal(size=(n, coefficients))
    return [
        sp.hstack([differences(n, 2), sp.csr_matrix((n - 2, coefficients))]),
        sp.hstack([sp.identity(n), x]),
    ]


SHUFFLE = np.random.default_rng(1).permutation(30)

CASES = {
    "identity": ([np.eye(30)], "diagonal", 0),
    "selection twice": ([np.eye(30)[:5], 2 * np.eye(30)[3:]], "diagonal", 0),
    "one unknown": ([np.ones((4, 1))], "diagonal", 0),
    "no rows": ([np.zeros((0, 30)), np.eye(30)], "diagonal", 0),
    "random walk": ([differences(30), np.eye(30)], "chain", 1),
    "scaled walk": ([3.5 * differences(30), np.eye(30)], "chain", 1),
    "shuffled walk": ([differences(30)[:, SHUFFLE], np.eye(30)], "chain", 1),
    "two walks": ([sp.block_diag([differences(10), differences(20)]), np.eye(30)], "chain", 1),
    "autoregression": ([differences(30) + 0.1 * sp.eye(29, 30), np.eye(30)], "banded", 1),
    "sums of neighbours": ([abs(differences(30)), np.eye(30)], "banded", 1),
    "second differences": ([differences(30, 2), np.eye(30)], "banded", 2),
    "shuffled second": ([differences(30, 2)[:, SHUFFLE], np.eye(30)], "banded", 2),
    "grid": ([grid(12), np.eye(144)], "banded", 12),
    "regression": ([np.ones((50, 30)), np.eye(30)], "dense", 29),
    "one full row": ([np.ones((1, 30)), differences(30)], "dense", 29),
    "two coefficients": ([np.ones((50, 2)), np.eye(2)], "dense", 1),
    "few unknowns, fewer rows": ([np.ones((2, 12)), np.eye(12)], "dense", 11),
    "wide": ([np.ones((2, 3000)), np.eye(3000)], "low rank", 2999),
}


ARROWS = {
    "groups": ([effects(85, 4), np.eye(174)], "arrow"),
    "few groups": ([effects(8, 2), np.eye(18)], "dense"),
    "regression on a band": ([*regression_on_a_band(300, 5), np.eye(305)], "arrow"),
    "crossed, uneven": ([crossed(300, 10), np.eye(310)], "arrow"),
    "crossed, even": ([crossed(60, 60), np.eye(120)], "dense"),
    "many groups": ([effects(5000, 3, 20_000), sp.identity(10_003)], "arrow"),
}


@pytest.mark.parametrize("case", ARROWS)
def test_unknowns_that_interact_with_many(case):
    """An envelope where it pays, and the symbolic maps it can hold as well."""
    matrices, structure = ARROWS[case]
    maps = [of(matrix) for matrix in matrices]
    plan = plan_gaussian(maps)
    assert plan.structure == structure
    assert plan.reason.startswith(f"{structure}: {plan.size} unknowns")
    assert sorted(plan.position) == list(range(plan.size))
    symbolic = [one._replace(values=pt.vector()) for one in maps]
    assert plan_gaussian(symbolic).structure == structure


def areas(n):
    """Differences of neighbouring areas of a map, at random points of the unit square."""
    points = np.random.default_rng(4).random((n, 2))
    corners = Delaunay(points).simplices
    pairs = np.unique(np.sort(corners[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1), axis=0)
    ends = (np.repeat(np.arange(len(pairs)), 2), pairs.ravel())
    return sp.csr_matrix((np.tile([1.0, -1.0], len(pairs)), ends))


SPARSE = {"grid": grid(32), "map": areas(300), "blocks": sp.block_diag([grid(32), grid(28)])}


@pytest.mark.parametrize("case", SPARSE)
def test_unknowns_on_a_plane(case):
    """Grids and maps, shuffled or not, with symbolic maps as well."""
    matrix = sp.csr_matrix(SPARSE[case])
    n = matrix.shape[1]
    shuffled = matrix[:, np.random.default_rng(5).permutation(n)]
    for one in (of(matrix), of(shuffled), of(matrix)._replace(values=pt.vector())):
        plan = plan_gaussian([one, of(sp.identity(n))])
        assert plan.structure == "sparse"
        assert sorted(plan.position) == list(range(n))
    nonzeros = plan.storage.entries
    said = f"sparse: {n} unknowns, a Cholesky factor with {nonzeros:,} nonzeros, about "
    assert plan.reason.startswith(said)
    assert plan.reason.endswith(f"operations per draw against {n**3 / 3:,.0f} if dense.")
    assert 2 * plan.operations < n * (plan.bandwidth + 1) ** 2


def test_operations_of_an_arrow():
    """Counted, and said: unknowns of the groups alone first, those that all rows share last."""
    plan = plan_gaussian([of(matrix) for matrix in ARROWS["groups"][0]])
    lengths = np.diff(plan.layout)
    np.testing.assert_array_equal(lengths, [1, 2] * 85 + [171, 172, 173, 174])
    first = np.arange(174) - lengths + 1
    counted = sum(
        1 + max(j - max(first[i], first[j]), 0) for i in range(174) for j in range(first[i], i + 1)
    )
    assert plan.operations == counted
    assert f"about {counted:,} operations per draw against 1,756,008 if dense" in plan.reason
    assert set(plan.position[-4:]) == {170, 171, 172, 173}


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    """Structure, bandwidth and order."""
    matrices, structure, bandwidth = CASES[case]
    maps = [of(matrix) for matrix in matrices]
    plan = plan_gaussian(maps)
    assert (plan.structure, plan.bandwidth) == (structure, bandwidth)
    assert sorted(plan.position) == list(range(maps[0].shape[1]))
    assert plan.reason.startswith(f"{structure}: ") and str(plan.size) in plan.reason
    if structure == "dense":
        return
    for linear_map in maps:
        moved = linear_map.permuted(plan.position).matrix()
        product = (moved.T @ moved).tocoo()
        assert np.abs(product.row - product.col).max(initial=0) <= bandwidth


def test_a_symbolic_map_is_no_chain():
    """The rows may cease to be differences when the values change."""
    walk = of(differences(30))
    plan = plan_gaussian([walk._replace(values=pt.vector()), of(np.eye(30))])
    assert plan.structure == "banded"


@pytest.mark.parametrize("structure", ["banded", "arrow", "dense"])
def test_override(structure):
    """A more general structure represents a chain as well."""
    plan = plan_gaussian([of(differences(30)), of(np.eye(30))], structure)
    assert plan.structure == structure
    assert plan.reason.startswith(f"{structure} (as asked): 30 unknowns")


@pytest.mark.parametrize(
    ("matrices", "structure", "message"),
    [
        ([differences(9)], "diagonal", "9 unknowns is not diagonal"),
        ([differences(9, 2)], "chain", "9 unknowns, of bandwidth 2, is not that of a chain"),
        ([abs(differences(9))], "chain", "9 unknowns, of bandwidth 1, is not that of a chain"),
        ([np.ones((1, 9))], "arrow", "9 unknowns, of bandwidth 8, is no arrow"),
        ([differences(9)], "low rank", "9 unknowns is not diagonal plus a few constant rows"),
        ([np.ones((1, 9))], "sparse", "precision of the 9 unknowns has no zeros"),
        ([np.eye(9)], "wavelet", "Got structure='wavelet'"),
        ([np.eye(9), np.eye(8)], None, r"have \[8, 9\] unknowns"),
        ([], None, "Got 0 linear maps"),
    ],
)
def test_refusals(matrices, structure, message):
    """Each impossible request says why."""
    with pytest.raises(ValueError, match=message):
        plan_gaussian([of(matrix) for matrix in matrices], structure)


def test_too_large():
    """Sizes that only an iteration can take."""
    full = of(sp.csr_matrix(np.ones((1, 9000))))
    assert plan_gaussian([full]).structure == "iterative"
    with pytest.raises(RecognitionError, match=r"9000 unknowns has bandwidth 8999, too large"):
        plan_gaussian([full], "banded")
    with pytest.raises(RecognitionError, match=r"the largest dense one has 8000"):
        plan_gaussian([full], "dense")


def test_constant_graphs():
    """Numbers are found behind a graph; a variable is not a number."""
    np.testing.assert_array_equal(constant_array(1 / pt.constant([1.0, 2.0]) ** 2), [1.0, 0.25])
    assert constant_array(3) == 3.0
    assert constant_array(2 * pt.scalar("s")) is None


def test_shared_constants_of_rows():
    """A constant stays one, of an entry for each row; a variable is repeated in the graph."""
    found = per_row(1 / pt.constant(2.0) ** 2, 3)
    assert isinstance(found, TensorConstant)
    np.testing.assert_array_equal(found.data, np.full(3, 0.25))
    scale = pt.scalar("scale")
    repeated = per_row(scale, 3)
    assert constant_array(repeated) is None
    np.testing.assert_array_equal(repeated.eval({scale: 2.0}), np.full(3, 2.0))
