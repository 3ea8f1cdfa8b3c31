"""Moves without the block: their targets against dense algebra, and how much they cost."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.tensor.random.type import random_generator_type
from scipy.linalg import cholesky, solve_triangular

import pymc_glm.sweep.collapsed as collapsed_module

from pymc_glm import explain
from pymc_glm.machine import LinearMap, OperatorMap, linear_operator, with_scales
from pymc_glm.operators import Convolution, gaussian_kernel
from pymc_glm.ops import KernelOp
from pymc_glm.recognize import recognize
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.sweep import build_sweep
from pymc_glm.sweep.build import _prepared
from pymc_glm.sweep.collapsed import LatentRows, update_without_block
from pymc_glm.sweep.reference import reference_point
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import AbstractTargetUpdate

DATA = np.random.default_rng(31)
X = DATA.normal(size=(7, 3))
Y = DATA.normal(size=7)
TALL = DATA.normal(size=(40, 3))
TALL_Y = TALL @ [1.0, -2.0, 0.5] + DATA.normal(size=40)
GROUP = np.repeat(np.arange(4), 10)


def half_normal():
    """The scale that moves."""
    return pm.HalfNormal("s", 2)


def centred():
    """Groups around a mean."""
    theta = pm.Normal("theta", pm.Normal("mu", 0, 3), half_normal(), shape=7)
    pm.Normal("y", theta, 0.8, observed=Y)


def non_centred():
    """The same, recentred."""
    z = pm.Normal("z", 0, 1, shape=7)
    pm.Normal("y", pm.Normal("mu", 0, 3) + half_normal() * z, 0.8, observed=Y)


def prior_and_noise():
    """A scale in the prior, one in the noise of a tall regression."""
    b = pm.Normal("b", 0, half_normal(), shape=3)
    pm.Normal("y", TALL @ b, pm.HalfNormal("t", 2), observed=TALL_Y)


def noise():
    """Noise of a tall regression, whose rows are merged."""
    pm.Normal("y", TALL @ pm.Normal("b", 0.5, 1, shape=3), half_normal(), observed=TALL_Y)


def noise_of_groups():
    """Noise of groups, whose rows are merged."""
    pm.Normal("y", pm.Normal("b", 0, 1, shape=4)[GROUP], half_normal(), observed=TALL_Y)


def laplace():
    """Laplace latents relative to the scale."""
    b = pm.Laplace("b", 0, half_normal(), shape=3)
    pm.Normal("y", TALL @ b, 0.8, observed=TALL_Y)


def laplace_noise():
    """Latents of the likelihood; the scale differs by row."""
    rows = np.linspace(0.5, 2, 7)
    pm.Laplace("y", X @ pm.Normal("b", 0, 1, shape=3), rows * half_normal(), observed=Y)


def student():
    """Student-t latents on both sides of one scale, with two powers."""
    s = half_normal()
    b = pm.StudentT("b", 3, 0.2, sigma=s, shape=3)
    pm.StudentT("y", 5, X @ b, sigma=s**2, observed=Y)


def symbolic_map():
    """A scale in the map: standardised effects with two multiples."""
    z = pm.Normal("z", 0, 1, shape=3)
    pm.Normal("y", X @ (half_normal() * z) + (pm.HalfNormal("t", 1) * z).sum(), 0.8, observed=Y)


def everywhere():
    """A variable in the map, the offset and the scale."""
    s = half_normal()
    pm.Normal("y", s * (X @ pm.Normal("b", 0, s, shape=3)) + s, 0.3 + s, observed=Y)


def correction():
    """A potential without its normaliser."""
    s = half_normal()
    b = pm.Normal("b", 0, 1, shape=3)
    pm.Potential("p", -s * pt.abs(X @ b - Y).sum())


def walk():
    """A chain of differences."""
    x = pm.GaussianRandomWalk("x", sigma=half_normal(), init_dist=pm.Normal.dist(0, 2), shape=7)
    pm.Normal("y", x, 0.8, observed=Y)


def wide():
    """More unknowns than data."""
    pm.Normal("y", X.T @ pm.Normal("b", 0, half_normal(), shape=7), 0.8, observed=Y[:3])


def blurred():
    """An operator without a matrix: Q is diagonal in the Fourier basis."""
    shape = (23, 24)
    x = pm.Normal("x", 0.3, half_normal(), shape=shape)
    data = np.random.default_rng(34).normal(2.0, 1.0, size=shape)
    pm.Normal("y", Convolution(gaussian_kernel(3, 1.0), shape)(x), 0.8, observed=data)


def group_scales():
    """A vector of scales, a slice move for each."""
    s = pm.HalfNormal("s", 2, shape=2)[GROUP % 2]
    pm.Normal("y", TALL @ pm.Normal("b", 0, 1, shape=3), s, observed=TALL_Y)


def indicators():
    """Indicators that widen the prior of their coefficients."""
    s = pm.Bernoulli("s", [0.2, 0.5, 0.7], shape=3)
    pm.Normal("y", TALL @ pm.Normal("b", 0, pt.switch(s, 2.0, 0.1), shape=3), 0.8, observed=TALL_Y)


def shared_by_two_terms():
    """A scale with a prior of its own scale."""
    t = pm.HalfNormal("t", 1)
    s = pm.HalfNormal("s", t)
    pm.Normal("y", X @ pm.Normal("b", 0, s * t, shape=3), 0.8, observed=Y)


SLICED = (
    centred,
    non_centred,
    prior_and_noise,
    noise,
    noise_of_groups,
    laplace,
    laplace_noise,
    student,
    symbolic_map,
    everywhere,
    correction,
    walk,
    wide,
    blurred,
    group_scales,
    indicators,
    shared_by_two_terms,
)


def shared_scale():
    """A scale of all factors: drawn exactly."""
    s = half_normal()
    pm.Normal("y", TALL @ pm.Normal("b", 0, 2 * s, shape=3), s, observed=TALL_Y)


def shared_with_latents():
    """The same with Laplace latents, and a location."""
    s = pm.HalfCauchy("s", 2)
    pm.Laplace("y", X @ pm.Laplace("b", 0, 2 * s, shape=3), 0.4 * s, observed=Y)


def shared_variance():
    """The same for a variance."""
    s = pm.InverseGamma("s", 3, 2)
    pm.Normal("y", X @ pm.Normal("b", 0, pt.sqrt(s), shape=3), 2 * pt.sqrt(s), observed=Y)


JOINT = (shared_scale, shared_with_latents, shared_variance)


class Fixed:
    """A model whose latents are fixed numbers, relative to their scales.

    Parameters
    ----------
    build : callable
        Declares the model; its hyperparameter is called s.
    """

    def __init__(self, build):
        with pm.Model() as model:
            build()
        machine, self.view = recognize(model)
        self.machine = with_scales(machine, "collapsed")
        self.hyper = next(h for h in self.machine.hyperparameters if h.rv_name == "s")
        assert self.hyper.collapsed
        rng = np.random.default_rng(32)
        self.relative = [
            rng.gamma(2.0, size=factor.size) if factor.family.has_latent else np.ones(factor.size)
            for factor in self.machine.factors
        ]
        self.point = {
            name: value if value.dtype.kind == "i" else value + 0.2 * rng.normal(size=value.shape)
            for name, value in model.initial_point().items()
        }

    def values(self):
        """Values of the hyperparameter at which targets are compared."""
        rng = np.random.default_rng(33)
        start = self.point[self.hyper.name]
        if start.dtype.kind == "i":
            return [np.array(bits) for bits in ([0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1])]
        return [start + shift * rng.normal(size=start.shape) for shift in (0.0, 0.3, 1.0, 1.5)]

    def update(self):
        """Apply the update to fixed latents."""
        machine = self.machine
        values = {h.value: pt.as_tensor(self.point[h.name]) for h in machine.hyperparameters}
        factors, rng = _prepared(machine), random_generator_type("rng")
        # The block is out of date: nothing may depend on it.
        state = SweepState(factors, rng, pt.full(machine.size, np.nan), values)
        rows = [
            LatentRows(i, pt.constant(relative if factor.family.has_latent else 1.0), None, None)
            for i, (factor, relative) in enumerate(zip(factors, self.relative, strict=True))
            if not factor.linear_map.is_empty
        ]
        update_without_block(
            state, machine.plan, rows, self.hyper, reference_point(state.factors, machine.plan)
        )

    def dense(self, value):
        """Log posterior of the hyperparameter, by multivariate normal laws; up to a constant.

        The rows of the block's own priors make it a normal vector; the other rows are normal too.
        """
        machine = self.machine
        point = {**self.point, self.hyper.name: value}
        others = [h.value for h in machine.hyperparameters]
        inside = {variable.rv_name for variable in machine.block}
        own, data, total = [], [], 0.0
        for factor, relative in zip(machine.factors, self.relative, strict=True):
            correction = 0.0 if factor.correction is None else factor.correction
            linear_map = factor.linear_map
            if isinstance(linear_map, OperatorMap):
                product = linear_operator(linear_map)
                linear_map = LinearMap.from_matrix(product @ np.eye(product.shape[1]))
            graphs = [linear_map.values, factor.offset, factor.parameters["scale"]]
            evaluate = Evaluator([*map(pt.as_tensor, graphs), pt.as_tensor(correction)], others)
            entries, offset, scale, extra = evaluate(point)
            matrix = linear_map.matrix(entries).toarray()
            deviation = np.broadcast_to(scale, (factor.size,)) / np.sqrt(relative)
            total += extra
            rows = own if factor.term in inside else data
            rows.append((matrix, offset, deviation))
        prior, shift, deviation = (np.concatenate(parts) for parts in zip(*own, strict=True))
        inverse = np.linalg.inv(prior)
        mean = -inverse @ shift
        covariance = inverse @ np.diag(deviation**2) @ inverse.T
        total -= np.linalg.slogdet(prior)[1]
        matrix, offset, deviation = (np.concatenate(parts) for parts in zip(*data, strict=True))
        root = cholesky(matrix @ covariance @ matrix.T + np.diag(deviation**2), lower=True)
        residual = solve_triangular(root, matrix @ mean + offset, lower=True)
        total -= np.log(np.diag(root)).sum() + 0.5 * residual @ residual
        return total + Evaluator([self.hyper.log_prior], others)(point)[0]


def differences(numbers):
    """What is left of log densities that are known up to a constant."""
    return np.array(numbers) - numbers[0]


@pytest.mark.parametrize("build", SLICED)
def test_target_is_the_marginal_posterior(build, monkeypatch):
    """Slice moves and flips see the log posterior of the scale given the latents alone."""
    fixed = Fixed(build)
    assert fixed.hyper.joint is None
    captured = []

    def capture(rng, current, proposal, target, *_):
        captured.append((proposal, target))
        return rng, current

    monkeypatch.setattr(collapsed_module, "slice_update", capture)
    monkeypatch.setattr(collapsed_module, "flip_update", capture)
    fixed.update()
    [(proposal, target)] = captured
    function = pytensor.function([proposal], target, mode=PYTHON_MODE)
    found = [function(value).item() for value in fixed.values()]
    expected = [fixed.dense(value) for value in fixed.values()]
    np.testing.assert_allclose(differences(found), differences(expected), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("build", JOINT)
def test_joint_draw_has_the_marginal_posterior(build, monkeypatch):
    """Power and rate of the exact draw are those of the log posterior given the latents alone."""
    fixed = Fixed(build)
    captured = []
    monkeypatch.setattr(collapsed_module, "draw_conjugate", lambda *call: captured.append(call))
    fixed.update()
    [(_, hyper, form, decay)] = captured
    assert form is fixed.hyper.joint
    decay = pytensor.function([], decay, mode=PYTHON_MODE)().item()
    evaluate = Evaluator([form.positive, hyper.log_prior], [hyper.value])
    start = evaluate(fixed.point)[0]
    found = []
    for value in fixed.values():
        theta, log_prior = evaluate({hyper.name: value})
        exponent = decay * (theta / start) ** -form.exponent
        found.append((log_prior - form.total_power * np.log(theta) - exponent).item())
    expected = [fixed.dense(value) for value in fixed.values()]
    np.testing.assert_allclose(differences(found), differences(expected), rtol=1e-8, atol=1e-8)


FAR = 1e9


def level(shift):
    """Effects around a level without a prior, which follows the data wherever they are."""
    effects = pm.Normal("b", pm.Flat("a"), half_normal(), shape=7)
    pm.Normal("y", effects, 0.8, observed=Y + shift)


def level_of_one_scale(shift):
    """The same, one scale of all factors."""
    s = half_normal()
    pm.Normal("y", pm.Normal("b", pm.Flat("a"), s, shape=7), s, observed=Y + shift)


def targets(build, monkeypatch):
    """Log densities of a slice move, or the sum of squares of an exact draw."""
    fixed, captured = Fixed(build), []

    def capture(rng, current, proposal, target, *_):
        captured.append((proposal, target))
        return rng, current

    monkeypatch.setattr(collapsed_module, "slice_update", capture)
    monkeypatch.setattr(
        collapsed_module, "draw_conjugate", lambda *call: captured.append((None, call[-1]))
    )
    fixed.update()
    [(proposal, target)] = captured
    if proposal is None:
        return np.array([pytensor.function([], target, mode=PYTHON_MODE)()])
    function = pytensor.function([proposal], target, mode=PYTHON_MODE)
    return differences([function(value).item() for value in fixed.values()])


@pytest.mark.parametrize("build", [level, level_of_one_scale])
def test_data_far_from_zero_lose_no_digits(build, monkeypatch):
    """Differences of large sums of squares would leave nothing of the scale."""
    near = targets(lambda: build(0.0), monkeypatch)
    far = targets(lambda: build(FAR), monkeypatch)
    np.testing.assert_allclose(far, near, rtol=1e-5, atol=1e-5)


def test_a_forgotten_normaliser_is_noticed(monkeypatch):
    """The check fails for a target without the normaliser of the merged rows."""
    monkeypatch.setattr(
        collapsed_module, "_normalizer", lambda state, one, row, changed: pt.constant(0.0)
    )
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_target_is_the_marginal_posterior(noise, monkeypatch)


def kernels_of(graph):
    """Names of the kernels in a graph, those inside of moves apart."""
    outputs = [graph.next_rng, *graph.outputs]
    nodes = pytensor.graph.FunctionGraph(outputs=outputs, clone=False).toposort()
    outside = [node.op.kernel for node in nodes if isinstance(node.op, KernelOp)]
    moves = [node.op for node in nodes if isinstance(node.op, AbstractTargetUpdate)]
    inside = [
        [node.op.kernel for node in move.fgraph.toposort() if isinstance(node.op, KernelOp)]
        for move in moves
    ]
    return outside, inside


def is_marginal(kernel):
    """Whether a kernel factorises to integrate the block out."""
    return kernel.endswith("_log_marginal")


@pytest.mark.parametrize("scales", ["plain", "interweave", "collapsed"])
def test_number_of_factorisations(scales):
    """One for the draw of the block; one in the target of each of two moves without the block."""
    with pm.Model() as model:
        prior_and_noise()
    machine = with_scales(explain(model), scales)
    outside, inside = kernels_of(build_sweep(machine))
    assert sum("draw_kernels" in kernel for kernel in outside) == 1
    assert not any(map(is_marginal, outside))
    collapsed = sum(hyper.collapsed for hyper in machine.hyperparameters)
    assert collapsed == (2 if scales == "collapsed" else 0)
    counts = [sum(map(is_marginal, kernels)) for kernels in inside]
    assert sorted(count for count in counts if count) == [1] * (2 * collapsed)


def test_number_of_factorisations_of_a_joint_draw():
    """Two integrals, with and without offsets, and the draw of the block."""
    with pm.Model() as model:
        shared_scale()
    outside, inside = kernels_of(build_sweep(with_scales(explain(model), "collapsed")))
    assert sum(map(is_marginal, outside)) == 2
    assert not any(is_marginal(kernel) for kernels in inside for kernel in kernels)
