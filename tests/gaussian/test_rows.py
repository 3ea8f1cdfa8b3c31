"""Responses of a factor."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode

from pymc_glm.gaussian import response
from pymc_glm.machine import LinearMap


def evaluated(graph, inputs, values):
    """Value of a graph by the Python linker: no compilation."""
    return pytensor.function(inputs, graph, mode=Mode(linker="py", optimizer=None))(*values)


@pytest.mark.parametrize("kind", ["dense", "sparse", "scaled", "gaps", "empty"])
@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1.5, None], ids=["zero", "shared", "by row"])
def test_response(kind, symbolic, offset):
    """K x + c against numpy."""
    rng = np.random.default_rng(17)
    matrix = {
        "dense": rng.normal(size=(7, 4)),
        "sparse": np.diff(np.eye(4), axis=0),
        "scaled": np.diag([1.0, 2.0, 3.0, 4.0]),
        "gaps": np.where(rng.random((7, 4)) < 0.2, 0.0, rng.normal(size=(7, 4))),
        "empty": np.zeros((3, 4)),
    }[kind]
    m = matrix.shape[0]
    c = rng.normal(size=m) if offset is None else np.full(m, offset)
    linear_map = LinearMap.from_matrix(matrix)
    values, x = pt.vector("values"), pt.vector("x")
    point = rng.normal(size=4)
    inputs, numbers = [x], [point]
    if symbolic:
        inputs.append(values)
        numbers.append(linear_map.values)
        linear_map = linear_map._replace(values=values)
    t = evaluated(response(linear_map, x, c), inputs, numbers)
    np.testing.assert_allclose(t, matrix @ point + c, atol=1e-13)


def test_response_of_a_symbolic_offset():
    """An offset that is a graph."""
    linear_map, c = LinearMap.from_matrix(np.eye(3)), pt.vector("c")
    t = evaluated(response(linear_map, pt.as_tensor(np.arange(3.0)), 2 * c), [c], [np.ones(3)])
    np.testing.assert_array_equal(t, [2.0, 3.0, 4.0])
