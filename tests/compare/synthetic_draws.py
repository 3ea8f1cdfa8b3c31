"""Posteriors with known properties, made without sampling."""

from __future__ import annotations

import numpy as np
import xarray as xr

from scipy.signal import lfilter


def ar1(rng, p, chains, draws, rho):
    """Stationary autoregressions with unit variance, shape (p, chains, draws)."""
    burn = 300
    noise = rng.standard_normal((p, chains, draws + burn)) * np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=2)[:, :, burn:]


def tree_of(variables, stats=None, warmup=None, attrs=None, coords=None):
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
