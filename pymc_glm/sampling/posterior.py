"""From the raw states of chains to a labelled DataTree like PyMC's."""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm

from pymc.backends.arviz import (
    coords_and_dims_for_inferencedata,
    dict_to_dataset,
    find_constants,
    find_observations,
)
from pymc.model.core import Model
from pytensor.graph.traversal import ancestors
from pytensor.tensor.variable import TensorVariable
from xarray import Dataset, DataTree

from pymc_glm.machine import LatentMachine
from pymc_glm.sampling.batches import BatchedGraphs

__all__ = ["UserScale", "data_groups", "labels_of", "to_datatree", "value_draws"]


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
    values = UserScale(model, wanted)(values)
    labels = labels_of(model)
    groups = {
        "posterior": dict_to_dataset(values, attrs=attributes, **labels),
        "sample_stats": dict_to_dataset(sample_stats, inference_library=pm),
    }
    groups |= data_groups(model)
    return DataTree.from_dict({f"/{name}": group for name, group in groups.items()})


def labels_of(model: Model) -> dict:
    """Coords and dims of a model, as ArviZ takes them."""
    coords, dims = coords_and_dims_for_inferencedata(model)
    return {"inference_library": pm, "coords": coords, "dims": dims}


def data_groups(model: Model) -> dict[str, Dataset]:
    """Groups ``observed_data`` and ``constant_data`` of a model that has such data."""
    data = {"observed_data": find_observations(model), "constant_data": find_constants(model)}
    return {
        name: dict_to_dataset(arrays, sample_dims=[], **labels_of(model))
        for name, arrays in data.items()
        if arrays
    }


class UserScale:
    """Free variables on the user's scale, and deterministics, computed from value variables.

    Parameters
    ----------
    model : pymc.Model
        The user's model.
    wanted : sequence of TensorVariable
        Free variables and deterministics of the model, in the order of the result.
    """

    def __init__(self, model: Model, wanted: Sequence[TensorVariable]) -> None:
        by_variable = {rv: model.rvs_to_values[rv].name for rv in model.free_RVs}
        self._names = [variable.name for variable in wanted]
        self._plain = {
            variable.name: by_variable[variable]
            for variable in wanted
            if variable in by_variable and model.rvs_to_transforms[variable] is None
        }
        computed = [variable for variable in wanted if variable.name not in self._plain]
        self._computed = [variable.name for variable in computed]
        self._ndim = {
            value.name: value.type.ndim for value in map(model.rvs_to_values.get, model.free_RVs)
        }
        if computed:
            graphs = model.replace_rvs_by_values(computed)
            mentioned = set(ancestors(graphs))
            values = [model.rvs_to_values[rv] for rv in model.free_RVs]
            # One at least, to tell how many draws there are.
            inputs = [value for value in values if value in mentioned] or values[:1]
            self._evaluate = BatchedGraphs(graphs, inputs)

    def __call__(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute the variables at draws.

        Parameters
        ----------
        values : mapping of str to ndarray
            Value variable name to draws, with the same leading axes.

        Returns
        -------
        draws : dict of str to ndarray
            Variable name to draws, with these leading axes.
        """
        result = {name: values[value] for name, value in self._plain.items()}
        if self._computed:
            some = next(iter(self._ndim))
            leading = values[some].shape[: values[some].ndim - self._ndim[some]]
            total = math.prod(leading)
            flat = {
                name: values[name].reshape((total, *values[name].shape[len(leading) :]))
                for name in self._ndim
            }
            joined = [np.concatenate(parts) for parts in zip(*self._evaluate(flat), strict=True)]
            result |= {
                name: array.reshape((*leading, *array.shape[1:]))
                for name, array in zip(self._computed, joined, strict=True)
            }
        return {name: result[name] for name in self._names}
