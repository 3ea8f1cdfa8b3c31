"""Say so when a scale has not converged, whatever the size of the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc_glm.diagnostics import MIN_ESS_PER_CHAIN, RHAT_LIMIT, diagnose_array
from pymc_glm.machine import ExplicitLatent, Hyperparameter, LatentMachine

__all__ = ["unconverged_message"]

# PyMC as well says nothing about shorter chains than this.
LEAST_DRAWS = 100
# Numbers to diagnose of one variable; a tenth of a second at most.
MOST_NUMBERS = 1_000_000
MOST_ENTRIES = 100
MOST_NAMED = 5


class _Finding(NamedTuple):
    """The worst entry of one variable."""

    name: str
    rhat: float
    ess_per_chain: float

    @property
    def text(self) -> str:
        rhat = "" if np.isnan(self.rhat) else f"R-hat {self.rhat:.2f}, "
        return f"{self.name} ({rhat}{self.ess_per_chain:.0f} effective draws per chain)"


def unconverged_message(machine: LatentMachine, values: dict[str, np.ndarray]) -> str | None:
    """Name the hyperparameters and explicit latents that have not converged.

    A variable counts as converged if its rank-normalised split R-hat is at most 1.01 and its bulk
    effective sample size at least 100 per chain. Of a vector, up to 100 entries at even distances
    are looked at, so that the check stays cheap next to a sweep.

    Parameters
    ----------
    machine : LatentMachine
        The machine that was sampled.
    values : dict of str to ndarray, shape (chain, draw, ...)
        Draws of the value variables. Both figures are the same on the user's scale.

    Returns
    -------
    message : str or None
        Two sentences: which variables with which figures, and what to do. None where there is
        nothing to say, or fewer than 100 draws to say it from.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Burkner (2021), Bayesian Analysis 16(2), 667-718,
    https://doi.org/10.1214/20-BA1221
    """
    checked: list[Hyperparameter | ExplicitLatent] = [*machine.hyperparameters, *machine.latents]
    if not checked or values[checked[0].name].shape[1] < LEAST_DRAWS:
        return None
    findings = [(v, _worst(v, values[v.name])) for v in checked]
    found = [(variable, finding) for variable, finding in findings if finding is not None]
    if not found:
        return None
    found.sort(key=lambda pair: pair[1].ess_per_chain)
    named = ", ".join(finding.text for _, finding in found[:MOST_NAMED])
    more = len(found) - MOST_NAMED
    others = f" and {more} more" if more > 0 else ""
    draws = values[checked[0].name].shape[1]
    remedies = _remedies(machine, [variable for variable, _ in found], found[0][1], draws)
    return f"Not converged: {named}{others}. {remedies}"


def _worst(variable: Hyperparameter | ExplicitLatent, draws: np.ndarray) -> _Finding | None:
    chains, length = draws.shape[:2]
    flat = draws.reshape(chains, length, -1)
    size = flat.shape[2]
    if size == 0:
        return None
    most = max(10, min(MOST_ENTRIES, MOST_NUMBERS // (chains * length)))
    entries = np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))
    part = np.ascontiguousarray(np.moveaxis(flat[:, :, entries], 2, 0), dtype=np.float64)
    diagnostics = diagnose_array(part)
    rhat, ess = diagnostics.rhat, diagnostics.ess_bulk / chains
    # Comparisons with NaN are false: a variable that never moves may be an indicator that is sure.
    bad = (rhat > RHAT_LIMIT) | (ess < MIN_ESS_PER_CHAIN)
    if not bad.any():
        return None
    worst = int(np.nanargmin(np.where(bad, ess, np.nan)))
    index = np.unravel_index(entries[worst], draws.shape[2:])
    label = f"[{', '.join(map(str, index))}]" if index else ""
    return _Finding(f"{variable.rv_name}{label}", float(rhat[worst]), float(ess[worst]))


def _remedies(
    machine: LatentMachine,
    variables: Sequence[Hyperparameter | ExplicitLatent],
    worst: _Finding,
    draws: int,
) -> str:
    factor = max(2.0, MIN_ESS_PER_CHAIN / max(worst.ess_per_chain, 1.0))
    scales = [v for v in variables if isinstance(v, Hyperparameter)]
    strategy = _other_strategy(scales, machine.plan.has_determinant)
    return (
        f"Try draws={_rounded(factor * draws)}, {strategy}a proper or less diffuse prior, or NUTS;"
        " pymc_glm.advise(model) measures which sampler is faster."
    )


def _other_strategy(hypers: Sequence[Hyperparameter], may_collapse: bool) -> str:
    """A strategy that moves one of these scales in another way, if there is one."""
    if may_collapse and any(hyper.collapsible and not hyper.collapsed for hyper in hypers):
        return "scales='collapsed', "
    if any(hyper.collapsed and hyper.interweaving is not None for hyper in hypers):
        return "scales='interweave', "
    return ""


def _rounded(draws: float) -> int:
    """The number rounded up to one significant digit."""
    power = 10 ** int(np.floor(np.log10(draws)))
    return int(np.ceil(draws / power) * power)
