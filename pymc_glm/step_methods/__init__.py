"""PyMC step methods of this package."""

from pymc_glm.step_methods.gibbs import GaussianLatentGibbs
from pymc_glm.step_methods.gmp_diffusion import GMPDiffusion
from pymc_glm.step_methods.mala import MALA

__all__ = ["MALA", "GMPDiffusion", "GaussianLatentGibbs"]
