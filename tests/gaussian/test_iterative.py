"""The iterative draw against dense linear algebra: perturbation, products, preconditioner."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp

from problems import evaluated
from pytensor.graph.basic import Constant
from pytensor.tensor.random.type import random_generator_type

from pymc_glm.gaussian import ConjugateGradients, Rows, draw_gaussian, plan_gaussian
from pymc_glm.gaussian.iterative import iterative_arguments
from pymc_glm.gaussian.iterative_kernels import corrected_draw, iterative_from_noise
from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.operators import Convolution, Differences, Sparse, gaussian_kernel

SHAPE = (17, 18)
EDGES = {
    "lattice": lambda: Differences(SHAPE).matrix(),
    "periodic lattice": lambda: Differences(SHAPE, boundary="periodic").matrix(),
    "path": lambda: Differences((306,)).matrix(),
    "graph": lambda: _random_graph(306, 700),
    "no edges": lambda: sp.csr_matrix((0, 306)),
}
FAR = {
    "none": lambda: [],
    "rows": lambda: [LinearMap.from_matrix(sp.random(40, 306, 0.05, random_state=3))],
    "operator": lambda: [OperatorMap(Convolution(gaussian_kernel(5, 1.0), SHAPE))],
    "both": lambda: [*FAR["rows"](), *FAR["operator"]()],
    "matrix as operator": lambda: [OperatorMap(Sparse(sp.random(30, 306, 0.1, random_state=4)))],
}


def _random_graph(n, edges):
    rng = np.random.default_rng(5)
    ends = np.array([rng.choice(n, 2, replace=False) for _ in range(edges)])
    rows = np.arange(edges)
    sign = rng.choice([-1.0, 1.0], edges)
    return sp.csr_matrix((sign, (rows, ends[:, 0])), (edges, n)) - sp.csr_matrix(
        (sign, (rows, ends[:, 1])), (edges, n)
    )


def matrix_of(linear_map):
    """A map as a dense matrix."""
    if isinstance(linear_map, LinearMap):
        return linear_map.matrix().toarray()
    operator = linear_map.operator
    units = np.eye(operator.size_in).reshape((-1, *operator.shape_in))
    return np.stack([operator.forward(unit).ravel() for unit in units], axis=1)


def problem(edges, far, span=1.0):
    """Maps, offsets, precisions and informations of a block of 306 unknowns."""
    rng = np.random.default_rng(11)
    maps = [
        LinearMap.from_matrix(EDGES[edges]()),
        LinearMap.from_matrix(sp.identity(306) * 0.7),
        *FAR[far](),
    ]
    return [
        (
            one,
            rng.normal(size=one.shape[0]),
            10.0 ** rng.uniform(-span / 2, span / 2, one.shape[0]),
            rng.normal(size=one.shape[0]),
        )
        for one in maps
    ]


def arguments(factors, tolerance=1e-12, shared=False):
    """Arguments of the kernels, weights as constants."""
    plan = plan_gaussian([one for one, *_ in factors], "iterative")
    plan = plan._replace(solution=ConjugateGradients(tolerance))
    rows = [
        Rows(one, c, pt.constant(w[0] if shared else w), None if shared else pt.constant(eta))
        for one, c, w, eta in factors
        if one.shape[0]
    ]
    found = [pt.as_tensor(value) for value in iterative_arguments(plan, rows)]
    return evaluated(found, [], [])


def moments(factors, shared=False):
    """Precision and information in numpy."""
    q, h = np.zeros((306, 306)), np.zeros(306)
    for one, c, w, eta in factors:
        k = matrix_of(one)
        weight = np.full_like(w, w[0]) if shared and w.size else w
        q += k.T @ (weight[:, None] * k)
        h += k.T @ ((0 if shared else eta) - weight * c)
    return q, h


@pytest.mark.parametrize(
    ("edges", "far", "shared"),
    [
        ("lattice", "none", False),
        ("periodic lattice", "rows", False),
        ("path", "both", True),
        ("graph", "both", False),
        ("graph", "none", True),
        ("no edges", "both", False),
        ("lattice", "operator", True),
        ("lattice", "matrix as operator", False),
    ],
)
def test_mean_and_covariance_equal_dense_linear_algebra(edges, far, shared):
    """The draw is affine in the noise: its matrix S has S S' = Q^-1."""
    factors = problem(edges, far)
    system, weights, start, integers, floats, options = arguments(factors, shared=shared)
    q, h = moments(factors, shared)
    size = system.size - 306 + weights.size

    def draw(noise, given=system):
        return iterative_from_noise(given, noise, weights, start, integers, floats, options)

    mean = np.linalg.solve(q, h)
    np.testing.assert_allclose(draw(np.zeros(size)), mean, atol=1e-9 * np.abs(mean).max())
    centred = system.copy()
    centred[-306:] = 0.0
    # Noises of edges that are not there move nothing, and there is nothing to solve for.
    columns = [draw(unit, centred) for unit in np.eye(size)]
    total = np.transpose(columns) @ columns
    np.testing.assert_allclose(total @ q, np.eye(306), atol=1e-7)


@pytest.mark.parametrize("edges", ["lattice", "periodic lattice", "graph"])
def test_weights_that_span_ten_orders_of_magnitude(edges):
    """The mean, against a solution refined in extended precision."""
    rng = np.random.default_rng(2)
    difference, level = EDGES[edges](), LinearMap.from_matrix(sp.identity(306))
    weight = 10.0 ** rng.uniform(-2, 8, difference.shape[0])
    factors = [
        (LinearMap.from_matrix(difference), np.zeros(weight.size), weight, np.zeros(weight.size)),
        (level, rng.normal(size=306), np.ones(306), np.zeros(306)),
    ]
    system, weights, start, integers, floats, options = arguments(factors)
    noise = np.zeros(system.size - 306)
    x = iterative_from_noise(system, noise, weights, start, integers, floats, options)
    q, h = moments(factors)
    np.testing.assert_allclose(x, _refined(q, h, difference, weight), rtol=1e-9, atol=1e-11)


def _refined(q, h, difference, weight):
    """Solve by steps whose residuals are computed from differences, in long double."""
    d = difference.toarray().astype(np.longdouble)
    x = np.zeros(h.size, dtype=np.longdouble)
    for _ in range(40):
        residual = h - d.T @ (weight * (d @ x)) - x
        x += np.linalg.solve(q, residual.astype(float))
    return x.astype(float)


def test_a_tolerance_is_a_residual():
    """The residual of a draw is below the tolerance, in the norm of the preconditioner."""
    factors = problem("lattice", "operator", span=4.0)
    q, h = moments(factors)
    errors = []
    for tolerance in (1e-2, 1e-5, 1e-8):
        system, weights, start, integers, floats, options = arguments(factors, tolerance)
        noise = np.random.default_rng(0).standard_normal(system.size - 306 + weights.size)
        given = (noise * 0.0, weights, start, integers, floats, options)
        x = iterative_from_noise(system, *given)
        errors.append(np.linalg.norm(q @ x - h) / np.linalg.norm(h))
    assert errors[0] < 1e-1 and errors[1] < 1e-4 and errors[2] < 1e-7
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("level", [1e4, 1e8])
def test_a_block_far_from_zero_is_drawn_as_exactly(level):
    """A shift of the block moves its draws by that shift, from a start near by."""
    factors = problem("lattice", "none")
    draws = []
    for shift in (0.0, level):
        moved = [
            (one, c - shift * (matrix_of(one) @ np.ones(306)), w, eta)
            for (one, c, w, eta) in factors
        ]
        system, weights, _, integers, floats, options = arguments(moved, 1e-8)
        noise = np.random.default_rng(0).standard_normal(system.size - 306)
        start = np.full(306, shift)
        x = iterative_from_noise(system, noise, weights, start, integers, floats, options)
        draws.append(x - shift)
    np.testing.assert_allclose(draws[1], draws[0], atol=1e-6 + 1e-14 * level)
    assert np.std(draws[1]) > 0.1


def test_acceptance_does_not_depend_on_the_level():
    """A corrected draw moves as often far from zero as near it."""
    rates = []
    for level in (0.0, 1e3):
        factors = problem("lattice", "none")
        factors = [
            (one, c - level * (matrix_of(one) @ np.ones(306)), w, eta)
            for (one, c, w, eta) in factors
        ]
        system, weights, _, integers, floats, options = arguments(factors, 1e-2)
        q, h = moments(factors)
        rng = np.random.default_rng(6)
        x = np.linalg.solve(q, h)
        moved = 0
        for _ in range(300):
            y = corrected_draw(rng, system, weights, x, integers, floats, options)
            moved += not np.array_equal(x, y)
            x = y
        rates.append(moved / 300)
    assert rates[0] > 0.3
    assert abs(rates[0] - rates[1]) < 0.25


def test_a_corrected_draw_is_exact_at_a_crude_tolerance():
    """Its mean and variances are right where those of the plain draw are far off."""
    factors = problem("lattice", "operator", span=3.0)
    q, h = moments(factors)
    system, weights, _, integers, floats, options = arguments(factors, 1e-1)
    covariance = np.linalg.inv(q)
    mean = covariance @ h
    rng = np.random.default_rng(4)
    x = rng.multivariate_normal(mean, covariance)
    direction = np.linalg.eigh(q)[1][:, :5]
    chain, moved = [], 0
    for _ in range(8_000):
        y = corrected_draw(rng, system, weights, x, integers, floats, options)
        moved += not np.array_equal(x, y)
        x = y
        chain.append(direction.T @ (x - mean))
    chain = np.array(chain)
    assert 0.1 < moved / len(chain) < 0.98
    scaled = chain / np.sqrt(1.0 / np.linalg.eigvalsh(q)[:5])
    batches = scaled.reshape(80, 100, 5)
    for function in (lambda v: v, lambda v: v**2 - 1.0):
        means = function(batches).mean(axis=1)
        z = means.mean(axis=0) / (means.std(axis=0, ddof=1) / np.sqrt(80))
        assert np.abs(z).max() < 4.0


def test_without_the_correction_that_tolerance_is_too_crude():
    """The test above can fail: the plain draw at the same tolerance has too small a spread."""
    factors = problem("lattice", "operator", span=3.0)
    q, _ = moments(factors)
    system, weights, start, integers, floats, options = arguments(factors, 1e-1)
    rng = np.random.default_rng(4)
    size = system.size - 306 + weights.size
    draws = np.stack(
        [
            iterative_from_noise(
                system, rng.standard_normal(size), weights, start, integers, floats, options
            )
            for _ in range(1000)
        ]
    )
    values, vectors = np.linalg.eigh(q)
    spread = (draws @ vectors[:, 0]).var() * values[0]
    assert spread < 0.9


def test_a_draw_in_a_graph():
    """`draw_gaussian` with an iterative plan, and the same draw from any start."""
    factors = problem("lattice", "both")
    plan = plan_gaussian([one for one, *_ in factors], "iterative")
    rows = [Rows(one, c, pt.constant(w), pt.constant(eta)) for one, c, w, eta in factors]
    rng = random_generator_type("rng")
    start = pt.vector("start", shape=(306,))
    _, x = draw_gaussian(rng, plan, rows, start)
    inputs = [pytensor.In(rng, mutable=True), start]
    draw = pytensor.function(inputs, x, mode="NUMBA", accept_inplace=True)
    one = draw(np.random.default_rng(1), np.zeros(306))
    other = draw(np.random.default_rng(1), np.full(306, 3.0))
    np.testing.assert_allclose(one, other, atol=1e-6 * np.abs(one).max())


def test_a_precision_that_is_not_a_number_is_refused():
    """No NaN comes out."""
    factors = problem("lattice", "none")
    system, weights, start, integers, floats, options = arguments(factors)
    system[3] = np.nan
    noise = np.zeros(system.size - 306)
    with pytest.raises(ArithmeticError, match="not positive definite"):
        iterative_from_noise(system, noise, weights, start, integers, floats, options)


def test_an_iteration_that_does_not_converge_is_refused():
    """The number of iterations is bounded."""
    factors = problem("lattice", "operator", span=6.0)
    system, weights, start, integers, floats, _ = arguments(factors)
    noise = np.zeros(system.size - 306 + weights.size)
    options = np.array([1e-12, 3.0])
    with pytest.raises(ArithmeticError, match="did not reach their tolerance"):
        iterative_from_noise(system, noise, weights, start, integers, floats, options)


def test_symbolic_rows_of_several_entries_are_refused():
    """Their products are not known before the first draw."""
    linear_map = LinearMap.from_matrix(np.ones((3, 4)))._replace(values=pt.vector())
    with pytest.raises(ValueError, match="depend on other variables"):
        plan_gaussian([linear_map], "iterative")


def test_an_operator_leaves_no_other_structure():
    """A direct structure asked for by name is refused."""
    maps = [one for one, *_ in problem("lattice", "operator")]
    assert plan_gaussian(maps).structure == "iterative"
    with pytest.raises(ValueError, match="without a matrix"):
        plan_gaussian(maps, "dense")


def test_constant_weights_stay_a_constant():
    """Folded into compiled code, an array of megabytes would keep it out of numba's cache."""
    factors = problem("lattice", "operator")
    plan = plan_gaussian([one for one, *_ in factors])
    far = Rows(factors[-1][0], np.zeros(factors[-1][0].shape[0]), pt.constant(2.0) ** 2, None)
    _, weights, *_ = iterative_arguments(plan, [far])
    assert isinstance(weights, Constant)
    np.testing.assert_array_equal(weights.data, np.full(factors[-1][0].shape[0], 4.0))


@pytest.mark.parametrize(
    ("edges", "far", "linked"),
    [
        ("no edges", "none", "306 unknowns without interactions;"),
        ("lattice", "none", "306 unknowns linked by 577 differences;"),
        (
            "lattice",
            "both",
            "306 unknowns linked by 577 differences and rows with 612 entries and products with"
            " convolution 5 x 5, periodic (applied, not stored);",
        ),
    ],
)
def test_what_links_the_unknowns_is_said(edges, far, linked):
    """Differences, stored rows and operators, each by what it is."""
    reason = plan_gaussian([one for one, *_ in problem(edges, far)], "iterative").reason
    assert reason.startswith(f"iterative (as asked): {linked}")
    assert reason.endswith("operations.")
