"""Errors planted in matchers and in the reading of matrices are stopped by certification."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from pymc.distributions.continuous import FlatRV
from pytensor.tensor.random.basic import LaplaceRV, MvNormalRV, NormalRV, StudentTRV
from spellings_linear import X, Y, beta, observe

from pymc_glm import RecognitionError, explain
from pymc_glm.families import Cauchy, Gaussian, Laplace, StudentT
from pymc_glm.machine import LinearMap
from pymc_glm.recognize import factors, registry
from pymc_glm.recognize.registry import Match


def normal(value, scale, **options):
    """A match of the Gaussian family."""
    return [Match(Gaussian(), value, {"scale": scale}, **options)]


PLANTED = {
    "precision as sd": (NormalRV, lambda v, p, _: normal(v - p[0], p[1] ** -2)),
    "variance as sd": (NormalRV, lambda v, p, _: normal(v - p[0], p[1] ** 2)),
    "sign of the location": (NormalRV, lambda v, p, _: normal(v + p[0], p[1])),
    "no location": (NormalRV, lambda v, p, _: normal(v, p[1])),
    "twice": (NormalRV, lambda v, p, _: 2 * normal(v - p[0], p[1])),
    "another family": (NormalRV, lambda v, p, _: [Match(Laplace(), v - p[0], {"scale": p[1]})]),
    "nothing": (NormalRV, lambda v, p, _: []),
    "no determinant": (MvNormalRV, lambda v, p, _: normal(v - p[0], p[1][0, 0] ** 0.5)),
    "rate as scale": (
        LaplaceRV,
        lambda v, p, _: [Match(Laplace(), v - p[0], {"scale": 1 / p[1]})],
    ),
    "degrees of freedom": (
        StudentTRV,
        lambda v, p, _: [Match(Cauchy(), v - p[1], {"scale": p[2]})],
    ),
    "shifted degrees of freedom": (
        StudentTRV,
        lambda v, p, _: [Match(StudentT(), v - p[1], {"nu": p[0] + 0.01, "scale": p[2]})],
    ),
    "a normaliser that is not there": (
        FlatRV,
        lambda v, p, _: normal(v, pt.constant(1e3)),
    ),
    "a spurious correction": (
        NormalRV,
        lambda v, p, _: normal(v - p[0], p[1], correction=1e-3 * pt.sum(p[1])),
    ),
}

TERMS = {NormalRV: "b", LaplaceRV: "l", StudentTRV: "t", MvNormalRV: "m", FlatRV: "f"}


@pytest.fixture(scope="module")
def model():
    """One variable of each family."""
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    with pm.Model() as model:
        b = pm.Normal("b", 0.3, pm.HalfNormal("s", 1), shape=3)
        terms = [
            pm.Laplace("l", 0.2, 2.0, shape=7),
            pm.StudentT("t", 3, 0.2, sigma=2.0, shape=7),
            pm.MvNormal("m", np.ones(2), covariance).sum(),
            pm.Flat("f"),
        ]
        pm.Laplace("y", X @ b + sum(terms), 0.7, observed=Y)
    return model


def test_unspoiled(model):
    """Without a planted error the model is recognised."""
    assert len(explain(model).block) == 5


@pytest.mark.parametrize("case", PLANTED)
def test_wrong_matcher_is_stopped(case, model, monkeypatch):
    """The message names the term."""
    op_type, planted = PLANTED[case]
    monkeypatch.setitem(registry._MATCHERS, op_type, planted)
    with pytest.raises(RecognitionError, match=f"factors of '{TERMS[op_type]}' differ from"):
        explain(model)


SPOILED_MAPS = {
    "sign": lambda linear_map, offset: (linear_map._replace(values=-linear_map.values), offset),
    "offset": lambda linear_map, offset: (linear_map, offset + np.linspace(0, 1e-3, offset.size)),
    "one entry": lambda linear_map, offset: (
        linear_map._replace(values=linear_map.values * (np.arange(linear_map.values.size) != 5)),
        offset,
    ),
    "permuted columns": lambda linear_map, offset: (
        LinearMap.from_matrix(linear_map.matrix()[:, ::-1]),
        offset,
    ),
}


@pytest.mark.parametrize("case", SPOILED_MAPS)
def test_wrong_matrix_is_stopped(case, monkeypatch):
    """A matrix or offset that is not the response's."""
    linearize = factors.linearize

    def spoiled(response, places, size):
        linear_map, offset = linearize(response, places, size)
        return SPOILED_MAPS[case](linear_map, offset) if len(offset) == 7 else (linear_map, offset)

    monkeypatch.setattr(factors, "linearize", spoiled)
    with pm.Model() as model:
        observe(X @ beta())
    with pytest.raises(RecognitionError, match="factors of 'y' differ from"):
        explain(model)


def test_wrong_linearisation_is_stopped(monkeypatch):
    """A staircase passes the certificate of affinity; a matrix read from one step is stopped."""

    def tangent(response, places, size):
        rows = response.type.shape[0]
        matrix = np.eye(rows, size) if size == rows else np.zeros((rows, size))
        return LinearMap.from_matrix(matrix), np.zeros(rows) - Y

    monkeypatch.setattr(factors, "linearize", tangent)
    with pm.Model() as model:
        observe(pt.floor(pm.Flat("b", shape=7)))
    with pytest.raises(RecognitionError, match="factors of 'y' differ from"):
        explain(model)


def test_density_that_is_not_finite():
    """A term that is not finite around the initial point cannot be checked."""
    with pm.Model() as model:
        pm.Normal("y", X @ beta(), pm.Normal("c") - 100.0, observed=Y)
    with pytest.raises(RecognitionError, match="'y' is not finite at 7 of 7 points"):
        explain(model)
