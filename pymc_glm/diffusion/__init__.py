"""Learned proposals that jump between modes: mixtures, diffusions and few-step paths."""

from pymc_glm.diffusion.fit import fit_diffusion
from pymc_glm.diffusion.prior import from_moments
from pymc_glm.diffusion.proposal import Candidates, Proposal, make_kernel
from pymc_glm.diffusion.targets import Layout

__all__ = [
    "Candidates",
    "Layout",
    "Proposal",
    "fit_diffusion",
    "from_moments",
    "make_kernel",
]
