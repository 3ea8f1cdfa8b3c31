"""The generalized hyperbolic family and its limit without a smooth top, the variance gamma."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln, kve

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.families.log_densities import log_bessel_k
from pymc_glm.ops import KernelOp

__all__ = ["GeneralizedHyperbolic", "VarianceGamma"]

_PRECISION = KernelOp(
    "pymc_glm.families.mixture_kernels:generalized_hyperbolic_precision", stochastic=True
)


def _tilted(latent: Latent, beta: TensorVariable, t: TensorVariable) -> Latent:
    """The information of a response that is drawn to one side by beta times its variance."""
    return latent._replace(information=as_float64(beta) + pt.zeros_like(as_float64(t)))


@final
class GeneralizedHyperbolic(AbstractFamily):
    r"""Normal of mean beta v and variance v, v generalized inverse Gaussian.

    The mixing law is GIG(order, alpha**2 - beta**2, delta**2). Given t the variance is
    GIG(order - 1/2, alpha**2, delta**2 + t**2), and the information is beta. With order -1/2 this
    is the normal-inverse-Gaussian law, with order 1 the hyperbolic one, which for beta = 0 is the
    Charbonnier penalty exp(-alpha sqrt(delta**2 + t**2)).

    Notes
    -----
    It needs alpha > abs(beta) and delta > 0. A precision has a mean of at most about
    ``max(alpha, 1 / delta) / delta``, so ``cap`` is ignored.

    References
    ----------
    Barndorff-Nielsen (1977), https://doi.org/10.1098/rspa.1977.0041
    """

    name: ClassVar[str] = "generalized hyperbolic"
    parameters: ClassVar[tuple[str, ...]] = ("order", "alpha", "beta", "delta")
    positive: ClassVar[tuple[str, ...]] = ("alpha", "delta")
    has_location: ClassVar[bool] = True

    def log_density(
        self,
        t: TensorVariable,
        *,
        order: TensorVariable,
        alpha: TensorVariable,
        beta: TensorVariable,
        delta: TensorVariable,
    ) -> TensorVariable:
        """Log density of each response."""
        order, alpha, beta, delta = map(as_float64, (order, alpha, beta, delta))
        # A difference of squares without cancellation.
        log_gamma = 0.5 * (pt.log(alpha - beta) + pt.log(alpha + beta))
        distance = pt.sqrt(delta**2 + t**2)
        log_height = order * (log_gamma - pt.log(delta)) - 0.5 * np.log(2 * np.pi)
        log_height = log_height - log_bessel_k(order, delta * pt.exp(log_gamma))
        power = order - 0.5
        shape = power * (pt.log(distance) - pt.log(alpha)) + log_bessel_k(power, alpha * distance)
        return log_height + shape + beta * t

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        order: TensorVariable,
        alpha: TensorVariable,
        beta: TensorVariable,
        delta: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return _tilted(draw_latent(_PRECISION, rng, t, order, alpha, delta), beta, t)

    def mixing_nodes(self, *, order: float, alpha: float, beta: float, delta: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        root = np.sqrt(alpha**2 - beta**2)
        omega = root * delta
        x = np.linspace(-60.0, 60.0, 60_001)
        log_variance = -x + np.log(delta / root)
        log_height = -np.log(2 * kve(order, omega)) + omega
        log_weight = -order * x - omega * np.cosh(np.minimum(np.abs(x), 700.0)) + log_height
        log_weight += np.log(x[1] - x[0])
        variance = np.exp(log_variance)
        return MixingNodes(1.0 / variance, beta * variance, log_weight, discrete=False)

    def surrogate(self, **parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scale on which the density bends."""
        alpha, delta = parameters["alpha"], parameters["delta"]
        return np.zeros(()), np.sqrt(delta / alpha + alpha**-2.0)


@final
class VarianceGamma(AbstractFamily):
    r"""Normal of mean beta v and variance v, v gamma of shape order and rate (alpha^2 - beta^2)/2.

    Given t the variance is GIG(order - 1/2, alpha**2, t**2), and the information is beta. With
    order 1 and beta = 0 this is the Laplace law of scale 1 / alpha.

    Notes
    -----
    It needs alpha > abs(beta) and order > 0. For an order of at most 1/2 the density has a pole at
    zero; responses are held 1e-300 from it.

    References
    ----------
    Madan and Seneta (1990), https://doi.org/10.1086/296519
    """

    name: ClassVar[str] = "variance gamma"
    parameters: ClassVar[tuple[str, ...]] = ("order", "alpha", "beta")
    positive: ClassVar[tuple[str, ...]] = ("order", "alpha")
    has_location: ClassVar[bool] = True

    def log_density(
        self,
        t: TensorVariable,
        *,
        order: TensorVariable,
        alpha: TensorVariable,
        beta: TensorVariable,
    ) -> TensorVariable:
        """Log density of each response."""
        order, alpha, beta = map(as_float64, (order, alpha, beta))
        log_height = order * (pt.log(alpha - beta) + pt.log(alpha + beta))
        log_height = log_height + (1 - order) * np.log(2) - pt.gammaln(order)
        distance = pt.maximum(pt.abs(t), 1e-300)
        power = order - 0.5
        shape = power * (pt.log(distance) - pt.log(alpha)) + log_bessel_k(power, alpha * distance)
        return log_height - 0.5 * np.log(2 * np.pi) + shape + beta * t

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        order: TensorVariable,
        alpha: TensorVariable,
        beta: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return _tilted(draw_latent(_PRECISION, rng, t, order, alpha, 0.0), beta, t)

    def mixing_nodes(self, *, order: float, alpha: float, beta: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        x = np.linspace(-8.0, 90.0 / min(order, 1.0), 60_001)
        rate = 0.5 * (alpha**2 - beta**2)
        log_weight = -order * x - np.exp(-x) - gammaln(order) + np.log(x[1] - x[0])
        variance = np.exp(-x) / rate
        return MixingNodes(1.0 / variance, beta * variance, log_weight, discrete=False)

    def surrogate(self, **parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The standard deviation without beta."""
        return np.zeros(()), np.sqrt(2.0 * parameters["order"]) / parameters["alpha"]
