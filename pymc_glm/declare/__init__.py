"""What plain PyMC lacks for declaring a model."""

from pymc_glm.declare.expert import expert
from pymc_glm.declare.hyperbolic import (
    GeneralizedHyperbolic,
    Hyperbolic,
    NormalInverseGaussian,
    VarianceGamma,
)
from pymc_glm.declare.penalties import (
    Charbonnier,
    ExponentialPower,
    GroupLaplace,
    HyperbolicSecant,
    SymmetricStable,
    hinge,
)
from pymc_glm.declare.shrinkage import (
    DirichletLaplace,
    GeneralizedDoublePareto,
    Horseshoe,
    NormalExponentialGamma,
)

__all__ = [
    "Charbonnier",
    "DirichletLaplace",
    "ExponentialPower",
    "GeneralizedDoublePareto",
    "GeneralizedHyperbolic",
    "GroupLaplace",
    "Horseshoe",
    "Hyperbolic",
    "HyperbolicSecant",
    "NormalExponentialGamma",
    "NormalInverseGaussian",
    "SymmetricStable",
    "VarianceGamma",
    "expert",
    "hinge",
]
