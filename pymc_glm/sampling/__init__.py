"""Whole chains, compiled."""

from pymc_glm.sampling.compiled import sample
from pymc_glm.sampling.streaming import stream

__all__ = ["sample", "stream"]
