"""Random variables that PyTensor lacks."""

from pymc_glm.random.generalized_inverse_gaussian import generalized_inverse_gaussian
from pymc_glm.random.horseshoe_precision import horseshoe_precision
from pymc_glm.random.inverse_gaussian import inverse_gaussian
from pymc_glm.random.laplace_latent import laplace_latent
from pymc_glm.random.polya_gamma import polya_gamma
from pymc_glm.random.tilted_stable import tilted_stable
from pymc_glm.random.truncated_normal import truncated_normal

__all__ = [
    "generalized_inverse_gaussian",
    "horseshoe_precision",
    "inverse_gaussian",
    "laplace_latent",
    "polya_gamma",
    "tilted_stable",
    "truncated_normal",
]
