"""The intermediate representation: linear maps and the table a user reads."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import scipy.sparse as sp

from pymc_glm import explain
from pymc_glm.machine import LinearMap, with_scales

RNG = np.random.default_rng(8)
SYMBOLIC = pt.dvector("values")

STRUCTURES = {
    "identity": np.eye(3),
    "selection": np.eye(3)[[0, 0, 2]],
    "permutation": np.eye(3)[[1, 2, 0]],
    "embedding": np.eye(4)[:, :3],
    "scaled selection": 2.0 * np.eye(3)[[2, 1]],
    "differences": np.diff(np.eye(4), axis=0),
    "dense": RNG.normal(size=(5, 3)),
    "sparse": sp.random(20, 20, 0.1, random_state=3) + sp.eye(20),
}


@pytest.mark.parametrize("word", STRUCTURES)
def test_structure(word):
    """One word for each structure."""
    expected = "selection" if word in ("permutation", "embedding") else word
    assert LinearMap.from_matrix(STRUCTURES[word]).structure() == expected


def test_structure_of_symbolic_maps():
    """Only the pattern is known."""
    selection = LinearMap.from_matrix(np.eye(3))._replace(values=SYMBOLIC)
    assert selection.structure() == "scaled selection"
    dense = LinearMap.from_matrix(np.ones((4, 3)))._replace(values=SYMBOLIC)
    assert dense.structure() == "dense"
    assert not dense.is_constant
    with pytest.raises(TypeError, match="values of this linear map are symbolic"):
        dense.matrix()
    np.testing.assert_array_equal(dense.matrix(np.arange(12.0)).toarray().ravel(), np.arange(12))


@pytest.mark.parametrize("word", STRUCTURES)
def test_round_trip(word):
    """Triplets, in row order, without zeros or repetitions."""
    matrix = sp.csr_matrix(STRUCTURES[word])
    linear_map = LinearMap.from_matrix(matrix)
    assert np.all(np.diff(linear_map.rows) >= 0)
    assert np.all(linear_map.values != 0)
    assert linear_map.rows.dtype == linear_map.columns.dtype == np.int64
    np.testing.assert_array_equal(linear_map.matrix().toarray(), matrix.toarray())
    assert linear_map.pattern.sum() == matrix.count_nonzero()


def test_repeated_entries_are_added():
    """A matrix with one position stored twice."""
    twice = sp.coo_matrix(([1.0, 2.0, 5.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    linear_map = LinearMap.from_matrix(twice)
    assert linear_map.rows.size == 2
    np.testing.assert_array_equal(linear_map.matrix().toarray(), [[0, 3], [5, 0]])


def test_permuted():
    """K x is unchanged when the unknowns and the columns move together."""
    matrix = RNG.normal(size=(5, 4))
    position = np.array([2, 0, 3, 1])
    x = RNG.normal(size=4)
    moved = np.empty(4)
    moved[position] = x
    permuted = LinearMap.from_matrix(matrix).permuted(position)
    np.testing.assert_allclose(permuted.matrix() @ moved, matrix @ x, rtol=1e-14)


@pytest.fixture(scope="module")
def machine():
    """A machine with every role."""
    with pm.Model() as model:
        b = pm.Laplace("b", 0, pm.HalfCauchy("tau", 1), shape=3)
        k = pm.Poisson("k", 0.5)
        a = pm.Normal("a<1>")
        noise = pm.HalfNormal("noise", 1)
        pm.Normal("y", RNG.normal(size=(6, 3)) @ b + k + pt.exp(a), noise, observed=np.arange(6.0))
    return explain(model)


def test_table(machine):
    """Variable, role, size, update; term, family, map; the draw; and a sentence per refusal."""
    lines = repr(with_scales(machine, "interweave")).splitlines()
    assert lines[0].startswith("Gaussian latent machine: 3 unknowns in 1 block variable, 2 factors")
    rows = {tuple(line.split()) for line in lines}
    assert ("b", "block", "3", "joint", "Gaussian", "draw") in rows
    assert ("tau", "hyperparameter", "1", "slice,", "interweaved") in rows
    assert ("noise", "hyperparameter", "1", "generalized", "inverse", "Gaussian") in rows
    assert ("k", "guest", "another", "step", "method") in rows
    assert ("b", "Laplace", "3", "x", "3", "identity") in rows
    assert ("y", "Gaussian", "6", "x", "3", "dense") in rows
    assert any(line.startswith("Gaussian draw: ") for line in lines)
    assert "a<1> is not in the block because of y: the response applies exp(...) to it." in lines
    reason = "k is left to another step method: it is discrete"
    assert any(line.startswith(reason) for line in lines)
    assert str(machine) == repr(machine)
    # The default strategy, which the machine of `explain` has.
    noise = "slice without the block, generalized inverse Gaussian given it".split()
    assert ("noise", "hyperparameter", "1", *noise) in {
        tuple(line.split()) for line in repr(machine).splitlines()
    }


def test_html_table(machine):
    """The same, escaped."""
    html = machine._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    assert "<td>joint Gaussian draw</td>" in html
    assert "a&lt;1&gt; is not in the block" in html
    assert "a<1>" not in html
