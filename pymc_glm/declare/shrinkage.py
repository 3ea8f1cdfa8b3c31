"""Priors for coefficients of which most are small and few are large."""

from __future__ import annotations

from typing import Any

from pytensor.tensor.variable import TensorVariable

from pymc_glm.declare.base import FamilyDistribution
from pymc_glm.declare.random_variables import (
    DirichletLaplaceRV,
    GeneralizedDoubleParetoRV,
    HorseshoeRV,
    NormalExponentialGammaRV,
)

__all__ = [
    "DirichletLaplace",
    "GeneralizedDoublePareto",
    "Horseshoe",
    "NormalExponentialGamma",
]


class Horseshoe(FamilyDistribution):
    r"""The horseshoe law with its local scale integrated out.

    .. math::

        f(x) = \frac{e^u E_1(u)}{\sqrt{2 \pi^3}\, \mathrm{scale}}, \qquad
        u = \frac{(x - \mu)^2}{2\, \mathrm{scale}^2}

    It is a normal law whose standard deviation is half-Cauchy of the given scale. The density has
    a logarithmic pole at its location, where u is taken as 1e-300, and tails of a Cauchy law.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    Notes
    -----
    NUTS is likely to get stuck at the pole: check its convergence, or use `pymc_glm.sample`, which
    draws the local scales exactly.

    References
    ----------
    Carvalho, Polson and Scott (2010), https://doi.org/10.1093/biomet/asq017

    Examples
    --------
    A horseshoe prior without twenty local scales to sample::

        import pymc as pm
        from pymc_glm import Horseshoe

        with pm.Model():
            Horseshoe("beta", 0, scale=pm.HalfCauchy("tau", 1), shape=20)
    """

    rv_op = HorseshoeRV()

    @classmethod
    def dist(cls, mu: Any = 0.0, scale: Any = 1.0, **kwargs: Any) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"scale": scale}, **kwargs)


class NormalExponentialGamma(FamilyDistribution):
    r"""The normal-exponential-gamma law.

    .. math::

        f(x) = \frac{2^{-\alpha}}{\Gamma(\alpha)\, \mathrm{scale}} \int_0^\infty y^{2 \alpha}
            \exp\left(-\frac{y^2}{2} - \frac{|x - \mu|}{\mathrm{scale}} y\right) dy

    It is normal of an exponential variance whose rate is gamma of shape alpha and rate
    ``scale**2``: sharp at its location, with tails ``abs(x)**-(2 alpha + 1)``.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Shape of the gamma law, positive.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    References
    ----------
    Griffin and Brown (2011), https://doi.org/10.1111/j.1467-842X.2011.00641.x

    Examples
    --------
    A prior for twenty coefficients::

        import pymc as pm
        from pymc_glm import NormalExponentialGamma

        with pm.Model():
            NormalExponentialGamma("beta", 0, alpha=0.5, scale=0.1, shape=20)
    """

    rv_op = NormalExponentialGammaRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = None, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"alpha": alpha, "scale": scale}, **kwargs)


class GeneralizedDoublePareto(FamilyDistribution):
    r"""The generalized double Pareto law.

    .. math::

        f(x) = \frac{\alpha}{2\, \mathrm{scale}}
            \left(1 + \frac{|x - \mu|}{\mathrm{scale}}\right)^{-(\alpha + 1)}

    It is Laplace given a rate that is gamma of shape alpha and rate ``scale``.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Index of the tails, positive.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    References
    ----------
    Armagan, Dunson and Lee (2013), https://doi.org/10.5705/ss.2011.048

    Examples
    --------
    A prior for twenty coefficients::

        import pymc as pm
        from pymc_glm import GeneralizedDoublePareto

        with pm.Model():
            GeneralizedDoublePareto("beta", 0, alpha=3.0, scale=1.0, shape=20)
    """

    rv_op = GeneralizedDoubleParetoRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = None, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"alpha": alpha, "scale": scale}, **kwargs)


class DirichletLaplace(FamilyDistribution):
    r"""One coordinate of the Dirichlet-Laplace prior, its weight and global scale integrated out.

    .. math::

        f(x) = \frac{z^{a - 1} K_{a - 1}(z)}{2^a\, \Gamma(a)\, \mathrm{scale}}, \qquad
        z = \sqrt{\frac{2 |x - \mu|}{\mathrm{scale}}}

    It is Laplace of scale ``scale`` times a gamma variate of shape a, the concentration, and rate
    1/2. For a of at most one the density has a pole at its location; x is held 1e-300 scales from
    it.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    concentration : tensor_like of float
        Concentration of the Dirichlet law, positive; 1/2, or one over the number of coordinates.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    Notes
    -----
    The density has no gradient in the concentration, so a concentration that is a variable is not
    for NUTS: `pymc.sample` moves it by slice sampling. Where there is a pole, NUTS is likely to get
    stuck at it, and `pymc_glm.sample` draws the latents exactly.

    References
    ----------
    Bhattacharya, Pati, Pillai and Dunson (2015), https://doi.org/10.1080/01621459.2014.960967

    Examples
    --------
    A prior for twenty coefficients::

        import pymc as pm
        from pymc_glm import DirichletLaplace

        with pm.Model():
            DirichletLaplace("beta", 0, concentration=0.5, shape=20)
    """

    rv_op = DirichletLaplaceRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, concentration: Any = None, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"concentration": concentration, "scale": scale}, **kwargs)
