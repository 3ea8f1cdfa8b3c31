"""expert(): a potential that remembers its distribution."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from scipy.stats import laplace

from pymc_glm import RecognitionError, expert, explain

Y = np.array([0.3, 1.2, 0.9, -0.4])


def path():
    """A path with data."""
    x = pm.Flat("x", shape=4)
    pm.Normal("y", x, 1.0, observed=Y)
    return x


def test_log_density():
    """Every sampler sees the distribution's log density, entry by entry."""
    with pm.Model() as model:
        term = expert("jumps", pm.Laplace.dist(0.1, 0.5), pt.diff(path()))
    assert term in model.potentials
    [graph] = model.replace_rvs_by_values([term])
    x = np.array([0.0, 1.0, -0.5, 2.0])
    expected = laplace.logpdf(np.diff(x), 0.1, 0.5)
    found = graph.eval({"x": x}, mode="FAST_COMPILE")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_dims():
    """dims= is passed on."""
    with pm.Model(coords={"jump": [1, 2, 3]}) as model:
        expert("jumps", pm.Normal.dist(0, 0.5), pt.diff(path()), dims="jump")
    assert model.named_vars_to_dims["jumps"] == ("jump",)


def test_family_is_taken_from_the_distribution():
    """Also where the function alone could not be told: a mixture is not fingerprinted."""
    mixture = {"w": [0.5, 0.5], "mu": [0.0, 0.0], "sigma": [0.1, 2.0]}
    with pm.Model() as model:
        expert("jumps", pm.NormalMixture.dist(**mixture), pt.diff(path()))
    assert {f.term: f.family.name for f in explain(model).factors}["jumps"] == "NormalMixture"


def test_transformed_copy_forgets():
    """In a copy of the model the term is still what it says, not what it was."""
    with pm.Model() as model:
        expert("jumps", pm.Laplace.dist(0, 0.5), pt.diff(path()))
    copy = pm.model.fgraph.clone_model(model)
    assert {f.term: f.family.name for f in explain(copy).factors}["jumps"] == "Laplace"
    intervened = pm.do(model, {"x": np.zeros(4)})
    with pytest.raises(RecognitionError, match="no free variable"):
        explain(intervened)


def test_outside_a_model():
    """A model context is needed."""
    with pytest.raises(TypeError, match=r"[Mm]odel"):
        expert("jumps", pm.Normal.dist(), pt.vector("x"))


@pytest.mark.parametrize("wrong", [3.0, pt.vector("x"), np.ones(3)])
def test_no_distribution(wrong):
    """The message names the term and shows what to write."""
    with pm.Model(), pytest.raises(TypeError, match=r"'jumps' needs .* pm.Laplace.dist\(0, 1\)"):
        expert("jumps", wrong, path())
