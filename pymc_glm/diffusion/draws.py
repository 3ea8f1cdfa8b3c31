"""Draws of another sampler as vectors of value variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc.model import Model
from pymc.pytensorf import compile as compile_function
from xarray import DataTree

from pymc_glm.diffusion.targets import Layout
from pymc_glm.diffusion.warmup import FEWEST_DISTINCT
from pymc_glm.exceptions import InvalidDataError

__all__ = ["flat_draws"]


def flat_draws(model: Model, layout: Layout, draws: DataTree | np.ndarray) -> np.ndarray:
    """Draws of all free variables, transformed as the model transforms them.

    Parameters
    ----------
    model : pymc.Model
        The model.
    layout : Layout
        Of its value variables.
    draws : DataTree or ndarray, shape (n, d)
        With a posterior group that has all free variables; or value variables already.

    Returns
    -------
    flat : ndarray, shape (n, d)

    Raises
    ------
    InvalidDataError
        If a variable is missing, a shape is wrong, a value is not finite, a coordinate never
        varies, or hardly any two draws differ.
    """
    if isinstance(draws, DataTree):
        flat = _from_posterior(model, draws)
    else:
        flat = _array(draws)
    if flat.ndim != 2 or flat.shape[1] != layout.size or len(flat) < FEWEST_DISTINCT:
        raise InvalidDataError(
            f"The warm-up draws have shape {flat.shape}. The model needs (n, {layout.size}) with n"
            f" of at least {FEWEST_DISTINCT}."
        )
    bad = int(np.sum(~np.isfinite(flat)))
    if bad:
        raise InvalidDataError(
            f"The warm-up draws have {bad} values that are NaN or infinite. Leave those draws out."
        )
    different = len(np.unique(flat, axis=0))
    if different < FEWEST_DISTINCT:
        raise InvalidDataError(
            f"Of {len(flat)} warm-up draws {different} are distinct. A mixture needs"
            f" {FEWEST_DISTINCT} at least: thin longer chains."
        )
    constant = np.flatnonzero(np.ptp(flat, axis=0) == 0.0)
    if constant.size:
        value, ends = flat[0, constant[0]], np.cumsum(layout.sizes)
        name = layout.names[int(np.searchsorted(ends, constant[0], side="right"))]
        raise InvalidDataError(
            f"A coordinate of {name!r} is {value:.6g} in all {len(flat)} warm-up draws. A proposal"
            " that is learned from them would never leave that value."
        )
    return flat


def _array(draws: Any) -> np.ndarray:
    try:
        return np.asarray(draws, dtype=float)
    except (TypeError, ValueError):
        raise InvalidDataError(
            f"Got warm-up draws of type {type(draws).__name__!r}. Give the DataTree of a sampler,"
            " or an array of value variables."
        ) from None


def _from_posterior(model: Model, tree: DataTree) -> np.ndarray:
    posterior: Any = tree["posterior"] if "posterior" in tree.children else {}
    missing = [rv.name for rv in model.free_RVs if rv.name not in posterior]
    if missing:
        raise InvalidDataError(
            f"The warm-up draws lack {missing[0]!r}. They must have all free variables of the"
            " model."
        )
    outputs = []
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        outputs.append(rv if transform is None else transform.forward(rv, *rv.owner.inputs))
    forward = compile_function(
        list(model.free_RVs), outputs, mode="FAST_COMPILE", on_unused_input="ignore"
    )
    stacked = []
    for rv in model.free_RVs:
        values = np.asarray(posterior[rv.name], dtype=float)
        if values.ndim != rv.ndim + 2:
            raise InvalidDataError(
                f"The warm-up draws of {rv.name!r} have shape {values.shape}. The model needs"
                f" chains, draws and {rv.ndim} dimensions of the variable."
            )
        stacked.append(values.reshape(-1, *values.shape[2:]))
    rows = [
        np.concatenate([np.ravel(part) for part in forward(*values)])
        for values in zip(*stacked, strict=True)
    ]
    return np.array(rows)
