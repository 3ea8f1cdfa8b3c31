"""Find the variables outside the block that the sweep can update, and how."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.traversal import ancestors

from pymc_glm.machine import (
    BlockVariable,
    ConjugateForm,
    Factor,
    Guest,
    Hyperparameter,
    ScaleDependence,
)
from pymc_glm.recognize.block import Block
from pymc_glm.recognize.conjugacy import find_conjugate_form, positive_form
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.interweaving import find_interweaving
from pymc_glm.recognize.model_view import FreeVariable, ModelView

__all__ = ["assign_roles"]

# A vector of scales is updated entry by entry, each at the cost of all its factors.
LARGEST_VECTOR = 64


class Roles(NamedTuple):
    """Variables outside the block: those the sweep updates, and those left to others."""

    hyperparameters: list[Hyperparameter]
    guests: list[Guest]


def assign_roles(
    view: ModelView,
    block: Block,
    factors: list[Factor],
    layout: list[BlockVariable],
    requested: set[str] | None = None,
) -> Roles:
    """Decide, for each variable outside the block, whether the sweep updates it.

    A variable is updated by the sweep when it is continuous and univariate and every term that
    mentions it is a recognised factor or the prior of a free variable. Its conditional, with the
    latents integrated out, is then the product of those terms.

    Parameters
    ----------
    view : ModelView
        The model.
    block : Block
        Its block.
    factors : list of Factor
        The factors of the block.
    layout : list of BlockVariable
        Where each variable of the block sits.
    requested : set of str, optional
        Names of the variables to update. By default all that can be.

    Returns
    -------
    roles : Roles
    """
    claimed = {term.name for term, _ in block.matches}
    hyperparameters, guests = [], []
    for variable in view.variables:
        if variable in block.variables:
            continue
        reason = _reason_for_guest(view, variable, claimed)
        if requested is not None and variable.name not in requested:
            reason = "it was not asked for"
        if reason is not None:
            guests.append(Guest(variable.value.name, variable.name, variable.value, reason))
            continue
        hyperparameters.append(_hyperparameter(view, variable, factors, claimed, layout))
    return Roles(hyperparameters, guests)


def _reason_for_guest(view: ModelView, variable: FreeVariable, claimed: set[str]) -> str | None:
    if variable.value.dtype not in ("float64", "float32"):
        return "it is discrete"
    if not variable.is_univariate:
        return "its prior is multivariate"
    if variable.size > LARGEST_VECTOR:
        return f"it has {variable.size} entries, more than the {LARGEST_VECTOR} updated one by one"
    for term in view.terms:
        if variable.value not in term.touches or term.name in claimed:
            continue
        if term.kind != "prior":
            return f"it enters {term.name!r}, which is no recognised factor of the block"
    return None


def _hyperparameter(view, variable: FreeVariable, factors, claimed, layout) -> Hyperparameter:
    prior_terms = [
        term for term in view.terms if variable.value in term.touches and term.name not in claimed
    ]
    log_prior = sum((term.log_density for term in prior_terms), start=pt.constant(0.0))
    touched = [i for i, factor in enumerate(factors) if _mentions(factor, variable)]
    scales = _scale_dependences(view, variable, factors, touched)
    likelihoods = {term.name for term in view.terms if term.kind == "likelihood"}
    # Moving the block along with the scale of noise costs a pass over all factors and gains little.
    is_noise = any(factors[index].term in likelihoods for index in touched)
    conjugate = find_conjugate_form(variable, prior_terms, factors, touched, scales)
    if conjugate is not None and not _is_logarithm(view, variable, conjugate):
        conjugate = None
    return Hyperparameter(
        name=variable.value.name,
        rv_name=variable.name,
        value=variable.value,
        constrained=variable.constrained,
        log_prior=log_prior,
        factors=tuple(touched),
        scales=scales,
        conjugate=conjugate,
        interweaving=None if is_noise else find_interweaving(factors, touched, scales, layout),
    )


def _graphs(factor: Factor) -> list:
    graphs = [factor.linear_map.values, factor.offset, factor.correction]
    graphs += list(factor.parameters.values())
    return [graph for graph in graphs if graph is not None and not isinstance(graph, np.ndarray)]


def _mentions(factor: Factor, variable: FreeVariable) -> bool:
    return variable.value in set(ancestors(_graphs(factor)))


def _scale_dependences(view, variable, factors, touched) -> tuple[ScaleDependence, ...]:
    """Factors that the variable multiplies by one function of itself, probed at a few values."""
    if variable.size != 1:
        return ()
    found = []
    for index in touched:
        factor = factors[index]
        scale = factor.parameters.get("scale")
        rest = [graph for graph in _graphs(factor) if graph is not scale]
        # The correction is evaluated as it stands; it does not spoil the scaling.
        rest = [graph for graph in rest if graph is not factor.correction]
        if variable.value in set(ancestors(rest)):
            continue
        uniform, power = _probe_scaling(view, variable, scale)
        if uniform:
            found.append(ScaleDependence(index, power))
    return tuple(found)


def _probe_scaling(view, variable, scale) -> tuple[bool, float | None]:
    """Whether all rows scale alike, and the power of the constrained value they scale with."""
    others = [other.value for other in view.variables]
    evaluate = Evaluator([scale, positive_form(variable)], others)
    rng = np.random.default_rng(20250512)
    point = {
        name: value + 0.1 * rng.normal(size=np.shape(value)) if value.dtype.kind == "f" else value
        for name, value in view.initial_point.items()
    }
    shifts = (0.0, 0.37, -0.61, 0.9)
    start = point[variable.value.name]
    samples = [evaluate({**point, variable.value.name: start + shift}) for shift in shifts]
    log_scales = np.array([np.log(sample[0]).ravel() for sample in samples])
    changes = log_scales[1:] - log_scales[0]
    if not np.all(np.isfinite(changes)) or np.ptp(changes, axis=1).max(initial=0.0) > 1e-9:
        return False, None
    return True, _power(np.array([sample[1].item() for sample in samples]), changes[:, 0])


def _is_logarithm(view, variable: FreeVariable, form: ConjugateForm) -> bool:
    """Whether the value variable is the one that the exact draw is turned into."""
    theta = form.positive
    if form.kind == "truncated gamma":
        inverse = pt.log(theta - form.prior["lower"]) - pt.log(form.prior["upper"] - theta)
    else:
        inverse = pt.log(theta)
    others = [other.value for other in view.variables]
    evaluate = Evaluator([inverse], others)
    points = [np.full(variable.shape, number) for number in (-0.7, 0.2, 1.1)]
    values = [evaluate({**view.initial_point, variable.value.name: point})[0] for point in points]
    return bool(np.allclose(np.ravel(values), np.ravel(points), rtol=1e-8, atol=1e-8))


def _power(positive: np.ndarray, log_changes: np.ndarray) -> float | None:
    if not np.all(positive > 0) or np.any(positive[1:] == positive[0]):
        return None
    powers = log_changes / (np.log(positive[1:]) - np.log(positive[0]))
    power = float(np.round(powers[0] * 2) / 2)
    return power if power != 0 and np.allclose(powers, power, rtol=1e-6) else None
