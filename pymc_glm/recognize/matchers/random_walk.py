"""Random walks and autoregressions as priors of a path."""

import pytensor.tensor as pt

from pymc.distributions.timeseries import AutoRegressiveRV, RandomWalkRV

from pymc_glm.families import Gaussian
from pymc_glm.recognize.registry import Match, MatchRefusal, match_distribution, matcher


@matcher(RandomWalkRV)
def match_random_walk(value, parameters, op):
    """Match ``RandomWalk``: the first value under its own family, the increments under theirs."""
    initial, innovation, *_ = parameters
    if op.ndim_supp != 1:
        return MatchRefusal("only random walks of univariate steps are supported")
    # The components are declared with time first.
    path = pt.moveaxis(value, -1, 0)
    parts = [(initial, path[:1]), (innovation, path[1:] - path[:-1])]
    return _match_all(parts)


@matcher(AutoRegressiveRV)
def match_autoregression(value, parameters, op):
    """Match ``AR(rho, sigma)``: first values under their family, innovations under a normal."""
    rho, sigma, initial, *_ = parameters
    order = op.ar_order
    lags = rho[..., 1:] if op.constant_term else rho
    expected = sum(
        lags[..., k, None] * value[..., order - (k + 1) : -(k + 1)] for k in range(order)
    )
    if op.constant_term:
        expected = expected + rho[..., 0, None]
    first = _match_all([(initial, value[..., :order])])
    if isinstance(first, MatchRefusal):
        return first
    innovation = value[..., order:] - expected
    return [*first, Match(Gaussian(), innovation, {"scale": sigma[..., None]})]


def _match_all(parts):
    matches = []
    for component, value in parts:
        op = component.owner.op
        found = match_distribution(op, op.dist_params(component.owner), value)
        if isinstance(found, MatchRefusal):
            return found
        matches += found
    return matches
