"""What a verdict says about samplers that are known to be biased."""

from __future__ import annotations

import math

from collections.abc import Mapping

from pymc_glm.compare.agreement import Agreement
from pymc_glm.compare.pace import figure
from pymc_glm.compare.summary import Summary

__all__ = ["STATISTIC_NAMES", "bias_remark", "differs"]

STATISTIC_NAMES = {"mean": "means", "q5": "5% quantiles", "q50": "medians", "q95": "95% quantiles"}


def differs(agreement: Agreement, name: str) -> bool:
    """Whether a converged sampler differs from a converged reference beyond Monte Carlo error."""
    return agreement.converged[name] and agreement.largest(name)[0] > agreement.threshold


def bias_remark(
    summaries: Mapping[str, Summary], name: str, adjusted: list[str], agreement: Agreement
) -> str:
    """Describe an unadjusted sampler: its bias, and its speed nevertheless.

    Parameters
    ----------
    summaries : mapping of str to Summary
        Every sampler that returned draws.
    name : str
        The unadjusted sampler, which converged.
    adjusted : list of str
        The converged samplers that are adjusted.
    agreement : Agreement
        Differences from the reference sampler.

    Returns
    -------
    remark : str
    """
    remark = f"{name} is unadjusted: it rejects no step, so its draws are biased."
    if agreement.converged.get(name) and agreement.reference in adjusted:
        z, label, statistic = agreement.largest(name)
        found = (
            f"{STATISTIC_NAMES[statistic]} of {label} differ from those of {agreement.reference} "
            f"by {z:.1f} joint Monte Carlo standard errors (bound {agreement.threshold:.1f})"
        )
        remark += (
            f" The bias shows: its {found}."
            if differs(agreement, name)
            else f" Here it stays within Monte Carlo error: at most, its {found}."
        )
    rate = summaries[name].ess_per_s
    if adjusted and not math.isnan(rate):
        best = max(adjusted, key=lambda other: summaries[other].ess_per_s)
        remark += (
            f" It makes {figure(rate)} effective draws per second of sampling, "
            f"{figure(rate / summaries[best].ess_per_s)} times those of {best}."
        )
    return remark
