"""Find the variables outside the block that the sweep can update, and how."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable, equal_computations
from pytensor.graph.traversal import ancestors

from pymc_glm.machine import (
    BlockVariable,
    ConjugateForm,
    Factor,
    Guest,
    Hyperparameter,
    RowwiseTarget,
    ScaleDependence,
)
from pymc_glm.recognize.block import Block
from pymc_glm.recognize.conjugacy import find_conjugate_form, find_joint_form, positive_form
from pymc_glm.recognize.dependence import expand
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.interweaving import find_interweaving
from pymc_glm.recognize.model_view import FreeVariable, ModelView
from pymc_glm.recognize.rowwise import entrywise_scales, find_rowwise_target, is_binary
from pymc_glm.recognize.scaling import power_of, rows_scale_alike

__all__ = ["assign_roles"]

# A vector whose entries depend on each other is updated entry by entry, each at the cost of all
# its factors.
LARGEST_VECTOR = 64
# With the block integrated out an entry costs several factorisations.
LARGEST_COLLAPSED = 8
LARGEST_FLIPPED = 512


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
    absorbed: frozenset[str] = frozenset(),
) -> Roles:
    """Decide, for each variable outside the block, whether the sweep updates it.

    A variable is updated by the sweep when every term that mentions it is a recognised factor, a
    prior, or a potential without the block. Its conditional, with the latents integrated out, is
    then the product of those terms. Vectors of independent entries can be of any length, and
    Bernoulli indicators are updated where they are such.

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
    absorbed : frozenset of str
        Names of variables that are latents of a factor, prior included.

    Returns
    -------
    roles : Roles
    """
    claimed = {term.name for term, _ in block.matches} | absorbed
    hyperparameters, guests = [], []
    for variable in view.variables:
        if variable in block.variables or variable.name in absorbed:
            continue
        reason = _reason_for_guest(view, variable, claimed)
        if requested is not None and variable.name not in requested:
            reason = "it was not asked for"
        if reason is not None:
            guests.append(Guest(variable.value.name, variable.name, variable.value, reason))
            continue
        found = _hyperparameter(view, variable, factors, claimed, layout)
        if isinstance(found, str):
            guests.append(Guest(variable.value.name, variable.name, variable.value, found))
        else:
            hyperparameters.append(found)
    return Roles(hyperparameters, guests)


def _reason_for_guest(view: ModelView, variable: FreeVariable, claimed: set[str]) -> str | None:
    if variable.value.dtype not in ("float64", "float32") and not is_binary(variable, view.terms):
        return "it is discrete"
    for term in view.terms:
        if variable.value not in term.touches or term.name in claimed:
            continue
        if term.kind == "likelihood":
            return f"it enters {term.name!r}, which is no recognised factor of the block"
    return None


def _hyperparameter(view, variable: FreeVariable, factors, claimed, layout) -> Hyperparameter | str:
    """How to update a variable, or why it cannot be updated."""
    prior_terms = [
        term for term in view.terms if variable.value in term.touches and term.name not in claimed
    ]
    # Assertions about parameters would be evaluated at every step of a slice move.
    [log_prior] = expand([sum((term.log_density for term in prior_terms), start=pt.constant(0.0))])
    touched = [i for i, factor in enumerate(factors) if _mentions(factor, variable)]
    rowwise = None
    is_discrete = variable.value.dtype not in ("float64", "float32")
    if variable.size != 1 or is_discrete:
        rowwise = find_rowwise_target(variable, prior_terms, factors, touched)
    collapsible = _is_collapsible(variable, factors, touched, rowwise)
    if rowwise is None and is_discrete and not collapsible:
        return "it is discrete, and its entries are not independent given the block"
    if rowwise is None and not is_discrete and variable.size > LARGEST_VECTOR:
        return f"it has {variable.size} entries, more than the {LARGEST_VECTOR} updated one by one"
    scales: tuple[ScaleDependence, ...] = ()
    if variable.size == 1:
        scales = _scale_dependences(variable, factors, touched)
    elif rowwise is not None and not is_discrete:
        scales = entrywise_scales(variable, factors, touched)
    conjugate = None
    if not is_discrete:
        conjugate = find_conjugate_form(variable, prior_terms, factors, touched, scales)
    if conjugate is not None and not _is_logarithm(view, variable, conjugate):
        conjugate = None
    joint = find_joint_form(variable, prior_terms, factors, touched, scales)
    if joint is not None and not _is_logarithm(view, variable, joint):
        joint = None
    # Moving the block along with the scale of noise costs a pass over all factors and gains little.
    likelihoods = {term.name for term in view.terms if term.kind == "likelihood"}
    is_noise = any(factors[index].term in likelihoods for index in touched)
    interweaving = None
    if variable.size == 1 and not is_noise:
        interweaving = find_interweaving(factors, touched, scales, layout)
    return Hyperparameter(
        name=variable.value.name,
        rv_name=variable.name,
        value=variable.value,
        constrained=variable.constrained,
        log_prior=log_prior,
        factors=tuple(touched),
        scales=scales,
        conjugate=conjugate,
        interweaving=interweaving,
        rowwise=rowwise,
        collapsible=collapsible,
        joint=joint,
    )


def _is_collapsible(
    variable: FreeVariable,
    factors: list[Factor],
    touched: list[int],
    rowwise: RowwiseTarget | None,
) -> bool:
    """Whether the factors' latents, relative to their scales, do not depend on the variable."""
    is_binary = variable.value.dtype not in ("float64", "float32")
    if all(factors[index].linear_map.is_empty for index in touched):
        return False
    if variable.size > (LARGEST_FLIPPED if is_binary else LARGEST_COLLAPSED):
        return False
    rows = sum(factors[index].size for index in touched)
    if rowwise is not None and not is_binary and rows < 2 * variable.size:
        # Scales of single rows are drawn from their own data; only shared ones are slow.
        return False
    return not any(_latents_depend(factors[index], variable) for index in touched)


def _latents_depend(factor: Factor, variable: FreeVariable) -> bool:
    """Whether a factor's latents, in units of its scale where they can be, depend."""
    fixed = [
        graph
        for name, graph in factor.parameters.items()
        if not factor.family.is_relative or name != "scale"
    ]
    graphs = [graph for graph in fixed if not isinstance(graph, np.ndarray)]
    return variable.value in set(ancestors(graphs))


def _graphs(factor: Factor) -> list:
    graphs = [*factor.linear_map.graphs, factor.offset, factor.correction]
    graphs += list(factor.parameters.values())
    return [graph for graph in graphs if graph is not None and not isinstance(graph, np.ndarray)]


def _mentions(factor: Factor, variable: FreeVariable) -> bool:
    return variable.value in set(ancestors(_graphs(factor)))


def _scale_dependences(
    variable: FreeVariable, factors: list[Factor], touched: list[int]
) -> tuple[ScaleDependence, ...]:
    """Factors that the variable multiplies by one function of itself, proved from their graphs."""
    if variable.size != 1:
        return ()
    theta = positive_form(variable)

    def is_theta(node: Variable) -> bool:
        return node.type.ndim == theta.type.ndim and equal_computations([node], [theta])

    found = []
    for index in touched:
        factor = factors[index]
        scale = factor.parameters.get("scale")
        rest = [graph for graph in _graphs(factor) if graph is not scale]
        # The correction is evaluated as it stands; it does not spoil the scaling.
        rest = [graph for graph in rest if graph is not factor.correction]
        if variable.value in set(ancestors(rest)):
            continue
        if scale is None or not rows_scale_alike(scale, variable.value):
            continue
        power = power_of(scale, variable.value, is_theta)
        found.append(ScaleDependence(index, power or None))
    return tuple(found)


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
