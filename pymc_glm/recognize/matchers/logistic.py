"""Logistic."""

from pytensor.tensor.random.basic import LogisticRV

from pymc_glm.families import Logistic
from pymc_glm.recognize.registry import Match, matcher


@matcher(LogisticRV)
def match_logistic(value, parameters, op):
    """Match ``Logistic(mu, s)``: response value - mu."""
    mu, s = parameters
    return [Match(Logistic(), value - mu, {"scale": s})]
