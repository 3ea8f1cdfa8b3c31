"""Draws of codes as DataTrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    statistics: Mapping[str, Sequence[float]] | None = None,
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
    statistics : mapping of str to sequence of float, optional
        One number for each chain.

    Returns
    -------
    tree : DataTree
        Groups ``posterior`` (``z`` and ``image``) and ``observed_data`` (``y``), and
        ``sample_stats`` where there are statistics.
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
        {
            "inference_library": "pymc_glm",
            "inference_library_version": __version__,
            "tuning_steps": 0,
            **attributes,
        },
    )
    shape_out = problem.operator.shape_out
    names = [f"y_{axis}" for axis in range(len(shape_out))]
    observed = xr.Dataset({"y": (names, problem.data.reshape(shape_out))})
    groups = {"/posterior": posterior, "/observed_data": observed}
    if statistics is not None:
        by_chain = {name: ("chain", list(values)) for name, values in statistics.items()}
        groups["/sample_stats"] = xr.Dataset(by_chain, {"chain": posterior["chain"]})
    return DataTree.from_dict(groups)
