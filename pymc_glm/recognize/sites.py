"""Whether unknowns are drawn one after the other besides, with the latents integrated out."""

from __future__ import annotations

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
    reason = _reason_against(machine)
    if block == "sites":
        if reason:
            raise ValueError(
                f"Got block='sites', which the model does not allow because {reason}. Use"
                " block='gibbs'."
            )
        return machine._replace(scans=max(_worthwhile(machine), 1))
    if reason or machine.plan.structure not in STRUCTURES:
        return machine._replace(scans=0)
    return machine._replace(scans=_worthwhile(machine))


def _reason_against(machine: LatentMachine) -> str:
    """Why scans are impossible; empty where they are not."""
    factors = [factor for factor in machine.factors if not factor.linear_map.is_empty]
    if not any(isinstance(factor.family, Laplace) for factor in factors):
        return "no factor is Laplace"
    if machine.latents or machine.alternates:
        return "latents or other blocks of the model would not be drawn along"
    if not all(factor.linear_map.is_constant for factor in factors):
        return "a map depends on other variables"
    for factor in factors:
        if _entries([factor]) < 0:
            return f"{factor.linear_map.structure()} has no matrix, or too large a one"
    if _entries(factors) > MOST_ENTRIES:
        return f"the maps have {_entries(factors)} entries, more than {MOST_ENTRIES}"
    return ""


def _entries(factors: list[Factor]) -> int:
    """Entries of all maps; -1 where a map is an operator without a matrix."""
    total = 0
    for factor in factors:
        if isinstance(factor.linear_map, LinearMap):
            total += factor.linear_map.rows.size
            continue
        matrix = factor.linear_map.operator.matrix()
        if matrix is None:
            return -1
        total += matrix.nnz
    return total


def _worthwhile(machine: LatentMachine) -> int:
    """Scans for each draw of the block."""
    factors = [factor for factor in machine.factors if not factor.linear_map.is_empty]
    kinked = [factor for factor in factors if isinstance(factor.family, Laplace)]
    smooth = [factor for factor in factors if not isinstance(factor.family, Laplace)]
    scan = PER_UNKNOWN * machine.size + PER_KINK * _entries(kinked) + PER_ENTRY * _entries(smooth)
    latents = sum(factor.size for factor in factors if factor.family.has_latent)
    ratio = (machine.plan.time + PER_LATENT * latents) / scan
    return 0 if ratio < LEAST_SHARE else int(np.clip(np.round(ratio), 1, MOST_SCANS))
