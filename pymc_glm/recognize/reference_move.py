"""Find a Gaussian reference for blocks with smooth likelihoods, such as logistic regressions.

Given Polya-Gamma or truncated normal latents the block moves a short way at each draw, where a
Gaussian is close to its whole conditional. Moves from that Gaussian need no latents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.replace import clone_replace
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import plan_gaussian
from pymc_glm.machine import (
    ANGLE,
    Factor,
    LatentMachine,
    LinearMap,
    PseudoRows,
    ReferenceMove,
)
from pymc_glm.recognize.block_density import BlockDensity
from pymc_glm.recognize.evaluate import depends_on
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.typical_point import typical_point
from pymc_glm.recognize.variational import closest_gaussian, fewest_steps

__all__ = ["Referred", "with_reference"]

# Each move factorises the precision and solves with it a few times.
LARGEST_BLOCK = 300
COUNTS = (2, 3, 4, 5, 7, 9, 12)
WANTED, LEAST = 0.8, 0.5


class Referred(NamedTuple):
    """A machine, maybe with a reference, and the model with a likely initial point."""

    machine: LatentMachine
    view: ModelView


def with_reference(machine: LatentMachine, view: ModelView) -> Referred:
    """The machine with a reference of its block, where one is close enough to be of use.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    view : ModelView
        The model.

    Returns
    -------
    referred : Referred
        Machine and model are as they were where there are no smooth factors, or a large block.
    """
    smooth = [i for i, factor in enumerate(machine.factors) if _is_smooth(factor)]
    reason = _reason_against(machine, smooth)
    if reason:
        return Referred(machine._replace(no_reference=reason), view)
    density = BlockDensity(machine, view, smooth)
    view = view._replace(initial_point=typical_point(machine, view, density))
    target = density.at(view.initial_point)
    surrogate = None if target is None else closest_gaussian(target)
    if target is None or surrogate is None:
        return Referred(machine._replace(no_reference="no mode of the block was found"), view)
    steps = fewest_steps(target, surrogate, COUNTS, ANGLE, WANTED, np.random.default_rng(20130101))
    if steps.rate < LEAST:
        reason = f"only {steps.rate:.0%} of the moves would be accepted"
        return Referred(machine._replace(no_reference=reason), view)
    ends = np.cumsum([machine.factors[index].size for index in smooth])[:-1]
    pieces = zip(
        smooth,
        np.split(surrogate.precision, ends),
        np.split(surrogate.information, ends),
        strict=True,
    )
    rows = tuple(PseudoRows(*piece, _shift(machine.factors[piece[0]], view)) for piece in pieces)
    plan = plan_gaussian([factor.linear_map for factor in machine.factors], "dense")
    found = machine._replace(
        plan=plan._replace(reason=plan.reason.replace(" (as asked)", "")),
        reference=ReferenceMove(rows, *steps, machine.plan),
    )
    return Referred(found, view)


def _reason_against(machine: LatentMachine, smooth: list[int]) -> str:
    """Why there is no need to look for a reference; empty where there is."""
    if not smooth:
        return (
            "no term is a smooth likelihood (logit, probit, ordered, negative binomial, censored)"
        )
    if machine.size > LARGEST_BLOCK:
        return f"the block has {machine.size} unknowns, more than the {LARGEST_BLOCK} moved so"
    if not all(isinstance(factor.linear_map, LinearMap) for factor in machine.factors):
        return "a response applies an operator that has no matrix"
    if machine.alternates:
        return "there are alternate blocks"
    if any(hyper.only_collapsed for hyper in machine.hyperparameters):
        return "indicators in the map are flipped with the block integrated out, given its latents"
    return ""


def _is_smooth(factor: Factor) -> bool:
    return factor.family.is_smooth and not factor.linear_map.is_empty


def _shift(factor: Factor, view: ModelView) -> TensorVariable | None:
    """How far parameters of the family have moved the location since the reference was found."""
    parts = []
    graphs = [graph for graph in factor.parameters.values() if not isinstance(graph, np.ndarray)]
    if not isinstance(factor.offset, np.ndarray):
        # An offset that parameters enter: the location stays, the response moves with it.
        parts.append(_since_start(factor.offset, graphs, view))
    location = factor.family.location(**factor.parameters)
    if location is not None:
        parts.append(_since_start(location, graphs, view))
    moved = [part for part in parts if part is not None]
    return sum(moved[1:], start=moved[0]) if moved else None


def _since_start(
    graph: TensorVariable, parameters: list[TensorVariable], view: ModelView
) -> TensorVariable | None:
    """A graph less its value at the initial point of variables that enter parameters too."""
    both = [
        variable.value
        for variable in view.variables
        if depends_on(graph, [variable.value])
        and any(depends_on(other, [variable.value]) for other in parameters)
    ]
    if not both:
        return None
    initial = {
        value: pt.constant(np.asarray(view.initial_point[value.name], dtype=value.dtype))
        for value in both
    }
    return graph - clone_replace([graph], initial, rebuild_strict=False)[0]
