"""Censored normal observations."""

import numpy as np
import pytensor.tensor as pt

from pymc.distributions.censored import CensoredRV
from pytensor.tensor.random.basic import NormalRV

from pymc_glm.families import Gaussian, NormalInterval
from pymc_glm.recognize.dependence import evaluate, is_known
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher


@matcher(CensoredRV)
def match_censored(value, parameters, op):
    """Match ``Censored(Normal(mu, sigma), lower, upper)``: value - mu, or mu at a limit."""
    dist, lower, upper = parameters
    component = getattr(dist.owner, "op", None)
    if not isinstance(component, NormalRV):
        return MatchRefusal("only censored normals are Gaussian given what was not seen")
    if not all(is_known(graph) for graph in (value, lower, upper)):
        return MatchRefusal("its values or its limits are unknown")
    mu, sigma = component.dist_params(dist.owner)
    mu, sigma = (pt.zeros_like(value) + parameter for parameter in (mu, sigma))
    is_below, is_above = evaluate([pt.le(value, lower), pt.ge(value, upper)])
    return [
        *_seen(value, mu, sigma, np.flatnonzero(~(is_below | is_above))),
        *_limited(value, mu, sigma, np.flatnonzero(is_below), is_above=False),
        *_limited(value, mu, sigma, np.flatnonzero(is_above & ~is_below), is_above=True),
    ]


def _rows(graph, rows):
    return graph.flatten()[rows]


def _seen(value, mu, sigma, rows):
    if rows.size == 0:
        return []
    response = _rows(value, rows) - _rows(mu, rows)
    return [Match(Gaussian(), response, {"scale": _rows(sigma, rows)})]


def _limited(value, mu, sigma, rows, is_above):
    """What is known of an observation at a limit: the normal variate lies beyond it."""
    if rows.size == 0:
        return []
    limit = _rows(value, rows)
    bounds = {"lower": pt.constant(-np.inf), "upper": limit}
    if is_above:
        bounds = {"lower": limit, "upper": pt.constant(np.inf)}
    return [Match(NormalInterval(), _rows(mu, rows), {**bounds, "sigma": _rows(sigma, rows)})]
