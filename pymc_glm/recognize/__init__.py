"""Read the latent machine off a PyMC model."""

from pymc_glm.recognize.recognize import Recognition, explain, recognize

__all__ = ["Recognition", "explain", "recognize"]
