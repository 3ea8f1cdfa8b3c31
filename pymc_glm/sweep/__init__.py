"""From a latent machine to one compiled Gibbs sweep, or a compiled chain of them."""

from pymc_glm.sweep.build import SweepGraph, build_sweep
from pymc_glm.sweep.compile import CompiledSweep, compile_chain, compile_sweep

__all__ = [
    "CompiledSweep",
    "SweepGraph",
    "build_sweep",
    "compile_chain",
    "compile_sweep",
]
