"""Ordered probit and ordered logit outcomes: categories between cutpoints."""

import numpy as np
import pytensor.tensor as pt

from pytensor.scalar import basic as ps
from pytensor.scalar import math as special
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.random.basic import CategoricalRV
from pytensor.tensor.subtensor import Subtensor

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.families import LogisticInterval, NormalInterval
from pymc_glm.recognize.dependence import evaluate, is_known, static_shape, value_ancestors
from pymc_glm.recognize.links import unwrapped
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher

REFUSAL = MatchRefusal(
    "only ordered probit and ordered logit categories are normal intervals; a softmax couples the"
    " predictors of all categories"
)


@matcher(CategoricalRV)
def match_ordered(value, parameters, op):
    """Match the categories of ``OrderedProbit`` and ``OrderedLogistic``: response eta."""
    p = unwrapped(parameters[0])
    for find in (_probit, _logit):
        found = find(p)
        if found is not None:
            family, eta, cutpoints, more = found
            return _intervals(value, family, eta, cutpoints, more)
    return REFUSAL


def _intervals(value, family, eta, cutpoints, more):
    """The interval of each observed category."""
    padding = (*static_shape(cutpoints)[:-1], 1)
    ends = [pt.full(padding, -np.inf), cutpoints, pt.full(padding, np.inf)]
    edges = pt.concatenate(ends, axis=-1)
    category = value.astype("int64")
    _refuse_unknown_categories(category, static_shape(cutpoints)[-1])
    shape = static_shape(category)
    response = pt.zeros(shape) + eta
    if edges.type.ndim == 1:
        lower, upper = edges[category], edges[category + 1]
    else:
        edges = pt.broadcast_to(edges, (*shape, static_shape(edges)[-1]))
        lower, upper = (
            pt.take_along_axis(edges, (category + shift)[..., None], axis=-1)[..., 0]
            for shift in (0, 1)
        )
    return [Match(family, response, {"lower": lower, "upper": upper, **more})]


def _refuse_unknown_categories(category, largest):
    if not is_known(category):
        return
    [numbers] = evaluate([category])
    outside = numbers[(numbers < 0) | (numbers > largest)]
    if outside.size:
        raise InvalidDataError(
            f"An ordered outcome is {outside.flat[0]}, and {largest} cutpoints make the categories"
            f" 0 to {largest}. Number the categories from zero, or give more cutpoints."
        )


def _scalar_op(node):
    return node.op.scalar_op if isinstance(node.op, Elemwise) else None


def _probit(p):
    """``(eta - cutpoints) / sigma`` under the normal distribution functions of `OrderedProbit`."""
    if p.owner is None or not isinstance(_scalar_op(p.owner), ps.Exp):
        return None
    for variable in value_ancestors(p):
        node = variable.owner
        if node is None or not isinstance(_scalar_op(node), ps.TrueDiv):
            continue
        part, sigma = node.inputs
        difference = _first_column(part)
        sides = None if difference is None else _sides(difference)
        if sides is not None and sides[0].type.broadcastable[-1]:
            eta, cutpoints = sides
            return NormalInterval(), eta[..., 0], _core(cutpoints), {"sigma": sigma}
    return None


def _logit(p):
    """``sigmoid(cutpoints - eta)`` under the differences of `OrderedLogistic`."""
    if p.owner is None or not isinstance(_scalar_op(p.owner), ps.Sub):
        return None
    for variable in value_ancestors(p):
        node = variable.owner
        if node is None or not isinstance(_scalar_op(node), special.Sigmoid):
            continue
        sides = _sides(node.inputs[0])
        if sides is not None and sides[1].type.broadcastable[-1]:
            cutpoints, eta = sides
            return LogisticInterval(), eta[..., 0], _core(cutpoints), {}
    return None


def _first_column(part):
    """The matrix whose first column, less zero, is given."""
    sides = _sides(part)
    if sides is None or sides[0].owner is None:
        return None
    column = sides[0].owner
    if not isinstance(column.op, Subtensor):
        return None
    [matrix, *_] = column.inputs
    # A slice of several columns is none of them.
    return matrix if matrix.type.ndim == sides[0].type.ndim + 1 else None


def _sides(graph):
    """The two sides of a subtraction."""
    node = graph.owner
    if node is None or not isinstance(_scalar_op(node), ps.Sub):
        return None
    return node.inputs


def _core(cutpoints):
    """Cutpoints without leading axes of length one."""
    extra = 0
    while extra < cutpoints.type.ndim - 1 and cutpoints.type.broadcastable[extra]:
        extra += 1
    return cutpoints[(0,) * extra]
