"""Whole chains, compiled."""

from pymc_glm.sampling.compiled import sample

__all__ = ["sample"]
