"""Few rows that say the same as many: equal sums of squares, whatever the block."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp

from pymc_glm.families import Gaussian, Laplace
from pymc_glm.machine import Factor, LinearMap
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.sufficient_rows import sufficient_rows

RNG = np.random.default_rng(61)
DENSE = RNG.normal(size=(60, 4))
GROUP = RNG.integers(0, 5, size=60)


def factor_of(matrix, offset=None, scale=0.7, **options):
    """A Gaussian factor of a matrix."""
    linear_map = LinearMap.from_matrix(matrix)
    offset = RNG.normal(size=linear_map.shape[0]) if offset is None else offset
    return Factor("y", Gaussian(), linear_map, offset, {"scale": np.asarray(scale)}, **options)


def squares(factor, x):
    """Sum of squares of the responses."""
    return np.square(factor.linear_map.matrix() @ x + factor.offset).sum()


REDUCED = {
    "dense": (DENSE, 5),
    "intercept": (np.ones((60, 1)), 2),
    "some columns": (np.c_[np.zeros(60), DENSE, np.zeros(60)], 5),
    "equal columns": (DENSE[:, [0, 1, 1, 2]], 5),
    "zero matrix rows": (DENSE * (np.arange(60) > 10)[:, None], 5),
    "duplicate rows": (DENSE[np.arange(60) % 3], 5),
    "columns of all sizes": (DENSE * [1e-8, 1.0, 1e4, 1e8], 5),
    "groups": (np.eye(5)[GROUP], 6),
    "groups and slopes": (np.c_[np.eye(5)[GROUP], DENSE], 10),
    "groups, some unused": (np.eye(40)[GROUP * 7], 6),
    "weighted groups": (np.eye(5)[GROUP] * np.where(GROUP == 2, 3.0, -1.0)[:, None], 6),
    "groups and zero rows": (np.eye(5)[GROUP] * (GROUP != 1)[:, None], 6),
}


@pytest.mark.parametrize("case", REDUCED)
def test_sum_of_squares_is_the_same(case):
    """At random blocks near and far; the number of responses is the old one."""
    matrix, rows = REDUCED[case]
    factor = factor_of(matrix)
    reduced = sufficient_rows(factor)
    assert reduced.size == rows
    assert reduced.responses == factor.responses == 60
    assert reduced.linear_map.shape[1] == factor.linear_map.shape[1]
    for spread in (0.0, 1.0, 100.0):
        x = spread * RNG.normal(size=matrix.shape[1])
        np.testing.assert_allclose(squares(reduced, x), squares(factor, x), rtol=1e-11)


def test_wrong_rows_would_be_noticed():
    """The check above fails for rows that lost what the block cannot explain."""
    factor = factor_of(DENSE)
    reduced = sufficient_rows(factor)
    without_rest = reduced._replace(offset=reduced.offset * (np.arange(reduced.size) < 4))
    x = RNG.normal(size=4)
    assert abs(squares(without_rest, x) / squares(factor, x) - 1) > 0.01


def test_exact_fit_leaves_no_rest():
    """What the block explains entirely."""
    factor = factor_of(DENSE, DENSE @ [1.0, 2.0, 3.0, 4.0])
    reduced = sufficient_rows(factor)
    assert abs(reduced.offset[-1]) < 1e-12
    assert squares(reduced, np.array([-1.0, -2.0, -3.0, -4.0])) < 1e-20


def test_log_density_counts_merged_responses():
    """The density as a function of a symbolic scale is that of all rows."""
    log_scale = pt.dscalar("log_scale")
    original = factor_of(DENSE)._replace(parameters={"scale": pt.exp(log_scale)})
    factors = [original, sufficient_rows(original)]
    assert factors[1].merged == 55 and factors[1].parameters == original.parameters
    x = RNG.normal(size=4)
    state = SweepState(factors, None, pt.constant(x), {log_scale: pt.constant(0.3)})
    there = pt.constant(-0.8)
    changes = [
        state.log_density_sum(index, {log_scale: there}) - state.log_density_sum(index, {})
        for index in (0, 1)
    ]
    full, few = pytensor.function([], changes, mode=PYTHON_MODE)()
    np.testing.assert_allclose(few, full, rtol=1e-11)


KEPT = {
    "few rows": factor_of(DENSE[:9]),
    "all rows differ": factor_of(np.eye(60)[RNG.permutation(60)]),
    "a scale for each row": factor_of(DENSE, scale=np.ones(60)),
    "another family": factor_of(DENSE)._replace(family=Laplace()),
    "symbolic map": factor_of(DENSE)._replace(
        linear_map=LinearMap.from_matrix(DENSE)._replace(values=pt.dvector())
    ),
    "symbolic offset": factor_of(DENSE, pt.dvector()),
    "without the block": factor_of(sp.csr_matrix((60, 3))),
}


@pytest.mark.parametrize("case", KEPT)
def test_other_factors_are_kept(case):
    """Nothing to gain, or no such statistic."""
    assert sufficient_rows(KEPT[case]) is KEPT[case]


def test_nearly_equal_rows_are_not_merged():
    """Rows that differ in the last digits are different rows."""
    matrix = np.eye(20)[np.repeat(np.arange(20), 3)]
    matrix[::2] *= 1 + 1e-15
    factor = factor_of(matrix)
    reduced = sufficient_rows(factor)
    x = 1e3 * RNG.normal(size=20)
    np.testing.assert_allclose(squares(reduced, x), squares(factor, x), rtol=1e-11)
