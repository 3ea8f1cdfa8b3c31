"""Whether unknowns are drawn one after the other besides, with the latents integrated out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_glm.families import Laplace
from pymc_glm.machine import Factor, LatentMachine, LinearMap

__all__ = ["with_sites"]

# Where factors of another structure are cheap, so is the block, and scans gain little per second.
STRUCTURES = ("sparse", "iterative")
# Rows of the columns that a scan may read: at most a hundred megabytes.
MOST_ENTRIES = 10_000_000
# Times of a scan in tenths of a nanosecond, per unknown, per kink and per entry of other rows.
PER_UNKNOWN = 1000.0
PER_KINK = 400.0
PER_ENTRY = 25.0
# A block whose draw takes this share of the time of a scan is better drawn more often.
LEAST_SHARE = 0.6
MOST_SCANS = 2
# The latents take about so long, for each row.
PER_LATENT = 300.0


def with_sites(machine: LatentMachine, block: str) -> LatentMachine:
    """The machine with scans over its unknowns, where they are possible and pay or are asked for.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model with the plan it will be drawn by.
    block : {"auto", "gibbs", "sites", "metropolis"}
        ``"sites"`` asks for scans, ``"auto"`` makes as many as take about the time of the block.

    Returns
    -------
    machine : LatentMachine

    Raises
    ------
    ValueError
        If scans are asked for and not possible.
    """
    if block not in ("auto", "sites") or machine.reference is not None:
        return machine._replace(scans=0)
    if block == "auto" and machine.plan.structure not in STRUCTURES:
        return machine._replace(scans=0)
    entries = [_entries(factor) for factor in machine.factors]
    reason = _reason_against(machine, entries)
    if block == "auto":
        return machine._replace(scans=0 if reason else _worthwhile(machine, entries))
    if reason:
        raise ValueError(
            f"Got block='sites', which the model does not allow because {reason}. Use"
            " block='gibbs'."
        )
    return machine._replace(scans=max(_worthwhile(machine, entries), 1))


def _entries(factor: Factor) -> int | None:
    """Entries of a factor's map; None where it is an operator without a matrix."""
    if isinstance(factor.linear_map, LinearMap):
        return factor.linear_map.rows.size
    matrix = factor.linear_map.matrix()
    return None if matrix is None else matrix.nnz


def _reason_against(machine: LatentMachine, entries: Sequence[int | None]) -> str:
    """Why scans are impossible; empty where they are not."""
    pairs = zip(machine.factors, entries, strict=True)
    used = [(factor, count) for factor, count in pairs if not factor.linear_map.is_empty]
    if not any(isinstance(factor.family, Laplace) for factor, _ in used):
        return "no factor is Laplace"
    if machine.latents or machine.alternates:
        return "latents or other blocks of the model would not be drawn along"
    if not all(factor.linear_map.is_constant for factor, _ in used):
        return "a map depends on other variables"
    for factor, count in used:
        if count is None:
            return f"{factor.linear_map.structure()} has no matrix, or too large a one"
    total = sum(count or 0 for _, count in used)
    if total > MOST_ENTRIES:
        return f"the maps have {total} entries, more than {MOST_ENTRIES}"
    return ""


def _worthwhile(machine: LatentMachine, entries: Sequence[int | None]) -> int:
    """Scans for each draw of the block."""
    scan = PER_UNKNOWN * machine.size
    for factor, count in zip(machine.factors, entries, strict=True):
        scan += (PER_KINK if isinstance(factor.family, Laplace) else PER_ENTRY) * (count or 0)
    latents = sum(
        factor.size
        for factor in machine.factors
        if factor.family.has_latent and not factor.linear_map.is_empty
    )
    ratio = (machine.plan.time + PER_LATENT * latents) / scan
    return 0 if ratio < LEAST_SHARE else int(np.clip(np.round(ratio), 1, MOST_SCANS))
