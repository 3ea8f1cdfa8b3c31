"""Operations of one factorisation of Q, and its time, for each structure.

Times are in operations of a dense factorisation, which are ten for each nanosecond.
"""

from __future__ import annotations

import math

__all__ = [
    "banded_operations",
    "banded_time",
    "chain_operations",
    "dense_operations",
    "diagonal_operations",
    "iterative_operations",
    "iterative_time",
    "low_rank_operations",
    "low_rank_time",
    "spectral_operations",
    "spectral_time",
]

# Iterations to a residual of 1e-8, typical for total variation: with the incomplete factor alone,
# and where other rows are known to the preconditioner by their diagonal only.
_NEAR_ITERATIONS = 70.0
_FAR_ITERATIONS = 100.0
# Operations of an operator for each entry it takes or returns.
_PER_APPLIED = 40.0
# What a draw by a small matrix costs besides its factorisation.
_LOW_RANK_OVERHEAD = 15_000.0


def diagonal_operations(n: int) -> float:
    """Operations of a division and a root for each of n unknowns."""
    return 2.0 * n


def chain_operations(n: int) -> float:
    """Operations of the elimination of a chain of n unknowns."""
    return 10.0 * n


def banded_operations(n: int, bandwidth: int) -> float:
    """Operations of a banded factorisation."""
    return float(n * (bandwidth + 1) ** 2)


def banded_time(n: int, bandwidth: int) -> float:
    """Time of a banded factorisation: measured for an unknown, and for an operation."""
    return n * (150.0 + 2.2 * (bandwidth + 1) ** 2)


def low_rank_operations(n: int, rows: int) -> float:
    """Operations of the Gram matrix of some rows and of its factorisation."""
    return rows * rows * n + rows**3 / 3


def low_rank_time(n: int, rows: int) -> float:
    """Time of a draw by a matrix as large as the number of rows."""
    return low_rank_operations(n, rows) + _LOW_RANK_OVERHEAD


def iterative_operations(n: int, edges: int, stored: int, applied: int) -> float:
    """Operations of conjugate gradients: products with edges, stored entries and operators."""
    iterations = _FAR_ITERATIONS if stored or applied else _NEAR_ITERATIONS
    return iterations * (12.0 * n + 14.0 * edges + 4.0 * stored + _PER_APPLIED * applied)


def iterative_time(n: int, edges: int, is_lattice: bool, stored: int, applied: int) -> float:
    """Time of conjugate gradients: that of an unknown and an edge, where offsets are few or not."""
    iterations = _FAR_ITERATIONS if stored or applied else _NEAR_ITERATIONS
    per_edge = 20.0 if is_lattice else 70.0
    return iterations * (500.0 + 15.0 * n + per_edge * edges + 25.0 * stored + 100.0 * applied)


def dense_operations(n: int) -> float:
    """Operations, and time, of a dense factorisation."""
    return n**3 / 3


def spectral_operations(n: int) -> float:
    """Operations of a fast transform, and of a draw of each coefficient."""
    return n * (2.5 * math.log2(max(n, 2)) + 10.0)


def spectral_time(n: int) -> float:
    """Time of a draw in coefficients: a call of Python, and that of an unknown."""
    return 800_000.0 + 350.0 * n
