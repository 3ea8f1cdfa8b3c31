"""Lognormal observations: normal ones of their logarithm."""

import pytensor.tensor as pt

from pytensor.tensor.random.basic import LogNormalRV

from pymc_glm.families import Gaussian
from pymc_glm.recognize.links import log_of
from pymc_glm.recognize.registry import Match, matcher


@matcher(LogNormalRV)
def match_log_normal(value, parameters, op):
    """Match ``LogNormal(mu, sigma)``: response log(value) - mu."""
    mu, sigma = parameters
    response = log_of(value) - mu
    # The Jacobian of the logarithm counts where the value is a variable of the model.
    jacobian = -pt.sum(pt.zeros_like(response) + log_of(value))
    return [Match(Gaussian(), response, {"scale": sigma}, jacobian)]
