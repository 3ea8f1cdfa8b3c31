"""The rule that picks a structure for the precision Q of the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from scipy.sparse.csgraph import reverse_cuthill_mckee

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian.envelope import Envelope, find_envelope
from pymc_glm.machine import LinearMap

__all__ = [
    "STRUCTURES",
    "GaussianPlan",
    "diagonal_plan",
    "has_single_entries",
    "plan_gaussian",
]

STRUCTURES = ("diagonal", "chain", "banded", "arrow", "low rank", "dense")

# A band is chosen where it takes this many times fewer operations than a dense factor.
_BAND_GAIN = 4.0
_LARGEST_DENSE = 8000
# An envelope or a small matrix is worth its detour where it takes this many times less.
_DETOUR_GAIN = 1.5
# What a draw by a small matrix costs besides its factorisation, in operations of a dense one.
_LOW_RANK_OVERHEAD = 15_000.0
# Numbers in a band: as many as in the largest dense matrix, 0.5 GB.
_LARGEST_BAND = _LARGEST_DENSE**2


class GaussianPlan(NamedTuple):
    """How the block is ordered and its precision stored and factored.

    Attributes
    ----------
    structure : str
        ``"diagonal"``, ``"chain"``, ``"banded"``, ``"arrow"``, ``"low rank"`` or
        ``"dense"``.
    reason : str
        One sentence for the user: why this structure, with the size and the cost of one draw.
    position : ndarray of int64, shape (n,)
        Unknown j of the flat block sits at ``position[j]`` of the drawn vector.
    bandwidth : int
        Largest distance between two unknowns that interact, in the drawn order.
    starts : ndarray of int64, shape (n + 1,), or None
        Where each row of an arrow's envelope is stored.
    operations : float
        Operations of one factorisation, about.
    """

    structure: str
    reason: str
    position: np.ndarray
    bandwidth: int
    starts: np.ndarray | None = None
    operations: float = 0.0

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.position.size

    @property
    def layout(self) -> np.ndarray:
        """What the kernels need to find their way in the storage: n, or the starts of rows."""
        return np.array([self.size], dtype=np.int64) if self.starts is None else self.starts


class _Pattern(NamedTuple):
    """Interactions of the unknowns, in an order of small bandwidth and in one of small envelope.

    ``data_rows`` is the number of rows with several entries, where they are constant and all
    unknowns have rows of their own; None elsewhere.
    """

    position: np.ndarray
    bandwidth: int
    full: bool
    data_rows: int | None
    interactions: sp.coo_matrix | None = None
    envelope: Envelope | None = None


def plan_gaussian(maps: Sequence[LinearMap], structure: str | None = None) -> GaussianPlan:
    """Pick the order and the structure of Q = sum of K' diag(w) K over the factors.

    The rule looks at the union of the patterns of K'K:

    1. no two unknowns interact: ``diagonal``;
    2. in the natural or the reverse Cuthill-McKee order only neighbours interact, all maps are
       constant, and each row has one entry or is ``a (x[i] - x[j])``: ``chain``, which never
       subtracts and so is accurate for precisions of any size;
    3. rows stored from their first entry, unknowns that interact with many last, take half the
       time of a band or a dense factor at most: ``arrow``;
    4. each unknown has a row of its own, the other rows are constant, and a matrix of their number
       takes half that time at most: ``low rank``;
    5. a band takes at least four times fewer operations than a dense factor, or there are more
       than 8000 unknowns: ``banded``, up to 64 million stored numbers;
    6. otherwise ``dense``.

    Parameters
    ----------
    maps : sequence of LinearMap, each of shape (m, n)
        The maps of all factors, over the same block. At least one.
    structure : str, optional
        A structure to use instead, where it can represent Q. By default the rule decides.

    Returns
    -------
    plan : GaussianPlan
        Maps must be permuted with ``linear_map.permuted(plan.position)`` before the draw.

    Raises
    ------
    ValueError
        If there is no map, maps differ in their number of unknowns, or Q has not the structure
        asked for.
    RecognitionError
        If Q is too large for every structure.

    References
    ----------
    .. [1] E. Cuthill and J. McKee (1969), "Reducing the bandwidth of sparse symmetric matrices",
       doi:10.1145/800195.805928.

    Examples
    --------
    A random walk seen through noise::

        import numpy as np
        from pymc_glm.gaussian import plan_gaussian
        from pymc_glm.machine import LinearMap

        walk = LinearMap.from_matrix(np.diff(np.eye(50), axis=0))
        data = LinearMap.from_matrix(np.eye(50))
        print(plan_gaussian([walk, data]).reason)
    """
    if not maps:
        raise ValueError("Got 0 linear maps. A Gaussian draw needs at least one factor.")
    sizes = sorted({linear_map.shape[1] for linear_map in maps})
    if len(sizes) > 1:
        raise ValueError(
            f"The linear maps have {sizes} unknowns. All factors must share one block."
        )
    if structure is not None and structure not in STRUCTURES:
        raise ValueError(
            f"Got structure={structure!r}. Choose one of {', '.join(map(repr, STRUCTURES))}."
        )
    pattern = _find_pattern(maps)
    if structure == "arrow" or (structure is None and _may_be_an_arrow(pattern)):
        pattern = _with_envelope(pattern)
    chosen = structure if structure is not None else _choose(maps, pattern)
    _refuse_impossible(maps, pattern, chosen)
    natural = chosen in ("diagonal", "dense", "low rank")
    n = pattern.position.size
    if chosen == "arrow":
        assert pattern.envelope is not None
        return GaussianPlan(
            structure=chosen,
            reason=_reason(pattern, chosen, asked=structure is not None),
            position=pattern.envelope.position,
            bandwidth=int(np.diff(pattern.envelope.starts).max()) - 1,
            starts=pattern.envelope.starts,
            operations=pattern.envelope.operations,
        )
    return GaussianPlan(
        structure=chosen,
        reason=_reason(pattern, chosen, asked=structure is not None),
        position=np.arange(n, dtype=np.int64) if natural else pattern.position,
        bandwidth=_drawn_bandwidth(pattern, chosen),
        operations={
            "diagonal": 2.0 * n,
            "chain": 10.0 * n,
            "banded": _banded_operations(n, pattern.bandwidth),
            "low rank": _low_rank_operations(n, pattern.data_rows or 0),
        }.get(chosen, _dense_operations(n)),
    )


def _find_pattern(maps: Sequence[LinearMap]) -> _Pattern:
    n = maps[0].shape[1]
    natural = np.arange(n, dtype=np.int64)
    data_rows = _data_rows(maps)
    stacked = _distinct_rows(sp.vstack([linear_map.pattern for linear_map in maps], format="csr"))
    if np.any(np.diff(stacked.indptr) == n):
        return _Pattern(natural, max(n - 1, 0), full=n > 1, data_rows=data_rows)
    interactions = (stacked.T @ stacked).tocoo()
    bandwidth = _bandwidth(interactions, natural)
    if bandwidth <= 1:
        return _Pattern(natural, bandwidth, False, data_rows, interactions)
    order = reverse_cuthill_mckee(interactions.tocsr(), symmetric_mode=True)
    position = np.empty(n, dtype=np.int64)
    position[order] = natural
    reduced = _bandwidth(interactions, position)
    if reduced < bandwidth:
        return _Pattern(position, reduced, False, data_rows, interactions)
    return _Pattern(natural, bandwidth, False, data_rows, interactions)


def _may_be_an_arrow(pattern: _Pattern) -> bool:
    """Whether it is worth looking: more than neighbours interact, but few pairs do."""
    if pattern.interactions is None or pattern.bandwidth <= 1:
        return False
    return 2 * pattern.interactions.nnz <= pattern.position.size**2


def _with_envelope(pattern: _Pattern) -> _Pattern:
    if pattern.interactions is None:
        return pattern
    return pattern._replace(envelope=find_envelope(pattern.interactions))


def has_single_entries(linear_map: LinearMap) -> bool:
    """Whether each row has one entry at most."""
    return int(np.bincount(linear_map.rows, minlength=1).max(initial=0)) <= 1


def _data_rows(maps: Sequence[LinearMap]) -> int | None:
    single = [one for one in maps if has_single_entries(one)]
    others = [one for one in maps if not has_single_entries(one)]
    if not others or not all(one.is_constant for one in others):
        return None
    covered = np.concatenate([np.empty(0, dtype=np.int64), *(one.columns for one in single)])
    if np.unique(covered).size < maps[0].shape[1]:
        return None
    return sum(one.shape[0] for one in others)


def diagonal_plan(n: int) -> GaussianPlan:
    """The plan of unknowns that do not interact."""
    position = np.arange(n, dtype=np.int64)
    return GaussianPlan("diagonal", "", position, 0, operations=2.0 * n)


def _distinct_rows(pattern: sp.csr_matrix) -> sp.csr_matrix:
    """Each row pattern once: the product with itself would repeat its work for each copy."""
    # Equal rows have equal sums of fixed random numbers; unequal ones do with probability zero.
    marks = pattern @ np.random.default_rng(0).random(pattern.shape[1])
    return pattern[np.unique(marks, return_index=True)[1]]


def _bandwidth(interactions: sp.coo_matrix, position: np.ndarray) -> int:
    return int(np.abs(position[interactions.row] - position[interactions.col]).max(initial=0))


def _choose(maps: Sequence[LinearMap], pattern: _Pattern) -> str:
    n = pattern.position.size
    if pattern.bandwidth == 0:
        return "diagonal"
    if pattern.bandwidth == 1 and all(map(_is_chain, maps)):
        return "chain"
    dense, banded = _dense_operations(n), _banded_operations(n, pattern.bandwidth)
    detours = {}
    if pattern.envelope is not None:
        detours["arrow"] = pattern.envelope.cost
    if pattern.data_rows is not None:
        small = _low_rank_operations(n, pattern.data_rows)
        detours["low rank"] = small + _LOW_RANK_OVERHEAD
    if detours:
        cheapest = min(detours, key=detours.__getitem__)
        if _DETOUR_GAIN * detours[cheapest] <= min(dense, _banded_cost(n, pattern.bandwidth)):
            return cheapest
    gain = dense / banded
    return "banded" if gain >= _BAND_GAIN or n > _LARGEST_DENSE else "dense"


def _is_chain(linear_map: LinearMap) -> bool:
    """Whether each row has one entry or is a (x[i] - x[j])."""
    per_row = np.bincount(linear_map.rows, minlength=linear_map.shape[0])
    if per_row.max(initial=0) <= 1:
        return linear_map.is_constant
    if not linear_map.is_constant or per_row.max() > 2:
        return False
    paired = per_row[linear_map.rows] == 2
    values = linear_map.values[paired]
    return bool(np.all(values[0::2] == -values[1::2]))


def _refuse_impossible(maps: Sequence[LinearMap], pattern: _Pattern, structure: str) -> None:
    n, bandwidth = pattern.position.size, pattern.bandwidth
    if structure == "diagonal" and bandwidth > 0:
        raise ValueError(
            f"The precision of the {n} unknowns is not diagonal. Some row of a factor involves "
            "more than one unknown, so structure='diagonal' cannot represent it."
        )
    if structure == "chain" and (bandwidth > 1 or not all(map(_is_chain, maps))):
        raise ValueError(
            f"The precision of the {n} unknowns, of bandwidth {bandwidth}, is not that of a chain. "
            "structure='chain' needs constant rows, each with one entry or a (x[i] - x[j]) of "
            "neighbours."
        )
    if structure == "banded" and not _fits_band(pattern):
        raise RecognitionError(
            f"The precision of the {n} unknowns has bandwidth {bandwidth}, too large to store. "
            "A sparse or iterative solver would be needed, which this version does not have."
        )
    if structure == "low rank" and pattern.data_rows is None:
        raise ValueError(
            f"The precision of the {n} unknowns is not diagonal plus a few constant rows. "
            "structure='low rank' needs a row of its own for each unknown, and other rows that do "
            "not depend on variables."
        )
    if structure == "arrow" and pattern.envelope is None:
        raise ValueError(
            f"The precision of the {n} unknowns, of bandwidth {bandwidth}, is no arrow. "
            "structure='arrow' needs unknowns that do not all interact, and an envelope of at most "
            "five million entries."
        )
    if structure == "dense" and n > _LARGEST_DENSE:
        raise RecognitionError(
            f"The precision of the {n} unknowns has bandwidth {bandwidth}, and the largest dense "
            f"one has {_LARGEST_DENSE}. A sparse or iterative solver would be needed, which this "
            "version does not have."
        )


def _drawn_bandwidth(pattern: _Pattern, structure: str) -> int:
    fixed = {"diagonal": 0, "chain": 1, "banded": pattern.bandwidth}
    return fixed.get(structure, max(pattern.position.size - 1, 0))


def _fits_band(pattern: _Pattern) -> bool:
    return pattern.position.size * (pattern.bandwidth + 1) <= _LARGEST_BAND


def _low_rank_operations(n: int, rows: int) -> float:
    return rows * rows * n + rows**3 / 3


def _dense_operations(n: int) -> float:
    return n**3 / 3


def _banded_operations(n: int, bandwidth: int) -> float:
    return float(n * (bandwidth + 1) ** 2)


def _banded_cost(n: int, bandwidth: int) -> float:
    """Time of a banded factorisation, in operations of a dense one."""
    return n * (150.0 + 2.2 * (bandwidth + 1) ** 2)


def _reason(pattern: _Pattern, structure: str, asked: bool) -> str:
    n, bandwidth = pattern.position.size, pattern.bandwidth
    unknowns = f"{n} unknown{'s' if n != 1 else ''}"
    name = f"{structure} (as asked)" if asked else structure
    if structure == "diagonal":
        return f"{name}: {unknowns} without interactions, about {2 * n:,} operations per draw."
    if structure == "chain":
        return (
            f"{name}: {unknowns} interact with their neighbours through differences only, "
            f"about {10 * n:,} operations per draw."
        )
    dense = f"{_dense_operations(n):,.0f}"
    if structure == "low rank" and pattern.data_rows is not None:
        small = f"{_low_rank_operations(n, pattern.data_rows):,.0f}"
        return (
            f"{name}: {unknowns} that interact through {pattern.data_rows} rows only, about "
            f"{small} operations per draw against {dense} if dense."
        )
    if structure == "arrow" and pattern.envelope is not None:
        return (
            f"{name}: {unknowns}, those that interact with many last, about "
            f"{pattern.envelope.operations:,.0f} operations per draw against {dense} if dense."
        )
    if structure == "banded":
        return (
            f"{name}: {unknowns} at bandwidth {bandwidth}, about "
            f"{_banded_operations(n, bandwidth):,.0f} operations per draw against {dense} if dense."
        )
    interact = "all interact" if pattern.full else f"have bandwidth {bandwidth} at best"
    return f"{name}: {unknowns} {interact}, about {dense} operations per draw."
