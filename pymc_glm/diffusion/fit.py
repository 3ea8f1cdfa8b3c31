"""`fit_diffusion`: learn a proposal for all of a model's variables."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import os
import warnings

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytensor

from pymc.initial_point import make_initial_point_fn
from pymc.model import Model, modelcontext
from pymc.progress_bar import ProgressBarOptions
from xarray import DataTree

from pymc_glm.checks import check_counts, check_positive
from pymc_glm.diffusion.child import run_apart
from pymc_glm.diffusion.draws import flat_draws
from pymc_glm.diffusion.fitting import Fitted, Job, fit
from pymc_glm.diffusion.objectives import LOSSES
from pymc_glm.diffusion.progress import FitProgress
from pymc_glm.diffusion.proposal import KERNELS, Proposal, make_kernel
from pymc_glm.diffusion.refine import REFINEMENTS
from pymc_glm.diffusion.targets import Layout, fingerprint, layout_of
from pymc_glm.diffusion.training import Schedule
from pymc_glm.diffusion.visited import machine_to_visit, visited_gaussians
from pymc_glm.diffusion.warmup import spread_of

__all__ = ["fit_diffusion"]

PRIOR_DRAWS = 200
# Of starts around the initial point, where the prior cannot be drawn from.
WIDE = 5.0
LIMITS = (0.1, 100.0)
FEWEST_STARTS = 10
# The warm-up's evidence is a rough one: only gaps of so many nats say something.
FAR_OFF = 10.0
# Of the posterior, a share that is worth a word.
NOTABLE = 0.01


def fit_diffusion(
    model: Model | None = None,
    *,
    kernel: str = "auto",
    components: int = 10,
    warmup: DataTree | np.ndarray | None = None,
    starts: int = 1000,
    spread: float = 1.5,
    iterations: int = 4000,
    batch: int = 256,
    learning_rate: float = 2e-3,
    loss: str = "jeffreys",
    learn_prior: bool = True,
    refinement: str = "auto",
    refine_every: int = 500,
    random_seed: int | np.random.Generator | None = None,
    checkpoint: str | Path | None = None,
    progressbar: bool | ProgressBarOptions = True,
    **settings: Any,
) -> Proposal:
    r"""Learn a proposal that jumps between the modes of a posterior.

    A tempered population of starts finds modes; a Gaussian mixture is fitted to its draws; a path
    sampler that begins in the mixture is trained on the model's log density. `GMPDiffusion` makes
    moves from the result that leave the posterior exactly as it is, however well it was learned.

    Parameters
    ----------
    model : pymc.Model, optional
        With continuous free variables only; the model of the context by default.
    kernel : {"auto", "mixture", "gated", "dis", "mcd", "cmcd", "dbs"}
        ``"mixture"`` has no path and needs no JAX. ``"gated"`` takes few learned steps. The others
        are the diffusions of the reference. ``"auto"`` scores the mixture first, and keeps it where
        gated paths do not beat it.
    components : int
        The mixture has at most so many components; the Bayesian information criterion picks.
    warmup : DataTree or ndarray, optional
        Draws to learn from in place of the tempered population: the result of a sampler, or an
        array of value variables, shape (n, d).
    starts : int
        Size of the population.
    spread : float
        Starts are drawn from a Gaussian with this many prior standard deviations.
    iterations, batch, learning_rate
        Of the training.
    loss : {"jeffreys", "elbo", "log_derivative"}
        What training minimises. ``"jeffreys"`` holds on to the modes of the warm-up; where there
        is one mode only, its first half is ``"elbo"``, which needs no draws.
        ``"log_derivative"`` takes no derivative of the density and serves diffusions.
    learn_prior : bool
        Whether the mixture is trained along with the paths.
    refinement : {"auto", "none", "langevin", "tempered", "machine"}
        The last three begin with one Gaussian and add components while training: of ends of
        Langevin chains, as the reference does, of draws of the warm-up, or Gaussians that short
        Gibbs chains of a recognised model visit. ``"auto"`` and ``"none"`` begin with the mixture;
        of recognised finite mixtures ``"auto"`` scores one of visited Gaussians too.
    refine_every : int
        Iterations between two components; they are added every 50 iterations at most.
    random_seed : int or Generator, optional
        Same seed, same proposal.
    checkpoint : str or Path, optional
        A file that keeps the progress: an interrupted fit goes on from there when it is called
        with the same arguments, a seed among them.
    progressbar : bool or str
        As in `pymc.sample`.
    **settings
        Of the kernel: ``steps``, ``width``, and ``step_size`` of diffusions.

    Returns
    -------
    proposal : Proposal
        It can be saved. Its ``report`` holds the acceptance to expect, the evidence ``log_z`` with
        its standard error, modes with the number of starts that fed each, and more.

    Raises
    ------
    ImportError
        If JAX or optax is missing and the kernel needs them.
    RecognitionError
        If the model has discrete free variables.
    SamplingError
        If no start has a positive density.
    ValueError
        If an argument is out of range.

    Warns
    -----
    UserWarning
        If an operation of the model has no JAX version, so that the mixture alone is fitted; if
        no Langevin chain has come to the posterior, so that no component can be added; if
        evidence from both sides differs by more than 0.5; if hardly any proposal will be accepted.

    Notes
    -----
    No diagnostic finds a mode that the warm-up has missed. More starts and a wider spread find
    more.

    References
    ----------
    D. Blessing, X. Jia, G. Neumann (2025), "End-to-end learning of Gaussian mixture priors
    for diffusion sampler", arXiv:2503.00524.

    Examples
    --------
    Two modes, without JAX::

        import pymc as pm
        import pymc_glm

        with pm.Model():
            x = pm.NormalMixture("x", [0.3, 0.7], [-5.0, 5.0], [1.0, 1.0])
            proposal = pymc_glm.fit_diffusion(kernel="mixture", random_seed=1)
            idata = pm.sample(step=pymc_glm.GMPDiffusion(proposal=proposal))
    """
    model = modelcontext(model)
    layout = layout_of(model)
    schedule = Schedule(loss, iterations, batch, learning_rate, learn_prior=learn_prior)
    _check_choices(kernel, loss, refinement, settings)
    _check_numbers(schedule, components, starts, spread, refine_every)
    if kernel != "mixture" and refinement not in ("auto", "none"):
        _check_room(refinement, components, iterations, refine_every)
    _check_installed(kernel)
    if checkpoint:
        _check_file(checkpoint, random_seed)
    seed = int(np.random.default_rng(random_seed).integers(2**31))
    draws = None if warmup is None else flat_draws(model, layout, warmup)
    prior_draws = _prior_draws(model, layout, seed)
    center, scale = _starting_law(model, layout, prior_draws, spread)
    machine = machine_to_visit(model, refinement)
    visited = None if machine is None else visited_gaussians(model, machine, seed)
    identity = (layout, kernel, components, starts, spread, schedule, refinement, refine_every)
    key, known = "", fingerprint(model, layout)
    if checkpoint:
        target = (known, None if draws is None else draws.tobytes())
        text = repr((*identity, sorted(settings.items()), seed, *target))
        key = hashlib.sha256(text.encode()).hexdigest()
    job = Job(
        model,
        kernel,
        settings,
        schedule,
        components,
        starts,
        center,
        scale,
        prior_draws,
        layout.flat(model.initial_point()),
        draws,
        refinement,
        refine_every,
        visited,
        seed,
        str(checkpoint) if checkpoint else None,
        key,
    )
    with FitProgress(progressbar) as bar:
        fitted: Fitted = run_apart(fit, job, bar.show)
        bar.finish()
    fitted.proposal.report["fingerprint"] = list(known)
    _warn(fitted)
    return fitted.proposal


def _check_choices(kernel: str, loss: str, refinement: str, settings: dict) -> None:
    for name, value, choices in (
        ("kernel", kernel, ("auto", *KERNELS)),
        ("loss", loss, LOSSES),
        ("refinement", refinement, REFINEMENTS),
    ):
        if value not in choices:
            names = ", ".join(map(repr, choices))
            raise ValueError(f"Got {name}={value!r}. Choose one of {names}.")
    _check_settings("gated" if kernel == "auto" else kernel, settings)
    if kernel == "mixture" and refinement in ("langevin", "tempered"):
        raise ValueError(
            f"Got kernel='mixture' and refinement={refinement!r}. These components are added while"
            " paths are trained, and a mixture has none; 'machine' adds its own beforehand."
        )
    if loss == "log_derivative" and kernel in ("auto", "gated"):
        raise ValueError(
            f"Got loss='log_derivative' with kernel={kernel!r}. Gated paths are differentiated"
            " themselves; choose another loss, or a diffusion."
        )


def _check_settings(kernel: str, settings: dict) -> None:
    known = make_kernel(kernel).settings()
    unknown = set(settings) - set(known)
    if unknown:
        name = min(unknown)
        arguments = list(inspect.signature(fit_diffusion).parameters)
        near = difflib.get_close_matches(name, [*arguments, *known], 1)
        raise ValueError(
            f"Got {name}={settings[name]!r}. It is no argument of fit_diffusion,"
            f" nor a setting of the kernel {kernel!r}, which has: {', '.join(known) or 'none'}."
            + (f" Did you mean {near[0]}?" if near else "")
        )
    make_kernel(kernel, **settings)


def _check_numbers(
    schedule: Schedule, components: int, starts: int, spread: float, refine_every: int
) -> None:
    check_counts(
        components=components,
        starts=starts,
        iterations=schedule.iterations,
        batch=schedule.batch,
        refine_every=refine_every,
    )
    if starts < FEWEST_STARTS:
        raise ValueError(
            f"Got starts={starts}. A population needs {FEWEST_STARTS} at least, and hundreds to"
            " find modes."
        )
    check_positive(spread=spread, learning_rate=schedule.learning_rate)


def _check_room(refinement: str, components: int, iterations: int, refine_every: int) -> None:
    if components == 1:
        raise ValueError(
            f"Got components=1 and refinement={refinement!r}. Fits with refinement begin with one"
            " Gaussian and add others: allow for more, or leave it out."
        )
    if refine_every >= iterations:
        raise ValueError(
            f"Got refine_every={refine_every} with iterations={iterations}. The first component"
            " would come after the end: choose a smaller number."
        )


def _check_installed(kernel: str) -> None:
    if kernel == "mixture":
        return
    missing = [name for name in ("jax", "optax") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"Training needs {' and '.join(missing)}, which cannot be imported. Install"
            ' "pymc-glm[diffusion]", or pass kernel="mixture", which needs neither.'
        )


def _check_file(checkpoint: str | Path, random_seed: int | np.random.Generator | None) -> None:
    if random_seed is None:
        raise ValueError(
            f"Got checkpoint={str(checkpoint)!r} without a random_seed. Only the fit of the same"
            " seed can go on from it: give one."
        )
    folder = Path(checkpoint).absolute().parent
    if not os.access(folder, os.W_OK) or Path(checkpoint).is_dir():
        raise ValueError(
            f"Got checkpoint={str(checkpoint)!r}, where no file can be written. Name a file in a"
            " folder that exists and is yours."
        )


def _prior_draws(model: Model, layout: Layout, seed: int) -> np.ndarray:
    """Vectors of value variables, shape (n, d); none where the prior cannot be drawn from."""
    try:
        # Compilation is not worth it for some hundred draws.
        with pytensor.config.change_flags(mode="FAST_COMPILE"):
            draw = make_initial_point_fn(
                model=model, default_strategy="prior", jitter_rvs=set(), overrides={}
            )
        points = np.array([layout.flat(draw(seed + i)) for i in range(PRIOR_DRAWS)])
    except (NotImplementedError, ValueError):
        return np.empty((0, layout.size))
    return points[np.all(np.isfinite(points), axis=1)]


def _starting_law(
    model: Model, layout: Layout, prior_draws: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Center and standard deviations of the starts: those of the prior, where it can be drawn."""
    if len(prior_draws) < PRIOR_DRAWS // 2:
        return layout.flat(model.initial_point()), np.full(layout.size, WIDE)
    middle, wide = np.quantile(prior_draws, 0.5, axis=0), spread * spread_of(prior_draws)
    # The median of draws from a vague prior is anywhere, in units of what the data say.
    middle = np.where(wide > LIMITS[1], layout.flat(model.initial_point()), middle)
    return middle, np.clip(wide, *LIMITS)


def _warn(fitted: Fitted) -> None:
    report = fitted.proposal.report
    if report["no_jax"]:
        warnings.warn(
            f"The mixture alone was fitted, because JAX lacks an operation of the model:"
            f" {report['no_jax']} A diffusion needs a JAX version of it.",
            stacklevel=3,
        )
    if report["candidates"] == 0:
        warnings.warn(
            "No component was added, as there was no candidate where the posterior is as high as at"
            " draws of the warm-up. Langevin chains that begin too far away get nowhere: try"
            " refinement='tempered', or a smaller spread.",
            stacklevel=3,
        )
    if fitted.stopped:
        warnings.warn(
            "Training was interrupted. The proposal is exact as it is, and less often accepted.",
            stacklevel=3,
        )
    if fitted.unsaved:
        warnings.warn(
            f"The checkpoint could not be written: {fitted.unsaved}. The proposal is whole, but an"
            " interrupted fit would begin anew.",
            stacklevel=3,
        )
    if report["recovered"] > NOTABLE:
        warnings.warn(
            f"Tempering had lost modes with {report['recovered']:.0%} of the posterior, which"
            " chains from single starts have found. There may be more such modes: try more starts.",
            stacklevel=3,
        )
    gap = abs(report["log_z"] - report["log_z_backward"])
    # What is not a number is no agreement, nor accepted.
    if not gap <= 0.5:
        warnings.warn(
            f"The log evidence is {report['log_z']:.2f} from proposals and"
            f" {report['log_z_backward']:.2f} from draws. One of them misses a part of the"
            " posterior; try more starts, more iterations or a wider spread.",
            stacklevel=3,
        )
    if abs(report["log_z"] - report["warmup_log_z"]) > FAR_OFF:
        warnings.warn(
            f"The log evidence is {report['log_z']:.1f} from proposals and"
            f" {report['warmup_log_z']:.1f} from the warm-up. Either the posterior cannot be"
            " normalised, or starts were too far from it; try warmup=... or another spread.",
            stacklevel=3,
        )
    if not report["acceptance"] >= 0.05:
        warnings.warn(
            f"About {report['acceptance']:.1%} of the proposals will be accepted. Train longer, or"
            " leave the model to its local step.",
            stacklevel=3,
        )
