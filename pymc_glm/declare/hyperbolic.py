"""Normal laws whose mean and variance share a generalized inverse Gaussian or gamma variate."""

from __future__ import annotations

from typing import Any, ClassVar

from pytensor.tensor.variable import TensorVariable

from pymc_glm.declare.base import FamilyDistribution
from pymc_glm.declare.random_variables import GeneralizedHyperbolicRV, VarianceGammaRV

__all__ = ["GeneralizedHyperbolic", "Hyperbolic", "NormalInverseGaussian", "VarianceGamma"]


class GeneralizedHyperbolic(FamilyDistribution):
    r"""The generalized hyperbolic law.

    .. math::

        f(x) = \frac{(\gamma / \delta)^{\lambda}}{\sqrt{2 \pi} K_\lambda(\delta \gamma)}
            \left(\frac{\sqrt{\delta^2 + t^2}}{\alpha}\right)^{\lambda - 1/2}
            K_{\lambda - 1/2}\left(\alpha \sqrt{\delta^2 + t^2}\right) e^{\beta t}

    Here t is x - mu, lambda is the order, and gamma is ``sqrt(alpha**2 - beta**2)``. It is normal
    of mean mu + beta v and variance v, with v generalized inverse Gaussian of the given order.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    order : tensor_like of float
        Order, any real number.
    alpha : tensor_like of float
        Steepness, above ``abs(beta)``.
    beta : tensor_like of float
        Asymmetry. Default is 0.
    delta : tensor_like of float
        Width of the top, positive. Default is 1.

    Notes
    -----
    The density has no gradient in the order, so an order that is a variable is not for NUTS:
    `pymc.sample` moves it by slice sampling.

    References
    ----------
    Barndorff-Nielsen (1977), https://doi.org/10.1098/rspa.1977.0041

    Examples
    --------
    Skewed returns::

        import numpy as np
        import pymc as pm
        from pymc_glm import GeneralizedHyperbolic

        returns = np.array([0.3, -0.1, 0.2, -1.4, 0.1])
        with pm.Model():
            mu = pm.Normal("mu", 0, 1)
            GeneralizedHyperbolic("y", mu, order=0.5, alpha=3.0, beta=-0.5, observed=returns)
    """

    rv_op = GeneralizedHyperbolicRV()

    @classmethod
    def dist(
        cls,
        mu: Any = 0.0,
        order: Any = None,
        alpha: Any = None,
        beta: Any = 0.0,
        delta: Any = 1.0,
        **kwargs: Any,
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        parameters = {"order": order, "alpha": alpha, "beta": beta, "delta": delta}
        return cls.of(mu, parameters, **kwargs)


class _OfFixedOrder(FamilyDistribution):
    """A generalized hyperbolic law of a known order."""

    order: ClassVar[float]

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = None, beta: Any = 0.0, delta: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        parameters = {"order": cls.order, "alpha": alpha, "beta": beta, "delta": delta}
        return cls.of(mu, parameters, **kwargs)


class NormalInverseGaussian(_OfFixedOrder):
    """The normal-inverse-Gaussian law: `GeneralizedHyperbolic` of order -1/2.

    Sums of its variates with the same alpha and beta follow the same law, with the deltas added.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Steepness, above ``abs(beta)``.
    beta : tensor_like of float
        Asymmetry. Default is 0.
    delta : tensor_like of float
        Width of the top, positive. Default is 1.

    References
    ----------
    Barndorff-Nielsen (1997), https://doi.org/10.1111/1467-9469.00045

    Examples
    --------
    Draw five variates::

        import pymc as pm
        from pymc_glm import NormalInverseGaussian

        pm.draw(NormalInverseGaussian.dist(0, alpha=2.0, beta=1.0), draws=5, random_seed=1)
    """

    # PyMC does not inherit it.
    rv_op = GeneralizedHyperbolicRV()
    order = -0.5


class Hyperbolic(_OfFixedOrder):
    """The hyperbolic law: `GeneralizedHyperbolic` of order 1.

    Its log density is a hyperbola; for beta = 0 it is `Charbonnier` of rate alpha.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Steepness, above ``abs(beta)``.
    beta : tensor_like of float
        Asymmetry. Default is 0.
    delta : tensor_like of float
        Width of the top, positive. Default is 1.

    References
    ----------
    Barndorff-Nielsen (1977), https://doi.org/10.1098/rspa.1977.0041

    Examples
    --------
    Draw five variates::

        import pymc as pm
        from pymc_glm import Hyperbolic

        pm.draw(Hyperbolic.dist(0, alpha=2.0, beta=1.0), draws=5, random_seed=1)
    """

    rv_op = GeneralizedHyperbolicRV()
    order = 1.0


class VarianceGamma(FamilyDistribution):
    r"""The variance gamma law.

    .. math::

        f(x) = \frac{\gamma^{2 \lambda}\, 2^{1 - \lambda}}{\sqrt{2 \pi} \Gamma(\lambda)}
            \left(\frac{|t|}{\alpha}\right)^{\lambda - 1/2}
            K_{\lambda - 1/2}(\alpha |t|)\, e^{\beta t}

    Here t is x - mu, lambda is the order, and gamma is ``sqrt(alpha**2 - beta**2)``. It is normal
    of mean mu + beta v and variance v, with v gamma of shape lambda and rate ``gamma**2 / 2``; with
    order 1 and beta 0 it is the Laplace law of scale ``1 / alpha``. For an order of at most 1/2 the
    density has a pole at its location; x is held 1e-150 from it.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    order : tensor_like of float
        Order, positive.
    alpha : tensor_like of float
        Steepness, above ``abs(beta)``.
    beta : tensor_like of float
        Asymmetry. Default is 0.

    Notes
    -----
    The density has no gradient in the order, so an order that is a variable is not for NUTS:
    `pymc.sample` moves it by slice sampling.

    References
    ----------
    Madan and Seneta (1990), https://doi.org/10.1086/296519

    Examples
    --------
    A path whose increments are mostly small::

        import pymc as pm
        import pytensor.tensor as pt
        from pymc_glm import VarianceGamma, expert

        with pm.Model():
            x = pm.Flat("x", shape=50)
            expert("jumps", VarianceGamma.dist(0, order=0.7, alpha=5.0), pt.diff(x))
    """

    rv_op = VarianceGammaRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, order: Any = None, alpha: Any = None, beta: Any = 0.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"order": order, "alpha": alpha, "beta": beta}, **kwargs)
