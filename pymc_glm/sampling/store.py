"""A zarr group with the draws of a stream, and the checkpoints next to it."""

from __future__ import annotations

import math

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import xarray as xr

from xarray import Dataset

from pymc_glm.sampling.checkpoint import Checkpoints
from pymc_glm.sampling.kept import KeptVariable, labelled

__all__ = ["Store", "open_store"]

# Rows of a chunk of the group, and rows held back before they are written, take about so much.
CHUNK_BYTES = 2**22


def open_store(path: str | Path, resume: bool) -> Store:
    """Say where draws go, refusing what would be overwritten.

    Parameters
    ----------
    path : str or Path
        Folder of the zarr group.
    resume : bool
        Whether to go on with a run that is there.

    Returns
    -------
    store : Store

    Raises
    ------
    ImportError
        If zarr is not installed.
    FileExistsError
        If there is a store at the path or checkpoints next to it, and `resume` is false.
    """
    if find_spec("zarr") is None:
        raise ImportError(
            f"Got store={str(path)!r}, but zarr is not installed. Install it with"
            " `pip install 'pymc-glm[store]'`, or leave out `store`."
        )
    store = Store(Path(path))
    if resume or not store.exists():
        return store
    if store.path.exists():
        raise FileExistsError(
            f"There is a store at {str(path)!r} already, and it is not overwritten. Pass"
            " resume=True to go on with its run, or choose another path."
        )
    raise FileExistsError(
        f"There is no store at {str(path)!r}, but checkpoints of its run in {str(store.folder)!r}."
        " Pass resume=True to go on with that run, remove the folder to begin anew, or choose"
        " another path."
    )


class Store:
    """Draws of a run in a zarr group; they are durable once flushed.

    Parameters
    ----------
    path : Path
        Folder of the group. Checkpoints are in a folder next to it, ``<name>.checkpoint``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.with_name(path.name + ".checkpoint")
        self.checkpoints = Checkpoints(self.folder)
        self._kept: list[KeptVariable] = []
        self._waiting: dict[int, dict[str, list[tuple[int, np.ndarray]]]] = {}
        self._bytes: dict[int, int] = {}

    def exists(self) -> bool:
        """Whether something is there."""
        return self.path.exists() or self.folder.exists()

    def matches(self, manifest: dict) -> bool:
        """Whether the run of this manifest was begun here; an error if another one was.

        Raises
        ------
        ValueError
            If the store is of another model, seed, or setting, or not a store of ours.
        """
        found = self.checkpoints.manifest()
        if found is None:
            if self.path.exists():
                raise ValueError(
                    f"There is no checkpoint of a run for {str(self.path)!r}. It was not written"
                    f" by pymc_glm.stream, or {self.folder.name!r} next to it was removed; choose"
                    " another path."
                )
            return False
        for name in manifest:
            if name == "given_seed" or found.get(name) == manifest[name]:
                continue
            raise ValueError(
                f"The store {str(self.path)!r} holds a run {_difference(name, found, manifest)}."
                " Resume it with the model and the arguments that it was started with, or choose"
                " another path."
            )
        return True

    def begin(self, kept: Sequence[KeptVariable], chains: int, draws: int) -> None:
        """Make the arrays that are not there yet."""
        zarr = _zarr()
        self._kept = list(kept)
        self._waiting = {chain: {v.name: [] for v in kept} for chain in range(chains)}
        self._bytes = dict.fromkeys(range(chains), 0)
        root = zarr.open_group(self.path, mode="a", zarr_format=3)
        for name in dict.fromkeys(variable.group for variable in kept):
            if name not in root:
                self._make_group(name, chains, draws)

    def _make_group(self, name: str, chains: int, draws: int) -> None:
        group = [variable for variable in self._kept if variable.group == name]
        shapes = {v.name: (chains, v.rows(draws), *v.numbers.shape) for v in group}
        empty = {
            v.name: labelled(v, np.broadcast_to(v.dtype.type(0), shapes[v.name]), range(chains))
            for v in group
        }
        # The group appears complete, or not at all.
        unfinished = self.path / f".{name}"
        Dataset(empty).drop_vars(list(empty)).to_zarr(
            unfinished, mode="w", zarr_format=3, consolidated=False
        )
        made = _zarr().open_group(unfinished, mode="r+")
        for variable in group:
            row = max(1, variable.dtype.itemsize * variable.numbers.size)
            shape = shapes[variable.name]
            made.create_array(
                variable.name,
                shape=shape,
                chunks=(
                    1,
                    max(1, min(shape[1], CHUNK_BYTES // row)),
                    *(max(1, n) for n in shape[2:]),
                ),
                dtype=variable.dtype,
                dimension_names=empty[variable.name].dims,
            )
        unfinished.rename(self.path / name)

    def put(self, variable: KeptVariable, chain: int, row: int, rows: np.ndarray) -> None:
        """Store rows of a chain; they wait in memory for others."""
        if not len(rows):
            return
        self._waiting[chain][variable.name].append((row, np.array(rows)))
        self._bytes[chain] += rows.nbytes
        if self._bytes[chain] > CHUNK_BYTES:
            self.flush(chain)

    def flush(self, chain: int) -> None:
        """Write the rows of a chain that wait."""
        root = _zarr().open_group(self.path, mode="r+")
        for variable in self._kept:
            waiting = self._waiting[chain][variable.name]
            if not waiting:
                continue
            first = waiting[0][0]
            rows = np.concatenate([rows for _, rows in waiting])
            root[variable.group][variable.name][chain, first : first + len(rows)] = rows
            waiting.clear()
        self._bytes[chain] = 0

    def group(self, name: str, chains: Sequence[int], draws: int) -> Dataset:
        """The rows of the first draws of some chains, read from the store when they are used."""
        step = next(variable.step for variable in self._kept if variable.group == name)
        dataset = xr.open_dataset(
            self.path, group=name, engine="zarr", consolidated=False, chunks=None
        )
        rows = math.ceil(draws / step)
        if list(chains) != list(dataset["chain"].values):
            dataset = dataset.isel(chain=list(chains))
        return dataset.isel(draw=slice(rows))

    def finish(self, groups: dict[str, Dataset]) -> None:
        """Write groups that are computed at the end."""
        for name, dataset in groups.items():
            dataset.to_zarr(self.path, group=name, mode="w", zarr_format=3, consolidated=False)


def _zarr() -> ModuleType:
    import zarr

    return zarr


def _difference(name: str, found: dict, manifest: dict) -> str:
    if name == "model":
        return "of another model or other data"
    if name == "seed":
        return f"with another seed (random_seed={found['given_seed']})"
    if name == "versions":
        return f"made with other versions ({found[name]}, not {manifest[name]})"
    return f"with {name}={found.get(name)!r}, not {manifest[name]!r}"
