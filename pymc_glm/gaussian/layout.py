"""Where the products of map entries go in the flat storage of Q, for each structure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.machine import LinearMap

__all__ = ["Products", "count_products", "products", "storage_size"]


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


def storage_size(plan: GaussianPlan) -> int:
    """Length of q: n, or n - 1 weights and n diagonals, n by bandwidth + 1, an envelope, n by n."""
    n = plan.size
    if plan.starts is not None:
        return int(plan.starts[-1])
    return {
        "diagonal": n,
        "chain": 2 * n - 1,
        "banded": n * (plan.bandwidth + 1),
        "dense": n * n,
    }[plan.structure]


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
    if plan.structure == "chain":
        first, second = _chain_entries(linear_map)
    else:
        first, second = _pairs(linear_map.rows, linear_map.shape[0])
    low = np.minimum(linear_map.columns[first], linear_map.columns[second])
    distance = np.abs(linear_map.columns[first] - linear_map.columns[second])
    if distance.max(initial=0) > plan.bandwidth:
        raise ValueError(
            f"A row joins unknowns {distance.max()} apart, beyond the bandwidth {plan.bandwidth} "
            "of the plan. Permute the map with linear_map.permuted(plan.position)."
        )
    row = linear_map.rows[first]
    if plan.structure == "chain":
        # A row a (x[i] - x[j]) is a weight a**2 on the difference; nothing goes to the diagonal.
        target = np.where(distance == 1, low, plan.size - 1 + low)
        return Products(target, first, first, row)
    if plan.starts is not None:
        # Rows of the lower triangle, the diagonal last.
        return Products(plan.starts[low + distance + 1] - 1 - distance, first, second, row)
    stride = {"diagonal": 1, "banded": plan.bandwidth + 1, "dense": plan.size}[plan.structure]
    shift = low if plan.structure == "dense" else 0
    return Products(low * stride + distance + shift, first, second, row)


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
