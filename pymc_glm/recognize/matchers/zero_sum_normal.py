"""Normals constrained to sum to zero."""

from pymc.distributions.multivariate import ZeroSumNormalRV
from pytensor.graph.traversal import explicit_graph_inputs

from pymc_glm.families import Gaussian
from pymc_glm.recognize.dependence import static_shape
from pymc_glm.recognize.evaluate import scalar
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher


@matcher(ZeroSumNormalRV)
def match_zero_sum_normal(value, parameters, op):
    """Match ``ZeroSumNormal(sigma)``: independent normals in the coordinates that PyMC samples.

    PyMC's zero-sum transform is an isometry from n - 1 free coordinates to the zero-sum vectors,
    so the coordinates are independent normals with the same sigma.
    """
    sigma, *_ = parameters
    if any(length != 1 for length in static_shape(sigma)):
        return MatchRefusal("a ZeroSumNormal with several values of sigma is not supported yet")
    coordinates = _coordinates(value)
    if coordinates is None:
        return MatchRefusal("a ZeroSumNormal is supported as a free variable only")
    return [Match(Gaussian(), coordinates, {"scale": scalar(sigma)})]


def _coordinates(value):
    """The value variable from which PyMC's transform makes the zero-sum value."""
    roots = [root for root in explicit_graph_inputs([value]) if root.name]
    return roots[0] if len(roots) == 1 and value.owner is not None else None
