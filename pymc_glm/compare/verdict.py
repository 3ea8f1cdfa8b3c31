"""The sentence a reader wants first: which sampler to use here, or why none."""

from __future__ import annotations

import math

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pymc_glm.compare.accuracy import Scores
from pymc_glm.compare.agreement import Agreement
from pymc_glm.compare.bias import STATISTIC_NAMES, bias_remark, differs
from pymc_glm.compare.pace import Pace, break_even, figure, pace_of
from pymc_glm.compare.summary import Summary

__all__ = ["CLEAR_LEAD", "Verdict", "beside_known", "judge"]

# Wall times of equal runs differ by tens of per cent on a busy computer.
CLEAR_LEAD = 1.5


@dataclass(frozen=True)
class Verdict:
    """What the comparison comes to.

    Attributes
    ----------
    level : {"green", "amber", "red"}
        green: at least two samplers converged and agree; amber: only one converged, or one had
        divergent transitions, or an unadjusted one shows its bias; red: converged samplers
        disagree, or nobody converged.
    findings : tuple of str
        What was found, one or two sentences each, the most important one first.
    winner : str or None
        The sampler to use, if there is one that is clearly ahead; never an unadjusted one.
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

    Unadjusted samplers take no part in the race. Each gets a remark, which says whether its bias
    shows and how fast it is.

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
    adjusted = [name for name in converged if not summaries[name].unadjusted]
    biased = [name for name in converged if summaries[name].unadjusted]
    remarks = [bias_remark(summaries, name, adjusted, agreement) for name in biased]
    remarks += _cautions(summaries, converged, failures)
    # Where the reference is adjusted, a difference of a biased sampler is the bias it is known for.
    excused = biased if agreement.reference in adjusted else []
    disagreement = _disagreement(agreement, excused)
    if disagreement:
        return Verdict("red", (disagreement, *remarks), None)
    if not converged:
        opening = (
            "Nobody converged: use none of these draws. "
            "Sample longer, or look at the coordinates named here."
        )
        return Verdict("red", (opening, *remarks), None)
    if not adjusted:
        opening = (
            f"Only {' and '.join(biased)} converged, and nothing corrects the bias of these draws: "
            "let a sampler that is adjusted converge before you rely on them."
        )
        return Verdict("amber", (opening, *remarks), None)
    if len(converged) == 1:
        (name,) = converged
        opening = (
            f"Only {name} converged: use {name} here. Nothing else converged that its draws "
            "could be checked against."
            if len(summaries) + len(failures) > 1
            else f"{name} converged. There is no second sampler to check it against."
        )
        return Verdict("amber", (opening, *remarks), name)
    suspect = any(summaries[name].divergences for name in converged)
    suspect = suspect or any(differs(agreement, name) for name in excused)
    level: Literal["green", "amber"] = "amber" if suspect else "green"
    if len(adjusted) == 1:
        (winner,) = adjusted
        opening = f"Use {winner} here: of the samplers that converged, only it is adjusted."
        return Verdict(level, (opening, *remarks), winner)
    opening, leader = _race(summaries, adjusted)
    return Verdict(level, (opening, _concord(agreement, excused), *remarks), leader)


def beside_known(verdict: Verdict, scores: Mapping[str, Scores]) -> Verdict:
    """Add how far draws are from the posterior, where it is known, whatever R-hat says.

    Parameters
    ----------
    verdict : Verdict
        Without that.
    scores : mapping of str to Scores
        By sampler.

    Returns
    -------
    verdict : Verdict
    """
    known = {name: score for name, score in scores.items() if not math.isnan(score.distance)}
    if not known:
        return verdict
    ranked = sorted(known, key=lambda name: known[name].distance)
    distances = ", ".join(
        f"{name} {known[name].distance:.2g} ({known[name].distance_floor:.2g})" for name in ranked
    )
    remark = (
        "Distances from the known posterior, in its standard deviations, and of as many exact"
        f" draws: {distances}."
    )
    return replace(verdict, findings=(*verdict.findings, remark))


def _disagreement(agreement: Agreement, excused: list[str]) -> str:
    """Name the worst disagreement between two converged samplers, if there is one."""
    found = [
        (*agreement.largest(name), name)
        for name in agreement.z
        if name not in excused and differs(agreement, name)
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


def _concord(agreement: Agreement, excused: list[str]) -> str:
    """How well the converged samplers agree, those that are known to be biased aside."""
    largest = [
        agreement.largest(name)[0]
        for name in agreement.z
        if agreement.converged[name] and name not in excused
    ]
    return (
        "The converged samplers agree within Monte Carlo error (largest difference "
        f"{max(largest):.1f} joint standard errors, bound {agreement.threshold:.1f})."
    )


def _race(summaries: Mapping[str, Summary], converged: list[str]) -> tuple[str, str | None]:
    """Who produces effective draws fastest, among samplers that converged, and who is done first.

    A sampler's rate is that of its worst coordinate, scales included.
    """
    paces = {name: pace_of(summaries[name]) for name in converged}
    if any(math.isnan(pace.rate) for pace in paces.values()):
        return "No sampling times are known, so nobody is faster.", None
    ranked = sorted(converged, key=lambda name: -paces[name].rate)
    first, second = ranked[:2]
    rates = ", ".join(
        f"{name} {figure(paces[name].rate)} (worst: {summaries[name].worst})" for name in ranked
    )
    figures = f"effective draws per second of sampling: {rates}"
    lead = paces[first].rate / paces[second].rate
    target = min(summaries[name].min_ess for name in converged)
    if lead < CLEAR_LEAD:
        opening = f"{first} and {second} are about equally fast here: use either ({figures})."
        return f"{opening} {_run_once(paces, target, None)}".rstrip(), None
    opening = f"Use {first} here: {figure(lead)} times as fast as {second} ({figures})."
    return f"{opening} {_run_once(paces, target, first)}".rstrip(), first


def _run_once(paces: Mapping[str, Pace], target: float, fastest: str | None) -> str:
    """What compilation and warm-up change for one run that yields so many effective draws."""
    seconds = {name: pace.seconds(target) for name, pace in paces.items()}
    if any(math.isnan(value) for value in seconds.values()):
        return ""
    soonest, *others = sorted(seconds, key=lambda name: seconds[name])
    if fastest is None and seconds[others[0]] < CLEAR_LEAD * seconds[soonest]:
        return ""
    other = others[0] if fastest in (None, soonest) else str(fastest)
    ratio = figure(seconds[other] / seconds[soonest])
    times = (
        f"with compilation and warm-up, {figure(target)} effective draws take"
        f" {figure(seconds[soonest])} s with {soonest} and {figure(seconds[other])} s with {other}"
        f" ({ratio} times as long)"
    )
    if fastest in (None, soonest):
        also = "" if fastest is None else " as well"
        return f"Sampled once, {soonest} is done first{also}: {times}."
    even = break_even(paces[other], paces[soonest])
    return (
        f"Sampled once, {soonest} would have been done sooner: {times};"
        f" {other} pays from about {figure(even)} effective draws on."
    )


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
