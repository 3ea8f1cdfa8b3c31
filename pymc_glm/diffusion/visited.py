"""Gaussians of a latent machine at the latent states that many short chains visit."""

from __future__ import annotations

import warnings

from typing import NamedTuple

import numpy as np
import pytensor

from pymc.model import Model
from scipy.linalg import cholesky, solve_triangular

from pymc_glm.diffusion.draws import flat_draws
from pymc_glm.diffusion.targets import Layout, layout_of
from pymc_glm.exceptions import RecognitionError
from pymc_glm.machine import LatentMachine
from pymc_glm.recognize.choices import with_choices
from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling import sample
from pymc_glm.sweep.conditional import build_conditional

__all__ = ["VisitedGaussians", "machine_to_visit", "visited_gaussians"]


class VisitedGaussians(NamedTuple):
    """A Gaussian for each visited state of the latents, none twice.

    Attributes
    ----------
    means : ndarray, shape (n, d)
        The block's conditional mean, and the other variables' values.
    covariances : ndarray, shape (n, d, d)
        The block's conditional covariance; other variables have half their spread over the chains.
    """

    means: np.ndarray
    covariances: np.ndarray


def machine_to_visit(model: Model, refinement: str) -> LatentMachine | None:
    """The machine whose latent states are to be visited, if any.

    Parameters
    ----------
    model : pymc.Model
        Of which ``"auto"`` asks for the machine if it is one recognised block given latents of
        which some are component labels.
    refinement : str
        One of `pymc_glm.diffusion.refine.REFINEMENTS`.

    Returns
    -------
    machine : LatentMachine or None
        With plain scales and latents, and a dense block.

    Raises
    ------
    RecognitionError
        If ``"machine"`` was asked for, and the model is not recognised as a whole, or its block is
        moved in another way.
    """
    if refinement not in ("auto", "machine"):
        return None
    try:
        machine = recognize(model).machine
    except RecognitionError as error:
        if refinement == "auto":
            return None
        raise RecognitionError(
            "Got refinement='machine' for a model without a latent machine, whose Gaussians it"
            f" would add. Use refinement='tempered'; this is what was not recognised: {error}"
        ) from error
    names = {type(factor.family).__name__ for factor in machine.factors}
    if refinement == "auto" and ("NormalMixture" not in names or _reason_against(machine)):
        return None
    machine = with_choices(machine, "plain", "gibbs", "dense")
    reason = _reason_against(machine)
    if reason:
        raise RecognitionError(
            f"Gaussians of visited latents need one block of the whole model, and {reason}. Use"
            " refinement='tempered'."
        )
    return machine


def visited_gaussians(
    model: Model,
    machine: LatentMachine,
    random_seed: int,
    chains: int = 100,
    draws: int = 30,
    tune: int = 20,
) -> VisitedGaussians:
    """Visit latent states by short chains and take down the Gaussian at each.

    Parameters
    ----------
    model : pymc.Model
        All of whose variables a sweep updates.
    machine : LatentMachine
        What `machine_to_visit` returns of it.
    random_seed : int
        Of the chains and of the latents.
    chains, draws, tune : int
        Number of chains, states of each, and sweeps before the first.

    Returns
    -------
    visited : VisitedGaussians
    """
    with warnings.catch_warnings():
        # More chains than draws are meant here.
        warnings.filterwarnings("ignore", "Found chain dimension", UserWarning)
        tree = sample(
            draws,
            tune,
            chains,
            random_seed=random_seed,
            model=model,
            scales="plain",
            block="gibbs",
            progressbar=False,
            compute_convergence_checks=False,
        )
    layout = layout_of(model)
    flat = flat_draws(model, layout, tree)
    rng = np.random.default_rng([random_seed, 1])
    # Each coordinate from a draw of its own: chains stay where they began, and few combinations of
    # what they found separately are near any of them.
    crossed = flat[rng.integers(len(flat), size=flat.shape), np.arange(layout.size)]
    flat = np.concatenate([flat, crossed])
    states = layout.point(flat)
    graph = build_conditional(machine)
    function = pytensor.function(
        [pytensor.In(graph.rng, mutable=True), *graph.inputs],
        [graph.next_rng, graph.system],
        mode="NUMBA",
        accept_inplace=True,
        on_unused_input="ignore",
    )
    names = [variable.name for variable in machine.block]
    others = [variable.name for variable in machine.updated]
    position, b = machine.plan.position, machine.size
    columns = _columns(layout, names)
    spread = np.maximum(0.5 * flat.std(axis=0), 1e-6)
    means = flat.copy()
    covariances = np.broadcast_to(np.diag(spread**2), (len(flat), *[layout.size] * 2)).copy()
    for index in range(len(flat)):
        block = np.concatenate([np.ravel(states[name][index]) for name in names])
        drawn = np.empty(b)
        drawn[position] = block
        rng, system = function(rng, drawn, *(states[name][index] for name in others))
        upper = np.triu(system[: b * b].reshape(b, b))
        factor = cholesky(upper + np.triu(upper, 1).T, lower=True)
        inverse = solve_triangular(factor, np.eye(b), lower=True)
        covariance = (inverse.T @ inverse)[np.ix_(position, position)]
        covariances[(index, *np.ix_(columns, columns))] = covariance
        means[index, columns] = covariance @ system[b * b :][position]
    _, first = np.unique(means.round(12), axis=0, return_index=True)
    return VisitedGaussians(means[np.sort(first)], covariances[np.sort(first)])


def _reason_against(machine: LatentMachine) -> str:
    if machine.guests:
        return f"no sweep updates {machine.guests[0].name!r}"
    if machine.alternates or any(variable.multiple is not None for variable in machine.block):
        return "the model has blocks in turns, or multiples of variables"
    return ""


def _columns(layout: Layout, names: list[str]) -> np.ndarray:
    """Places of some variables in the flat vector."""
    ends = np.cumsum(layout.sizes)
    parts = {
        name: np.arange(end - size, end)
        for name, size, end in zip(layout.names, layout.sizes, ends, strict=True)
    }
    return np.concatenate([parts[name] for name in names])
