"""Skew-normal."""

from pymc.distributions.continuous import SkewNormal as SkewNormalDistribution

from pymc_glm.families import SkewNormal
from pymc_glm.recognize.registry import Match, matcher


@matcher(type(SkewNormalDistribution.rv_op))
def match_skew_normal(value, parameters, op):
    """Match ``SkewNormal(mu, sigma, alpha)``: response value - mu."""
    mu, sigma, alpha = parameters
    return [Match(SkewNormal(), value - mu, {"alpha": alpha, "scale": sigma})]
