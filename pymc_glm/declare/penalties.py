"""Laws between the normal and the Laplace, beyond the Laplace, and losses of other methods."""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt

from pymc.distributions.shape_utils import convert_shape
from pymc.model.core import modelcontext
from pytensor.tensor.variable import TensorVariable

from pymc_glm.declare.base import FamilyDistribution
from pymc_glm.declare.random_variables import (
    CharbonnierRV,
    ExponentialPowerRV,
    GroupLaplaceRV,
    HyperbolicSecantRV,
    SymmetricStableRV,
)

__all__ = [
    "Charbonnier",
    "ExponentialPower",
    "GroupLaplace",
    "HyperbolicSecant",
    "SymmetricStable",
    "hinge",
]


class Charbonnier(FamilyDistribution):
    r"""A Laplace law with a round top: the Charbonnier, or pseudo-Huber, penalty.

    .. math::

        f(x) = \frac{\exp\left(-\mathrm{rate} \sqrt{\delta^2 + (x - \mu)^2}\right)}
            {2 \delta K_1(\mathrm{rate}\, \delta)}

    It is quadratic within about delta of its location and linear beyond: the symmetric hyperbolic
    law of statistics, and smoothed total variation in imaging.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    rate : tensor_like of float
        Slope of the tails, positive.
    delta : tensor_like of float
        Width of the top, positive.

    References
    ----------
    Barndorff-Nielsen (1977), https://doi.org/10.1098/rspa.1977.0041

    Charbonnier et al. (1997), https://doi.org/10.1109/83.551699

    Examples
    --------
    Smoothed total variation::

        import pymc as pm
        import pytensor.tensor as pt
        from pymc_glm import Charbonnier, expert

        with pm.Model():
            x = pm.Flat("x", shape=50)
            expert("jumps", Charbonnier.dist(0, rate=5.0, delta=0.1), pt.diff(x))
    """

    rv_op = CharbonnierRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, rate: Any = None, delta: Any = None, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"rate": rate, "delta": delta}, **kwargs)


class HyperbolicSecant(FamilyDistribution):
    r"""A power of the hyperbolic secant: the log-cosh penalty.

    .. math::

        f(x) = \frac{\Gamma((\alpha + 1) / 2)}{\sqrt{\pi}\, \mathrm{scale}\, \Gamma(\alpha / 2)}
            \cosh\left(\frac{x - \mu}{\mathrm{scale}}\right)^{-\alpha}

    It is quadratic near its location and falls like a Laplace law of scale ``scale / alpha``
    beyond. With alpha = 2 it is the logistic law of scale ``scale / 2``.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Power, positive. Default is 1, the hyperbolic secant law.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001

    Examples
    --------
    A robust regression::

        import numpy as np
        import pymc as pm
        from pymc_glm import HyperbolicSecant

        x, y = np.arange(5.0), np.array([0.1, 0.9, 2.2, 2.9, 9.0])
        with pm.Model():
            slope = pm.Normal("slope", 0, 10)
            HyperbolicSecant("y", slope * x, scale=0.5, observed=y)
    """

    rv_op = HyperbolicSecantRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = 1.0, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"alpha": alpha, "scale": scale}, **kwargs)


class ExponentialPower(FamilyDistribution):
    r"""The exponential power law: bridge priors, and the generalised normal law.

    .. math::

        f(x) = \frac{\alpha}{2\, \mathrm{scale}\, \Gamma(1 / \alpha)}
            \exp\left(-\left|\frac{x - \mu}{\mathrm{scale}}\right|^\alpha\right)

    With alpha = 1 it is the Laplace law, with alpha = 2 a normal law of standard deviation
    ``scale / sqrt(2)``. Below one it has a cusp, where the slope is taken as zero.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Power, above 0 and at most 2.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    References
    ----------
    West (1987), https://doi.org/10.1093/biomet/74.3.646

    Polson, Scott and Windle (2014), https://doi.org/10.1111/rssb.12042

    Examples
    --------
    A bridge prior for twenty coefficients::

        import pymc as pm
        from pymc_glm import ExponentialPower

        with pm.Model():
            ExponentialPower("beta", 0, alpha=0.5, scale=pm.HalfNormal("scale", 1), shape=20)
    """

    rv_op = ExponentialPowerRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = None, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"alpha": alpha, "scale": scale}, **kwargs)


class SymmetricStable(FamilyDistribution):
    r"""The symmetric stable law, known by its characteristic function.

    .. math::

        \mathrm{E} e^{i k (x - \mu)} = \exp(-|\mathrm{scale}\, k|^\alpha)

    With alpha = 1 it is the Cauchy law. Sums of its variates follow the same law, so increments of
    a path mean the same on every grid. Its density falls as ``abs(x)**-(1 + alpha)``.

    Parameters
    ----------
    mu : tensor_like of float
        Location. Default is 0.
    alpha : tensor_like of float
        Index, between 0 and 2; `pymc.Normal` is the law for 2.
    scale : tensor_like of float
        Scale, positive. Default is 1.

    References
    ----------
    Chambers, Mallows and Stuck (1976), https://doi.org/10.1080/01621459.1976.10480344

    Nolan (2020), https://doi.org/10.1007/978-3-030-52915-4

    Examples
    --------
    A path with stable increments::

        import pymc as pm
        import pytensor.tensor as pt
        from pymc_glm import SymmetricStable, expert

        with pm.Model():
            x = pm.Flat("x", shape=50)
            expert("jumps", SymmetricStable.dist(0, alpha=1.5, scale=0.1), pt.diff(x))
    """

    rv_op = SymmetricStableRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, alpha: Any = None, scale: Any = 1.0, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        return cls.of(mu, {"alpha": alpha, "scale": scale}, **kwargs)


class GroupLaplace(FamilyDistribution):
    r"""A Laplace law of the length of a vector: the group lasso, and isotropic total variation.

    .. math::

        f(x) = \frac{\Gamma(d / 2)}{2 \pi^{d / 2} \Gamma(d)\, \mathrm{scale}^d}
            \exp\left(-\frac{\lVert x - \mu \rVert}{\mathrm{scale}}\right)

    Here d is the length of the last axis, which is the group; all others are independent groups.
    Where a whole group is at its location the slope is taken as zero.

    Parameters
    ----------
    mu : tensor_like of float, shape (..., d)
        Location. Default is 0, for which d is read from the shape.
    scale : tensor_like of float, shape (...)
        Scale of the length, positive; one for each group. Default is 1.

    References
    ----------
    Kyung, Gill, Ghosh and Casella (2010), https://doi.org/10.1214/10-BA607

    Examples
    --------
    Four groups of three coefficients::

        import pymc as pm
        from pymc_glm import GroupLaplace

        with pm.Model():
            GroupLaplace("beta", 0, scale=pm.HalfNormal("scale", 1), shape=(4, 3))
    """

    rv_op = GroupLaplaceRV()

    @classmethod
    def dist(
        cls, mu: Any = 0.0, scale: Any = 1.0, *, shape: Any = None, **kwargs: Any
    ) -> TensorVariable:
        """Make a variable outside of a model."""
        mu, shape = pt.as_tensor(mu), convert_shape(shape)
        if not shape and mu.type.ndim == 0:
            raise ValueError(
                "GroupLaplace got a location without axes and no shape. Its last axis is the"
                " group: give shape, dims, or a vector mu such as np.zeros(2) for pairs of"
                " differences."
            )
        if shape and mu.type.ndim == 0:
            mu = pt.broadcast_to(mu, (_length(shape[-1]),))
        elif shape and mu.type.shape[-1] is None:
            mu = pt.specify_shape(mu, (*mu.type.shape[:-1], _length(shape[-1])))
        return cls.of(mu, {"scale": scale}, shape=shape, **kwargs)


def _length(length: Any) -> int:
    """A number, also where the length is that of one of the model's dims."""
    return length if isinstance(length, int) else int(pt.as_tensor(length).eval())


def hinge(
    name: str, margin: TensorVariable, weight: Any = 2.0, dims: object | None = None
) -> TensorVariable:
    """Multiply the model's density by the hinge loss of support vector machines.

    The term is ``-weight * maximum(1 - margin, 0)``, a pseudo-likelihood: it is no density of the
    labels.

    Parameters
    ----------
    name : str
        Name of the term.
    margin : TensorVariable
        Label, -1 or 1, times what predicts it.
    weight : tensor_like of float
        Loss of a margin of zero. Default is 2.
    dims : str or tuple of str, optional
        As in `pymc.Potential`.

    Returns
    -------
    term : TensorVariable
        The negative loss of each entry.

    References
    ----------
    Polson and Scott (2011), https://doi.org/10.1214/11-BA601

    Examples
    --------
    A linear classifier::

        import numpy as np
        import pymc as pm
        from pymc_glm import hinge

        X = np.array([[1.0, 0.2], [-0.4, 1.0], [0.3, -0.8], [-1.1, 0.5]])
        label = np.array([1.0, -1.0, 1.0, -1.0])
        with pm.Model():
            beta = pm.Normal("beta", 0, 1, shape=2)
            hinge("loss", label * (X @ beta))
    """
    modelcontext(None)
    return pm.Potential(name, -weight * pt.maximum(1 - margin, 0), dims=dims)
