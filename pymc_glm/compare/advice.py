"""Which sampler to use on a model, measured: a short run of ours and of NUTS."""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from pymc_glm.compare.agreement import Agreement, agree
from pymc_glm.compare.diagnostics import diagnose
from pymc_glm.compare.draws import Layout
from pymc_glm.compare.pace import Pace, break_even, figure, pace_of
from pymc_glm.compare.pilot import Limits, Pilot, pilot_machine, pilot_nuts
from pymc_glm.compare.runners import available_cores
from pymc_glm.compare.summary import Summary, constants, summarize
from pymc_glm.compare.timing import Timing

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["Advice", "Contender", "advise", "weigh"]

# Wall times of short runs: a smaller ratio than this is nothing to choose by.
CLEAR_RATIO = 2.0
# Looser than the checks of a comparison: a pilot has to be short.
PILOT_RHAT = 1.05
PILOT_ESS_PER_CHAIN = 50
OURS, NUTS = "gibbs", "nuts"

Choice = Literal["gibbs", "nuts", "either", "neither"]


class Contender(NamedTuple):
    """A sampler's pilot in a few numbers.

    Attributes
    ----------
    label : str
        The sampler.
    timing : Timing
        Wall times of the pilot.
    summary : Summary or None
        Effective sample sizes, R-hat and divergences; None where the pilot has no draws.
    trouble : str
        Why its draws are no basis for a choice; empty where they are.
    """

    label: str
    timing: Timing
    summary: Summary | None
    trouble: str

    @property
    def pace(self) -> Pace | None:
        """Seconds before the first draw and effective draws per second; None if not converged."""
        return None if self.summary is None or self.trouble else pace_of(self.summary)


@dataclass(frozen=True)
class Advice:
    """Which sampler to use on a model, and the measurements that say so.

    Attributes
    ----------
    choice : {"gibbs", "nuts", "either", "neither"}
        The sampler that has the wanted effective draws sooner, compilation and warm-up included;
        ``"either"`` within a factor of two.
    sentences : tuple of str
        The advice, and what qualifies it.
    contenders : mapping of str to Contender
        Measurements of ``"gibbs"`` and ``"nuts"``.
    agreement : Agreement or None
        How far the two are apart; None where one has no draws.
    effective_draws : int
        Effective draws of the worst coordinate that the advice is for.
    """

    choice: Choice
    sentences: tuple[str, ...]
    contenders: Mapping[str, Contender]
    agreement: Agreement | None
    effective_draws: int

    @property
    def text(self) -> str:
        """The advice in one paragraph."""
        return " ".join(self.sentences)

    def __str__(self) -> str:
        contenders = list(self.contenders.values())
        rows = [("", *(contender.label for contender in contenders))]
        rows += [
            (heading, *(cell(contender) for contender in contenders))
            for heading, cell in (*ROWS, self._row_of_seconds())
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self._apart(), "", self.text])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def _row_of_seconds(self):
        def cell(contender: Contender) -> str:
            pace = contender.pace
            return "?" if pace is None else f"{figure(pace.seconds(self.effective_draws))} s"

        return f"{self.effective_draws:,} effective draws, all told", cell

    def _apart(self) -> list[str]:
        if self.agreement is None:
            return []
        z, label, statistic = self.agreement.largest(_other(self.agreement))
        return [
            f"largest difference: {z:.1f} joint standard errors ({statistic} of {label}),"
            f" bound {self.agreement.threshold:.1f}"
        ]


def advise(
    model: Model | None = None,
    *,
    effective_draws: int = 1000,
    chains: int = 2,
    cores: int | None = None,
    seconds: float = 30.0,
    random_seed: int | np.random.Generator | None = None,
) -> Advice:
    """Measure on a short run whether our sampler or NUTS is the better choice for a model.

    Both samplers run for a bounded time, one after the other. Effective draws are those of the
    worst coordinate of all free variables, scales included; the advice is about the time until it
    has `effective_draws` of them, compilation and warm-up included. So a small model that is
    sampled once may well be better off with NUTS, although ours draws faster.

    Parameters
    ----------
    model : pymc.Model, optional
        The model; the one of the context by default.
    effective_draws : int, default 1000
        Effective draws that are wanted.
    chains : int, default 2
        Chains of each sampler; at least two, or R-hat cannot be computed.
    cores : int, optional
        Processor cores each sampler may use. Default: one per chain, as far as there are any.
    seconds : float, default 30
        Longest time of a run, warm-up and draws, for each sampler; one that yields fewer than 400
        effective draws is run once more, for longer. Compilation comes on top.
    random_seed : int or Generator, optional
        Each sampler derives its own seed from it.

    Returns
    -------
    advice : Advice
        Prints as a table and a sentence: use NUTS here, use the Gaussian latent machine here,
        either, or neither.

    Raises
    ------
    ValueError
        There is one chain only, or no time or no draws are asked for.

    Notes
    -----
    NUTS is nutpie's where it is installed and the model has no discrete variables, else PyMC's. It
    warms up for 1000 draws, as ``pm.sample`` does by default; ours for 200 sweeps. A sampler counts
    as converged in a pilot if R-hat is at most 1.05 and the effective sample size at least 50 per
    chain.

    Compilation is measured in this process, as it comes: a first model pays for imports, and for
    kernels that are not in the cache yet. Call it twice to see what a later model pays.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Burkner (2021), Bayesian Analysis 16(2), 667-718,
    https://doi.org/10.1214/20-BA1221

    Examples
    --------
    A small regression::

        import numpy as np
        import pymc as pm
        import pymc_glm

        X, y = np.random.default_rng(1).normal(size=(20, 3)), np.arange(20.0)
        with pm.Model():
            beta = pm.Normal("beta", 0, 10, shape=3)
            sigma = pm.HalfNormal("sigma", 10)
            pm.Normal("y", X @ beta, sigma, observed=y)
            print(pymc_glm.advise(seconds=5, random_seed=1))
    """
    from pymc.model.core import modelcontext

    from pymc_glm.exceptions import GaussianLatentMachineError
    from pymc_glm.recognize import explain

    if chains < 2:
        raise ValueError(f"chains={chains} is too few. R-hat compares at least two chains.")
    if not (seconds > 0 and effective_draws > 0):
        raise ValueError(
            f"Got seconds={seconds} and effective_draws={effective_draws}. Both must be positive."
        )
    model = modelcontext(model)
    seed = int(np.random.default_rng(random_seed).integers(2**32))
    limits = Limits(chains, cores or min(chains, available_cores()), seconds, seed)
    try:
        ours = pilot_machine(model, explain(model), limits)
    except GaussianLatentMachineError as error:
        nan = float("nan")
        timing = Timing(nan, nan, nan, "it was not run")
        ours = Pilot("Gaussian latent machine", None, timing, str(error).rstrip("."))
    pilots = {OURS: ours, NUTS: pilot_nuts(model, limits)}
    return weigh(pilots, [rv.name for rv in model.free_RVs], effective_draws)


def weigh(pilots: Mapping[str, Pilot], var_names: Sequence[str], effective_draws: int) -> Advice:
    """Turn two pilots into advice.

    Parameters
    ----------
    pilots : mapping of str to Pilot
        The pilots of ``"gibbs"`` and ``"nuts"``.
    var_names : sequence of str
        Variables to look at.
    effective_draws : int
        Effective draws that are wanted.

    Returns
    -------
    advice : Advice
    """
    trees = {name: pilot.tree for name, pilot in pilots.items() if pilot.tree is not None}
    contenders = {
        name: Contender(pilot.label, pilot.timing, None, pilot.trouble)
        for name, pilot in pilots.items()
    }
    agreement = None
    if trees:
        layout = Layout.of(trees, var_names)
        diagnostics = {name: diagnose(tree, layout) for name, tree in trees.items()}
        skipped = constants(diagnostics)
        for name, tree in trees.items():
            timing = pilots[name].timing
            summary = summarize(name, tree, diagnostics[name], layout, timing, skipped)
            trouble = _trouble(summary)
            contenders[name] = contenders[name]._replace(summary=summary, trouble=trouble)
        if len(trees) == 2:
            fine = {name: not contender.trouble for name, contender in contenders.items()}
            agreement = agree(trees, layout, diagnostics, fine)
    choice, sentences = _decide(contenders, agreement, effective_draws)
    return Advice(choice, tuple(sentences), contenders, agreement, effective_draws)


def _trouble(summary: Summary) -> str:
    """Why a pilot's draws are no basis for a choice."""
    needed = PILOT_ESS_PER_CHAIN * summary.chains
    rhat = f"R-hat {summary.max_rhat:.2f} at {summary.worst_rhat}"
    ess = f"{summary.min_ess:.0f} effective draws at {summary.worst}"
    if summary.max_rhat > PILOT_RHAT:
        return f"{rhat}, {ess}"
    if not summary.min_ess >= needed:
        return f"{ess} (needed: {needed})" if summary.worst else "no coordinate moves"
    lost = [problem for problem in summary.problems if "NaN" in problem or "never moved" in problem]
    return "; ".join(lost)


def _decide(
    contenders: Mapping[str, Contender], agreement: Agreement | None, target: int
) -> tuple[Choice, list[str]]:
    ours, nuts = contenders[OURS], contenders[NUTS]
    if ours.trouble and nuts.trouble:
        return "neither", [
            f"Neither converged: {_failing(ours)}; {_failing(nuts)}.",
            "Allow more seconds, or give the variables named here proper, less diffuse priors.",
        ]
    if ours.trouble:
        return "nuts", [f"Use NUTS here: {_cost(nuts, target)}; {_failing(ours)}.", *_caution(nuts)]
    if nuts.trouble:
        cost = _cost(ours, target)
        return "gibbs", [f"Use the Gaussian latent machine here: {cost}; {_failing(nuts)}."]
    if agreement is not None:
        z, label, statistic = agreement.largest(_other(agreement))
        if z > agreement.threshold:
            return "neither", [
                f"Neither: both converged, but they disagree on the {statistic} of {label} by"
                f" {z:.1f} joint standard errors (bound {agreement.threshold:.1f}).",
                "Run pymc_glm.compare for longer before you trust one of them.",
            ]
    return _by_time(ours, nuts, target)


def _by_time(ours: Contender, nuts: Contender, target: int) -> tuple[Choice, list[str]]:
    """Who is done first, where both converged and agree."""
    costs = {OURS: _pace(ours).seconds(target), NUTS: _pace(nuts).seconds(target)}
    first = min(costs, key=lambda name: costs[name])
    ratio = max(costs.values()) / min(costs.values())
    figures = (
        f"{target:,} effective draws take {figure(costs[OURS])} s with the Gaussian latent machine"
        f" and {figure(costs[NUTS])} s with NUTS, compilation and warm-up included"
    )
    longer = _longer_runs(_pace(ours), _pace(nuts), target)
    if ratio < CLEAR_RATIO:
        sentence = f"Either: {figures}, within a factor of two."
        return "either", [sentence, *longer, *_caution(nuts)]
    if first == NUTS:
        sentence = f"Use NUTS here: {figures}, a ratio of {figure(ratio)}."
        return "nuts", [sentence, *longer, *_caution(nuts)]
    sentence = f"Use the Gaussian latent machine here: {figures}, a ratio of {figure(ratio)}."
    return "gibbs", [sentence, *longer]


def _longer_runs(ours: Pace, nuts: Pace, target: int) -> list[str]:
    """What more draws would change, if anything."""
    ratio = ours.rate / nuts.rate
    names = ("the Gaussian latent machine", "NUTS")
    faster, slower = names if ratio >= 1.0 else names[::-1]
    speed = (
        f"once started, {faster} makes {figure(max(ratio, 1.0 / ratio))} times as many effective"
        f" draws per second as {slower}"
    )
    slow_start, fast_start = (ours, nuts) if ours.once_s > nuts.once_s else (nuts, ours)
    even = break_even(slow_start, fast_start)
    if target < even < math.inf:
        speed += f", and from about {figure(even)} effective draws on it is done first"
    return [f"{speed[0].upper()}{speed[1:]}."]


def _pace(contender: Contender) -> Pace:
    assert contender.pace is not None, "only called of samplers that converged"
    return contender.pace


def _cost(contender: Contender, target: int) -> str:
    seconds = figure(_pace(contender).seconds(target))
    return (
        f"{target:,} effective draws take {seconds} s with {contender.label}, compilation and"
        " warm-up included"
    )


def _failing(contender: Contender) -> str:
    if contender.summary is None:
        return f"{contender.label} has no result ({contender.trouble})"
    seconds = contender.timing.warmup_s + contender.timing.sample_s
    return (
        f"{contender.label} did not converge in {figure(seconds)} s of warm-up and draws"
        f" ({contender.trouble})"
    )


def _caution(nuts: Contender) -> list[str]:
    count = None if nuts.summary is None else nuts.summary.divergences
    if not count:
        return []
    return [f"NUTS may have missed a region (divergent draws: {count})."]


def _other(agreement: Agreement) -> str:
    """The sampler that is compared with the reference."""
    return next(iter(agreement.z))


def _seconds(value: float) -> str:
    return "?" if math.isnan(value) else f"{figure(value)} s"


def _of(cell):
    """A cell of the summary, for samplers that have one."""
    return lambda contender: "?" if contender.summary is None else cell(contender.summary)


def _divergences(summary: Summary) -> str:
    return "none possible" if summary.divergences is None else str(summary.divergences)


ROWS = (
    ("compilation", lambda contender: _seconds(contender.timing.compile_s)),
    ("warm-up", lambda contender: _seconds(contender.timing.warmup_s)),
    ("sampling", lambda contender: _seconds(contender.timing.sample_s)),
    ("chains x draws", _of(lambda s: f"{s.chains} x {s.draws:,}")),
    ("effective draws, worst", _of(lambda s: f"{s.min_ess:.0f} ({s.worst})")),
    ("effective draws per second", _of(lambda s: figure(s.ess_per_s))),
    ("largest R-hat", _of(lambda s: f"{s.max_rhat:.3f} ({s.worst_rhat})")),
    ("divergences", _of(_divergences)),
)
