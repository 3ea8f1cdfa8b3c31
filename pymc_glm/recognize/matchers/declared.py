"""Distributions that `pymc_glm.declare` adds to PyMC: each names its family."""

from pymc_glm.declare.random_variables import FamilyRandomVariable, GroupLaplaceRV
from pymc_glm.families import GroupLaplace
from pymc_glm.recognize.dependence import static_shape
from pymc_glm.recognize.registry import Match, matcher


@matcher(FamilyRandomVariable)
def match_declared(value, parameters, op):
    """Match a location family: response value - mu."""
    mu, *rest = parameters
    return [Match(op.family, value - mu, op.named(rest))]


@matcher(GroupLaplaceRV)
def match_group_laplace(value, parameters, op):
    """Match ``GroupLaplace(mu, scale)``: groups of responses along the last axis."""
    mu, scale = parameters
    response = value - mu
    family = GroupLaplace(static_shape(response)[-1])
    return [Match(family, response, {"scale": scale[..., None] if scale.type.ndim else scale})]
