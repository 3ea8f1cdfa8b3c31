"""Chains start from a draw of the block, by a dense or a sparse factor."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling import start
from pymc_glm.sampling.start import StartingPoints

SEED = 20264


def random_walk(size):
    with pm.Model() as model:
        x = pm.Normal("x", 0, 2, shape=size)
        pm.Potential("steps", -pt.sum(pt.diff(x) ** 2))
    return recognize(model)


def test_a_sparse_factor_gives_the_start_of_a_dense_one(monkeypatch):
    recognition = random_walk(30)
    [dense] = StartingPoints(recognition).draw(np.random.default_rng(SEED))
    monkeypatch.setattr(start, "LARGEST_SMALL_START", 0)
    monkeypatch.setattr(start.scipy.linalg, "solve", None)
    [sparse] = StartingPoints(recognition).draw(np.random.default_rng(SEED))
    np.testing.assert_allclose(sparse, dense, rtol=1e-9)


def test_thousands_of_neighbours_are_not_solved_for_as_if_all_interacted(monkeypatch):
    """A dense factor of 6000 unknowns takes ten seconds, a sparse one some milliseconds."""
    monkeypatch.setattr(start.scipy.linalg, "solve", None)
    [block] = StartingPoints(random_walk(6000)).draw(np.random.default_rng(SEED))
    assert 0.5 < block.std() < 2.0
