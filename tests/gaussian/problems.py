"""Factors with a known structure, their rows, and their moments by dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.compile.mode import Mode

from pymc_glm.gaussian import Rows
from pymc_glm.machine import LinearMap

PYTHON = Mode(linker="py", optimizer=None)


def dense_moments(n, factors):
    """Mean and covariance from (K, c, w, eta) of each factor, in numpy."""
    q, h = np.zeros((n, n)), np.zeros(n)
    for k, c, w, eta in factors:
        w = np.broadcast_to(w, (k.shape[0],))
        q += k.T @ (w[:, None] * k)
        h += k.T @ ((0 if eta is None else eta) - w * c)
    covariance = np.linalg.inv(q)
    return covariance @ h, covariance


def as_rows(plan, factors, symbolic):
    """Rows of every factor: each ingredient a constant, or an input where named in symbolic."""
    rows, inputs, values = [], [], []

    def given(name, value):
        if name not in symbolic:
            return pt.constant(np.asarray(value, dtype=float))
        variable = pt.TensorType("float64", shape=(None,) * np.ndim(value))(name)
        inputs.append(variable)
        values.append(np.asarray(value, dtype=float))
        return variable

    for k, c, w, eta in factors:
        linear_map = LinearMap.from_matrix(k)
        if "map" in symbolic:
            linear_map = linear_map._replace(values=given("map", linear_map.values))
        rows.append(
            Rows(
                linear_map.permuted(plan.position),
                given("offset", c) if "offset" in symbolic else c,
                given("precision", w),
                None if eta is None else given("information", eta),
            )
        )
    return rows, inputs, values


def evaluated(graph, inputs, values):
    """Value of a graph by the Python linker: no compilation."""
    return pytensor.function(inputs, graph, mode=PYTHON, on_unused_input="ignore")(*values)


def problem(structure, rng, n=9):
    """Factors whose Q has the structure, in shuffled order, with offsets and informations."""
    order = rng.permutation(n)
    identity = np.diag(rng.uniform(0.5, 2.0, n))
    select = np.eye(n)[order[: n // 2]] * 1.7
    coupled = {
        "diagonal": lambda: np.diag(rng.normal(size=n)),
        "chain": lambda: np.diff(np.eye(n), axis=0)[:, order] * 0.8,
        "banded": lambda: (np.diff(np.eye(n), n=2, axis=0) * 1.3)[:, order],
        "arrow": lambda: _groups(rng, n)[:, order],
        "low rank": lambda: rng.normal(size=(max(n // 3, 1), n)),
        "sparse": lambda: _ring(rng, n)[:, order],
        "dense": lambda: rng.normal(size=(3 * n, n)),
    }[structure]()
    m = coupled.shape[0]
    return [
        (coupled, rng.normal(size=m), rng.gamma(1.0, 1.0, m), rng.normal(size=m)),
        (identity, rng.normal(size=n), 2.5, None),
        (select, np.zeros(n // 2), 0.3, rng.normal(size=n // 2)),
        (np.zeros((0, n)), np.zeros(0), np.zeros(0), np.zeros(0)),
    ]


def _ring(rng, n):
    """Rows that join neighbours on a circle, and one chord."""
    matrix = np.eye(n) * rng.normal(size=n) + np.roll(np.eye(n), 1, axis=1)
    matrix[0, n // 2] += 1.0
    return matrix


def _groups(rng, n):
    """Rows that join a pair of unknowns to one that all rows share."""
    matrix = np.zeros((2 * n, n))
    matrix[:, -1] = rng.normal(size=2 * n)
    for i in range(2 * n):
        first = 2 * (i // 4) % max(n - 1, 1)
        matrix[i, first : min(first + 2, n)] += rng.normal(size=min(2, n - first))
    return matrix


def widened(structure, factors):
    """The same factors, and rows of weight zero that give an arrow or a sparse Q its pattern."""
    if structure not in ("arrow", "sparse"):
        return factors
    n = factors[0][0].shape[1]
    spokes = np.eye(n)[: n // 2]
    spokes[:, -1] = 1.0
    return [*factors, (spokes, np.zeros(n // 2), 0.0, None)]
