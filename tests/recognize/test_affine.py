"""The certificate of affinity: what it accepts, which variables are in conflict, what it misses."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest

from pytensor.gradient import undefined_grad
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from pymc_glm.exceptions import RecognitionError
from pymc_glm.recognize.affine import AffinityReport, NotAffineError, pullback_conflicts

N = 6
DATA = np.linspace(-1.0, 2.0, 4 * N).reshape((4, N))

x = pt.tensor("x", shape=(N,))
y = pt.tensor("y", shape=(N,))
s = pt.tensor("s", shape=())
theta = pt.tensor("theta", shape=())

AFFINE = {
    "diff": pt.diff(x, n=2),
    "design": DATA @ x + 1.5,
    "scaled design": theta * (DATA @ (pt.exp(theta) * x)),
    "sum of two": s + x - y,
    "indexed": x[[0, 0, 3]] + s,
    "cumsum": pt.cumsum(x),
    "mean-centred": x - x.mean(),
    "set_subtensor": pt.zeros(9)[1:7].set(x),
    "concatenate": pt.concatenate([x, y]),
    "convolve1d": pt.signal.convolve1d(x, np.array([1.0, 2.0]), mode="same"),
    "solve": pt.linalg.solve(theta * np.eye(N), x),
    "switch": pt.switch(theta > 0, x, -y),
    "kron": pt.linalg.kron(x.reshape((2, 3)), np.ones((2, 2))),
    "einsum": pt.einsum("ij,j->i", DATA, x),
    "pad": pt.pad(x, (1, 2)),
    "repeat": pt.repeat(x, 2),
    "outer": pt.outer(x, theta[None]),
    "shape": x / x.shape[0],
    "zeros_like": pt.zeros_like(x) + theta,
    "constant": theta + 1,
}

CONFLICTS = {
    "x * x": (x * x, {x: {x}}),
    "x * y": (x * y, {x: {y}, y: {x}}),
    "s * x + y": (s * x + y, {s: {x}, x: {s}, y: set()}),
    "x / s": (x / s, {x: {s}, s: {x, s}}),
    "x + exp(s)": (x + pt.exp(s), {x: set(), s: {s}}),
    "dot": (pt.dot(x, y), {x: {y}, y: {x}}),
    "abs": (abs(x), {x: {x}}),
    "exp": (pt.exp(x), {x: {x}}),
    "clip": (pt.clip(x, -1, 1), {x: {x}}),
    "sort": (pt.sort(x), {x: {x}}),
    "softplus": (pt.softplus(x), {x: {x}}),
    "maximum": (pt.maximum(x, 0), {x: {x}}),
    "where": (pt.switch(x > 0, x, 0.0), {x: {x}}),
    "choice by s": (pt.switch(s > 0, x, -x), {x: {s}, s: set()}),
    "prod": (x.prod(), {x: {x}}),
    "einsum": (pt.einsum("i,i->", x, y), {x: {y}, y: {x}}),
}


class _NoDerivative(Op):
    def make_node(self, value):
        return Apply(self, [value], [value.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0].copy()


@pytest.mark.parametrize("name", AFFINE)
def test_affine(name):
    [report] = pullback_conflicts([AFFINE[name]], [x, y, s])
    assert report.is_affine
    assert report.reason is None
    assert all(not members for members in report.conflicts.values())


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts(name):
    response, expected = CONFLICTS[name]
    [report] = pullback_conflicts([response], [x, y, s])
    assert report.conflicts == expected
    assert not report.is_affine


def test_responses_together_and_apart():
    responses = [*AFFINE.values(), *(response for response, _ in CONFLICTS.values())]
    together = pullback_conflicts(responses, [x, y, s])
    apart = [pullback_conflicts([response], [x, y, s])[0] for response in responses]
    assert together == apart


def test_only_the_block_matters():
    [report] = pullback_conflicts([s * x], [x])
    assert report == AffinityReport({x: set()})


def test_the_graph_is_left_alone():
    response = pt.pad(x * y, (1, 1))
    owner = response.owner
    pullback_conflicts([response], [x, y])
    assert response.owner is owner


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (_NoDerivative()(x), "an Op without a derivative"),
        (undefined_grad(x), "an Op without a derivative"),
        (pt.cast(x, "int64"), "values of type int64"),
    ],
)
def test_no_derivative(response, reason):
    [certified, report] = pullback_conflicts([x + y, response], [x, y])
    assert certified.is_affine
    assert not report.is_affine
    assert report.reason.startswith(reason)


@pytest.mark.parametrize("response", [pt.floor(x), pt.round(x), pt.switch(x > 0, 1.0, 0.0)])
def test_steps_are_missed(response):
    # The documented blind spot; the linearization refuses these.
    [report] = pullback_conflicts([response], [x])
    assert report.is_affine


def test_error_is_a_recognition_error():
    error = NotAffineError("exp(...)", "mu")
    assert isinstance(error, RecognitionError)
    assert error.reason == "exp(...)"
    assert str(error).startswith("The response of 'mu' applies exp(...) to the block. ")
