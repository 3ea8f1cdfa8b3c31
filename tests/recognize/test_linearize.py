"""Linearization against finite differences, which are exact for affine functions."""

from __future__ import annotations

import time

import numpy as np
import pytensor
import pytensor.sparse as ps
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp

from pytensor.compile.mode import Mode
from pytensor.gradient import disconnected_grad
from pytensor.graph.traversal import ancestors, explicit_graph_inputs
from pytensor.raise_op import Assert

from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.linearize import linearize

SEED = 20250512
N = 12
PYTHON = Mode(linker="py", optimizer=None)

_rng = np.random.default_rng(SEED)
A = _rng.normal(size=(7, N))
A3 = _rng.normal(size=(5, 2, 4))
SPARSE = sp.random(9, N, 0.3, format="csr", rng=np.random.default_rng(SEED))
INDEX = _rng.integers(0, N, 20)
LOWER = np.tril(A[:, :7]) + 5 * np.eye(7)
STACK = A3[:3, :, :2] + 5 * np.eye(2)
MASK = A[0] > 0
MONOTONE = np.array([1.0, 2.0, 1.0])

x = pt.tensor("x", shape=(N,))
y = pt.tensor("y", shape=(N,))
u = pt.tensor("u", shape=(4, 3))
s = pt.tensor("s", shape=())
theta = pt.tensor("theta", shape=())
rho = pt.tensor("rho", shape=())
lam = pt.tensor("lam", shape=(N,))
w = pt.tensor("w", shape=(5, N))


def _scan_sum(sequence):
    return pytensor.scan(
        lambda entry, total: 0.5 * total + entry,
        sequences=[sequence],
        outputs_info=[pt.constant(np.float64(0.0))],
        return_updates=False,
    )


def _sparse(matrix):
    return ps.as_sparse(matrix)


CONSTANT_MAPS = {
    "x": (x, [x]),
    "diff": (pt.diff(x), [x]),
    "slices": (x[1:] - x[:-1], [x]),
    "second diff": (pt.diff(x, n=2), [x]),
    "diff of matrix over axis 0": (pt.diff(u, axis=0), [u]),
    "diff of matrix over axis 1": (pt.diff(u, axis=1), [u]),
    "A @ x": (A @ x, [x]),
    "pt.dot": (pt.dot(A, x), [x]),
    "x @ A.T": (x @ A.T, [x]),
    "A @ x + c": (pt.dot(A, x) + 1.5, [x]),
    "inner product": (pt.dot(x, A[0]), [x]),
    "0.1 * x, float32": (np.float32(0.1) * x, [x]),
    "x / 3": (x / 3, [x]),
    "-x": (-x, [x]),
    "c - x": (2 - x, [x]),
    "x + x": (x + x, [x]),
    "x - x": (x - x + A[0], [x]),
    "x[idx]": (x[INDEX], [x]),
    "x[mask]": (x[MASK], [x]),
    "x[::-2]": (x[::-2], [x]),
    "x[2]": (x[2], [x]),
    "u[rows, columns]": (u[[0, 1, 3], [2, 2, 0]], [u]),
    "y[idx] + c * x": (y[INDEX] + A[0, 0] * x[3], [x, y]),
    "a[idx] + b * x": (x[INDEX[:7]] + s * A[:, 0], [x, s]),
    "s broadcast": (s + A, [s]),
    "cumsum": (pt.cumsum(x), [x]),
    "cumsum over axis": (pt.cumsum(u, axis=1), [u]),
    "sum": (x.sum(), [x]),
    "sum over axis": (u.sum(axis=0), [u]),
    "mean": (u.mean(axis=1, keepdims=True), [u]),
    "mean-centred": (x - x.mean(), [x]),
    "zero sum": (pt.concatenate([x, -x.sum(keepdims=True)]), [x]),
    "reshape and transpose": (x.reshape((4, 3)).T.ravel(), [x]),
    "dimshuffle": (x[None, :] + np.zeros((3, 1)), [x]),
    "outer sum (n,1)+(1,m)": (x[:, None] + y[None, :4], [x, y]),
    "set_subtensor": (pt.set_subtensor(pt.zeros(20)[3:15], x), [x]),
    "set into x": (x[2:5].set(0.0), [x]),
    "set x into y": (y[2:5].set(x[:3]), [x, y]),
    "inc_subtensor": (pt.inc_subtensor(y[1:4], x[0]), [x, y]),
    "set by index": (pt.zeros(20)[INDEX[:3]].set(x[:3]), [x]),
    "inc by repeated index": (pt.zeros(5)[[0, 0, 3]].inc(x[:3]), [x]),
    "concatenate": (pt.concatenate([x, 2 * x[:3], np.ones(2)]), [x]),
    "concatenate columns": (pt.concatenate([u, -u], axis=1), [u]),
    "stack": (pt.stack([x, y], axis=1), [x, y]),
    "make vector": (pt.stack([x[0], s, 2 * x[5]]), [x, s]),
    "split": (pt.split(x, [5, 7], n_splits=2)[1], [x]),
    "structured dot": (ps.structured_dot(_sparse(SPARSE), x[:, None])[:, 0], [x]),
    "sparse dot": (ps.dot(_sparse(SPARSE), x[:, None]).ravel(), [x]),
    "dense times sparse": (ps.dot(x[None, :], _sparse(SPARSE.T.tocsr())), [x]),
    "convolve1d same": (pt.signal.convolve1d(x, MONOTONE, mode="same"), [x]),
    "convolve1d valid": (pt.signal.convolve1d(x, MONOTONE, mode="valid"), [x]),
    "convolve1d kernel first": (pt.signal.convolve1d(MONOTONE, x, mode="full"), [x]),
    "solve_triangular": (pt.linalg.solve_triangular(LOWER, x[:7], lower=True), [x]),
    "solve": (pt.linalg.solve(LOWER, u[:, 0][[0, 1, 2, 3, 0, 1, 2]]), [u]),
    "cho_solve": (pt.linalg.cho_solve((LOWER, True), x[:7]), [x]),
    "solve matrix": (pt.linalg.solve(A3[0] @ A3[0].T + np.eye(2), u[:2]), [u]),
    "switch": (pt.switch(MASK, x, -y), [x, y]),
    "where": (pt.where(MASK, x, 0.0), [x]),
    "kron": (pt.linalg.kron(u, np.array([[1.0, 2.0], [3.0, 4.0]])), [u]),
    "matmul both sides": (np.eye(4) @ u @ np.ones((3, 2)), [u]),
    "matmul batched": (pt.matmul(A3, u), [u]),
    "matmul batched block": (pt.matmul(u.reshape((2, 2, 3)), np.ones((3, 2))), [u]),
    "tensordot": (pt.tensordot(A3, u, axes=[[2], [0]]), [u]),
    "diag of": (pt.diag(pt.outer(x, pt.constant(A[0]))), [x]),
    "diag": (pt.diag(x), [x]),
    "trace": (pt.trace(u[:3]), [u]),
    "outer": (pt.outer(x, pt.constant(A[0])), [x]),
    "einsum ij,j->i": (pt.einsum("ij,j->i", A, x), [x]),
    "einsum ij,jk->ik": (pt.einsum("ij,jk->ik", A3[0], u), [u]),
    "einsum bij,jk->bik": (pt.einsum("bij,jk->bik", A3, u), [u]),
    "einsum ij->j": (pt.einsum("ij->j", u), [u]),
    "pad": (pt.pad(x, (2, 3)), [x]),
    "pad edge": (pt.pad(x, (2, 3), mode="edge"), [x]),
    "repeat": (pt.repeat(x, 3), [x]),
    "repeat by counts": (pt.repeat(x[:3], [1, 0, 2]), [x]),
    "tile": (pt.tile(x, 3), [x]),
    "take": (pt.take(u, [2, 0], axis=1), [u]),
    "flip": (pt.flip(x), [x]),
    "roll": (pt.roll(x, 3), [x]),
    "swapaxes": (pt.swapaxes(u, 0, 1), [u]),
    "zeros_like": (pt.zeros_like(x) + x.sum(), [x]),
    "full_like": (pt.full_like(x, 2.0) * x, [x]),
    "alloc": (pt.alloc(s, 3, 2), [s]),
    "shape of the block": (x / x.shape[0], [x]),
    "cast": (pt.cast(x, "float64"), [x]),
    "assertion": (Assert("small")(x, pt.all(x < 9)), [x]),
    "disconnected": (disconnected_grad(x) + x, [x]),
    "fill_diagonal": (pt.fill_diagonal(u, s), [u, s]),
    "convolve2d": (pt.signal.convolve2d(u, A[:2, :2]), [u]),
    "solve batched": (pt.linalg.solve(STACK, u.reshape((3, 2, 2)), b_ndim=2), [u]),
    "convolve1d batched": (pt.signal.convolve1d(u, np.ones((4, 2))), [u]),
    "scan": (_scan_sum(x), [x]),
    "not of the block": (pt.as_tensor(A[0]), [x]),
    "symbolic offset": (pt.exp(lam) + x, [x]),
    "symbolic offset through shape": (x + theta * pt.ones_like(x), [x]),
}

SYMBOLIC_MAPS = {
    "theta * x": (theta * x, [x]),
    "lam * x": (lam * x, [x]),
    "theta * (A @ x) + lam": (theta * pt.dot(A, x) + lam[:7], [x]),
    "x / theta": (x / theta, [x]),
    "X @ (lam * tau * z)": (A @ (lam * theta * x), [x]),
    "(X * lam) @ z": ((A * lam) @ x, [x]),
    "mu + tau * z[idx]": (rho + theta * x[INDEX], [x]),
    "mu + tau * z[idx], mu in block": (s + theta * x[INDEX], [s, x]),
    "AR residual": (x[1:] - rho * x[:-1], [x]),
    "AR(2) residual": (x[2:] - rho * x[1:-1] - theta * x[:-2], [x]),
    "x * theta + x * rho": (x * theta + x * rho, [x]),
    "x * theta + x * theta": (x * theta + x * theta, [x]),
    "a tensor used before and after scaling": ((x - y) + lam * (x - y) - theta * (x - x), [x, y]),
    "nested products": (rho * (theta * x[1:] - x[:-1]) - lam[1:] * x[1:], [x]),
    "random walk, non-centred": (rho + theta * pt.cumsum(x), [x]),
    "mean-centred, scaled": (theta * (x - x.mean()), [x]),
    "A diag(lam) A' x": (A.T @ (lam[:7] * (A @ x)), [x]),
    "weight without static shape": (pt.repeat(lam[:4], 3) * x, [x]),
    "float32 weight": (pt.cast(lam, "float32") * x, [x]),
    "integer weight": (pt.cast(lam, "int64") * x, [x]),
    "W @ x": (w @ x, [x]),
    "x @ W'": (x @ w.T, [x]),
    "W @ u": (w[:, :4] @ u, [u]),
    "u @ W": (u @ w[:3], [u]),
    "batched W": (pt.matmul(w[:, :8].reshape((5, 2, 4)), u), [u]),
    "outer of x and lam": (pt.outer(x, lam), [x]),
    "(n,1) * (1,m)": (x[:, None] * lam[None, :] * theta, [x]),
    "switch on lam": (pt.switch(lam > 0, x, -y), [x, y]),
    "solve theta": (pt.linalg.solve(theta * np.eye(N) + np.diag(np.ones(11), 1), x), [x]),
    "solve_triangular theta": (
        pt.linalg.solve_triangular(LOWER * pt.exp(theta), u[[0, 1, 2, 3, 0, 1, 2]], lower=True),
        [u],
    ),
    "convolve1d by lam": (pt.signal.convolve1d(x, lam[:3], mode="same"), [x]),
    "einsum with W": (pt.einsum("ij,j->i", w, x), [x]),
    "pad lam * x": (pt.pad(lam * x, (1, 1)), [x]),
    "zeros": (pt.zeros(20)[3:15].set(theta * x), [x]),
    "ones_like": (theta * pt.ones_like(x) * x, [x]),
    "float32 constant": (np.float32(0.1) * theta * x, [x]),
    "grouped scale": (lam[INDEX] * x[INDEX] + theta, [x]),
}

CASES = {**CONSTANT_MAPS, **SYMBOLIC_MAPS}

REFUSED = {
    "abs": (abs(x), [x], r"abs\(\.\.\.\)"),
    "x * x": (x * x, [x], r"product of block variables, x \* x"),
    "x ** 2": (x**2, [x], r"(sqr|pow)\(\.\.\.\)"),
    "x[0] * x[1:]": (x[0] * x[1:], [x], "product of block variables"),
    "x1 * x2": (x * y, [x, y], r"product of block variables, x \* y"),
    "dot(x, x)": (pt.dot(x, x), [x], "matrix product of block variables"),
    "exp": (pt.exp(x), [x], r"exp\(\.\.\.\)"),
    "exp(log)": (pt.exp(pt.log(x)), [x], r"log\(\.\.\.\)"),
    "clip": (pt.clip(x, -1, 1), [x], r"clip\(\.\.\.\)"),
    "sort": (pt.sort(x), [x], "sort"),
    "softplus": (pt.softplus(x), [x], r"softplus\(\.\.\.\)"),
    "maximum": (pt.maximum(x, 0), [x], r"maximum\(\.\.\.\)"),
    "max": (pt.max(x), [x], "maximum over an axis"),
    "prod": (pt.prod(x), [x], "mul over an axis"),
    "cumprod": (pt.cumprod(x), [x], "cumulative product"),
    "where x > 0": (pt.switch(x > 0, x, 0.0), [x], "a comparison"),
    "floor": (pt.floor(x), [x], r"floor\(\.\.\.\)"),
    "round": (pt.round(x), [x], r"round\(\.\.\.\)"),
    "int": (pt.cast(x, "int64"), [x], "conversion to int64"),
    "x as index": (lam[pt.cast(x, "int64")], [x], "conversion to int64"),
    "theta / x": (theta / x, [x], "division by a block variable"),
    "x / s": (x / s, [x, s], "division by a block variable"),
    "solve by u": (pt.linalg.solve(u[:3], A[:3, 0]), [u], "matrix depends on a block variable"),
    "inverse": (pt.linalg.inv(u[:3]), [u], "matrixinverse"),
    "index by theta": (x[pt.cast(theta, "int64")], [x], "another model variable"),
    "fill_diagonal by theta": (
        pt.fill_diagonal(u, theta) + u,
        [u],
        "filldiagonal with parameters that are model variables",
    ),
}


def _evaluate(graph, point):
    if isinstance(graph, np.ndarray):
        return graph
    function = pytensor.function(list(point), graph, mode=PYTHON, on_unused_input="ignore")
    return function(*point.values())


def _layout(block):
    places, start = [], 0
    for variable in block:
        size = int(np.prod(variable.type.shape, dtype=int))
        places.append((variable, slice(start, start + size)))
        start += size
    return places, start


def _finite_differences(response, places, n, point):
    """Offset and matrix from the response at zero and at each unit vector."""
    inputs = [v for v, _ in places] + list(point)
    function = pytensor.function(inputs, response, mode=PYTHON, on_unused_input="ignore")

    def at(flat):
        parts = [flat[place].reshape(v.type.shape) for v, place in places]
        return np.ravel(function(*parts, *point.values())).astype(float)

    zero = at(np.zeros(n))
    return zero, np.stack([at(unit) - zero for unit in np.eye(n)], axis=1)


def _other_values(response, block, rng):
    roots = [v for v in explicit_graph_inputs([response]) if v not in block]
    return {v: rng.normal(size=v.type.shape) for v in roots}


@pytest.fixture(autouse=True)
def _no_compilation():
    # Ops made of a graph, such as pad, compile it in the default mode, for seconds each.
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.mark.parametrize("name", CASES)
def test_matches_finite_differences(name):
    response, block = CASES[name]
    places, n = _layout(block)
    point = _other_values(response, block, np.random.default_rng(SEED + 1))
    result = linearize(response, places, n)
    offset, jacobian = _finite_differences(response, places, n, point)

    values = _evaluate(result.linear_map.values, point)
    dense = result.linear_map.matrix(values).toarray()
    bound = 1e-12 * (1 + np.abs(jacobian).max(initial=0) + np.abs(offset).max(initial=0))
    np.testing.assert_allclose(dense, jacobian, rtol=0, atol=bound)
    np.testing.assert_allclose(_evaluate(result.offset, point), offset, rtol=0, atol=bound)


@pytest.mark.parametrize("name", CASES)
def test_layout_of_the_map(name):
    response, block = CASES[name]
    places, n = _layout(block)
    linear_map, offset = linearize(response, places, n)
    assert linear_map.is_constant == (name in CONSTANT_MAPS)
    position = linear_map.rows * n + linear_map.columns
    assert np.all(np.diff(position) > 0)
    assert linear_map.rows.dtype == linear_map.columns.dtype == np.int64
    assert linear_map.values.dtype == offset.dtype == "float64"
    assert offset.ndim == linear_map.values.ndim == 1
    for graph in (linear_map.values, offset):
        if not isinstance(graph, np.ndarray):
            assert not set(block) & set(ancestors([graph]))


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    response, block, reason = REFUSED[name]
    places, n = _layout(block)
    with pytest.raises(NotAffineError, match=reason):
        linearize(response, places, n)


def test_refusal_names_the_response():
    response = pt.exp(x)
    response.name = "rate"
    with pytest.raises(NotAffineError, match=r"^The response of 'rate' applies exp\(\.\.\.\)"):
        linearize(response, [(x, slice(0, N))], N)


def test_long_cumulative_sum_is_refused():
    series = pt.tensor("series", shape=(100_000,))
    with pytest.raises(NotAffineError, match="cumulative sum of 100000 entries"):
        linearize(pt.cumsum(series), [(series, slice(0, 100_000))], 100_000)


def test_long_unknown_op_is_refused():
    series = pt.tensor("series", shape=(2001,))
    with pytest.raises(NotAffineError, match="sort of 2001 entries, which has no rule"):
        linearize(pt.sort(series), [(series, slice(0, 2001))], 2001)


def test_assertions_need_not_hold_at_zero():
    linear_map, offset = linearize(Assert("positive")(x, pt.all(x > 0)), [(x, slice(0, N))], N)
    assert linear_map.structure() == "identity"
    assert not np.any(offset)


def test_place_in_the_block():
    linear_map, _ = linearize(2 * y + x[0], [(y, slice(20, 32)), (x, slice(3, 15))], 40)
    assert linear_map.shape == (N, 40)
    expected = np.zeros((N, 40))
    expected[:, 20:32] = 2 * np.eye(N)
    expected[:, 3] = 1
    np.testing.assert_array_equal(linear_map.matrix().toarray(), expected)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("theta * x", 1),
        ("lam * x", 0),
        ("mu + tau * z[idx]", 1),
        # a gather and the product with the data, on lam * tau (two nodes with its broadcast)
        ("X @ (lam * tau * z)", 4),
        # a gather from [1, rho] (a join of an expansion) and the signs
        ("AR residual", 4),
    ],
)
def test_symbolic_values_are_minimal(name, count):
    response, block = SYMBOLIC_MAPS[name]
    places, n = _layout(block)
    values = linearize(response, places, n).linear_map.values
    assert sum(v.owner is not None for v in ancestors([values])) == count


def test_dense_pattern_of_a_scaled_design():
    response, block = SYMBOLIC_MAPS["X @ (lam * tau * z)"]
    linear_map, offset = linearize(response, *_layout(block))
    assert linear_map.rows.size == A.size
    assert isinstance(offset, np.ndarray)


def test_shape_must_be_static():
    free = pt.vector("free")
    with pytest.raises(ValueError, match=r"shape of free is \(None,\), not static"):
        linearize(free, [(free, slice(0, 3))], 3)


LARGE = 100_000
_large = pt.tensor("large", shape=(LARGE,))
_large_sparse = sp.diags([1.0, -2.0, 1.0], [-1, 0, 7], shape=(LARGE, LARGE), format="csr")
LARGE_CASES = {
    "diff": pt.diff(_large),
    "second diff": pt.diff(_large, n=2),
    "index": _large[np.random.default_rng(SEED).integers(0, LARGE, LARGE)],
    "image": pt.diff(_large.reshape((200, 500)), axis=0),
    "sparse dot": ps.structured_dot(_sparse(_large_sparse), _large[:, None])[:, 0],
    "AR residual": _large[1:] - rho * _large[:-1],
}


@pytest.mark.parametrize("name", LARGE_CASES)
def test_cost_is_linear(name):
    places = [(_large, slice(0, LARGE))]
    linearize(LARGE_CASES[name], places, LARGE)
    started = time.process_time()
    linear_map, _ = linearize(LARGE_CASES[name], places, LARGE)
    assert time.process_time() - started < 0.6
    assert linear_map.rows.size < 4 * LARGE
