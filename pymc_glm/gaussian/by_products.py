"""The structure of a Q that is known by its products only, or is too large to factorise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_glm.gaussian.costs import iterative_operations, iterative_time
from pymc_glm.gaussian.edges import find_edges, is_far
from pymc_glm.gaussian.structures import Structure, count_unknowns
from pymc_glm.machine import LinearMap, OperatorMap, stored

__all__ = ["iterative_structure"]


def iterative_structure(maps: Sequence[LinearMap | OperatorMap]) -> Structure | Exception:
    """The structure of perturbation and conjugate gradients.

    Parameters
    ----------
    maps : sequence of LinearMap or OperatorMap, each of shape (m, n)
        The maps of all factors.

    Returns
    -------
    structure : Structure or ValueError
        The error where rows of several entries depend on variables.
    """
    n = maps[0].shape[1]
    far = [one for one in maps if is_far(one)]
    if not all(one.is_constant for one in far):
        return ValueError(
            f"Rows with several of the {n} unknowns depend on other variables. "
            "structure='iterative' needs maps that are known before the first sweep."
        )
    edges = find_edges([stored(one) for one in maps if not is_far(one)], n)
    listed = sum(one.rows.size for one in far if isinstance(one, LinearMap))
    applied = sum(sum(one.shape) for one in far if isinstance(one, OperatorMap))
    time = iterative_time(n, edges.low.size, bool(edges.offsets.size), listed, applied)
    operations = iterative_operations(n, edges.low.size, listed, applied)
    links = [f"{edges.low.size} differences"] if edges.low.size else []
    links += [f"rows with {listed} entries"] if listed else []
    names = sorted({one.structure() for one in far if isinstance(one, OperatorMap)})
    links += [f"products with {'; '.join(names)} (applied, not stored)"] if names else []
    linked = f" linked by {' and '.join(links)}" if links else " without interactions"
    words = (
        f"{count_unknowns(n)}{linked}; each draw solves perturbed equations by preconditioned "
        f"conjugate gradients, without a factorisation, in about {operations:,.0f} operations"
    )
    position = np.arange(n, dtype=np.int64)
    return Structure("iterative", position, max(n - 1, 0), edges, operations, time, words)
