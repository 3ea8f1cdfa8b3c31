"""Sample a model by whole compiled chains."""

from __future__ import annotations

import logging
import os
import time

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import numpy as np
import pymc as pm

from pymc.model.core import Model, modelcontext
from pymc.progress_bar import ProgressBarOptions
from pymc.stats.convergence import log_warnings, run_convergence_checks
from pymc.util import get_random_generator
from xarray import DataTree

from pymc_glm.checks import check_counts, check_counts_or_zero
from pymc_glm.exceptions import RecognitionError, SamplingError
from pymc_glm.gaussian import ConjugateGradients
from pymc_glm.machine import LatentMachine
from pymc_glm.recognize.choices import with_choices
from pymc_glm.recognize.recognize import Recognition, recognize
from pymc_glm.sampling.chains import run_chains
from pymc_glm.sampling.convergence import unconverged_message
from pymc_glm.sampling.mixtures import mixture_probabilities
from pymc_glm.sampling.posterior import to_datatree, value_draws
from pymc_glm.sampling.progress import ChainProgress
from pymc_glm.sampling.start import StartingPoints
from pymc_glm.sweep import build_sweep, compile_chain, compile_sweep
from pymc_glm.version import __version__

__all__ = ["PreparedChains", "prepare", "sample"]

_log = logging.getLogger("pymc_glm")


def sample(
    draws: int = 1000,
    tune: int = 200,
    chains: int = 4,
    cores: int | None = None,
    random_seed: int | Sequence[int] | np.random.Generator | None = None,
    model: Model | None = None,
    *,
    scales: Literal["auto", "collapsed", "interweave", "plain"] = "auto",
    block: Literal["auto", "gibbs", "sites", "metropolis"] = "auto",
    solver: str | ConjugateGradients = "auto",
    var_names: Sequence[str] | None = None,
    progressbar: bool | ProgressBarOptions = True,
    compute_convergence_checks: bool = True,
) -> DataTree:
    """Sample a model by exact Gibbs sweeps, whole chains compiled.

    Parameters
    ----------
    draws : int
        Draws to keep in each chain.
    tune : int
        Sweeps to discard at the start of each chain. Nothing is tuned; the sampler only has to
        forget where it started.
    chains : int
        Number of chains.
    cores : int, optional
        Chains that run at once, as threads. By default all, up to the number of processors. The
        draws do not depend on it.
    random_seed : int, sequence of int, or numpy.random.Generator, optional
        One seed, or one for each chain. Equal seeds and inputs give equal draws.
    model : pymc.Model, optional
        The model; the one of the context by default.
    scales : {"auto", "collapsed", "interweave", "plain"}
        How scales move besides their update given the block: with the block integrated out, or
        together with it. ``"auto"`` picks by cost; ``"plain"`` does neither, and shows what happens
        then.
    block : {"auto", "gibbs", "sites", "metropolis"}
        How the block moves. ``"gibbs"`` draws it given the latents of all factors. ``"sites"``
        draws its unknowns one by one besides, the latents of Laplace factors integrated out, which
        moves the edges of an image; ``"auto"`` does so in large blocks, where it takes no longer
        than the block. ``"metropolis"`` is for logit, probit or negative binomial likelihoods: it
        moves the block from the closest Gaussian without their latents, which mixes several times
        better per second; moves are accepted or refused so that the draws stay exact. ``"auto"``
        does so where the block has at most 300 unknowns and the Gaussian is close enough.
    solver : str or ConjugateGradients
        How the Gaussian block is drawn. ``"auto"`` takes the cheapest of ``"diagonal"``,
        ``"chain"``, ``"banded"``, ``"arrow"``, ``"low rank"``, ``"sparse"``, ``"dense"``,
        ``"spectral"`` and ``"iterative"``; `pymc_glm.explain` says which and why. A name asks for
        one, and `pymc_glm.ConjugateGradients` for an iterative one with a tolerance, exact at any
        tolerance if it is corrected. Draws of one seed differ between solvers, their law does not.
    var_names : sequence of str, optional
        Variables to keep in the result.
    progressbar : bool or str
        As in `pymc.sample`.
    compute_convergence_checks : bool
        Whether to log PyMC's warnings about R-hat and effective sample sizes. With very many
        unknowns the checks take longer than sampling. Scales that have not converged are named in
        a warning of our own in any case.

    Returns
    -------
    tree : xarray.DataTree
        ``posterior`` (with dims and coords, and deterministics), ``sample_stats``,
        ``observed_data`` and ``constant_data``. Where a prior is a mixture of normals,
        ``mixture_probabilities`` has the posterior probability of each of its components, entry by
        entry, for each chain. Times, versions and seeds are attributes of the posterior. An
        interrupted run returns the draws made so far.

    Raises
    ------
    RecognitionError
        If no block is recognised, or variables are left that the sweep cannot update.
    ImproperPosteriorError
        If the posterior of the block is improper.
    InvalidDataError
        If data are NaN or infinite.
    SamplingError
        If a sweep fails; its ``partial`` holds the draws made until then.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836.

    Examples
    --------
    The level of a series under Laplace jumps::

        import numpy as np
        import pymc as pm
        import pymc_glm
        import pytensor.tensor as pt

        y = np.repeat([0.0, 2.0, 1.0], 30) + np.random.default_rng(1).normal(size=90)
        with pm.Model():
            level = pm.Flat("level", shape=90)
            pymc_glm.expert("jumps", pm.Laplace.dist(0, 0.2), pt.diff(level))
            pm.Normal("y", level, 1.0, observed=y)
            idata = pymc_glm.sample(random_seed=1)
    """
    cores = min(chains, os.cpu_count() or 1) if cores is None else cores
    check_counts(draws=draws, chains=chains, cores=cores)
    check_counts_or_zero(tune=tune)
    if not isinstance(random_seed, np.random.Generator):
        # Bad seeds are refused before anything is compiled.
        generators(random_seed, chains)
    prepared = prepare(modelcontext(model), scales, block, solver)
    tree = prepared.run(
        draws,
        tune,
        chains,
        cores,
        random_seed,
        var_names=var_names,
        progressbar=progressbar,
    )
    if compute_convergence_checks:
        # An indicator that is sure never moves: its R-hat is zero by zero.
        with np.errstate(divide="ignore", invalid="ignore"):
            log_warnings(run_convergence_checks(tree, prepared.model))
    return tree


class PreparedChains(NamedTuple):
    """A model's chain, compiled: `run` draws from it as often as wanted.

    Attributes
    ----------
    model : pymc.Model
        The user's model.
    recognition : Recognition
        What was recognised in it, with the moves of its scales.
    starting_points : StartingPoints
        Where chains start.
    chain : callable
        The compiled chain.
    constants : tuple of ndarray
        Arrays that every sweep reads.
    compile_seconds : float
        Wall time of recognition and compilation.
    """

    model: Model
    recognition: Recognition
    starting_points: StartingPoints
    chain: Callable
    constants: tuple[np.ndarray, ...]
    compile_seconds: float

    def run(
        self,
        draws: int,
        tune: int,
        chains: int,
        cores: int,
        random_seed: int | Sequence[int] | np.random.Generator | None = None,
        *,
        var_names: Sequence[str] | None = None,
        progressbar: bool | ProgressBarOptions = True,
        warn: bool = True,
    ) -> DataTree:
        """Run chains; the arguments are those of `sample`.

        Parameters
        ----------
        draws, tune, chains, cores : int
            As in `sample`, checked by the caller.
        random_seed, var_names, progressbar
            As in `sample`.
        warn : bool
            Whether to log which scales have not converged.

        Returns
        -------
        tree : DataTree
        """
        if random_seed is None:
            # Drawn here so that the result records it.
            random_seed = int(np.random.default_rng().integers(2**32))
        rngs = generators(random_seed, chains)
        starts = [self.starting_points.draw(rng) for rng in rngs]
        progress = ChainProgress(chains, draws, tune, progressbar)
        run = run_chains(self.chain, starts, rngs, self.constants, draws, tune, cores, progress)
        if run.interruption is not None and run.done == 0:
            raise without_draws(run.interruption)
        values = value_draws(self.recognition.machine, run.states)
        attributes = run_attributes(
            (run.tuning_seconds, run.sampling_seconds),
            random_seed,
            self.compile_seconds,
            tune,
            run.interruption,
        )
        stats = {"sweep_time": run.sweep_seconds}
        tree = to_datatree(self.model, values, stats, attributes, var_names)
        probabilities = mixture_probabilities(self.model, self.recognition, values, var_names)
        if probabilities is not None:
            tree["mixture_probabilities"] = DataTree(probabilities)
        message = unconverged_message(self.recognition.machine, values) if warn else None
        if message is not None:
            _log.warning(message)
        if run.interruption is None:
            return tree
        return ended_early(run.interruption, f"{run.done} draws in every chain", tree)


def prepare(
    model: Model,
    scales: Literal["auto", "collapsed", "interweave", "plain"] = "auto",
    block: Literal["auto", "gibbs", "sites", "metropolis"] = "auto",
    solver: str | ConjugateGradients = "auto",
) -> PreparedChains:
    """Recognise a model, check it, and compile its chain.

    Parameters
    ----------
    model : pymc.Model
        The model.
    scales : {"auto", "collapsed", "interweave", "plain"}
        As in `sample`.
    block : {"auto", "gibbs", "sites", "metropolis"}
        As in `sample`.
    solver : str or ConjugateGradients
        As in `sample`.

    Returns
    -------
    prepared : PreparedChains

    Raises
    ------
    RecognitionError
        If no block is recognised, or variables are left that the sweep cannot update.
    """
    began = time.perf_counter()
    recognition = recognize(model)
    machine = with_choices(recognition.machine, scales, block, solver)
    recognition = recognition._replace(machine=machine)
    _refuse_guests(recognition.machine)
    starting_points = StartingPoints(recognition)
    sweep = build_sweep(recognition.machine)
    compiled = compile_sweep(sweep)
    chain = compile_chain(sweep, compiled)
    # No rows, no sweeps: this call compiles.
    start = starting_points.draw(np.random.default_rng(0))
    empty = [np.empty((0, *value.shape), value.dtype) for value in start]
    chain(np.random.default_rng(0), *start, *empty, *compiled.constants)
    seconds = time.perf_counter() - began
    return PreparedChains(model, recognition, starting_points, chain, compiled.constants, seconds)


def _refuse_guests(machine: LatentMachine) -> None:
    if not machine.guests:
        return
    reasons = "; ".join(f"{guest.rv_name} ({guest.reason})" for guest in machine.guests)
    raise RecognitionError(
        f"The compiled sweep cannot update {reasons}. Sample these variables by PyMC's own steps"
        " next to ours: pm.sample(step=pymc_glm.GaussianLatentGibbs())."
    )


def generators(
    random_seed: int | Sequence[int] | np.random.Generator | None, chains: int
) -> list[np.random.Generator]:
    """One generator for each chain."""
    if isinstance(random_seed, Sequence | np.ndarray):
        if len(random_seed) != chains:
            raise ValueError(
                f"Got {len(random_seed)} seeds for {chains} chains. Pass one seed, or one for"
                " each chain."
            )
        return [np.random.default_rng(seed) for seed in random_seed]
    return get_random_generator(random_seed).spawn(chains)


def run_attributes(
    seconds: tuple[float, float],
    random_seed: object,
    compile_seconds: float,
    tune: int,
    interruption: BaseException | None,
) -> dict[str, object]:
    """What a result says of the run it is from; seconds are those of tuning and of sampling."""
    return {
        "sampling_time": seconds[1],
        "tuning_time": seconds[0],
        "compile_time": compile_seconds,
        "tuning_steps": tune,
        "random_seed": repr(random_seed),
        "sampler": f"pymc_glm {__version__}",
        "pymc_version": pm.__version__,
        "created_at": datetime.now(UTC).isoformat(),
        "interrupted": int(interruption is not None),
    }


def ended_early(interruption: BaseException, made: str, tree: DataTree) -> DataTree:
    """Return what an interrupted run made; raise with it where a sweep failed."""
    if isinstance(interruption, KeyboardInterrupt):
        _log.warning("Sampling was interrupted after %s. The result is that of these draws.", made)
        return tree
    raise SamplingError(
        f"A sweep failed after {made}: {_sentence(interruption)} The result of these draws"
        " is in this error's `partial`.",
        partial=tree,
    ) from interruption


def without_draws(interruption: BaseException) -> BaseException:
    """What to raise when a run ended before every chain had a draw."""
    if isinstance(interruption, KeyboardInterrupt):
        return interruption
    error = SamplingError(
        f"A sweep failed before every chain had a draw: {_sentence(interruption)} Check the model's"
        " scales and starting values with pymc_glm.explain() and model.debug()."
    )
    error.__cause__ = interruption
    return error


def _sentence(error: BaseException) -> str:
    return f"{str(error).rstrip('.')}."
