"""Laplace."""

from pytensor.tensor.random.basic import LaplaceRV

from pymc_glm.families import Laplace
from pymc_glm.recognize.registry import Match, matcher


@matcher(LaplaceRV)
def match_laplace(value, parameters, op):
    """Match ``Laplace(mu, b)``: response value - mu."""
    mu, b = parameters
    return [Match(Laplace(), value - mu, {"scale": b})]
