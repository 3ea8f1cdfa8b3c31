"""The Dirichlet-Laplace family, one coordinate at a time."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.log_densities import log_bessel_k
from pymc_glm.families.mixing_laws import exponential_variance_nodes
from pymc_glm.ops import KernelOp

__all__ = ["DirichletLaplace"]

_PRECISION = KernelOp(
    "pymc_glm.families.mixture_kernels:dirichlet_laplace_precision", stochastic=True
)


@final
class DirichletLaplace(AbstractFamily):
    r"""Laplace of scale ``scale`` T, with T gamma of the given concentration and rate 1/2.

    The Dirichlet weights of the prior, times its gamma global scale of rate 1/2, are independent
    gamma variables: so are its coordinates, and the usual updates of weights and global scale are
    not needed. Given t, T is GIG(concentration - 1, 1, 2 abs(t) / scale).

    Notes
    -----
    For a concentration of at most one the density has a pole at zero; responses are held 1e-300
    scales from it.

    References
    ----------
    Bhattacharya, Pati, Pillai and Dunson (2015), https://doi.org/10.1080/01621459.2014.960967
    """

    name: ClassVar[str] = "Dirichlet-Laplace"
    parameters: ClassVar[tuple[str, ...]] = ("concentration", "scale")
    positive: ClassVar[tuple[str, ...]] = ("concentration", "scale")

    def log_density(
        self, t: TensorVariable, *, concentration: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        a, scale = as_float64(concentration), as_float64(scale)
        x = 2 * pt.maximum(pt.abs(t) / scale, 1e-300)
        log_height = -a * np.log(2) - pt.gammaln(a) - pt.log(scale)
        return log_height + 0.5 * (a - 1) * pt.log(x) + log_bessel_k(a - 1, pt.sqrt(x))

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        concentration: TensorVariable,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, concentration, scale, cap)

    def mixing_nodes(self, *, concentration: float, scale: float) -> MixingNodes:
        """Sum over the Laplace scales, by the trapezoidal rule in the logs of both."""
        log_local = np.linspace(-80.0 / min(concentration, 1.0), 7.0, 1500)
        log_mass = concentration * (log_local - np.log(2)) - 0.5 * np.exp(log_local)
        log_mass += np.log(log_local[1] - log_local[0]) - gammaln(concentration)
        return exponential_variance_nodes(-log_local[::-1], log_mass[::-1], scale)
