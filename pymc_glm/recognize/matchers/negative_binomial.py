"""Negative binomial counts."""

import pytensor.tensor as pt

from pytensor.tensor.random.basic import NegBinomialRV

from pymc_glm.families import NegativeBinomialLogit
from pymc_glm.recognize.links import log_odds_of
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher


@matcher(NegBinomialRV)
def match_negative_binomial(value, parameters, op):
    """Match ``NegativeBinomial(n, p)``: the response is minus the log odds of p.

    Told by its mean, p is n / (n + mean) and the response log(mean) - log(n).
    """
    n, p = parameters
    log_odds = log_odds_of(p)
    if log_odds is None:
        return MatchRefusal("its mean is not the exponential of a predictor")
    response = pt.zeros_like(value, dtype="float64") - log_odds
    count = value.astype("float64")
    return [Match(NegativeBinomialLogit(), response, {"count": count, "dispersion": n})]
