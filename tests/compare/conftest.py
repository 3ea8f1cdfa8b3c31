"""Posteriors with known properties, made without sampling."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from scipy.signal import lfilter


def _ar1(rng, p, chains, draws, rho):
    """Stationary autoregressions with unit variance, shape (p, chains, draws)."""
    burn = 300
    noise = rng.standard_normal((p, chains, draws + burn)) * np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=2)[:, :, burn:]


def _tree_of(variables, stats=None, warmup=None, attrs=None, coords=None):
    """A DataTree as pm.sample returns it, from arrays of shape (chains, draws, ...)."""
    posterior = {}
    for name, values in variables.items():
        dims = ["chain", "draw", *(f"{name}_dim_{i}" for i in range(values.ndim - 2))]
        if coords and name in coords:
            dims[2:] = coords[name]
        posterior[name] = (dims, values)
    labels = {} if coords is None else {"name": ["age", "sex", "bmi"]}
    groups = {"posterior": xr.Dataset(posterior, coords=labels, attrs=attrs or {})}
    for key, content in {"sample_stats": stats, "warmup_sample_stats": warmup}.items():
        if content:
            groups[key] = xr.Dataset({k: (("chain", "draw"), v) for k, v in content.items()})
    return xr.DataTree.from_dict(groups)


@pytest.fixture
def ar1():
    """Factory of stationary autoregressions."""
    return _ar1


@pytest.fixture
def tree_of():
    """Factory of DataTrees out of arrays."""
    return _tree_of


@pytest.fixture
def chains():
    """Factory of a DataTree with one vector variable ``beta`` of p autoregressions."""

    def make(seed, p=5, rho=0.0, draws=1000, chains=2, shift=0.0, **options):
        values = _ar1(np.random.default_rng(seed), p, chains, draws, rho)
        values[0] += shift
        return _tree_of({"beta": np.moveaxis(values, 0, 2)}, **options)

    return make
