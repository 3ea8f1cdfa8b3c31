"""Random variables that PyTensor lacks."""

from pymc_glm.random.generalized_inverse_gaussian import generalized_inverse_gaussian
from pymc_glm.random.inverse_gaussian import inverse_gaussian
from pymc_glm.random.laplace_latent import laplace_latent

__all__ = ["generalized_inverse_gaussian", "inverse_gaussian", "laplace_latent"]
