"""Operators of a graph: differences over its edges, and its Laplacian."""

from __future__ import annotations

from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.checks import as_finite
from pymc_glm.operators.sparse import AbstractMatrixOperator, as_csr

__all__ = ["GraphLaplacian", "Incidence"]


class Incidence(AbstractMatrixOperator):
    r"""Differences over the edges of a graph: a row :math:`\sqrt{w}\,(x_j - x_i)` for an edge i, j.

    Parameters
    ----------
    edges : array_like of int, shape (m, 2), or square matrix
        Pairs of nodes, or a symmetric adjacency matrix (dense or sparse) of nonnegative weights
        whose upper triangle lists the edges row by row.
    nodes : int, optional
        Number of nodes. Default is one more than the largest node of an edge.
    weights : array_like, shape (m,), optional
        Positive weights of the edges, for a list of edges. Default is ones.

    Attributes
    ----------
    edges : ndarray of int64, shape (m, 2)
        The edges.
    weights : ndarray, shape (m,)
        Their weights.

    Raises
    ------
    ValueError
        If an edge is a loop, a node is outside the graph, a weight is not positive, or an
        adjacency matrix is not symmetric.

    References
    ----------
    Wang, Sharpnack, Smola and Tibshirani (2016), "Trend filtering on graphs", JMLR 17(105).

    Examples
    --------
    A path of three nodes::

        import numpy as np
        from pymc_glm.operators import Incidence

        Incidence([[0, 1], [1, 2]]).forward(np.array([1.0, 2.0, 4.0]))  # [1, 2]
    """

    def __init__(self, edges: Any, nodes: int | None = None, weights: Any = None) -> None:
        self.edges, self.weights, n = _as_edges(edges, nodes, weights)
        m = len(self.edges)
        root = np.sqrt(self.weights)
        self._matrix = as_csr(
            sparse.csr_matrix(
                (np.stack([-root, root], 1).ravel(), self.edges.ravel(), 2 * np.arange(m + 1)),
                shape=(m, n),
            ),
            "weights",
        )
        self.shape_in, self.shape_out = (n,), (m,)
        self.name = f"differences over {m} edges of {n} nodes"


class GraphLaplacian(AbstractMatrixOperator):
    """The Laplacian of a graph: degrees on the diagonal, minus weights beside it.

    It is the Gram matrix of `Incidence`. Its quadratic form is the precision of an intrinsic
    conditional autoregression.

    Parameters
    ----------
    edges, nodes, weights
        As in `Incidence`.

    References
    ----------
    Besag, York and Mollié (1991), doi:10.1007/BF00116466.

    Examples
    --------
    A path of three nodes::

        from pymc_glm.operators import GraphLaplacian

        GraphLaplacian([[0, 1], [1, 2]]).matrix().toarray()  # [[1, -1, 0], [-1, 2, -1], [0, -1, 1]]
    """

    def __init__(self, edges: Any, nodes: int | None = None, weights: Any = None) -> None:
        incidence = Incidence(edges, nodes, weights)
        differences = incidence.matrix()
        self._matrix = as_csr(differences.T @ differences, "weights")
        self.shape_in = self.shape_out = incidence.shape_in
        self.name = f"Laplacian of {incidence.size_in} nodes, {incidence.size_out} edges"


def _as_edges(edges: Any, nodes: int | None, weights: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Pairs of nodes, their weights, and the number of nodes."""
    shape = np.shape(edges)
    if sparse.issparse(edges) or (len(shape) == 2 and shape[0] == shape[1] and _is_matrix(edges)):
        return _edges_of_adjacency(as_csr(edges, "adjacency"), nodes, weights)
    pairs = np.array(edges)
    if pairs.ndim != 2 or pairs.shape[1:] != (2,) or pairs.dtype.kind not in "iu" or not len(pairs):
        raise ValueError(
            f"edges have shape {pairs.shape} and dtype {pairs.dtype}. Give pairs of integers, of "
            "shape (m, 2), or a square adjacency matrix."
        )
    pairs = pairs.astype("int64")
    n = int(pairs.max()) + 1 if nodes is None else nodes
    if pairs.min() < 0 or pairs.max() >= n:
        raise ValueError(
            f"edges join nodes {pairs.min()} to {pairs.max()}. A graph of {n} nodes has 0 to "
            f"{n - 1}."
        )
    loops = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if loops.size:
        raise ValueError(
            f"Edge {loops[0]} joins node {pairs[loops[0], 0]} to itself. A difference needs two "
            "nodes."
        )
    values = np.ones(len(pairs)) if weights is None else as_finite(weights, "weights")
    if values.shape != (len(pairs),):
        raise ValueError(
            f"weights have shape {values.shape}. There must be one for each of {len(pairs)} edges."
        )
    if np.any(values <= 0):
        raise ValueError(f"weights are at least {values.min():g}. All must be positive.")
    return pairs, values, n


def _is_matrix(edges: Any) -> bool:
    """Whether an array of two pairs is an adjacency matrix: symmetric, with a zero diagonal."""
    array = np.asarray(edges)
    return array.shape[0] > 2 or (not np.diagonal(array).any() and array[0, 1] == array[1, 0])


def _edges_of_adjacency(
    adjacency: sparse.csr_matrix, nodes: int | None, weights: Any
) -> tuple[np.ndarray, np.ndarray, int]:
    n = adjacency.shape[0]
    if adjacency.shape[1] != n or nodes not in (None, n) or weights is not None:
        raise ValueError(
            f"adjacency has shape {adjacency.shape}. It must be square, and states nodes and "
            "weights itself."
        )
    if abs(adjacency - adjacency.T).max() > 0 or adjacency.diagonal().any():
        raise ValueError(
            "adjacency is not symmetric, or has entries on its diagonal. Edges have no direction "
            "and join two nodes."
        )
    upper = sparse.coo_matrix(sparse.triu(adjacency, 1))
    pairs = np.stack([upper.row, upper.col], 1).astype("int64")
    if not upper.nnz:
        raise ValueError("adjacency has no edges. Two nodes must be joined.")
    if upper.data.min() < 0:
        raise ValueError(f"adjacency has a weight of {upper.data.min():g}. All must be positive.")
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], upper.data[order], n
