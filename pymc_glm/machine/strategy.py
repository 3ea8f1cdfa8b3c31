"""Which moves the scales make: without the block, along with it, or given it."""

from __future__ import annotations

import numpy as np

from pymc_glm.machine.hyperparameter import Hyperparameter
from pymc_glm.machine.machine import LatentMachine
from pymc_glm.machine.moves import CHEAP

__all__ = ["BLOCK_MOVES", "STRATEGIES", "with_block", "with_scales"]

STRATEGIES = ("auto", "collapsed", "interweave", "plain")
BLOCK_MOVES = ("auto", "gibbs", "sites", "metropolis")

# Given the block an indicator hardly ever flips, so that more is worth paying for all flips.
CHEAP_FLIPS = 1e7
# With this many data for each unknown the block says what a scale is, and moves along well.
MANY_DATA = 4


def with_block(machine: LatentMachine, block: str) -> LatentMachine:
    """The machine with the move of its block that was asked for.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model, with the reference that was found for it, if any.
    block : {"auto", "gibbs", "sites", "metropolis"}
        ``"gibbs"`` and ``"sites"`` draw the block given the latents of all factors.
        ``"metropolis"`` moves it from a Gaussian reference without the latents of smooth
        likelihoods, and is an error where there is none. ``"auto"`` does so where there is one.

    Returns
    -------
    machine : LatentMachine

    Raises
    ------
    ValueError
        If ``block`` is something else, or there is no reference and it is asked for.
    """
    if block not in BLOCK_MOVES:
        raise ValueError(f"Got block={block!r}. Choose one of {', '.join(map(repr, BLOCK_MOVES))}.")
    if block == "metropolis" and machine.reference is None:
        raise ValueError(
            f"Got block='metropolis', which the model does not allow because"
            f" {machine.no_reference}. Use block='gibbs'."
        )
    if block in ("gibbs", "sites") and machine.reference is not None:
        return machine._replace(plan=machine.reference.other_plan, reference=None)
    return machine


def with_scales(machine: LatentMachine, scales: str) -> LatentMachine:
    """The machine with the moves of its scales that were asked for.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    scales : {"auto", "collapsed", "interweave", "plain"}
        ``"collapsed"`` moves each scale that allows it with the block integrated out, before the
        block is drawn. ``"interweave"`` moves scales of priors together with the block instead.
        ``"plain"`` does neither. ``"auto"`` collapses where factorisations are cheap and
        interweaves elsewhere. All of them also update each scale given the block. Indicators in a
        map are always flipped with the block integrated out.

    Returns
    -------
    machine : LatentMachine

    Raises
    ------
    ValueError
        If ``scales`` is something else.
    """
    if scales not in STRATEGIES:
        raise ValueError(
            f"Got scales={scales!r}. Choose one of {', '.join(map(repr, STRATEGIES))}."
        )
    hypers = [_with_strategy(machine, hyper, scales) for hyper in machine.hyperparameters]
    return machine._replace(hyperparameters=hypers)


def _with_strategy(machine: LatentMachine, hyper: Hyperparameter, scales: str) -> Hyperparameter:
    if hyper.only_collapsed:
        return hyper._replace(collapsed=True)
    if scales == "plain":
        return hyper._replace(collapsed=False, interweaving=None)
    possible = hyper.collapsible and machine.plan.has_determinant
    collapsed = possible and (scales == "collapsed" or (scales == "auto" and _pays(machine, hyper)))
    return hyper._replace(collapsed=collapsed)


def _pays(machine: LatentMachine, hyper: Hyperparameter) -> bool:
    """Whether a move without the block is worth its factorisations."""
    if machine.plan.structure == "low rank":
        # All scales share the costly product, where they multiply whole factors.
        return len(hyper.scales) == len(hyper.factors)
    if machine.plan.structure == "spectral":
        # The determinant takes no transform, and less time than the draw.
        return not _is_well_known(machine, hyper)
    operations = machine.plan.operations + _assembly(machine, hyper)
    if operations * hyper.size > (CHEAP_FLIPS if hyper.is_binary else CHEAP):
        return False
    # With a reference the block follows its scales at little more than that cost.
    follows = machine.reference is not None
    return hyper.is_binary or follows or not _is_well_known(machine, hyper)


def _assembly(machine: LatentMachine, hyper: Hyperparameter) -> float:
    """Operations that multiply out the maps that depend on other variables, at each step."""
    maps = [machine.factors[index].stored_map for index in hyper.factors]
    per_row = [np.bincount(one.rows).astype(float) for one in maps if not one.is_constant]
    return sum(float(np.sum(count * count)) for count in per_row)


def _is_well_known(machine: LatentMachine, hyper: Hyperparameter) -> bool:
    """Whether data abound, for a noise scale or for the block that a scale moves along with."""
    many = MANY_DATA * machine.size
    touched = [machine.factors[index].responses for index in hyper.factors]
    if max(touched) >= many and len(hyper.scales) == len(hyper.factors):
        return True
    if hyper.interweaving is None or machine.plan.structure != "dense":
        return False
    return max(factor.responses for factor in machine.factors) >= many
