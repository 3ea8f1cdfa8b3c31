"""Which draws of which entries a stream keeps, and how they are labelled."""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from pymc.backends.arviz import dict_to_dataset
from pymc.model.core import Model
from xarray import DataArray, Dataset

from pymc_glm.sampling.memory import empty_draws
from pymc_glm.sampling.posterior import labels_of

__all__ = ["Keep", "KeptVariable", "MemorySink", "Sink", "Variable", "kept_variables", "variables"]

Selection = Sequence[int] | np.ndarray | Mapping | slice | tuple | Literal["all", "none"]
Keep = Mapping[str, Selection] | Literal["none"] | None

# Variables of at most this many entries are kept in full.
SMALL = 1000


class Variable(NamedTuple):
    """A variable whose draws are summarised.

    Attributes
    ----------
    name : str
        Its name.
    entries : slice
        Its place among all entries.
    numbers : DataArray
        The number of each of its entries, with its dims and coords.
    dtype : numpy.dtype
        Type of its draws.
    """

    name: str
    entries: slice
    numbers: DataArray
    dtype: np.dtype


class KeptVariable(NamedTuple):
    """Draws to keep of a variable.

    Attributes
    ----------
    name : str
        The variable.
    group : str
        Group of the result.
    columns : slice or ndarray
        Which of all entries.
    numbers : DataArray
        The number of each kept entry within the variable, with dims and coords.
    dtype : numpy.dtype
        Type of the draws.
    step : int
        Draws 0, step, 2 step, ... are kept.
    """

    name: str
    group: str
    columns: slice | np.ndarray
    numbers: DataArray
    dtype: np.dtype
    step: int

    def rows(self, draws: int) -> int:
        """How many of the first draws are kept."""
        return -(-draws // self.step)

    def of(self, before: int, chunk: np.ndarray) -> tuple[int, np.ndarray]:
        """Number of the first kept row of a chunk, and all of them, shape (rows, ...)."""
        offset = -before % self.step
        rows = chunk[offset :: self.step][:, self.columns]
        shaped = rows.reshape((len(rows), *self.numbers.shape))
        return (before + offset) // self.step, shaped.astype(self.dtype, copy=False)


class Sink(Protocol):
    """Where kept draws go."""

    def put(self, variable: KeptVariable, chain: int, row: int, rows: np.ndarray) -> None:
        """Store rows of a chain."""

    def flush(self, chain: int) -> None:
        """Make everything of a chain durable."""

    def group(self, name: str, chains: Sequence[int], draws: int) -> Dataset:
        """The rows of the first draws of some chains."""


def variables(model: Model, draws: Mapping[str, np.ndarray]) -> list[Variable]:
    """Lay out variables one after the other.

    Parameters
    ----------
    model : pymc.Model
        The user's model, for dims and coords.
    draws : mapping of str to ndarray
        One draw of each variable, on the user's scale.

    Returns
    -------
    variables : list of Variable
    """
    numbers = {name: np.arange(array.size).reshape(array.shape) for name, array in draws.items()}
    labelled = dict_to_dataset(numbers, sample_dims=[], **labels_of(model))
    ends = np.cumsum([array.size for array in draws.values()])
    return [
        Variable(name, slice(int(end) - array.size, int(end)), labelled[name], array.dtype)
        for (name, array), end in zip(draws.items(), ends, strict=True)
    ]


def kept_variables(
    found: Sequence[Variable],
    keep: Keep,
    thin: int | None,
    draws: int,
    chains: int,
    budget: int,
) -> list[KeptVariable]:
    """Decide which draws to keep.

    Parameters
    ----------
    found : sequence of Variable
        All variables.
    keep : mapping, "none" or None
        As in `pymc_glm.stream`.
    thin : int or None
        Keep every so many draws; by default all, but for large variables that were not asked for.
    draws, chains : int
        Numbers of draws and chains.
    budget : int
        Bytes for the draws of these large variables.

    Returns
    -------
    kept : list of KeptVariable
    """
    if keep == "none":
        return []
    asked: Mapping[str, Selection] = {} if keep is None else keep
    names = [variable.name for variable in found]
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ValueError(
            f"Got {unknown[0]!r} in `keep`. The variables that are summarised are"
            f" {', '.join(names)}."
        )
    large = [v for v in found if v.name not in asked and v.numbers.size > SMALL]
    step = thin or _step(sum(v.numbers.size for v in large), draws, chains, budget)
    kept = []
    for variable in found:
        numbers = _selected(variable, asked.get(variable.name, "all"))
        if numbers is None:
            continue
        is_thinned = thin is None and variable in large and step > 1
        columns = variable.entries.start + numbers.values.ravel()
        is_all = numbers is variable.numbers
        kept.append(
            KeptVariable(
                variable.name,
                "thinned_posterior" if is_thinned else "posterior",
                variable.entries if is_all else columns,
                numbers,
                variable.dtype,
                step if is_thinned else thin or 1,
            )
        )
    return kept


def _step(entries: int, draws: int, chains: int, budget: int) -> int:
    rows = max(1, int(budget // max(1, 8 * entries * chains)))
    return math.ceil(draws / rows)


def _selected(variable: Variable, selection: Selection) -> DataArray | None:
    """Numbers of the selected entries."""
    numbers = variable.numbers
    if isinstance(selection, str):
        if selection not in ("all", "none"):
            raise ValueError(
                f"Got keep={{{variable.name!r}: {selection!r}}}. Choose 'all', 'none', flat numbers"
                " of entries, a mapping from dims to labels, or slices."
            )
        return numbers if selection == "all" else None
    try:
        if isinstance(selection, Mapping):
            return numbers.sel(selection)
        if isinstance(selection, slice | tuple):
            return numbers[selection]
        flat = np.atleast_1d(np.asarray(selection))
        if flat.dtype.kind not in "iu":
            raise IndexError("flat numbers of entries must be integers")
        return DataArray(
            np.arange(numbers.size)[flat],
            dims=[f"{variable.name}_entry"],
            coords={f"{variable.name}_entry": flat},
        )
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"The selection of entries of {variable.name!r} to keep, {selection!r}, does not fit"
            f" its dims {dict(numbers.sizes)}: {str(error).rstrip('.')}. Pass flat numbers of"
            " entries, a mapping from dims to labels, or slices."
        ) from error


class MemorySink:
    """Keep draws in memory.

    Parameters
    ----------
    kept : sequence of KeptVariable
        What to keep.
    chains, draws : int
        Numbers of chains and draws.
    """

    def __init__(self, kept: Sequence[KeptVariable], chains: int, draws: int) -> None:
        self._kept = kept
        self._arrays = {
            v.name: empty_draws((chains, v.rows(draws), *v.numbers.shape), v.dtype) for v in kept
        }

    def put(self, variable: KeptVariable, chain: int, row: int, rows: np.ndarray) -> None:
        """Store rows of a chain."""
        self._arrays[variable.name][chain, row : row + len(rows)] = rows

    def flush(self, chain: int) -> None:
        """Nothing: memory does not last."""

    def group(self, name: str, chains: Sequence[int], draws: int) -> Dataset:
        """The rows of the first draws of some chains."""
        every = list(chains) == list(range(len(chains)))
        select = slice(0, len(chains)) if every else list(chains)
        return Dataset(
            {
                v.name: labelled(v, self._arrays[v.name][select, : v.rows(draws)], chains)
                for v in self._kept
                if v.group == name
            }
        )


def labelled(variable: KeptVariable, array: np.ndarray, chains: Sequence[int]) -> DataArray:
    """Rows of a variable with their labels."""
    numbers = variable.numbers
    coords = dict(numbers.coords) | {
        "chain": np.array(chains),
        "draw": np.arange(array.shape[1]) * variable.step,
    }
    return DataArray(array, dims=("chain", "draw", *numbers.dims), coords=coords)
