"""Find directions along which the block and the scale of its prior can move together.

Centred and non-centred parametrisations differ by t = scale * z. Moving the scale with z fixed
multiplies the responses t of the scaled factors; it needs a direction d(x) of the block with
K d = t. The scaled factors' densities then cancel against the Jacobian, and the move's target is
what the other factors say.

Yu and Meng (2011), doi:10.1198/jcgs.2011.203main; Kastner and Fruhwirth-Schnatter (2014),
doi:10.1016/j.csda.2013.01.002.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from scipy.sparse.csgraph import connected_components

from pymc_glm.machine import (
    BlockVariable,
    CentredDirection,
    Factor,
    Interweaving,
    InverseDirection,
    LinearMap,
    ScaleDependence,
)

__all__ = ["find_interweaving"]

# A dense right inverse costs its size in every sweep.
LARGEST_INVERSE = 300


def find_interweaving(
    factors: list[Factor],
    touched: list[int],
    scales: tuple[ScaleDependence, ...],
    layout: list[BlockVariable],
) -> Interweaving | None:
    """Find a direction for a scale, if it scales priors of the block and nothing else.

    Parameters
    ----------
    factors : list of Factor
        All factors.
    touched : list of int
        Those that mention the scale.
    scales : tuple of ScaleDependence
        Those among them that it multiplies.
    layout : list of BlockVariable
        Where each variable of the block sits.

    Returns
    -------
    interweaving : Interweaving or None
    """
    if not touched or len(scales) != len(touched):
        return None
    powers = {scale.power for scale in scales}
    if len(scales) > 1 and (None in powers or len(powers) > 1):
        # The responses of the factors would not grow alike.
        return None
    scaled = [factors[index] for index in touched]
    maps = [factor.linear_map for factor in scaled]
    if not all(isinstance(one, LinearMap) and one.is_constant for one in maps):
        return None
    inverse = _right_inverse(scaled, layout)
    if inverse is not None:
        return InverseDirection(tuple(touched), inverse)
    component = _difference_components(scaled)
    if component is not None:
        return CentredDirection(tuple(touched), component)
    return None


def _right_inverse(scaled: list[Factor], layout: list[BlockVariable]) -> sp.csr_matrix | None:
    """R with K R = I, acting on the scaled variables' own entries."""
    stacked = sp.vstack([factor.stored_map.matrix() for factor in scaled]).tocsr()
    columns = _own_columns(scaled, layout)
    if columns.size == 0:
        return None
    own = stacked[:, columns]
    entries = np.diff(own.indptr)
    if np.all(entries == 1) and np.unique(own.indices).size == own.shape[0]:
        values = 1.0 / own.data
        place = (columns[own.indices], np.arange(own.shape[0]))
        return sp.csr_matrix((values, place), shape=(stacked.shape[1], own.shape[0]))
    if max(own.shape) > LARGEST_INVERSE or own.shape[0] > own.shape[1]:
        return None
    dense = own.toarray()
    inverse = np.linalg.pinv(dense)
    if not np.allclose(dense @ inverse, np.eye(own.shape[0]), atol=1e-9):
        return None
    full = np.zeros((stacked.shape[1], own.shape[0]))
    full[columns] = inverse
    return sp.csr_matrix(full)


def _own_columns(scaled: list[Factor], layout: list[BlockVariable]) -> np.ndarray:
    """Entries of the variables whose priors the factors are; of all they mention elsewhere."""
    names = {factor.term for factor in scaled}
    own = [np.arange(v.start, v.start + v.size) for v in layout if v.rv_name in names]
    if len(own) == len(names):
        return np.concatenate(own)
    mentioned = [factor.linear_map.columns for factor in scaled]
    return np.unique(np.concatenate(mentioned)) if mentioned else np.empty(0, dtype=int)


def _difference_components(scaled: list[Factor]) -> np.ndarray | None:
    """Connected components of pure differences a (x_i - x_j) without offset or cycle."""
    n = scaled[0].linear_map.shape[1]
    pairs = []
    for factor in scaled:
        is_free = isinstance(factor.offset, np.ndarray) and not np.any(factor.offset)
        if not is_free or factor.linear_map.structure() != "differences":
            return None
        pairs.append(factor.linear_map.columns.reshape(-1, 2))
    edges = np.concatenate(pairs)
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    count, label = connected_components(graph, directed=False)
    if len(edges) != n - count:
        return None
    label = label.astype(np.int64)
    label[np.setdiff1d(np.arange(n), edges)] = -1
    return label
