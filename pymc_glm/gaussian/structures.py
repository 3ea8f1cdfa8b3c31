"""The structures of Q: what each one stores, what it costs, and why it may be impossible.

Each function returns the structure, or the error that says why it cannot represent the pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian.costs import (
    banded_operations,
    banded_time,
    chain_operations,
    dense_operations,
    diagonal_operations,
    low_rank_operations,
    low_rank_time,
)
from pymc_glm.gaussian.envelope import find_envelope
from pymc_glm.gaussian.pattern import Pattern
from pymc_glm.gaussian.storage import Band, Chain, Diagonal, Square, Storage
from pymc_glm.gaussian.symbolic import MOST_ENTRIES, analyse

__all__ = ["BUILDERS", "LARGEST_DENSE", "Structure", "count_unknowns"]

LARGEST_DENSE = 8000
# Numbers in a band: as many as in the largest dense matrix, 0.5 GB.
LARGEST_BAND = LARGEST_DENSE**2


class Structure(NamedTuple):
    """A way to store and to factorise Q.

    Attributes
    ----------
    name : str
        A key of `BUILDERS`.
    position : ndarray of int64, shape (n,)
        Unknown j of the flat block sits at ``position[j]`` of the drawn vector.
    bandwidth : int
        Largest distance between two unknowns that may interact, in the drawn order.
    storage : Storage
        Where the entries of Q are kept.
    operations : float
        Operations of one factorisation, about.
    time : float
        Its time, in operations of a dense factorisation.
    words : str
        What a user should know of it: the unknowns and the operations of one draw.
    """

    name: str
    position: np.ndarray
    bandwidth: int
    storage: Storage
    operations: float
    time: float
    words: str


def count_unknowns(n: int) -> str:
    """Name a number of unknowns."""
    return f"{n} unknown{'s' if n != 1 else ''}"


def _against_dense(operations: float, n: int) -> str:
    dense = dense_operations(n)
    return f"about {operations:,.0f} operations per draw against {dense:,.0f} if dense"


def _natural(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.int64)


def _diagonal(pattern: Pattern) -> Structure | Exception:
    n = pattern.size
    if pattern.bandwidth > 0:
        return ValueError(
            f"The precision of the {n} unknowns is not diagonal. Some row of a factor involves "
            "more than one unknown, so structure='diagonal' cannot represent it."
        )
    cost = diagonal_operations(n)
    words = f"{count_unknowns(n)} without interactions, about {cost:,.0f} operations per draw"
    return Structure("diagonal", _natural(n), 0, Diagonal(n), cost, cost, words)


def _chain(pattern: Pattern) -> Structure | Exception:
    n = pattern.size
    if pattern.bandwidth > 1 or not pattern.is_chain:
        return ValueError(
            f"The precision of the {n} unknowns, of bandwidth {pattern.bandwidth}, is not that of "
            "a chain. structure='chain' needs constant rows, each with one entry or "
            "a (x[i] - x[j]) of neighbours."
        )
    cost = chain_operations(n)
    words = (
        f"{count_unknowns(n)} interact with their neighbours through differences only, "
        f"about {cost:,.0f} operations per draw"
    )
    return Structure("chain", pattern.position, 1, Chain(n), cost, cost, words)


def _banded(pattern: Pattern) -> Structure | Exception:
    n, bandwidth = pattern.size, pattern.bandwidth
    storage = Band(n, bandwidth)
    if storage.size > LARGEST_BAND:
        return RecognitionError(
            f"The precision of the {n} unknowns has bandwidth {bandwidth}, too large to store. "
            "An iterative solver is needed: structure='iterative'."
        )
    operations, time = banded_operations(n, bandwidth), banded_time(n, bandwidth)
    words = f"{count_unknowns(n)} at bandwidth {bandwidth}, {_against_dense(operations, n)}"
    return Structure("banded", pattern.position, bandwidth, storage, operations, time, words)


def _arrow(pattern: Pattern) -> Structure | Exception:
    n = pattern.size
    envelope = None if pattern.interactions is None else find_envelope(pattern.interactions)
    if envelope is None:
        return ValueError(
            f"The precision of the {n} unknowns, of bandwidth {pattern.bandwidth}, is no arrow. "
            "structure='arrow' needs unknowns that do not all interact, and an envelope of at most "
            "five million entries."
        )
    bandwidth, operations = int(np.diff(envelope.starts).max()) - 1, envelope.operations
    words = (
        f"{count_unknowns(n)}, those that interact with many last, {_against_dense(operations, n)}"
    )
    position = envelope.position
    return Structure("arrow", position, bandwidth, envelope, operations, envelope.cost, words)


def _low_rank(pattern: Pattern) -> Structure | Exception:
    n, rows = pattern.size, pattern.data_rows
    if rows is None:
        return ValueError(
            f"The precision of the {n} unknowns is not diagonal plus a few constant rows. "
            "structure='low rank' needs a row of its own for each unknown, and other rows that do "
            "not depend on variables."
        )
    operations, time = low_rank_operations(n, rows), low_rank_time(n, rows)
    words = (
        f"{count_unknowns(n)} that interact through {rows} rows only, "
        f"{_against_dense(operations, n)}"
    )
    last = max(n - 1, 0)
    return Structure("low rank", _natural(n), last, Diagonal(n), operations, time, words)


def _sparse(pattern: Pattern) -> Structure | Exception:
    n, interactions = pattern.size, pattern.interactions
    if interactions is None:
        return ValueError(
            f"The precision of the {n} unknowns has no zeros: one row involves all of them. "
            "structure='sparse' needs unknowns that do not all interact."
        )
    factor = analyse(interactions)
    if factor is None:
        return RecognitionError(
            f"The Cholesky factor of the precision of the {n} unknowns has more than "
            f"{MOST_ENTRIES:,} nonzeros, {MOST_ENTRIES * 8 / 1e9:.1f} GB. An iterative solver is "
            "needed: structure='iterative'."
        )
    words = (
        f"{count_unknowns(n)}, a Cholesky factor with {factor.entries:,} nonzeros, "
        f"{_against_dense(factor.operations, n)}"
    )
    last, operations, time = max(n - 1, 0), factor.operations, factor.time
    return Structure("sparse", factor.position, last, factor, operations, time, words)


def _dense(pattern: Pattern) -> Structure | Exception:
    n, bandwidth = pattern.size, pattern.bandwidth
    if n > LARGEST_DENSE:
        return RecognitionError(
            f"The precision of the {n} unknowns has bandwidth {bandwidth}, and the largest dense "
            f"one has {LARGEST_DENSE}. An iterative solver is needed: "
            "structure='iterative'."
        )
    cost = dense_operations(n)
    full = pattern.interactions is None
    interact = "all interact" if full else f"have bandwidth {bandwidth} at best"
    words = f"{count_unknowns(n)} {interact}, about {cost:,.0f} operations per draw"
    return Structure("dense", _natural(n), max(n - 1, 0), Square(n), cost, cost, words)


BUILDERS: dict[str, Callable[[Pattern], Structure | Exception]] = {
    "diagonal": _diagonal,
    "chain": _chain,
    "banded": _banded,
    "arrow": _arrow,
    "low rank": _low_rank,
    "sparse": _sparse,
    "dense": _dense,
}
