"""Fit a proposal: warm up, fit mixtures, train paths, and keep what proves best."""

from __future__ import annotations

import time

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pymc.model import Model

from pymc_glm.diffusion.chart import SCORED, Chart
from pymc_glm.diffusion.checkpoint import Checkpoint, Progress
from pymc_glm.diffusion.child import Channel
from pymc_glm.diffusion.growth import grown
from pymc_glm.diffusion.metrics import Scores, score
from pymc_glm.diffusion.prior import in_use
from pymc_glm.diffusion.proposal import Proposal, make_kernel
from pymc_glm.diffusion.refine import CandidateGaussians, langevin_candidates
from pymc_glm.diffusion.refresh import refreshed
from pymc_glm.diffusion.search import plausible, with_lost_modes
from pymc_glm.diffusion.targets import CompiledDensity, Density
from pymc_glm.diffusion.training import CHUNK, Schedule, State, Trainer
from pymc_glm.diffusion.visited import VisitedGaussians
from pymc_glm.diffusion.warmup import Warmup, warm_up
from pymc_glm.exceptions import InvalidDataError

__all__ = ["Fitted", "Job", "fit"]

# Seconds between two checkpoints.
SAVE_EVERY = 5.0
# A mixture that is accepted this often is not worth a diffusion.
GOOD_ENOUGH = 0.9
# What a diffusion has to bring to be kept.
GAIN = 1.05
# Some chains begin in so many standard deviations of the warm-up.
WIDER = 2.0


class Job(NamedTuple):
    """What is to be fitted.

    Attributes
    ----------
    model : pymc.Model
        With continuous variables only.
    kernel : str
        A name of `make_kernel`, or ``"auto"``.
    settings : dict
        Of the kernel.
    schedule : Schedule
        Of the training.
    components : int
        The mixture has at most so many.
    starts : int
        Size of the warm-up's population.
    center, scale : ndarray, shape (d,)
        Where starts are drawn.
    prior_draws : ndarray, shape (n, d)
        Where single chains begin as well; none where the prior cannot be drawn from.
    near : ndarray, shape (d,)
        The initial point.
    draws : ndarray, shape (n, d), or None
        Draws in place of a warm-up.
    refinement : str
        One of `pymc_glm.diffusion.refine.REFINEMENTS`: where further components come from.
    refine_every : int
        Iterations between two of them.
    visited : VisitedGaussians or None
        Those of a latent machine.
    seed : int
        Of everything.
    checkpoint : str or None
        File of the progress.
    key : str
        What the checkpoint must belong to.
    """

    model: Model
    kernel: str
    settings: dict[str, Any]
    schedule: Schedule
    components: int
    starts: int
    center: np.ndarray
    scale: np.ndarray
    prior_draws: np.ndarray
    near: np.ndarray
    draws: np.ndarray | None
    refinement: str
    refine_every: int
    visited: VisitedGaussians | None
    seed: int
    checkpoint: str | None
    key: str


class Fitted(NamedTuple):
    """A proposal by its parts, which travel between processes.

    Attributes
    ----------
    proposal : Proposal
        The best one.
    stopped : bool
        Whether training ended early because the user asked for it.
    unsaved : str
        Why the checkpoint could not be written; empty where it could.
    """

    proposal: Proposal
    stopped: bool
    unsaved: str


def fit(job: Job, channel: Channel) -> Fitted:
    """Fit a proposal.

    Parameters
    ----------
    job : Job
        What is to be fitted.
    channel : Channel
        Told the progress: dictionaries with ``stage``, ``done`` out of ``total``, and figures.

    Returns
    -------
    fitted : Fitted
    """
    clock = time.process_time()
    rng = np.random.default_rng(job.seed)
    density, log_density, no_jax = _density(job)
    checkpoint = Checkpoint(job.checkpoint, job.key)
    progress = checkpoint.read()
    warmup = _warmup(job, density, rng, channel) if progress is None else progress.warmup
    # Everything after the warm-up starts anew from the seed, resumed or not.
    rng = np.random.default_rng([job.seed, 1])
    state = None if progress is None else progress.state
    if progress is None:
        checkpoint.save(Progress(warmup, None))
    channel.send({"stage": "mixture", "done": 0, "total": 1})
    chart = Chart(job.model, density, warmup, job.components, job.visited, rng)
    plain, target = chart.plain, chart.white.outside(chart.y)
    scores = {"mixture": score(plain, density, target, rng)}
    best, stopped = plain, False
    wanted = job.kernel if job.kernel != "auto" else "gated"
    if wanted == "mixture" or log_density is None or _suffices(job, scores["mixture"]):
        reported = _reported(chart, best, scores, warmup, None, clock, no_jax)
        return Fitted(reported, False, checkpoint.failure)
    gaussians = chart.modes_alone if wanted == "gated" else chart.mixture
    candidates = None
    if job.refinement not in ("auto", "none"):
        gaussians = chart.gaussian
        candidates = _candidates(job, density, chart, rng)
    kernel = make_kernel(wanted, **job.settings)
    slots = len(gaussians.weights) if candidates is None else job.components
    alone = job.schedule.iterations // 2 if slots == 1 else 0
    schedule = job.schedule._replace(alone=alone - alone % CHUNK)
    channel.send({"stage": "compiling", "done": 0, "total": 1})
    trainer = Trainer(kernel, chart.whitened(log_density), schedule, int(rng.integers(2**31)))
    if state is None:
        untrained = kernel.new_parameters(
            np.random.default_rng([job.seed, 2]), gaussians.parameters(slots)
        )
        state = trainer.start(untrained, chart.white.inside(target))

    def nearer(state: State) -> np.ndarray:
        so_far = chart.with_parameters(kernel, state.parameters)
        moved = refreshed(so_far, density, target, np.random.default_rng([job.seed, 3]))
        return chart.white.inside(moved)

    def refined(state: State) -> State:
        # As soon as another multiple of the period is passed.
        before = state.iteration - CHUNK
        if candidates is None or state.iteration // job.refine_every == before // job.refine_every:
            return state
        seed = [job.seed, 4, state.iteration]

        def scored(parameters: dict) -> Scores:
            # All by the same noise.
            paths = chart.with_parameters(kernel, parameters)
            return score(paths, density, target, np.random.default_rng(seed), SCORED)

        # Estimates from proposals are rather too low than too high.
        log_z = np.fmax(scored(state.parameters).log_z, scores["mixture"].log_z)
        # Paths that have diverged say nothing about what is missing.
        if not np.isfinite(log_z):
            return state
        rng = np.random.default_rng([*seed, 1])
        prior = grown(state.parameters["prior"], candidates, chart.white, float(log_z), rng)
        if prior is None:
            return state
        found = kernel.with_prior(state.parameters, prior)
        if len(found) == 1:
            return trainer.changed(state, found[0])
        return trainer.changed(state, min(found, key=lambda parameters: _gap(scored(parameters))))

    state, stopped = _trained(checkpoint, trainer, state, warmup, channel, nearer, refined)
    trained = chart.with_parameters(kernel, state.parameters)
    target = refreshed(trained, density, target, rng)
    scores["mixture"] = score(plain, density, target, rng)
    scores[wanted] = score(trained, density, target, rng)
    if job.kernel != "auto" or _is_better(scores[wanted], scores["mixture"]):
        best = trained
    reported = _reported(chart, best, scores, warmup, candidates, clock, no_jax)
    return Fitted(reported, stopped, checkpoint.failure)


def _density(job: Job) -> tuple[Density, Callable[[Any], Any] | None, str]:
    """The target; its JAX version; and why there is none."""
    if job.kernel != "mixture":
        from pymc_glm.diffusion.jax_target import JaxDensity, jax_log_density

        try:
            log_density = jax_log_density(job.model)
        except NotImplementedError as error:
            reason = str(error).splitlines()[0]
            return _compiled(job), None, reason
        return JaxDensity(log_density), log_density, ""
    return _compiled(job), None, ""


def _compiled(job: Job) -> Density:
    # Given draws, mixtures are fitted without gradients, which not every operation has.
    return CompiledDensity(job.model).compile(gradient=job.draws is None)


def _warmup(job: Job, density: Density, rng: np.random.Generator, channel: Channel) -> Warmup:
    if job.draws is not None:
        positive = np.isfinite(density.log_density(job.draws))
        if not positive.all():
            raise InvalidDataError(
                f"At {np.sum(~positive)} of {len(positive)} warm-up draws the posterior has no"
                " density. They are of another model, or some have diverged: leave those out."
            )
        return Warmup(job.draws, np.arange(len(job.draws)), np.nan, 0)

    def show(stage: str, share: float) -> None:
        # Half a warm-up has learned nothing that could be returned.
        if channel.is_stopped():
            raise KeyboardInterrupt
        channel.send({"stage": stage, "done": share, "total": 1.0})

    law = job.center, job.scale
    tempered = warm_up(density, rng, *law, job.near, job.starts, partial(show, "warm-up"))
    searched = partial(show, "search")
    return with_lost_modes(density, rng, tempered, *law, job.prior_draws, searched)


def _candidates(
    job: Job, density: Density, chart: Chart, rng: np.random.Generator
) -> CandidateGaussians:
    """Where components may be added, in the coordinates of the chart."""
    if job.refinement == "machine" and job.visited is not None:
        return chart.visited(job.visited)
    if job.refinement == "tempered":
        means = chart.y
    else:
        # A wide prior may be too far away for a chain, and what is known too near to what is not.
        around = chart.center, WIDER * np.diagonal(chart.factor)
        ends = langevin_candidates(density, rng, (job.center, job.scale), around)
        means = chart.white.inside(ends)
    value = chart.white.log_density(means)
    kept = plausible(value, chart.white.log_density(chart.y))
    return CandidateGaussians(means[kept], None, value[kept])


def _suffices(job: Job, scores: Scores) -> bool:
    return job.kernel == "auto" and scores.acceptance >= GOOD_ENOUGH


def _gap(scores: Scores) -> float:
    """Between bounds of the evidence from both sides; of paths that have diverged infinite."""
    gap = scores.eubo - scores.elbo
    return gap if np.isfinite(gap) else np.inf


def _is_better(trained: Scores, plain: Scores) -> bool:
    return trained.acceptance > GAIN * plain.acceptance


def _trained(
    checkpoint: Checkpoint,
    trainer: Trainer,
    state: State,
    warmup: Warmup,
    channel: Channel,
    nearer: Callable[[State], np.ndarray],
    refined: Callable[[State], State],
) -> tuple[State, bool]:
    total, saved = trainer.schedule.iterations, time.monotonic()
    while state.iteration < total:
        if 0 < trainer.schedule.alone == state.iteration:
            state = state._replace(draws=nearer(state))
        state = refined(state) if state.iteration else state
        state, figures = trainer.advance(state)
        channel.send({"stage": "training", "done": state.iteration, "total": total, **figures})
        stopped = channel.is_stopped()
        if stopped or time.monotonic() - saved > SAVE_EVERY:
            checkpoint.save(Progress(warmup, state))
            saved = time.monotonic()
        if stopped:
            return state, True
    checkpoint.save(Progress(warmup, state))
    return state, False


def _reported(
    chart: Chart,
    best: Proposal,
    scores: dict[str, Scores],
    warmup: Warmup,
    candidates: CandidateGaussians | None,
    clock: float,
    no_jax: str,
) -> Proposal:
    """The best proposal with what is known of it."""
    counts = np.bincount(chart.labels, minlength=len(chart.modes_alone.weights))
    kept = scores[best.kernel.name]
    best.report = {
        **kept._asdict(),
        "kernel": best.kernel.name,
        "components": int(np.sum(in_use(best.parameters["prior"]))),
        "modes": len(counts),
        "mode_shares": (counts / counts.sum()).tolist(),
        "starts_by_mode": chart.fed,
        "recovered": 1.0 - warmup.shares[0],
        "warmup_log_z": warmup.log_z,
        "warmup_gradients": warmup.gradients,
        "candidates": None if candidates is None else len(candidates.means),
        "cpu_s": time.process_time() - clock,
        "no_jax": no_jax,
        "acceptance_by_kernel": {name: one.acceptance for name, one in scores.items()},
    }
    return best
