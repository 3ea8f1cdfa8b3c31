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
from scipy.optimize import minimize

from pymc_glm.gaussian import plan_gaussian
from pymc_glm.machine import ANGLE, Factor, Hyperparameter, LatentMachine, PseudoRows, ReferenceMove
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.evaluate import Evaluator, depends_on
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.variational import (
    SmoothTarget,
    closest_gaussian,
    fewest_steps,
    mode_of,
)

__all__ = ["Referred", "with_reference"]

# Each move factorises the precision and solves with it a few times.
LARGEST_BLOCK = 300
COUNTS = (2, 3, 4, 5, 7, 9, 12)
WANTED, LEAST = 0.8, 0.5
# Of the search for likely parameters, which are still at changes below that.
ROUNDS, STILL = 15, 0.02


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
    view = view._replace(initial_point=typical_point(machine, view, smooth))
    target = _target(machine, view, smooth)
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
    if machine.alternates:
        return "there are alternate blocks"
    if any(hyper.only_collapsed for hyper in machine.hyperparameters):
        return "indicators in the map are flipped with the block integrated out, given its latents"
    return ""


def _is_smooth(factor: Factor) -> bool:
    return factor.family.is_smooth and factor.linear_map.rows.size > 0


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


class _Numbers(NamedTuple):
    """A factor at the model's initial point."""

    matrix: np.ndarray
    offset: np.ndarray
    parameters: dict[str, np.ndarray]


def typical_point(
    machine: LatentMachine, view: ModelView, smooth: list[int]
) -> dict[str, np.ndarray]:
    """The initial point, with likely values of the parameters of smooth factors.

    A dispersion or a noise scale decides how narrow the block is. At an initial value far from the
    data the reference would be of no use where the chains are. So block and parameters are moved to
    a common mode, in turn.
    """
    point = dict(view.initial_point)
    hypers = [hyper for hyper in machine.hyperparameters if _enters(machine, hyper, smooth)]
    if not hypers:
        return point
    densities = [_conditional(view, hyper) for hyper in hypers]
    for _ in range(ROUNDS):
        before = {hyper.name: point[hyper.name] for hyper in hypers}
        target = _target(machine, view._replace(initial_point=point), smooth)
        x = None if target is None else mode_of(target)
        if x is None:
            return dict(view.initial_point)
        _set_block(machine, view, point, x)
        for hyper, density in zip(hypers, densities, strict=True):
            point[hyper.name] = _most_likely(hyper, density, point)
        moved = [np.max(np.abs(point[name] - value)) for name, value in before.items()]
        if max(moved) < STILL:
            break
    return view.initial_point | {hyper.name: point[hyper.name] for hyper in hypers}


def _enters(machine: LatentMachine, hyper: Hyperparameter, smooth: list[int]) -> bool:
    graphs = [g for index in smooth for g in machine.factors[index].parameters.values()]
    return not hyper.is_binary and any(
        depends_on(graph, [hyper.value]) for graph in graphs if not isinstance(graph, np.ndarray)
    )


def _conditional(view: ModelView, hyper: Hyperparameter) -> Evaluator:
    terms = [term.log_density for term in view.terms if hyper.value in term.touches]
    total = sum(terms, start=pt.constant(0.0))
    return Evaluator([total], [variable.value for variable in view.variables])


def _most_likely(
    hyper: Hyperparameter, density: Evaluator, point: dict[str, np.ndarray]
) -> np.ndarray:
    def cost(flat: np.ndarray) -> float:
        [value] = density(point | {hyper.name: flat.reshape(hyper.shape)})
        return float(-value) if np.isfinite(value) else 1e300

    start = np.ravel(point[hyper.name]).astype(float)
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-2, "maxfev": 400})
    return np.asarray(found.x if np.isfinite(found.fun) else start).reshape(hyper.shape)


def _set_block(
    machine: LatentMachine, view: ModelView, point: dict[str, np.ndarray], x: np.ndarray
) -> None:
    values = [variable.value for variable in view.variables]
    for place in machine.block:
        part = x[place.positions].reshape(place.shape)
        if place.multiple is not None:
            [multiple] = Evaluator([place.multiple], values)(point)
            part = part / multiple
        point[place.name] = part


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
