"""The coordinates of a posterior, in one order that is the same for every sampler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xarray import DataArray, DataTree

__all__ = ["Layout", "group", "is_unadjusted"]

SAMPLE_DIMS = ("chain", "draw")


@dataclass(frozen=True)
class Layout:
    """Which coordinates are compared, and how they are called.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Shape of each variable without its chain and draw dimensions, in order.
    labels : tuple of str, length p
        One label per scalar coordinate, for example ``"beta[age]"`` or ``"tau"``.
    """

    shapes: Mapping[str, tuple[int, ...]]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, trees: Mapping[str, DataTree], var_names: Sequence[str] | None = None) -> Layout:
        """Read the layout off several posteriors and check that they agree.

        Parameters
        ----------
        trees : mapping of str to DataTree
            Draws by sampler name.
        var_names : sequence of str, optional
            Variables to use. Default: all variables of the first posterior.

        Returns
        -------
        layout : Layout

        Raises
        ------
        ValueError
            A sampler lacks a variable, or has it with another shape.
        """
        first = next(iter(trees.values()))
        names = list(first["posterior"].data_vars) if var_names is None else list(var_names)
        shapes: dict[str, tuple[int, ...]] = {}
        labels: list[str] = []
        for sampler, tree in trees.items():
            for name in names:
                variable = _variable(tree, name, sampler)
                shape = variable.shape[2:]
                if name not in shapes:
                    shapes[name] = shape
                    labels.extend(_labels(variable))
                if shapes[name] != shape:
                    raise ValueError(
                        f"Sampler {sampler!r} returned {name!r} with shape {shape}, the first "
                        f"sampler with shape {shapes[name]}. Give every sampler the same model."
                    )
        if not labels:
            raise ValueError(
                f"The variables {names} hold no coordinate to compare. "
                "Pass var_names with at least one variable of size one or more."
            )
        return cls(shapes, tuple(labels))

    def blocks(self, tree: DataTree, rows: int) -> Iterator[np.ndarray]:
        """Yield the draws as float arrays, at most `rows` coordinates at a time, in label order.

        Parameters
        ----------
        tree : DataTree
            Draws of one sampler.
        rows : int
            Largest number of coordinates in one block.

        Yields
        ------
        block : ndarray, shape (rows, chains, draws)
        """
        for name in self.shapes:
            values = _variable(tree, name).values
            flat = values.reshape(*values.shape[:2], -1)
            for start in range(0, flat.shape[2], rows):
                block = np.moveaxis(flat[:, :, start : start + rows], 2, 0)
                yield np.ascontiguousarray(block, dtype=np.float64)

    def one(self, tree: DataTree, label: str) -> np.ndarray:
        """Draws of one coordinate, shape (chains, draws)."""
        offset = self.labels.index(label)
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            if offset < size:
                values = _variable(tree, name).values
                return values.reshape(*values.shape[:2], -1)[:, :, offset].astype(np.float64)
            offset -= size
        raise AssertionError("labels and shapes of a layout always have the same length")


def group(tree: DataTree, name: str) -> dict[str, DataArray]:
    """Variables of one group of the tree by name; empty where the group is missing."""
    if name not in tree.children:
        return {}
    return {str(key): values for key, values in tree[name].data_vars.items()}


def _variable(tree: DataTree, name: str, sampler: str = "") -> DataArray:
    """One variable of the posterior with chain and draw first."""
    posterior = tree["posterior"].to_dataset()
    if name not in posterior:
        raise ValueError(
            f"Sampler {sampler!r} returned no draws of {name!r}; it has {list(posterior)}. "
            "Pass var_names with the variables that every sampler returns."
        )
    return posterior[name].transpose(*SAMPLE_DIMS, ...)


def _labels(variable: DataArray) -> list[str]:
    """Label every scalar coordinate of one variable, last dimension fastest."""
    dims = variable.dims[2:]
    if not dims:
        return [str(variable.name)]
    values = [[str(value) for value in variable[dim].values] for dim in dims]
    return [f"{variable.name}[{', '.join(index)}]" for index in product(*values)]


def is_unadjusted(tree: DataTree) -> bool:
    """Whether the sampler of some draws says that they are biased, however many there are."""
    return bool(tree["posterior"].attrs.get("unadjusted", False))
