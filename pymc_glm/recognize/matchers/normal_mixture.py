"""Finite mixtures of normals."""

import pytensor.tensor as pt

from pymc.distributions.mixture import MixtureRV
from pytensor.tensor.random.basic import NormalRV

from pymc_glm.families import NormalMixture
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher


@matcher(MixtureRV)
def match_normal_mixture(value, parameters, op):
    """Match ``NormalMixture(w, mu, sigma)`` and ``Mixture`` of normals: response value."""
    weights, *components = parameters
    if any(not isinstance(component.owner.op, NormalRV) for component in components):
        return MatchRefusal("only mixtures of normals are Gaussian given a component")
    if op.ndim_supp != 0:
        return MatchRefusal("only mixtures of univariate components are supported")
    locations, scales = zip(
        *(component.owner.op.dist_params(component.owner) for component in components), strict=True
    )
    if len(components) == 1:
        # One batched component: its last axis runs over the mixture.
        [location], [scale] = locations, scales
        location, scale = pt.broadcast_arrays(location, scale)
        if location.type.ndim == 0:
            return MatchRefusal("the mixture has a component without a component axis")
    else:
        location = pt.stack(pt.broadcast_arrays(*locations), axis=-1)
        scale = pt.stack(pt.broadcast_arrays(*scales), axis=-1)
    return [Match(NormalMixture(), value, {"weights": weights, "means": location, "scales": scale})]
