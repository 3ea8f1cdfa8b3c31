"""Normal and Flat."""

from pymc.distributions.continuous import FlatRV
from pytensor.tensor.random.basic import NormalRV

from pymc_glm.families import Gaussian
from pymc_glm.recognize.registry import Match, matcher


@matcher(NormalRV)
def match_normal(value, parameters, op):
    """Match ``Normal(mu, sigma)``: response value - mu."""
    mu, sigma = parameters
    return [Match(Gaussian(), value - mu, {"scale": sigma})]


@matcher(FlatRV)
def match_flat(value, parameters, op):
    """Match ``Flat()``: a density of one needs no factor."""
    return []
