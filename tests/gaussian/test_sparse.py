"""Sparse Cholesky factors: the symbolic analysis, and the kernels on patterns of any kind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian import plan_gaussian, structures
from pymc_glm.gaussian.symbolic import analyse
from pymc_glm.machine import LinearMap


def lattice(rows, columns):
    """Differences of the neighbours on a rectangular grid."""
    down, across = (sp.csr_matrix(np.diff(np.eye(k), axis=0)) for k in (rows, columns))
    return sp.vstack(
        [sp.kron(down, sp.identity(columns)), sp.kron(sp.identity(rows), across)], format="csr"
    )


def random_rows(seed, n, per_row):
    """Rows with entries at random: some unknowns have none, others many."""
    rng = np.random.default_rng(seed)
    matrix = sp.random(n, n, per_row / n, random_state=rng, format="lil")
    matrix[:, rng.integers(0, n, n // 8)] = 0.0
    matrix[rng.integers(0, n, n // 8)] = 0.0
    return sp.csr_matrix(matrix)


def precision(matrix, weights, diagonal):
    """Q of rows and single entries."""
    return sp.csc_matrix(matrix.T @ sp.diags(weights) @ matrix + sp.diags(diagonal))


def system_of(factor, q, h):
    """The flat system of a sparse Q and of h."""
    entries = sp.coo_matrix(q)
    low, high = factor.position[entries.row], factor.position[entries.col]
    below = low <= high
    system = np.zeros(factor.size + h.size)
    system[factor.places(low[below], high[below])] = entries.data[below]
    system[factor.size + factor.position] = h
    return system


def filled(pattern, position):
    """Entries of each column of the factor by elimination of a boolean matrix."""
    order = np.argsort(position)
    matrix = pattern.toarray()[np.ix_(order, order)] != 0
    for k in range(len(matrix)):
        below = k + 1 + np.flatnonzero(matrix[k + 1 :, k])
        matrix[np.ix_(below, below)] = True
    return np.tril(matrix).sum(axis=0)


PATTERNS = {
    "no interactions": sp.csr_matrix((1, 7)),
    "lattice": lattice(7, 9),
    "lattice of second differences": lattice(8, 8).T @ lattice(8, 8),
    "two components": sp.block_diag([lattice(4, 5), lattice(3, 6)], format="csr"),
    "few": random_rows(1, 60, 1.0),
    "some": random_rows(2, 60, 2.0),
    "many": random_rows(3, 60, 6.0),
    "star": sp.csr_matrix(np.hstack([np.eye(40), -np.ones((40, 1))])),
    "all": sp.csr_matrix(np.ones((1, 30))),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_any_pattern(name):
    """Mean, covariance and integral, against dense algebra; the fill, against elimination."""
    from pymc_glm.gaussian.sparse_kernels import sparse_from_noise, sparse_log_marginal

    matrix = PATTERNS[name]
    n = matrix.shape[1]
    rng = np.random.default_rng(11)
    q = precision(matrix, rng.gamma(1.0, 1.0, matrix.shape[0]), rng.gamma(2.0, 1.0, n))
    h = rng.normal(size=n)
    factor = analyse(matrix.T @ matrix)
    fill = filled(q, factor.position).sum()
    assert fill <= factor.entries <= n * (n + 1) // 2
    system = system_of(factor, q, h)
    before = system.copy()
    mean = sparse_from_noise(system, np.zeros(n), factor.layout)
    root = np.stack([sparse_from_noise(system, e, factor.layout) - mean for e in np.eye(n)], axis=1)
    covariance = np.linalg.inv(q.toarray())
    expected = covariance @ h
    place = factor.position
    np.testing.assert_allclose(mean[place], expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose((root @ root.T)[np.ix_(place, place)], covariance, atol=1e-12)
    value = 0.5 * h @ expected - 0.5 * np.linalg.slogdet(q.toarray())[1]
    assert sparse_log_marginal(system, factor.layout) == pytest.approx(value, rel=1e-11)
    np.testing.assert_array_equal(system, before)


@pytest.mark.parametrize("name", PATTERNS)
def test_column_counts(name):
    """The entries of the factor before supernodes are merged, in the natural order."""
    from pymc_glm.gaussian.symbolic_kernels import column_counts, elimination_tree

    n = PATTERNS[name].shape[1]
    pattern = sp.csr_matrix(PATTERNS[name].T @ PATTERNS[name] + sp.identity(n))
    pattern.sort_indices()
    starts, columns = pattern.indptr.astype(np.int64), pattern.indices.astype(np.int64)
    parent = elimination_tree(starts, columns)
    counts, is_possible = column_counts(starts, columns, parent, n * n)
    np.testing.assert_array_equal(counts, filled(pattern, np.arange(n)))
    assert is_possible
    assert not column_counts(starts, columns, parent, counts.sum() - 1)[1] or counts.sum() == n


@pytest.mark.parametrize("name", PATTERNS)
def test_minimum_degree(name):
    """Every unknown once, and fewer entries than in a random order; too many are noticed."""
    from pymc_glm.gaussian.ordering_kernels import minimum_degree

    n = PATTERNS[name].shape[1]
    pattern = sp.csr_matrix(PATTERNS[name].T @ PATTERNS[name] + sp.identity(n))
    graph = sp.csr_matrix(sp.triu(pattern, 1) + sp.tril(pattern, -1))
    starts, columns = graph.indptr.astype(np.int64), graph.indices.astype(np.int64)
    order, is_possible = minimum_degree(starts, columns, n * n, n)
    assert is_possible and sorted(order) == list(range(n))
    entries = filled(pattern, np.argsort(order)).sum()
    shuffled = filled(pattern, np.random.default_rng(13).permutation(n)).sum()
    assert entries <= shuffled and (entries < shuffled or name in ("no interactions", "all"))
    assert minimum_degree(starts, columns, entries, n)[1]
    assert not minimum_degree(starts, columns, entries // 2, n)[1]


def test_hubs_come_last():
    """An unknown that interacts with all is set aside, whatever its degree becomes."""
    from pymc_glm.gaussian.ordering_kernels import minimum_degree

    star = sp.csr_matrix(PATTERNS["star"].T @ PATTERNS["star"])
    graph = sp.csr_matrix(sp.triu(star, 1) + sp.tril(star, -1))
    arrays = (graph.indptr.astype(np.int64), graph.indices.astype(np.int64))
    assert minimum_degree(*arrays, 10_000, 16)[0][-1] == 40


def exact_solution(matrix, weights, diagonal, h):
    """Solve in rational arithmetic, by Gauss-Jordan elimination."""
    k = [[Fraction(float(value)) for value in row] for row in matrix.toarray()]
    w = [Fraction(float(value)) for value in weights]
    n = len(h)
    work = [[Fraction(0)] * n + [Fraction(float(h[i]))] for i in range(n)]
    for i in range(n):
        work[i][i] += Fraction(float(diagonal[i]))
    for row, weight in zip(k, w, strict=True):
        ends = [i for i in range(n) if row[i] != 0]
        for i in ends:
            for j in ends:
                work[i][j] += weight * row[i] * row[j]
    for i in range(n):
        work[i] = [value / work[i][i] for value in work[i]]
        for j in range(n):
            if j != i and work[j][i] != 0:
                work[j] = [a - work[j][i] * b for a, b in zip(work[j], work[i], strict=True)]
    return np.array([float(row[n]) for row in work])


def test_weights_over_ten_orders_of_magnitude():
    """Digits are lost in proportion to the ratio of weights to the diagonal, and no more."""
    from pymc_glm.gaussian.sparse_kernels import sparse_from_noise

    rng = np.random.default_rng(12)
    matrix = lattice(5, 5)
    weights = 10.0 ** rng.uniform(0, 10, matrix.shape[0])
    h = rng.normal(size=25)
    factor = analyse(matrix.T @ matrix)
    system = system_of(factor, precision(matrix, weights, np.ones(25)), h)
    mean = sparse_from_noise(system, np.zeros(25), factor.layout)[factor.position]
    expected = exact_solution(matrix, weights, np.ones(25), h)
    # Each diagonal entry is rounded by up to half a unit of its weights, and n of them add up.
    bound = 25 * 0.5 * np.finfo(float).eps * 4 * weights.max()
    assert np.abs(mean - expected).max() < bound * np.abs(expected).max()


def test_a_singular_precision_is_refused():
    """Stars without data: the pivot of each hub is exactly zero."""
    from pymc_glm.gaussian.sparse_kernels import sparse_from_noise, sparse_log_marginal

    star = sp.csr_matrix(np.hstack([np.eye(12), -np.ones((12, 1))]))
    matrix = sp.block_diag([star, star], format="csr")
    factor = analyse(matrix.T @ matrix)
    system = system_of(factor, sp.csc_matrix(matrix.T @ matrix), np.ones(26))
    with pytest.raises(ArithmeticError, match="not positive definite, or not finite"):
        sparse_from_noise(system, np.ones(26), factor.layout)
    assert sparse_log_marginal(system, factor.layout) == -np.inf


def test_an_entry_outside_the_pattern_is_refused():
    """Two patterns never meet."""
    factor = analyse(lattice(3, 3).T @ lattice(3, 3))
    one, other = np.sort(factor.position[[0, 8]])[:, None]
    with pytest.raises(ValueError, match="do not interact in the plan"):
        factor.places(one, other)


def test_too_many_entries(monkeypatch):
    """The size of the factor is known, and refused, before it is stored."""
    matrix = lattice(12, 12)
    entries = filled(matrix.T @ matrix, analyse(matrix.T @ matrix).position).sum()
    assert analyse(matrix.T @ matrix, most=entries // 2) is None
    monkeypatch.setattr(structures, "analyse", lambda interactions: None)
    with pytest.raises(RecognitionError, match=r"more than 50,000,000 nonzeros, 0\.4 GB"):
        plan_gaussian([LinearMap.from_matrix(matrix)], "sparse")


def test_one_row_of_all_unknowns_is_refused():
    """A full Q has no zeros to use."""
    with pytest.raises(ValueError, match="precision of the 5 unknowns has no zeros"):
        plan_gaussian([LinearMap.from_matrix(np.ones((1, 5)))], "sparse")
