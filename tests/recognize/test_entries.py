"""Which entry of a variable each entry of a graph depends on: found, or not claimed."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.entries import FREE, entries_of

INDEX = np.array([2, 0, 1, 1, 0])
OTHER = pt.tensor("other", shape=(3,), dtype="float64")

VECTOR = {
    "itself": lambda s: s,
    "elementwise": lambda s: pt.exp(s) ** 2 + 1.0,
    "by index": lambda s: s[INDEX],
    "by mask": lambda s: s[np.array([True, False, True])],
    "slices": lambda s: s[::-1],
    "one entry": lambda s: s[1],
    "one entry, spread": lambda s: pt.ones(4) * s[2],
    "reshaped": lambda s: s[INDEX[:4]].reshape((2, 2)),
    "transposed": lambda s: s[INDEX[:4]].reshape((2, 2)).T,
    "broadcast": lambda s: pt.ones((2, 3)) * s,
    "column": lambda s: pt.ones((3, 2)) * s[:, None],
    "stacked": lambda s: pt.stack([s[2], s[0]]),
    "stacked with numbers": lambda s: pt.stack([s[2], 1.0, s[0]]),
    "joined": lambda s: pt.concatenate([s[1:], np.ones(2), s[:1]]),
    "switch": lambda s: pt.switch(s > 0.5, s, 0.5),
    "other variable": lambda s: s * OTHER,
    "other variable alone": lambda s: OTHER**2,
    "same entry twice": lambda s: s * s[np.arange(3)],
    "filled": lambda s: pt.second(np.ones(3), s),
}

SEVERAL = {
    "sum": lambda s: s.sum(),
    "cumulative": lambda s: pt.cumsum(s),
    "normalised": lambda s: s / s.sum(),
    "softmax": lambda s: pt.special.softmax(s),
    "reversed": lambda s: s * s[::-1],
    "products": lambda s: s[INDEX] * s[::-1][INDEX],
    "product of matrices": lambda s: pt.dot(np.eye(3), s),
    "sorted": lambda s: pt.sort(s),
    "index by itself": lambda s: OTHER[pt.cast(s, "int64")],
    "outer": lambda s: s[:, None] * s[None, :],
    "in place": lambda s: pt.set_subtensor(s[0], s[1]),
}


def evaluated(graph, root, point):
    """The graph at a point of the root, the other variable fixed."""
    function = pytensor.function([root, OTHER], graph, mode=PYTHON_MODE, on_unused_input="ignore")
    return np.asarray(function(point, np.array([0.3, 0.8, 1.7])))


@pytest.mark.parametrize("case", VECTOR)
def test_entries_are_those_that_move_the_graph(case):
    """Moving one entry of the root moves the entries that were found for it, and no others."""
    root = pt.tensor("s", shape=(3,), dtype="float64")
    graph = VECTOR[case](root)
    entries = entries_of(graph, root)
    start = np.array([0.9, 1.4, 2.2])
    before = evaluated(graph, root, start)
    assert entries.shape == before.shape and entries.dtype == np.int64
    for j in range(3):
        moved = evaluated(graph, root, start + 0.1 * (np.arange(3) == j)) != before
        np.testing.assert_array_equal(moved, entries == j)
    assert np.all((entries >= 0) | (entries == FREE))


@pytest.mark.parametrize("case", SEVERAL)
def test_several_entries_are_not_claimed(case):
    """None where an entry of the graph may depend on several."""
    root = pt.tensor("s", shape=(3,), dtype="float64")
    assert entries_of(SEVERAL[case](root), root) is None


def test_entries_of_a_matrix():
    """Positions are those of the flattened variable."""
    root = pt.tensor("s", shape=(2, 3), dtype="float64")
    np.testing.assert_array_equal(entries_of(pt.exp(root).T, root), [[0, 3], [1, 4], [2, 5]])
    rows, columns = np.array([1, 0, 1]), np.array([2, 0, 0])
    np.testing.assert_array_equal(entries_of(root[rows, columns], root), [5, 0, 3])
    np.testing.assert_array_equal(entries_of(root[:, 1] * 2.0, root), [1, 4])


def test_entry_of_a_scalar():
    """A scalar has one entry, which all rows share."""
    root = pt.tensor("s", shape=(), dtype="float64")
    np.testing.assert_array_equal(entries_of(root * np.ones(3), root), [0, 0, 0])
