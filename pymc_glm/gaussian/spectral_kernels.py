"""Kernels for a Q that is diagonal in an orthonormal basis V; the system is in coefficients.

``layout`` is the program of V', which consists of one call of Python and has no floats.
"""

from __future__ import annotations

import numpy as np

from pymc_glm.gaussian.draw_kernels import diagonal_from_noise
from pymc_glm.gaussian.kernels import add_tail
from pymc_glm.gaussian.marginal_kernels import diagonal_log_marginal
from pymc_glm.numba_support import kernel
from pymc_glm.operators.program_kernels import apply_program, apply_program_adjoint

__all__ = [
    "add_transformed",
    "spectral_draw",
    "spectral_from_noise",
    "spectral_log_marginal",
]


@kernel
def add_transformed(system, vector, layout):
    """``system`` with the coefficients of a vector added to V'h."""
    return add_tail(system, apply_program(layout, np.empty(0), vector))


@kernel
def spectral_from_noise(system, noise, layout):
    """Coefficients do not interact; their wave is the draw."""
    coefficients = diagonal_from_noise(system, noise)
    return apply_program_adjoint(layout, np.empty(0), coefficients)


@kernel
def spectral_draw(rng, system, layout):
    """Draw of the block."""
    return spectral_from_noise(system, rng.standard_normal(system.size // 2), layout)


@kernel
def spectral_log_marginal(system, layout):
    """Log integral, which an orthonormal basis does not change: no transform."""
    return diagonal_log_marginal(system, np.full(1, system.size // 2))
