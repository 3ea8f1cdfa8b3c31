"""Whether the posterior of a scale with a flat prior is proper, by counting responses."""

from __future__ import annotations

import numpy as np

from pymc_glm.exceptions import ImproperPosteriorError
from pymc_glm.machine import ConjugateForm, Factor, LinearMap, ScaleDependence
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.model_view import FreeVariable

__all__ = ["refuse_improper_scale"]

# Entries of a vector that are checked, each at the cost of a rank.
MOST_ENTRIES = 64
# Entries of a dense matrix whose rank takes a moment; larger models are not checked.
LARGEST = 2_000_000


def refuse_improper_scale(
    variable: FreeVariable,
    form: ConjugateForm,
    factors: list[Factor],
    scales: tuple[ScaleDependence, ...],
) -> None:
    """Refuse a flat prior on a scale, or on its logarithm, that leaves the posterior improper.

    With the block of n unknowns integrated out, m responses K x of scale s contribute a power of
    s: -(m - n + rank of the other maps) as s grows, and rank K - m as it vanishes, if there is a
    block at which all responses vanish. Against the prior theta**q of s = theta**p, which is
    s**((q + 1) / p - 1), the integral must converge at both ends.

    Parameters
    ----------
    variable : FreeVariable
        The scale.
    form : ConjugateForm
        Its exact draw, whose prior holds the power q.
    factors : list of Factor
        All factors.
    scales : tuple of ScaleDependence
        Those that it scales, and the powers p.

    Raises
    ------
    ImproperPosteriorError
        If the integral diverges.

    References
    ----------
    Gelman (2006), doi:10.1214/06-BA117A.
    """
    [power, *other_powers] = {scale.power for scale in scales}
    if power is None or other_powers:
        return
    if sum(factor.size for factor in factors) * factors[0].linear_map.shape[1] > LARGEST:
        return
    if not all(isinstance(factor.linear_map, LinearMap) for factor in factors):
        return
    [prior_power] = Evaluator([form.prior["power"]], [])({})
    prior = (float(prior_power) + 1.0) / power
    for entry in range(min(variable.size, MOST_ENTRIES)):
        own, others = _split(factors, scales, entry)
        _refuse_improper(variable, prior, own, others)


def _split(
    factors: list[Factor], scales: tuple[ScaleDependence, ...], entry: int
) -> tuple[list[Factor], list[Factor]]:
    """The rows that an entry scales, and all others."""
    own, others = [], []
    dependences = {scale.factor: scale for scale in scales}
    for index, factor in enumerate(factors):
        if index not in dependences:
            others.append(factor)
            continue
        entries = dependences[index].entries
        mine = np.ones(factor.size, bool) if entries is None else entries == entry
        own.append(_with_rows(factor, mine))
        others.append(_with_rows(factor, ~mine))
    return own, others


def _with_rows(factor: Factor, kept: np.ndarray) -> Factor:
    """Some rows of a factor."""
    linear_map = factor.stored_map
    entries = kept[linear_map.rows]
    renumbered = np.cumsum(kept) - 1
    part = linear_map._replace(
        rows=renumbered[linear_map.rows[entries]],
        columns=linear_map.columns[entries],
        values=linear_map.values[np.flatnonzero(entries)],
        shape=(int(kept.sum()), linear_map.shape[1]),
    )
    offset = factor.offset
    if isinstance(offset, np.ndarray):
        offset = np.broadcast_to(offset, kept.shape)[kept]
    return factor._replace(linear_map=part, offset=offset)


def _refuse_improper(
    variable: FreeVariable, prior: float, own: list[Factor], others: list[Factor]
) -> None:
    n = own[0].linear_map.shape[1]
    rows = sum(factor.size for factor in own)
    used = n - _rank(others, n)
    if rows - used <= prior:
        raise ImproperPosteriorError(
            f"The posterior of {variable.name!r} is improper: its prior is flat, and the number of"
            f" responses it scales, {rows}, less the {used} unknowns of the block that only they"
            " inform, is too small. Give it a proper prior."
        )
    if _can_vanish(own, n) and prior <= rows - _rank(own, n):
        raise ImproperPosteriorError(
            f"The posterior of {variable.name!r} is improper: its prior is infinite at a scale of"
            " zero, which the data do not exclude. Give it a proper prior."
        )


def _stacked(factors: list[Factor], n: int) -> np.ndarray:
    """The maps, with arbitrary numbers for symbolic values."""
    rng = np.random.default_rng(0)
    blocks = [np.zeros((0, n))]
    for factor in factors:
        values = None
        if not factor.linear_map.is_constant:
            values = rng.normal(size=factor.stored_map.rows.size)
        blocks.append(factor.stored_map.matrix(values).toarray())
    return np.concatenate(blocks)


def _rank(factors: list[Factor], n: int) -> int:
    matrix = _stacked(factors, n)
    if not matrix.any():
        return 0
    # The units of a column say nothing about the rank.
    length = np.linalg.norm(matrix, axis=0)
    return int(np.linalg.matrix_rank(matrix / np.where(length > 0, length, 1.0)))


def _can_vanish(factors: list[Factor], n: int) -> bool:
    """Whether some block makes all responses zero."""
    offsets = [factor.offset for factor in factors]
    if not all(isinstance(offset, np.ndarray) for offset in offsets):
        return False
    parts = [
        np.broadcast_to(offset, (factor.size,))
        for offset, factor in zip(offsets, factors, strict=True)
    ]
    target = np.concatenate(parts)
    if not target.any():
        return True
    matrix = _stacked(factors, n)
    solution = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return bool(np.allclose(matrix @ solution, target, rtol=1e-9, atol=1e-12))
