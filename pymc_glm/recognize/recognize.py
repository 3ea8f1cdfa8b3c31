"""From a PyMC model to its latent machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc.model.core import Model, modelcontext

# Importing the package registers the matchers.
import pymc_glm.recognize.matchers  # noqa: F401

from pymc_glm.exceptions import ImproperPosteriorError, InvalidDataError, RecognitionError
from pymc_glm.gaussian import ConjugateGradients
from pymc_glm.machine import (
    AlternateBlock,
    BlockVariable,
    Factor,
    LatentMachine,
    Refusal,
    with_scales,
)
from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.alternates import find_alternates
from pymc_glm.recognize.block import Block, find_block
from pymc_glm.recognize.certify import certify
from pymc_glm.recognize.choices import refuse_without_determinant, with_choices
from pymc_glm.recognize.explicit import lift_latents
from pymc_glm.recognize.factors import block_layout, build_factors
from pymc_glm.recognize.hyperparameters import assign_roles
from pymc_glm.recognize.model_view import ModelView, view_model
from pymc_glm.recognize.planning import plan_block
from pymc_glm.recognize.recentre import recentre
from pymc_glm.recognize.reference_move import with_reference

__all__ = ["Recognition", "explain", "recognize"]


class Recognition(NamedTuple):
    """A machine and the frozen model it was read from."""

    machine: LatentMachine
    view: ModelView


class _BlockReading(NamedTuple):
    """The block, where each of its variables sits, and its factors."""

    block: Block
    layout: list[BlockVariable]
    factors: list[Factor]


def explain(
    model: Model | None = None,
    vars: Sequence | None = None,
    scales: str = "auto",
    block: str = "auto",
    solver: str | ConjugateGradients = "auto",
) -> LatentMachine:
    """Say what is recognised in a model, how each variable is updated, and what is refused.

    Parameters
    ----------
    model : pymc.Model, optional
        The model; the one of the context by default.
    vars : sequence of variables or names, optional
        Variables to update. By default every variable that can be.
    scales : {"auto", "collapsed", "interweave", "plain"}
        How scales move besides their update given the block, as in `pymc_glm.sample`.
    block : {"auto", "gibbs", "sites", "metropolis"}
        How a block with smooth likelihoods moves, as in `pymc_glm.sample`.
    solver : str or ConjugateGradients
        How the Gaussian block is drawn, as in `pymc_glm.sample`.

    Returns
    -------
    machine : LatentMachine
        Its ``repr`` and its HTML form are the table to read.

    Raises
    ------
    RecognitionError
        If no variable can be in a Gaussian block; the message says why for each.

    See Also
    --------
    pymc_glm.advise : measure in a short pilot whether this sampler or NUTS is the better choice.

    Examples
    --------
    A regression with a Laplace prior::

        import numpy as np
        import pymc as pm
        import pymc_glm

        X, y = np.random.default_rng(1).normal(size=(20, 3)), np.arange(20.0)
        with pm.Model():
            beta = pm.Laplace("beta", 0, 1, shape=3)
            sigma = pm.HalfNormal("sigma", 10)
            pm.Normal("y", X @ beta, sigma, observed=y)
            print(pymc_glm.explain())
    """
    return with_choices(recognize(modelcontext(model), vars).machine, scales, block, solver)


def recognize(model: Model, vars: Sequence | None = None) -> Recognition:
    """Recognise a model's latent machine and certify it against the model's log density.

    Parameters
    ----------
    model : pymc.Model
        The model.
    vars : sequence of variables or names, optional
        Variables to update. By default every variable that can be.

    Returns
    -------
    recognition : Recognition

    Raises
    ------
    RecognitionError
        If no variable can be in the block, or the certificate fails.
    ImproperPosteriorError
        If no factor mentions the block.
    InvalidDataError
        If data are NaN or infinite.
    """
    requested = None if vars is None else _names(model, vars)
    reading = _read_effects(view_model(model), requested)
    view, block, layout, factors, alternates = reading
    factors, latents = lift_latents(view, factors, requested)
    absorbed = frozenset(latent.rv_name for latent in latents)
    roles = assign_roles(view, block, factors, layout, requested, absorbed)
    if not factors:
        raise ImproperPosteriorError(
            f"No term of the log density has {layout[0].name!r} in it. Give it a prior that is not"
            " flat, or a likelihood."
        )
    plan = plan_block(layout, factors)
    machine = LatentMachine(
        block=layout,
        factors=factors,
        hyperparameters=roles.hyperparameters,
        latents=latents,
        guests=roles.guests,
        refused=block.refused,
        plan=plan,
        alternates=alternates,
    )
    refuse_without_determinant(machine)
    _refuse_bad_start(machine, view)
    machine, view = with_reference(machine, view)
    return Recognition(with_scales(machine, "auto"), view)


def _refuse_bad_start(machine: LatentMachine, view: ModelView) -> None:
    names = {place.name: place.rv_name for place in machine.block}
    names |= {hyper.name: hyper.rv_name for hyper in machine.hyperparameters}
    names |= {latent.name: latent.rv_name for latent in machine.latents}
    for name, rv_name in names.items():
        value = np.ravel(view.initial_point[name])
        bad = value[~np.isfinite(value)]
        if bad.size:
            raise InvalidDataError(
                f"The initial value of {rv_name!r} is {bad[0]} on the scale it is sampled on. Its"
                " transform does not fit its support, or `initval` lies on the boundary."
            )


class _Reading(NamedTuple):
    """A model in terms of effects, its blocks and its certified factors."""

    view: ModelView
    block: Block
    layout: list[BlockVariable]
    factors: list[Factor]
    alternates: tuple[AlternateBlock, ...]

    @property
    def misplaced(self) -> set[str]:
        """Variables that were replaced by effects without being in a block."""
        drawn = {place.rv_name for place in self.layout}
        drawn |= {place.rv_name for one in self.alternates for place in one.block}
        return set(self.view.multiples) - drawn


def _read_effects(view: ModelView, requested: set[str] | None) -> _Reading:
    """Read the blocks of a model, in terms of effects where those are drawn with a block."""
    kept: set[str] = set()
    while True:
        recentred = recentre(view, kept)
        try:
            reading = _read(recentred, requested)
        except RecognitionError:
            if not recentred.multiples:
                raise
            # Read as it is written, the model may still be a machine.
            kept |= set(recentred.multiples)
            continue
        if not reading.misplaced:
            return reading
        kept |= reading.misplaced


def _read(view: ModelView, requested: set[str] | None) -> _Reading:
    block, layout, factors = _read_block(view, requested)
    certify(view, factors, layout)
    block, factors, alternates = find_alternates(view, block, layout, factors, requested)
    return _Reading(view, block, layout, factors, alternates)


def _read_block(view: ModelView, requested: set[str] | None) -> _BlockReading:
    """The block and its factors, less the variables of responses without a matrix."""
    unreadable: list[NotAffineError] = []
    while True:
        block = find_block(view, requested, unreadable)
        if not block.variables:
            raise RecognitionError(_empty_block_message(view, block.refused))
        layout = block_layout(view, block)
        try:
            return _BlockReading(block, layout, build_factors(view, block, layout))
        except NotAffineError as error:
            unreadable.append(error)


def _names(model: Model, vars: Sequence) -> set[str]:
    """Names of free variables, from variables, value variables or names."""
    by_value = {value.name: rv.name for rv, value in model.rvs_to_values.items()}
    free = {rv.name for rv in model.free_RVs}
    listed = [vars] if isinstance(vars, str) else vars
    names = {v if isinstance(v, str) else v.name for v in listed}
    names = {by_value.get(name, name) for name in names}
    unknown = sorted(names - free)
    if unknown:
        raise RecognitionError(
            f"{unknown[0]!r} is not a free variable of the model. Its free variables are"
            f" {', '.join(sorted(free))}."
        )
    return names


def _empty_block_message(view: ModelView, refused: list[Refusal]) -> str:
    reasons = [f"{r.variable} because of {r.term!r} ({r.reason})" for r in refused]
    named = {refusal.variable for refusal in refused}
    reasons += [
        f"{variable.name} because its support is constrained or discrete"
        for variable in view.variables
        if variable.name not in named
    ]
    return (
        "No variable of the model can be in a Gaussian block: " + "; ".join(reasons) + ". Use"
        " pm.sample() for this model."
    )
