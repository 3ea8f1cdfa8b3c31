"""Bernoulli and binomial outcomes with a logit or a probit link."""

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Constant
from pytensor.tensor.random.basic import BernoulliRV, BinomialRV

from pymc_glm.families import BinomialLogit, NormalInterval
from pymc_glm.recognize.links import log_odds_of, normal_quantile_of
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher

NO_LINK = "its probability is neither a logistic nor a probit function of a predictor"


@matcher(BernoulliRV)
def match_bernoulli(value, parameters, op):
    """Match ``Bernoulli(p)``: the response is the log odds or the probit of p."""
    [p] = parameters
    log_odds = log_odds_of(p)
    if log_odds is not None:
        return [_logit(value, log_odds, pt.constant(1.0))]
    quantile = normal_quantile_of(p)
    if quantile is None:
        return MatchRefusal(NO_LINK)
    one = pt.eq(value, 1)
    bounds = {"lower": pt.switch(one, 0.0, -np.inf), "upper": pt.switch(one, np.inf, 0.0)}
    return [Match(NormalInterval(), _full(value, quantile), {**bounds, "sigma": pt.constant(1.0)})]


@matcher(BinomialRV)
def match_binomial(value, parameters, op):
    """Match ``Binomial(n, p)``: the response is the log odds of p."""
    n, p = parameters
    log_odds = log_odds_of(p)
    if log_odds is not None:
        return [_logit(value, log_odds, n)]
    if normal_quantile_of(p) is None:
        return MatchRefusal(NO_LINK)
    if isinstance(n, Constant) and np.all(n.data == 1):
        return match_bernoulli(value, [p], op)
    return MatchRefusal(
        "a binomial count with a probit link has a latent for each trial; write the trials as"
        " Bernoulli outcomes"
    )


def _logit(value, log_odds, trials):
    successes = value.astype("float64")
    return Match(
        BinomialLogit(), _full(value, log_odds), {"successes": successes, "trials": trials}
    )


def _full(value, predictor):
    """The predictor of every outcome, where outcomes share some."""
    return pt.zeros_like(value, dtype="float64") + predictor
