"""From the raw states of chains to a labelled DataTree like PyMC's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pymc as pm

from pymc.backends.arviz import (
    coords_and_dims_for_inferencedata,
    dict_to_dataset,
    find_constants,
    find_observations,
)
from pymc.model.core import Model
from xarray import DataTree

from pymc_glm.machine import LatentMachine
from pymc_glm.sampling.batches import BatchedGraphs

__all__ = ["to_datatree", "value_draws"]


def value_draws(machine: LatentMachine, states: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Split states into value variables.

    Parameters
    ----------
    machine : LatentMachine
        The machine that was sampled.
    states : sequence of ndarray, the first of shape (..., n)
        The block's variables in the drawn order, the hyperparameters and the explicit latents,
        with any leading axes.

    Returns
    -------
    draws : dict of str to ndarray
        Value variable name to draws, with the same leading axes.
    """
    block, *others = states
    position = machine.plan.position
    is_natural = np.array_equal(position, np.arange(position.size))
    natural = block if is_natural else block[..., position]
    draws = {
        variable.name: natural[..., variable.positions].reshape(
            (*block.shape[:-1], *variable.shape)
        )
        for variable in machine.block
    }
    names = [updated.name for updated in machine.updated]
    return draws | dict(zip(names, others, strict=True))


def to_datatree(
    model: Model,
    values: dict[str, np.ndarray],
    sample_stats: dict[str, np.ndarray],
    attributes: dict[str, object],
    var_names: Sequence[str] | None = None,
) -> DataTree:
    """Label draws with the user's dims and coords.

    Parameters
    ----------
    model : pymc.Model
        The user's model.
    values : dict of str to ndarray, shape (chain, draw, ...)
        Draws of every value variable.
    sample_stats : dict of str to ndarray, shape (chain, draw)
        Statistics of the sampler.
    attributes : dict
        Attributes of the posterior group.
    var_names : sequence of str, optional
        Variables to keep; by default all free variables and deterministics.

    Returns
    -------
    tree : DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``.
    """
    wanted = [
        variable
        for variable in model.unobserved_RVs
        if var_names is None or variable.name in var_names
    ]
    coords, dims = coords_and_dims_for_inferencedata(model)
    posterior = _untransform(model, values, wanted)
    labels = {"inference_library": pm, "coords": coords, "dims": dims}
    groups = {
        "posterior": dict_to_dataset(posterior, attrs=attributes, **labels),
        "sample_stats": dict_to_dataset(sample_stats, inference_library=pm),
    }
    data = {"observed_data": find_observations(model), "constant_data": find_constants(model)}
    groups |= {
        name: dict_to_dataset(arrays, sample_dims=[], **labels)
        for name, arrays in data.items()
        if arrays
    }
    return DataTree.from_dict({f"/{name}": group for name, group in groups.items()})


def _untransform(model: Model, values: dict[str, np.ndarray], wanted: list) -> dict:
    """Free variables on the user's scale, and deterministics."""
    by_variable = {rv: model.rvs_to_values[rv].name for rv in model.free_RVs}
    result: dict[str, np.ndarray] = {}
    computed = []
    for variable in wanted:
        name = by_variable.get(variable)
        if name is not None and model.rvs_to_transforms[variable] is None:
            result[variable.name] = values[name]
        else:
            computed.append(variable)
    if computed:
        result |= _compute(model, values, computed)
    return {variable.name: result[variable.name] for variable in wanted}


def _compute(model: Model, values: dict[str, np.ndarray], computed: list) -> dict:
    inputs = [model.rvs_to_values[rv] for rv in model.free_RVs]
    evaluate = BatchedGraphs(model.replace_rvs_by_values(computed), inputs)
    chains, draws = values[inputs[0].name].shape[:2]
    flat = {
        value.name: values[value.name].reshape((chains * draws, *values[value.name].shape[2:]))
        for value in inputs
    }
    joined = [np.concatenate(parts) for parts in zip(*evaluate(flat), strict=True)]
    return {
        variable.name: array.reshape((chains, draws, *array.shape[1:]))
        for variable, array in zip(computed, joined, strict=True)
    }
