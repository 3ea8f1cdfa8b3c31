"""Cauchy."""

from pytensor.tensor.random.basic import CauchyRV

from pymc_glm.families import Cauchy
from pymc_glm.recognize.registry import Match, matcher


@matcher(CauchyRV)
def match_cauchy(value, parameters, op):
    """Match ``Cauchy(alpha, beta)``: response value - alpha."""
    alpha, beta = parameters
    return [Match(Cauchy(), value - alpha, {"scale": beta})]
