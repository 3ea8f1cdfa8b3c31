"""Fixtures for the tests of the comparison."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic_draws import ar1, tree_of


@pytest.fixture
def chains():
    """Factory of a DataTree with one vector variable ``beta`` of p autoregressions."""

    def make(seed, p=5, rho=0.0, draws=1000, chains=2, shift=0.0, **options):
        values = ar1(np.random.default_rng(seed), p, chains, draws, rho)
        values[0] += shift
        return tree_of({"beta": np.moveaxis(values, 0, 2)}, **options)

    return make
