"""Draws in a Fourier or a cosine basis against dense linear algebra, and what is no such basis."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from problems import PYTHON, dense_moments, evaluated
from pytensor.tensor.random.type import random_generator_type

import pymc_glm

from pymc_glm.exceptions import ImproperPosteriorError, InvalidDataError
from pymc_glm.gaussian import (
    Image,
    Rows,
    Spectrum,
    check_proper_in_basis,
    draw_gaussian,
    log_marginal,
    plan_gaussian,
)
from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.eigenvalues import BASES, Basis, certified_eigenvalues
from pymc_glm.gaussian.spectral_kernels import spectral_from_noise, spectral_log_marginal
from pymc_glm.machine import LinearMap, OperatorMap, linear_operator
from pymc_glm.operators import (
    Composition,
    Convolution,
    Differences,
    Identity,
    Mask,
    Reshaped,
    gaussian_kernel,
)
from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling.start import StartingPoints

SHAPES = [(7,), (8,), (5, 6), (6, 4), (3, 4, 5)]


def stored(operator):
    """An operator by its entries."""
    return LinearMap.from_matrix(operator.matrix())


def applied(operator):
    """An operator on flat vectors, by its products."""
    return OperatorMap(Reshaped(operator, operator.size_in, operator.size_out))


def maps_of(basis, shape):
    """Differences, a blur and the identity, all diagonal in a basis."""
    size = (3,) * len(shape)
    if basis == "fourier":
        kernel = np.random.default_rng(3).normal(size=size)
        differences = Differences(shape, boundary="periodic")
    else:
        # Symmetric along each axis.
        kernel = np.random.default_rng(3).normal(size=size)
        for axis in range(len(shape)):
            kernel = kernel + np.flip(kernel, axis)
        differences = Differences(shape)
    boundary = "periodic" if basis == "fourier" else "reflect"
    blur = Convolution(kernel, shape, boundary)
    return [stored(differences), applied(blur), stored(Identity(shape))]


def dense(linear_map):
    """A map as a dense matrix."""
    product = linear_operator(linear_map)
    return np.stack([product.matvec(unit) for unit in np.eye(product.shape[1])], axis=1)


def image(shape, maps, shared=None):
    """What the plan is told."""
    terms = tuple(f"term{i}" for i in range(len(maps)))
    return Image(shape, terms, shared or (True,) * len(maps))


def problem(basis, shape):
    """Maps, their offsets and informations, one precision each, and a plan."""
    rng = np.random.default_rng(11)
    maps = maps_of(basis, shape)
    plan = plan_gaussian(maps, "spectral", image(shape, maps))
    empty = LinearMap.from_matrix(np.zeros((2, int(np.prod(shape)))))
    factors = [
        (one, rng.normal(size=one.shape[0]), w, rng.normal(size=one.shape[0]) if i else None)
        for i, (one, w) in enumerate(zip(maps, (2.0, 0.7, 0.3), strict=True))
    ]
    return plan, [*factors, (empty, np.ones(2), 1.0, None)]


def rows_of(factors, symbolic):
    """Rows of constants, or of inputs in place of offsets and precisions."""
    rows, inputs, values = [], [], []
    for one, c, w, eta in factors:
        offset, precision = c, pt.constant(w)
        if symbolic:
            offset, precision = pt.vector(shape=c.shape), pt.scalar()
            inputs += [offset, precision]
            values += [c, w]
        rows.append(Rows(one, offset, precision, None if eta is None else pt.constant(eta)))
    return rows, inputs, values


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("basis", BASES)
def test_moments_equal_dense_linear_algebra(basis, shape, symbolic):
    """Mean, covariance and log integral."""
    plan, factors = problem(basis, shape)
    assert plan.structure == "spectral"
    assert basis in plan.reason.lower()
    rows, inputs, values = rows_of(factors, symbolic)
    system = evaluated(assemble(plan, rows), inputs, values)
    n = plan.size
    mean, covariance = dense_moments(n, [(dense(k), c, w, eta) for k, c, w, eta in factors])
    found = spectral_from_noise(system, np.zeros(n), plan.layout)
    np.testing.assert_allclose(found, mean, rtol=1e-9, atol=1e-11)
    root = np.stack([spectral_from_noise(system, e, plan.layout) - found for e in np.eye(n)])
    np.testing.assert_allclose(root.T @ root, covariance, rtol=1e-9, atol=1e-11)
    value = evaluated(log_marginal(plan, rows), inputs, values)
    q = np.linalg.inv(covariance)
    expected = 0.5 * mean @ q @ mean - 0.5 * np.linalg.slogdet(q)[1]
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_a_draw_in_a_graph():
    """The transform is called from compiled code; equal seeds give equal draws."""
    plan, factors = problem("cosine", (5, 6))
    rng = random_generator_type("rng")
    _, x = draw_gaussian(rng, plan, rows_of(factors, False)[0])
    inputs = [pytensor.In(rng, mutable=True)]
    draw = pytensor.function(inputs, x, mode="NUMBA", accept_inplace=True)
    one, other = (draw(np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    expected = pytensor.function(inputs, x, mode=PYTHON, accept_inplace=True)
    np.testing.assert_allclose(one, expected(np.random.default_rng(1)), rtol=1e-12)


CERTIFIED = {
    "identity": (Identity((6, 7)), ("fourier", "cosine")),
    "periodic differences": (Differences((6, 7), boundary="periodic"), ("fourier",)),
    "free differences": (Differences((6, 7)), ("cosine",)),
    "along one axis": (Differences((6, 7), axes=1), ("cosine",)),
    "periodic second differences": (
        Differences((6, 7), order=2, boundary="periodic"),
        ("fourier",),
    ),
    "free second differences": (Differences((6, 7), order=2), ()),
    "mask": (Mask(np.arange(42).reshape(6, 7) % 5 > 0), ()),
    "zero boundary": (Convolution(gaussian_kernel(3, 1.0), (6, 7), "zero"), ()),
    "two blurs": (
        Composition(*[Convolution(gaussian_kernel(5, s), (6, 7)) for s in (0.5, 1.0)]),
        ("fourier",),
    ),
    "a shifted blur, reflected": (
        Convolution(np.arange(9.0).reshape(3, 3), (6, 7), "reflect"),
        (),
    ),
}


@pytest.mark.parametrize("name", CERTIFIED)
@pytest.mark.parametrize("basis", BASES)
def test_which_maps_are_diagonal_in_which_basis(name, basis):
    """And their eigenvalues, those of the dense matrix."""
    operator, bases = CERTIFIED[name]
    one = Basis.of(basis, (6, 7))
    waves = np.stack([one.array(unit) for unit in np.eye(42)], axis=1)
    for linear_map in (applied(operator), LinearMap.from_matrix(dense(applied(operator)))):
        found = certified_eigenvalues(linear_map, one)
        assert (found is not None) == (basis in bases)
        if found is not None:
            k = dense(linear_map)
            np.testing.assert_allclose(np.diag(found), waves.T @ k.T @ k @ waves, atol=1e-12)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("amount", [1e-1, 1e-5, 1e-10])
def test_almost_is_not_enough(basis, amount):
    """One entry of one row is off; without that, the same matrix is accepted."""
    matrix = maps_of(basis, (12, 13))[0].matrix().tolil()
    one = Basis.of(basis, (12, 13))
    assert certified_eigenvalues(LinearMap.from_matrix(matrix.tocsr()), one) is not None
    column = matrix[5].nonzero()[1][0]
    matrix[5, column] *= 1.0 + amount
    assert certified_eigenvalues(LinearMap.from_matrix(matrix.tocsr()), one) is None


def test_small_eigenvalues_are_accurate():
    """Relative to themselves, down to the lowest wave of a long second difference."""
    n = 2000
    one = Basis.of("fourier", (n,))
    found = certified_eigenvalues(stored(Differences((n,), order=2, boundary="periodic")), one)
    expected = one.ordered((2 * np.sin(np.pi * np.arange(n // 2 + 1) / n)) ** 4)
    assert expected[expected > 0].min() < 1e-9
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-20)


def test_the_rule():
    """Spectral for images, a chain for a chain, and nothing without a word on the precisions."""
    shape = (40, 40)
    maps = [stored(Differences(shape)), stored(Identity(shape))]
    assert plan_gaussian(maps, image=image(shape, maps)).structure == "spectral"
    assert plan_gaussian(maps).structure != "spectral"
    assert plan_gaussian(maps, image=image(shape, maps, (False, True))).structure != "spectral"
    small = [stored(Differences((6, 6))), stored(Identity((6, 6)))]
    assert plan_gaussian(small, image=image((6, 6), small)).structure != "spectral"
    line = [stored(Differences((1000,))), stored(Identity((1000,)))]
    assert plan_gaussian(line, image=image((1000,), line)).structure == "chain"
    flat = [applied(Convolution(gaussian_kernel(5, 1.0), shape)), stored(Identity(1600))]
    plan = plan_gaussian(flat, image=image((1600,), flat))
    assert plan.structure == "spectral"
    assert "40 x 40" in plan.reason


@pytest.mark.parametrize(
    ("maps", "given", "words"),
    [
        (lambda: maps_of("cosine", (4, 5)), lambda maps: None, "without an image"),
        (lambda: maps_of("cosine", (4, 5)), lambda maps: image(None, maps), "several variables"),
        (
            lambda: maps_of("cosine", (4, 5)),
            lambda maps: image((4, 5), maps, (True, False, True)),
            "'term1' have precisions of their own",
        ),
        (
            lambda: [stored(Differences((4, 5))), stored(Mask(np.eye(4, 5) == 0))],
            lambda maps: image((4, 5), maps),
            "'term1'.*neither in the Fourier nor",
        ),
        (
            lambda: [maps_of("cosine", (4, 5))[0], maps_of("fourier", (4, 5))[0]],
            lambda maps: image((4, 5), maps),
            "'term1' is diagonal in the Fourier basis alone and that of 'term0'",
        ),
        (
            lambda: [stored(Identity(3))._replace(values=pt.vector())],
            lambda maps: image((3,), maps),
            "map of 'term0' depends on other variables",
        ),
        (
            lambda: [LinearMap.from_matrix(np.zeros((2, 3)))],
            lambda maps: image((3,), maps),
            "No factor involves the block",
        ),
    ],
)
def test_what_is_refused_by_name(maps, given, words):
    """The factor is named."""
    made = maps()
    with pytest.raises(ValueError, match=words):
        plan_gaussian(made, "spectral", given(made))


def test_rows_that_do_not_fit_the_plan_are_refused():
    """Precisions by row, and a map that the plan was not made for."""
    plan, factors = problem("fourier", (5, 6))
    one, c, *_ = factors[0]
    with pytest.raises(ValueError, match="precisions of their own"):
        assemble(plan, [Rows(one, c, pt.vector(), None)])
    other = stored(Mask(np.eye(5, 6) == 0))
    with pytest.raises(ValueError, match="none of the maps"):
        assemble(plan, [Rows(other, np.zeros(other.shape[0]), pt.constant(1.0), None)])
    assert isinstance(plan.storage, Spectrum)
    with pytest.raises(TypeError, match="its eigenvalues only"):
        plan.storage.places(np.zeros(1, int), np.zeros(1, int))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_precision_that_is_not_positive_is_refused(value):
    """No NaN comes out, and its integral is minus infinity."""
    plan, factors = problem("cosine", (5, 6))
    system = evaluated(assemble(plan, rows_of(factors, False)[0]), [], [])
    system[3] = value
    if not np.isinf(value):
        with pytest.raises(ArithmeticError, match="not positive definite"):
            spectral_from_noise(system, np.zeros(30), plan.layout)
    assert spectral_log_marginal(system, plan.layout) == -np.inf


def test_an_improper_posterior_names_the_wave():
    """Differences leave the level open, at any weight; a weight of zero informs nothing."""
    maps = [stored(Differences((5, 6))), stored(Identity((5, 6)))]
    spectrum = plan_gaussian(maps, "spectral", image((5, 6), maps)).storage
    names = [("x", slice(0, 30))]
    check_proper_in_basis(spectrum, [(maps[0], 1e12), (maps[1], 1e-12)], names)
    with pytest.raises(ImproperPosteriorError, match="all 30 entries, moved together"):
        check_proper_in_basis(spectrum, [(maps[0], 1.0), (maps[1], 0.0)], names)
    with pytest.raises(InvalidDataError, match="is nan"):
        check_proper_in_basis(spectrum, [(maps[0], np.nan)], names)


SHAPE = (18, 17)


def deblurring(scale=None, prior=True):
    """A smooth image, blurred, both scales unknown."""
    rng = np.random.default_rng(0)
    blur = Convolution(gaussian_kernel(5, 1.0), SHAPE)
    truth = 5.0 * Convolution(gaussian_kernel(9, 2.0), SHAPE).forward(rng.normal(size=SHAPE))
    observed = blur.forward(truth) + 0.2 * rng.normal(size=SHAPE) + 50.0
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 2.0)
        sigma = pm.HalfNormal("sigma", 1.0) if scale is None else scale
        x = pm.Normal("x", 0, tau, shape=SHAPE) if prior else pm.Flat("x", shape=SHAPE)
        edges = Differences(SHAPE, boundary="periodic")
        pymc_glm.expert("smooth", pm.Normal.dist(0, 0.3), edges(x))
        if prior:
            pm.Normal("y", blur(x) + 50.0, sigma, observed=observed)
    return model


def test_a_model_is_recognised():
    """Scales are unknown, but shared; they move without the block. A start is a draw."""
    model = deblurring()
    machine, _ = recognition = recognize(model)
    assert machine.plan.structure == "spectral"
    assert "Fourier basis 18 x 17" in str(machine)
    assert all(hyper.collapsed for hyper in machine.hyperparameters)
    block, *_ = StartingPoints(recognition).draw(np.random.default_rng(1))
    assert np.isfinite(block).all()
    assert np.std(block) > 0.1


def test_solvers_that_cannot_be_name_the_factor():
    """Scales by pixel, and an improper block."""
    model = deblurring(np.linspace(0.1, 0.3, SHAPE[1]))
    with pytest.raises(ValueError, match="'y' have precisions of their own"):
        pymc_glm.explain(model, solver="spectral")
    with pytest.raises(ImproperPosteriorError, match="moved together"):
        StartingPoints(recognize(deblurring(prior=False)))


@pytest.mark.slow
def test_a_chain_agrees_with_an_iterative_one():
    """Posterior means and spreads, and effective draws as independent ones would have."""
    model, found = deblurring(), []
    for solver in ("spectral", "iterative"):
        with model:
            found.append(
                pymc_glm.sample(
                    1500, tune=200, chains=2, random_seed=3, solver=solver, progressbar=False
                ).posterior
            )
    for name in ("tau", "sigma"):
        _agree(*(one[name].values for one in found))
    rng = np.random.default_rng(5)
    for weight in rng.normal(size=(5, *SHAPE)):
        _agree(*((one.x.values * weight).sum(axis=(2, 3)) for one in found))


def _agree(one, other, batch=50):
    """Means and variances, in units of their batch means' errors."""
    for power in (1, 2):
        centre = np.mean(one)
        values = [np.reshape((v - centre) ** power, (-1, batch)).mean(axis=1) for v in (one, other)]
        error = np.sqrt(sum(v.var(ddof=1) / v.size for v in values))
        assert abs(values[0].mean() - values[1].mean()) < 4.5 * error
