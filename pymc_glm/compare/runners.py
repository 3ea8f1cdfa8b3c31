"""The samplers `compare` knows by name, all called in one way."""

from __future__ import annotations

import logging
import os
import time

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np

from pymc_glm.compare.timing import Timing, read_timing

if TYPE_CHECKING:
    from pymc import Model
    from xarray import DataTree

__all__ = [
    "SAMPLERS",
    "Budget",
    "Run",
    "Sampler",
    "available_cores",
    "engine_of",
    "resolve",
    "run",
    "running_order",
    "seed_of",
]

logger = logging.getLogger(__name__)


class Sampler(Protocol):
    """What a sampler given as a callable must accept."""

    def __call__(
        self,
        *,
        model: Model,
        draws: int,
        tune: int,
        chains: int,
        cores: int,
        random_seed: int,
        progressbar: bool,
    ) -> DataTree:
        """Sample the model and return a DataTree with a posterior group, as ``pm.sample``.

        A sampler whose draws are biased however long it runs says so by the attribute
        ``unadjusted = 1`` of the posterior group. One without warm-up says ``tuning_steps = 0``:
        by default a share of the time is taken for that of the warm-up draws.
        """


@dataclass(frozen=True)
class Budget:
    """What every sampler is given: the same draws, warm-up, chains and processor cores."""

    draws: int
    tune: int
    chains: int
    cores: int


@dataclass(frozen=True)
class Run:
    """Draws of one sampler and the time they took."""

    tree: DataTree
    timing: Timing


def resolve(samplers: Sequence[str] | Mapping[str, str | Sampler]) -> dict[str, Sampler]:
    """Look up samplers by name, before any of them runs.

    Parameters
    ----------
    samplers : sequence of str, or mapping of str to str or callable
        Names out of `SAMPLERS`, or names of the user's own with callables.

    Returns
    -------
    resolved : dict of str to callable

    Raises
    ------
    ValueError
        A name is unknown or given twice, or there is no sampler at all.
    ImportError
        A sampler needs a package that is not installed.
    """
    named = {name: name for name in samplers} if not isinstance(samplers, Mapping) else samplers
    if isinstance(samplers, str) or len(named) != len(samplers) or not named:
        raise ValueError(
            f"samplers={samplers!r} is not a list of distinct names. "
            'Write samplers=("gibbs", "nuts"), or a dict of names and callables.'
        )
    return {name: _look_up(sampler) for name, sampler in named.items()}


def run(name: str, sampler: Sampler, model: Model, budget: Budget, seed: int, bar: bool) -> Run:
    """Run one sampler and time it.

    Parameters
    ----------
    name : str
        Name of the sampler, for messages.
    sampler : callable
        See `Sampler`.
    model : Model
        The model.
    budget : Budget
        Draws, warm-up, chains and cores.
    seed : int
        Seed of this sampler.
    bar : bool
        Whether to show progress.

    Returns
    -------
    run : Run

    Raises
    ------
    TypeError
        The sampler did not return a DataTree with a posterior group.
    """
    logger.info("Sampling with %s", name)
    start = time.perf_counter()
    tree = sampler(
        model=model,
        draws=budget.draws,
        tune=budget.tune,
        chains=budget.chains,
        cores=budget.cores,
        random_seed=seed,
        progressbar=bar,
    )
    wall_s = time.perf_counter() - start
    if "posterior" not in getattr(tree, "children", {}):
        raise TypeError(
            f"Sampler {name!r} returned {type(tree).__name__} without a posterior group. "
            "A sampler returns an xarray.DataTree, as pm.sample does."
        )
    timing = read_timing(tree, budget.tune, wall_s)
    for group in [group for group in tree.children if group.startswith("warmup_")]:
        del tree[group]
    return Run(tree, timing)


def seed_of(name: str, random_seed: int) -> int:
    """Seed of one sampler.

    Each sampler gets its own: standard errors of differences hold for independent draws only. It
    depends on the sampler's name and not on its place, so adding a sampler leaves the others be.
    """
    entropy = [random_seed, crc32(name.encode())]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint32)[0])


def engine_of(sampler: Sampler) -> str | None:
    """Name under which `SAMPLERS` holds a sampler; None for a callable of the user."""
    return next((name for name, known in SAMPLERS.items() if known is sampler), None)


def running_order(samplers: Mapping[str, Sampler]) -> list[str]:
    """Names in the order of running: JAX last, whose threads do not survive PyMC's forks."""
    return sorted(samplers, key=lambda name: samplers[name] is SAMPLERS["mclmc"])


def available_cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _look_up(sampler: str | Sampler) -> Sampler:
    """One sampler by name; callables are returned as they are."""
    if not isinstance(sampler, str):
        return sampler
    if sampler not in SAMPLERS:
        raise ValueError(
            f"There is no sampler called {sampler!r}; known names are {sorted(SAMPLERS)}. "
            "Pass a dict {name: callable} to compare a sampler of your own."
        )
    extra, packages = EXTRAS.get(sampler, ("", ()))
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        lacking = "package" if len(missing) == 1 else "packages"
        verb = "is" if len(missing) == 1 else "are"
        raise ImportError(
            f"Sampler {sampler!r} needs the {lacking} {' and '.join(missing)}, which {verb} not "
            f'installed. Install with pip install "pymc-glm[{extra}]".'
        )
    return SAMPLERS[sampler]


def _gibbs(*, progressbar: bool, **budget: Any) -> DataTree:
    from pymc_glm.sampling import sample

    return sample(progressbar=progressbar, compute_convergence_checks=False, **budget)


def _nuts(*, progressbar: bool, **budget: Any) -> DataTree:
    return _pymc_sample(progressbar, nuts_sampler="pymc", **budget)


def _nutpie(*, progressbar: bool, **budget: Any) -> DataTree:
    # The gradients of warm-up tell how long it took; nutpie has no time stamps.
    return _pymc_sample(progressbar, nuts_sampler="nutpie", discard_tuned_samples=False, **budget)


def _nutpie_low_rank(
    *, model: Model, random_seed: int, progressbar: bool, **budget: Any
) -> DataTree:
    """NUTS with a mass matrix that is diagonal plus low rank; PyMC does not pass the option on.

    Reference: Seyboldt, Carlson, Carpenter (2026), arXiv:2603.18845.
    """
    import nutpie

    compiled = nutpie.compile_pymc_model(model)
    began = time.perf_counter()
    tree = nutpie.sample(
        compiled,
        seed=random_seed,
        progress_bar=progressbar,
        adaptation="low_rank",
        save_warmup=True,
        **budget,
    )
    tree["posterior"].attrs["sampling_time"] = time.perf_counter() - began
    return tree


def _mclmc(**budget: Any) -> DataTree:
    from pymc_glm.compare.mclmc import mclmc

    return mclmc(**budget)


def _mala(*, progressbar: bool, model: Model, **budget: Any) -> DataTree:
    from pymc_glm.step_methods import MALA

    with model:
        step = MALA()
    return _pymc_sample(progressbar, model=model, step=step, **budget)


def _gmp_diffusion(*, progressbar: bool, model: Model, random_seed: int, **budget: Any) -> DataTree:
    from pymc_glm.diffusion import fit_diffusion
    from pymc_glm.step_methods import GMPDiffusion

    proposal = fit_diffusion(model, random_seed=random_seed, progressbar=progressbar)
    step = GMPDiffusion(model=model, proposal=proposal)
    tree = _pymc_sample(progressbar, model=model, step=step, random_seed=random_seed, **budget)
    known = {f"proposal_{name}": proposal.report[name] for name in PROPOSAL_FIGURES}
    tree["posterior"].attrs |= known
    return tree


def _pymc_sample(progressbar: bool, **options: Any) -> DataTree:
    import pymc as pm

    # The checks are made again for all samplers alike; here they would only cost time.
    return pm.sample(
        progressbar=progressbar, quiet=not progressbar, compute_convergence_checks=False, **options
    )


# Of the report of a learned proposal, what goes along with the draws.
PROPOSAL_FIGURES = ("kernel", "modes", "mode_shares", "acceptance", "log_z", "log_z_error")
SAMPLERS: dict[str, Callable[..., DataTree]] = {
    "gibbs": _gibbs,
    "nuts": _nuts,
    "nutpie": _nutpie,
    "nutpie_low_rank": _nutpie_low_rank,
    "mala": _mala,
    "gmp_diffusion": _gmp_diffusion,
    "mclmc": _mclmc,
}
# The extra of this package that brings what a sampler needs.
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "nutpie": ("nutpie", ("nutpie",)),
    "nutpie_low_rank": ("nutpie", ("nutpie",)),
    "mclmc": ("mclmc", ("blackjax", "jax")),
    "gmp_diffusion": ("diffusion", ("jax", "optax")),
}
