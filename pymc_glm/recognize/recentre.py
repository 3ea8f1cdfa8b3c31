"""Replace standardised effects by the effects they stand for: z with ``tau * z`` by ``tau * z``.

In the non-centred spelling the map of the block depends on every scale, and has to be multiplied
out in each sweep. The effects themselves enter through a constant map, and their prior carries the
scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Apply, Constant, Variable, equal_computations
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors, toposort
from pytensor.scalar import basic as ps
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.random.basic import CauchyRV, LaplaceRV, NormalRV, StudentTRV
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.affine import pullback_conflicts
from pymc_glm.recognize.dependence import static_shape, value_ancestors
from pymc_glm.recognize.model_view import Distribution, FreeVariable, ModelView, Term
from pymc_glm.recognize.scaling import is_positive

__all__ = ["recentre"]

# Families of location and scale, whose last two parameters are these.
LOCATION_SCALE = (CauchyRV, LaplaceRV, NormalRV, StudentTRV)


class _Product(NamedTuple):
    """Nodes that hold a variable times a positive quantity, and the quantity."""

    nodes: list[Variable]
    multiple: TensorVariable


def recentre(view: ModelView, kept: Iterable[str] = ()) -> ModelView:
    """Write a model in terms of effects instead of standardised effects.

    A variable z with a location-scale prior, which the other terms mention only as ``s * z`` with
    a positive s that depends on other variables, is replaced by ``s * z``. Priors are transformed
    with it, so the posterior is the same.

    Parameters
    ----------
    view : ModelView
        The model.
    kept : iterable of str
        Names of variables to leave as they are.

    Returns
    -------
    view : ModelView
        Its `multiples` names the replaced variables and their s.
    """
    for variable in view.variables:
        if variable.name in kept or not _is_candidate(view, variable):
            continue
        product = _product(view, variable)
        if product is not None:
            view = _replaced(view, variable, product)
    return view


def _prior(view: ModelView, variable: FreeVariable) -> Term:
    return next(term for term in view.terms if term.name == variable.name)


def _other_terms(view: ModelView, variable: FreeVariable) -> list[Term]:
    return [
        term for term in view.terms if variable.value in term.touches and term.name != variable.name
    ]


def _graphs(term: Term) -> list[TensorVariable]:
    """What a matcher reads of a term."""
    if term.distribution is None:
        return [term.log_density]
    return [term.distribution.value, *term.distribution.parameters]


def _is_candidate(view: ModelView, variable: FreeVariable) -> bool:
    if not (variable.is_linear and variable.is_univariate and variable.size):
        return False
    if variable.constrained is not variable.value:
        return False
    prior = _prior(view, variable)
    if prior.distribution is None or not isinstance(prior.distribution.op, LOCATION_SCALE):
        return False
    return all(variable.value not in ancestors([p]) for p in prior.distribution.parameters)


def _product(view: ModelView, variable: FreeVariable) -> _Product | None:
    """The longest product of the variable with block-free quantities that all terms share."""
    graphs = [graph for term in _other_terms(view, variable) for graph in _graphs(term)]
    if not graphs:
        return None
    clients = _clients(graphs)
    current: list[Variable] = [variable.value]
    found: list[Variable] = []
    while not any(node in graphs for node in current):
        nodes = list(dict.fromkeys(client for node in current for client in clients[node]))
        outputs = [node.outputs[0] for node in nodes]
        if not nodes or not all(_keeps_entries(node, variable) for node in nodes):
            break
        if not all(equal_computations([outputs[0]], [other]) for other in outputs[1:]):
            break
        current = outputs
        if isinstance(nodes[0].op, Elemwise):
            found = outputs
    if not found:
        return None
    ones = pt.ones(variable.shape, dtype=variable.value.dtype)
    [multiple] = clone_replace([found[0]], {variable.value: ones}, rebuild_strict=False)
    multiple = multiple.reshape(variable.shape)
    if not _is_scale(view, multiple):
        return None
    return _Product(found, multiple)


def _clients(graphs: Sequence[Variable]) -> dict[Variable, list[Apply]]:
    found: dict[Variable, list[Apply]] = {}
    for node in toposort(graphs):
        for argument in node.inputs:
            found.setdefault(argument, []).append(node)
        for output in node.outputs:
            found.setdefault(output, [])
    return found


def _keeps_entries(node: Apply, variable: FreeVariable) -> bool:
    """Whether a node multiplies each entry by something free of the variable, or reshapes."""
    if not isinstance(node.op, DimShuffle | Elemwise):
        return False
    if int(np.prod(static_shape(node.outputs[0]), dtype=int)) != variable.size:
        return False
    if isinstance(node.op, DimShuffle):
        kept = [axis for axis in node.op.new_order if axis != "x"]
        long = [axis for axis in kept if static_shape(node.inputs[0])[axis] > 1]
        # A transposition is no reshape: entries would change places.
        return long == sorted(long)
    mentioned = [variable.value in value_ancestors(argument) for argument in node.inputs]
    if sum(mentioned) != 1:
        return False
    if isinstance(node.op.scalar_op, ps.TrueDiv):
        return mentioned[0]
    return isinstance(node.op.scalar_op, ps.Mul)


def _is_scale(view: ModelView, multiple: TensorVariable) -> bool:
    """Whether a multiple is positive and depends on variables that can be in no block."""
    mentioned = value_ancestors(multiple)
    others = [other for other in view.variables if other.value in mentioned]
    if not others or not is_positive(multiple):
        return False
    linear = [other.value for other in others if other.is_linear]
    return not any(pullback_conflicts([multiple], [value])[0].is_affine for value in linear)


def _replaced(view: ModelView, variable: FreeVariable, product: _Product) -> ModelView:
    value, multiple = variable.value, product.multiple
    effect = pt.tensor(value.name, dtype=value.dtype, shape=variable.shape)
    places = {node: effect.reshape(static_shape(node)) for node in product.nodes}
    substitute = {value: effect / multiple}
    known = {effect if other.value is value else other.value for other in view.variables}

    def revised(term: Term) -> Term:
        if value not in term.touches:
            return term
        # The term itself is substituted, what matchers read of it by pattern: the certificate
        # compares the two.
        [rows] = clone_replace([term.rows], substitute, rebuild_strict=False)
        log_density = pt.sum(rows)
        if term.name == variable.name:
            rows = rows - pt.log(multiple)
            log_density = pt.sum(rows)
            distribution = _rescaled(term.distribution, effect, multiple)
        elif term.distribution is None:
            [log_density] = clone_replace([term.log_density], places, rebuild_strict=False)
            distribution = None
        else:
            graphs = clone_replace(_graphs(term), places, rebuild_strict=False)
            distribution = Distribution(term.distribution.op, tuple(graphs[1:]), graphs[0])
        read = [log_density]
        if distribution is not None:
            read = [distribution.value, *distribution.parameters]
        touches = frozenset(known.intersection(ancestors(read)))
        return Term(term.name, term.kind, log_density, rows, distribution, touches)

    variables = [
        other._replace(value=effect, constrained=effect) if other is variable else other
        for other in view.variables
    ]
    return view._replace(
        variables=variables,
        terms=[revised(term) for term in view.terms],
        multiples=view.multiples | {variable.name: multiple},
    )


def _rescaled(
    distribution: Distribution | None, effect: TensorVariable, multiple: TensorVariable
) -> Distribution:
    assert distribution is not None
    *shape, location, scale = distribution.parameters
    is_centred = isinstance(location, Constant) and not np.any(location.data)
    location = location if is_centred else location * multiple
    return Distribution(distribution.op, (*shape, location, scale * multiple), effect)
