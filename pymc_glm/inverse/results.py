"""Draws of codes as DataTrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray import DataTree

from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.version import __version__

__all__ = ["to_datatree"]


def to_datatree(
    problem: InverseProblem,
    z: np.ndarray,
    chains: int,
    rng: np.random.Generator,
    attributes: dict[str, Any],
) -> DataTree:
    """Codes and images of a run.

    Parameters
    ----------
    problem : InverseProblem
        What was solved.
    z : ndarray, shape (chains * draws, k)
        Codes, chain by chain.
    chains : int
        Number of chains.
    rng : numpy.random.Generator
        For what the decoder leaves out of the images.
    attributes : dict
        Of the posterior group.

    Returns
    -------
    tree : DataTree
        Groups ``posterior`` (``z`` and ``image``) and ``observed_data`` (``y``).
    """
    shape = problem.prior.decoder.shape
    images = problem.images(z, rng).reshape(chains, -1, *shape)
    codes = z.reshape(chains, -1, z.shape[1])
    draws = codes.shape[1]
    pixels = [f"pixel_{axis}" for axis in range(len(shape))]
    coords = {"chain": np.arange(chains), "draw": np.arange(draws), "code": np.arange(z.shape[1])}
    posterior = xr.Dataset(
        {
            "z": (("chain", "draw", "code"), codes),
            "image": (("chain", "draw", *pixels), images),
        },
        coords | {name: np.arange(size) for name, size in zip(pixels, shape, strict=True)},
        {"inference_library": "pymc_glm", "inference_library_version": __version__, **attributes},
    )
    shape_out = problem.operator.shape_out
    names = [f"y_{axis}" for axis in range(len(shape_out))]
    observed = xr.Dataset({"y": (names, problem.data.reshape(shape_out))})
    return DataTree.from_dict({"/posterior": posterior, "/observed_data": observed})
