"""Where the products of map entries go in the flat storage of Q, for each structure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.machine import LinearMap

__all__ = ["Products", "count_products", "products"]


class Products(NamedTuple):
    """Q's storage: ``q[target] += values[first] * values[second] * w[row]``.

    Attributes
    ----------
    target, first, second, row : ndarray of int64, shape (k,)
        Place in the storage, the two entries of the map, and the row they share.
    """

    target: np.ndarray
    first: np.ndarray
    second: np.ndarray
    row: np.ndarray


def count_products(linear_map: LinearMap) -> int:
    """Count the pairs of entries that share a row, each entry with itself included."""
    per_row = np.bincount(linear_map.rows, minlength=linear_map.shape[0])
    return int(np.sum(per_row * (per_row + 1) // 2))


def products(plan: GaussianPlan, linear_map: LinearMap) -> Products:
    """List the products that make up K' diag(w) K in the storage of Q.

    Parameters
    ----------
    plan : GaussianPlan
        The structure.
    linear_map : LinearMap, shape (m, n)
        K, its columns in the drawn order.

    Returns
    -------
    products : Products
        Sorted by row.

    Raises
    ------
    ValueError
        If two unknowns interact that the structure keeps apart.
    """
    as_weights = plan.structure in ("chain", "iterative")
    if as_weights:
        first, second = _chain_entries(linear_map)
    else:
        first, second = _pairs(linear_map.rows, linear_map.shape[0])
    one, other = linear_map.columns[first], linear_map.columns[second]
    low, high = np.minimum(one, other), np.maximum(one, other)
    farthest = (high - low).max(initial=0)
    if farthest > plan.bandwidth:
        raise ValueError(
            f"A row joins unknowns {farthest} apart, beyond the bandwidth {plan.bandwidth} "
            "of the plan. Permute the map with linear_map.permuted(plan.position)."
        )
    target = plan.storage.places(low, high)
    # A row a (x[i] - x[j]) is a weight a**2; nothing goes to the diagonal.
    return Products(target, first, first if as_weights else second, linear_map.rows[first])


def _pairs(rows: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of entries of the same row, each entry with itself included."""
    per_row = np.bincount(rows, minlength=m)
    starts = np.concatenate([[0], np.cumsum(per_row)[:-1]]) if m else np.zeros(0, dtype=np.int64)
    firsts, seconds = [], []
    for count in np.unique(per_row[per_row > 0]):
        one, other = np.tril_indices(count)
        begin = starts[per_row == count][:, None]
        firsts.append((begin + one).ravel())
        seconds.append((begin + other).ravel())
    if not firsts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.argsort(rows[first], kind="stable")
    return first[order].astype(np.int64), second[order].astype(np.int64)


def _chain_entries(linear_map: LinearMap) -> tuple[np.ndarray, np.ndarray]:
    """First and last entry of each row that has any."""
    first = np.unique(linear_map.rows, return_index=True)[1]
    last = np.append(first[1:], linear_map.rows.size) - 1 if first.size else first
    return first.astype(np.int64), last.astype(np.int64)
