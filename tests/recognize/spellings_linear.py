"""Spellings of the mean: how a response depends on the block."""

from __future__ import annotations

import warnings

import numpy as np
import pymc as pm
import pytensor.sparse as ps
import pytensor.tensor as pt
import scipy.sparse as sp

from spelling import Spelling, spelling

__all__ = ["LINEAR"]

LINEAR: list[Spelling] = []

RNG = np.random.default_rng(20251101)
X = RNG.normal(size=(7, 3))
Y = RNG.normal(size=7)
COUNTY = np.array([0, 2, 1, 0, 0, 2, 2])


def beta(shape=3):
    """The usual prior."""
    return pm.Normal("b", 0.3, 1.5, shape=shape)


def observe(mean, observed=Y):
    """The usual likelihood."""
    pm.Normal("y", mean, 0.7, observed=observed)


@spelling(LINEAR, "b")
def matrix_product():
    """X @ b."""
    observe(X @ beta())


@spelling(LINEAR, "b")
def dot():
    """pt.dot and pm.math.dot."""
    b = beta()
    observe(pt.dot(X, b) + pm.math.dot(X, b))


@spelling(LINEAR, "b")
def sum_of_products():
    """(X * b).sum(axis=1)."""
    observe((X * beta()).sum(axis=1))


@spelling(LINEAR, "b")
def python_loop():
    """Columns added in a Python loop."""
    b = beta()
    observe(sum(X[:, j] * b[j] for j in range(3)))


@spelling(LINEAR, "a", "b", "c")
def sum_of_variables():
    """a + X @ b + c."""
    a = pm.Normal("a")
    b = beta()
    observe(a + X @ b - 2 * pm.Normal("c", 1, 2, shape=7) / 3)


@spelling(LINEAR, "a")
def indexing():
    """a[county]."""
    observe(pm.Normal("a", 0, 1, shape=3)[COUNTY])


@spelling(LINEAR, "a", "b")
def varying_intercepts_and_slopes():
    """alpha[idx] + beta[idx] * x."""
    a = pm.Normal("a", 0, 1, shape=3)
    observe(a[COUNTY] + beta()[COUNTY] * X[:, 0])


@spelling(LINEAR, "b")
def slices_and_differences():
    """Slices, negative steps and pt.diff."""
    b = beta(8)
    observe(pt.diff(b) + b[1:] - b[:-1] + b[::-1][:7])


@spelling(LINEAR, "b")
def cumulative_sum():
    """pt.cumsum."""
    observe(pt.cumsum(beta(7)))


@spelling(LINEAR, "a", "b")
def concatenate_and_stack():
    """pt.concatenate and pt.stack."""
    a, b = pm.Normal("a"), beta()
    joined = pt.concatenate([a[None], b, b[:2] * 2, pt.zeros(1)])
    observe(joined + pt.stack([a, b[0], b[1], b[2], a, a, 1.0]))


@spelling(LINEAR, "b")
def reshape_and_transpose():
    """Reshape, transpose and flatten."""
    b = beta((3, 2))
    observe(b.T.reshape((6,))[:6] + b.flatten(), Y[:6])


@spelling(LINEAR, "b")
def einsum():
    """pt.einsum."""
    observe(pt.einsum("ij,j->i", X, beta()))


@spelling(LINEAR, "b")
def tensordot():
    """pt.tensordot over two axes."""
    observe(pt.tensordot(np.stack([X, X**2], axis=2), beta((3, 2)), axes=[[1, 2], [0, 1]]))


@spelling(LINEAR, "b")
def sparse_matrix():
    """A scipy.sparse design matrix."""
    design = ps.as_sparse_variable(sp.csr_matrix(X * (np.abs(X) > 0.5)))
    observe(ps.structured_dot(design, beta()[:, None]).flatten())


@spelling(LINEAR, "z")
def scalar_multiple():
    """Non-centred: mu + tau * z."""
    tau = pm.HalfNormal("tau", 1)
    observe(1.0 + tau * pm.Normal("z", 0, 1, shape=7))


@spelling(LINEAR, "z")
def vector_multiple():
    """X @ (lam * tau * z)."""
    tau = pm.HalfNormal("tau", 1)
    lam = pm.HalfCauchy("lam", 1, shape=3)
    observe(X @ (lam * tau * pm.Normal("z", 0, 1, shape=3)))


@spelling(LINEAR, "b")
def quotient():
    """Division by another variable."""
    observe(X @ beta() / pm.LogNormal("k"))


@spelling(LINEAR, "b")
def mutable_data():
    """pm.Data with dims whose length is a shared variable."""
    model = pm.modelcontext(None)
    model.add_coord("row", list(range(7)))
    model.add_coord("column", list("uvw"))
    design = pm.Data("X", X, dims=("row", "column"))
    target = pm.Data("target", Y, dims="row")
    b = pm.Normal("b", 0, 1, dims="column")
    pm.Normal("y", design @ b, 0.7, observed=target, dims="row")


@spelling(LINEAR, "a")
def dims_and_coords():
    """A variable whose shape is given by dims, and index data."""
    index = pm.Data("index", COUNTY)
    observe(pm.Normal("a", 0, 1, dims="group")[index])


@spelling(LINEAR, "b")
def deterministic():
    """pm.Deterministic in between."""
    mean = pm.Deterministic("mean", X @ beta())
    observe(pm.Deterministic("shifted", mean + 1.0))


@spelling(LINEAR, "mu", "theta")
def hierarchical_mean():
    """The mean of a prior is in the block with its children."""
    mu = pm.Normal("mu", 0, 5)
    tau = pm.HalfCauchy("tau", 5)
    observe(pm.Normal("theta", mu, tau, shape=7))


@spelling(LINEAR, "slope", "mu", "theta")
def three_levels():
    """Three levels, the middle one a regression."""
    slope = pm.Normal("slope", 0, 1, shape=2)
    mu = pm.Normal("mu", X[:3, :2] @ slope, 0.5, shape=3)
    theta = pm.Normal("theta", mu[COUNTY], pm.HalfNormal("tau", 1), shape=7)
    observe(theta)


@spelling(LINEAR, "b")
def integer_data():
    """Integer design matrix and observations."""
    observe(np.arange(21).reshape((7, 3)) @ beta(), np.arange(7))


@spelling(LINEAR, "b")
def single_precision_data():
    """float32 design matrix and observations."""
    observe(X.astype("float32") @ beta(), Y.astype("float32"))


@spelling(LINEAR, "a")
def scalar_observation():
    """An observation of shape ()."""
    observe(pm.Normal("a"), 1.5)


@spelling(LINEAR, "b")
def one_row():
    """One row and one unknown."""
    observe(X[:1, :1] @ beta(1), Y[:1])


@spelling(LINEAR, "b")
def two_dimensional():
    """A matrix of unknowns and a matrix of observations."""
    observe(X @ beta((3, 2)), np.outer(Y, [1.0, 2.0]))


@spelling(LINEAR, "row", "column")
def broadcast_sum():
    """(n, 1) + (1, m)."""
    row = pm.Normal("row", 0, 1, shape=(4, 1))
    column = pm.Normal("column", 0, 1, shape=(1, 3))
    observe(row + column, X[:4])


@spelling(LINEAR, "a")
def broadcast_to_observations():
    """A scalar mean of many observations."""
    observe(pm.Normal("a"))


@spelling(LINEAR, "b")
def broadcast_mean_of_matrix():
    """One row of means for a matrix of observations."""
    observe(beta(), X)


@spelling(LINEAR, "b")
def several_likelihoods():
    """Two observed variables of different noise."""
    b = beta()
    observe(X @ b)
    pm.Normal("again", b, 2.0, observed=np.arange(3.0))


@spelling(LINEAR, "b", "unused")
def unused_variable():
    """A variable that no other term mentions."""
    observe(X @ beta())
    pm.Normal("unused", 2, 3, shape=2)


@spelling(LINEAR, "b")
def initial_value():
    """initval= given."""
    observe(X @ pm.Normal("b", 0, 1, shape=3, initval=np.array([5.0, -3.0, 1.0])))


@spelling(LINEAR, "first::b", "second::b")
def nested_models():
    """Models inside a model, whose variables carry a prefix."""
    with pm.Model("first"):
        observe(X @ beta())
    with pm.Model("second"):
        observe(X @ beta())


@spelling(LINEAR, "b")
def flat_prior():
    """pm.Flat."""
    observe(X @ pm.Flat("b", shape=3))


@spelling(LINEAR, "b", "y_unobserved")
def missing_observations():
    """Masked observations become variables of the block."""
    b = beta()
    masked = np.ma.masked_array(Y, mask=[0, 1, 0, 0, 1, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pm.exceptions.ImputationWarning)
        observe(X @ b, masked)


@spelling(LINEAR, "b")
def set_subtensor():
    """pt.set_subtensor and inc_subtensor."""
    b = beta()
    mean = pt.set_subtensor(pt.zeros(7)[1:4], b)
    observe(pt.inc_subtensor(mean[3:6], 2 * b))


@spelling(LINEAR, "b")
def mean_centred():
    """Reductions of the block."""
    b = beta(7)
    observe(b - b.mean() + pt.sum(b[:2]))


@spelling(LINEAR, "b")
def switch_on_data():
    """pt.switch and pm.math.where by data."""
    b = beta()
    observe(pt.switch(Y > 0, X @ b, b[0]))
