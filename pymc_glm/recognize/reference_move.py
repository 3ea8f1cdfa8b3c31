"""Find a Gaussian reference for blocks with smooth likelihoods, such as logistic regressions.

Given Polya-Gamma or truncated normal latents the block moves a short way at each draw, where a
Gaussian is close to its whole conditional. Moves from that Gaussian need no latents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.graph.replace import clone_replace
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import plan_gaussian
from pymc_glm.machine import ANGLE, Factor, LatentMachine, PseudoRows, ReferenceMove
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.evaluate import Evaluator, depends_on
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.variational import SmoothTarget, closest_gaussian, fewest_steps

__all__ = ["with_reference"]

# Each move factorises the precision and solves with it a few times.
LARGEST_BLOCK = 300
COUNTS = (2, 3, 4, 5, 7, 9, 12)
WANTED, LEAST = 0.8, 0.5


def with_reference(machine: LatentMachine, view: ModelView) -> LatentMachine:
    """The machine with a reference of its block, where one is close enough to be of use.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    view : ModelView
        The model.

    Returns
    -------
    machine : LatentMachine
        The same machine where it has no smooth factors, or a large block.
    """
    smooth = [i for i, factor in enumerate(machine.factors) if _is_smooth(factor)]
    reason = _reason_against(machine, smooth)
    if reason:
        return machine._replace(no_reference=reason)
    target = _target(machine, view, smooth)
    surrogate = None if target is None else closest_gaussian(target)
    if target is None or surrogate is None:
        return machine._replace(no_reference="no mode of the block was found")
    steps = fewest_steps(target, surrogate, COUNTS, ANGLE, WANTED, np.random.default_rng(20130101))
    if steps.rate < LEAST:
        return machine._replace(
            no_reference=f"only {steps.rate:.0%} of the moves would be accepted"
        )
    ends = np.cumsum([machine.factors[index].size for index in smooth])[:-1]
    pieces = zip(
        smooth,
        np.split(surrogate.precision, ends),
        np.split(surrogate.information, ends),
        strict=True,
    )
    rows = tuple(PseudoRows(*piece, _shift(machine.factors[piece[0]], view)) for piece in pieces)
    plan = plan_gaussian([factor.linear_map for factor in machine.factors], "dense")
    return machine._replace(
        plan=plan._replace(reason=plan.reason.replace(" (as asked)", "")),
        reference=ReferenceMove(rows, *steps, machine.plan),
    )


def _reason_against(machine: LatentMachine, smooth: list[int]) -> str:
    """Why there is no need to look for a reference; empty where there is."""
    if not smooth:
        return (
            "no term is a smooth likelihood (logit, probit, ordered, negative binomial, censored)"
        )
    if machine.size > LARGEST_BLOCK:
        return f"the block has {machine.size} unknowns, more than the {LARGEST_BLOCK} moved so"
    if machine.alternates:
        return "there are alternate blocks"
    if any(hyper.only_collapsed for hyper in machine.hyperparameters):
        return "indicators in the map are flipped with the block integrated out, given its latents"
    return ""


def _is_smooth(factor: Factor) -> bool:
    return factor.family.is_smooth and factor.linear_map.rows.size > 0


def _shift(factor: Factor, view: ModelView) -> TensorVariable | None:
    """How far parameters of the family have moved the location since the initial point."""
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


class _Numbers(NamedTuple):
    """A factor at the model's initial point."""

    matrix: np.ndarray
    offset: np.ndarray
    parameters: dict[str, np.ndarray]


def _target(machine: LatentMachine, view: ModelView, smooth: list[int]) -> SmoothTarget | None:
    """The block's density at the initial point, experts other than the smooth ones as normals."""
    numbers = _at_initial_point(machine, view)
    precision = np.zeros((machine.size, machine.size))
    information = np.zeros(machine.size)
    for index, (factor, one) in enumerate(zip(machine.factors, numbers, strict=True)):
        if index in smooth:
            continue
        location, scale = factor.family.surrogate(**one.parameters)
        weight = np.broadcast_to(np.asarray(scale) ** -2.0, (factor.size,))
        precision += one.matrix.T @ (weight[:, None] * one.matrix)
        information += one.matrix.T @ (weight * (location - one.offset))
    rows = [(machine.factors[index], numbers[index]) for index in smooth]
    values = [precision, information, *(one.matrix for _, one in rows)]
    if not all(np.all(np.isfinite(value)) for value in values):
        return None
    return SmoothTarget(
        precision,
        information,
        np.concatenate([one.matrix for _, one in rows]),
        np.concatenate([one.offset for _, one in rows]),
        _rowwise(rows, "log_density"),
        _rowwise(rows, "slope"),
    )


def _at_initial_point(machine: LatentMachine, view: ModelView) -> list[_Numbers]:
    graphs = []
    for factor in machine.factors:
        graphs += [factor.linear_map.symbolic_values(), pt.as_tensor(factor.offset)]
        graphs += [pt.as_tensor(factor.parameters[name]) for name in factor.family.parameters]
    evaluate = Evaluator(graphs, [variable.value for variable in view.variables])
    values = iter(evaluate(view.initial_point))
    found = []
    for factor in machine.factors:
        matrix = factor.linear_map.matrix(next(values)).toarray()
        offset = np.broadcast_to(next(values), (factor.size,))
        parameters = {name: next(values) for name in factor.family.parameters}
        found.append(_Numbers(matrix, offset, parameters))
    return found


def _rowwise(rows: list[tuple[Factor, _Numbers]], name: str):
    """A function of the families, at responses of all smooth factors, shape (batch, m)."""
    functions = []
    for factor, one in rows:
        t = pt.vector("t", dtype="float64")
        inputs = {key: pt.vector(key, dtype="float64") for key in one.parameters}
        output = getattr(factor.family, name)(t, **inputs)
        function = pytensor.function([t, *inputs.values()], output, mode=PYTHON_MODE)
        parameters = [np.broadcast_to(v, (factor.size,)) for v in one.parameters.values()]
        functions.append((factor.size, function, parameters))

    def evaluate(t: np.ndarray) -> np.ndarray:
        parts, start = [], 0
        for size, function, parameters in functions:
            part = np.ascontiguousarray(t[:, start : start + size])
            tiled = [np.tile(value, len(t)) for value in parameters]
            parts.append(np.asarray(function(part.ravel(), *tiled)).reshape(part.shape))
            start += size
        return np.concatenate(parts, axis=1)

    return evaluate
