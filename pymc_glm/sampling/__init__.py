"""Whole chains, compiled."""

from pymc_glm.sampling.sample import sample

__all__ = ["sample"]
