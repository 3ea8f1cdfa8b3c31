"""The sentence a reader wants first: which sampler to use here, or why none."""

from __future__ import annotations

import math

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pymc_glm.compare.agreement import Agreement
from pymc_glm.compare.summary import Summary

__all__ = ["CLEAR_LEAD", "Verdict", "judge"]

# Wall times of equal runs differ by tens of per cent on a busy computer.
CLEAR_LEAD = 1.5

STATISTIC_NAMES = {"mean": "means", "q5": "5% quantiles", "q50": "medians", "q95": "95% quantiles"}


@dataclass(frozen=True)
class Verdict:
    """What the comparison comes to.

    Attributes
    ----------
    level : {"green", "amber", "red"}
        green: at least two samplers converged and agree; amber: only one converged, or one had
        divergent transitions; red: converged samplers disagree, or nobody converged.
    findings : tuple of str
        What was found, one or two sentences each, the most important one first.
    winner : str or None
        The sampler to use, if there is one that is clearly ahead.
    """

    level: Literal["green", "amber", "red"]
    findings: tuple[str, ...]
    winner: str | None

    @property
    def text(self) -> str:
        """All findings in one paragraph."""
        return " ".join(self.findings)


def judge(
    summaries: Mapping[str, Summary], agreement: Agreement, failures: Mapping[str, str]
) -> Verdict:
    """Weigh agreement first, then convergence, then speed.

    Parameters
    ----------
    summaries : mapping of str to Summary
        Every sampler that returned draws.
    agreement : Agreement
        Differences from the reference sampler.
    failures : mapping of str to str
        Error messages of the samplers that returned nothing.

    Returns
    -------
    verdict : Verdict
    """
    converged = [name for name, summary in summaries.items() if summary.converged]
    remarks = _cautions(summaries, converged, failures)
    disagreement = _disagreement(agreement)
    if disagreement:
        return Verdict("red", (disagreement, *remarks), None)
    if not converged:
        opening = (
            "Nobody converged: use none of these draws. "
            "Sample longer, or look at the coordinates named here."
        )
        return Verdict("red", (opening, *remarks), None)
    if len(converged) == 1:
        (name,) = converged
        opening = (
            f"Only {name} converged: use {name} here. Nothing else converged that its draws "
            "could be checked against."
            if len(summaries) + len(failures) > 1
            else f"{name} converged. There is no second sampler to check it against."
        )
        return Verdict("amber", (opening, *remarks), name)
    opening, winner = _race(summaries, converged)
    diverged = any(summaries[name].divergences for name in converged)
    level: Literal["green", "amber"] = "amber" if diverged else "green"
    return Verdict(level, (opening, _concord(agreement), *remarks), winner)


def _disagreement(agreement: Agreement) -> str:
    """Name the worst disagreement between two converged samplers, if there is one."""
    found = [
        (*agreement.largest(name), name)
        for name in agreement.z
        if agreement.converged[name] and agreement.largest(name)[0] > agreement.threshold
    ]
    if not found:
        return ""
    z, label, statistic, name = max(found)
    others = sorted({entry[3] for entry in found} - {name})
    more = f" So do {', '.join(others)} and {agreement.reference}." if others else ""
    return (
        f"{name} and {agreement.reference} disagree although both passed the convergence checks: "
        f"their {STATISTIC_NAMES[statistic]} of {label} differ by {z:.1f} joint Monte Carlo "
        f"standard errors, more than the bound of {agreement.threshold:.1f}.{more} "
        "At least one of them is wrong: use neither before you know which."
    )


def _concord(agreement: Agreement) -> str:
    """How well the converged samplers agree."""
    largest = [agreement.largest(name)[0] for name in agreement.z if agreement.converged[name]]
    return (
        "The converged samplers agree within Monte Carlo error (largest difference "
        f"{max(largest):.1f} joint standard errors, bound {agreement.threshold:.1f})."
    )


def _race(summaries: Mapping[str, Summary], converged: list[str]) -> tuple[str, str | None]:
    """Who produces effective draws fastest, among samplers that converged."""
    rates = {name: summaries[name].ess_per_s for name in converged}
    if any(math.isnan(rate) for rate in rates.values()):
        return "No sampling times are known, so nobody is faster.", None
    first, second = sorted(converged, key=lambda name: -rates[name])[:2]
    figures = (
        f"{_figure(rates[first])} against {_figure(rates[second])} effective draws per second "
        "of sampling, worst coordinate"
    )
    lead = rates[first] / rates[second]
    if lead < CLEAR_LEAD:
        return (
            f"{first} and {second} are about equally fast here: use either ({figures}).",
            None,
        )
    sentence = f"Use {first} here: {_figure(lead)} times as fast as {second} ({figures})."
    totals = {name: summaries[name].ess_per_s_total for name in converged}
    overall = max(converged, key=lambda name: totals[name])
    if overall == first:
        ratio = totals[first] / totals[second]
        sentence += f" With compilation and warm-up counted, {_figure(ratio)} times."
    else:
        sentence += (
            f" For one run of this length {overall} is done sooner: with compilation and warm-up "
            f"counted it makes {_figure(totals[overall])} effective draws per second, {first} "
            f"{_figure(totals[first])}."
        )
    return sentence, first


def _cautions(
    summaries: Mapping[str, Summary], converged: list[str], failures: Mapping[str, str]
) -> list[str]:
    """One sentence for every sampler that failed, did not converge, or diverged."""
    cautions = [
        f"{name} did not converge: {'; '.join(summary.problems)}."
        for name, summary in summaries.items()
        if name not in converged
    ]
    cautions += [
        f"{name} may have missed a region (divergent draws: {summary.divergences})."
        for name, summary in summaries.items()
        if summary.divergences
    ]
    cautions += [f"{name} failed: {message.rstrip('.')}." for name, message in failures.items()]
    return cautions


def _figure(value: float) -> str:
    """Show a number with three significant digits, never in exponent notation."""
    if value >= 100.0:
        return f"{value:,.0f}"
    return f"{value:.3g}"
