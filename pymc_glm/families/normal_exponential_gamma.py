"""The normal-exponential-gamma family."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.log_densities import log_exponential_gamma_integral
from pymc_glm.families.mixing_laws import exponential_variance_nodes
from pymc_glm.ops import KernelOp

__all__ = ["NormalExponentialGamma"]

_PRECISION = KernelOp(
    "pymc_glm.families.mixture_kernels:normal_exponential_gamma_precision", stochastic=True
)


@final
class NormalExponentialGamma(AbstractFamily):
    r"""Normal of variance v, exponential of rate psi, gamma of the given shape and rate scale**2.

    Sharp at zero, with tails abs(t)**-(2 shape + 1). Given t the Laplace rate y = sqrt(2 psi) has a
    density proportional to y**(2 shape) exp(-(scale y)**2 / 2 - abs(t) y); it is drawn by rejection
    from gamma laws, and then the precision as that of the Laplace family: nothing is carried over
    from one sweep to the next.

    References
    ----------
    Griffin and Brown (2011), https://doi.org/10.1111/j.1467-842X.2011.00641.x
    """

    name: ClassVar[str] = "normal-exponential-gamma"
    parameters: ClassVar[tuple[str, ...]] = ("shape", "scale")
    positive: ClassVar[tuple[str, ...]] = ("shape", "scale")

    def log_density(
        self, t: TensorVariable, *, shape: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        shape, scale = as_float64(shape), as_float64(scale)
        integral = log_exponential_gamma_integral(2 * shape + 1, pt.abs(t) / scale)
        return integral - shape * np.log(2) - pt.gammaln(shape) - pt.log(scale)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        shape: TensorVariable,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, shape, scale, cap)

    def mixing_nodes(self, *, shape: float, scale: float) -> MixingNodes:
        """Sum over the Laplace rates, by the trapezoidal rule in the logs of both."""
        log_rate = np.linspace(-40.0 / min(shape, 1.0), 4.0, 1500)
        log_mass = 2 * shape * log_rate - 0.5 * np.exp(2 * log_rate) - gammaln(shape)
        log_mass += (1 - shape) * np.log(2) + np.log(log_rate[1] - log_rate[0])
        return exponential_variance_nodes(log_rate, log_mass, scale)
