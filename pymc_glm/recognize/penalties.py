"""Families that penalties may be: parameters from a few values and slopes of the function.

Each candidate takes the function's values at constant responses, as graphs, and returns the only
parameters with which its family could be the function. Whether it is, the caller finds out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.families import (
    AbstractFamily,
    AsymmetricLaplace,
    Charbonnier,
    ExponentialPower,
    Gaussian,
    GeneralizedDoublePareto,
    Hinge,
    HyperbolicSecant,
    Laplace,
    StudentT,
)

__all__ = ["CANDIDATES", "Candidate"]


class Values(Protocol):
    """A univariate function at constant arguments, as graphs of other variables."""

    zero: TensorVariable

    def __call__(self, value: float) -> TensorVariable:
        """The function's value."""

    def slope(self, value: float) -> TensorVariable:
        """Its derivative."""


class Candidate(NamedTuple):
    """A family that the function of t is if it is ``log phi(sign * t - shift)``."""

    family: AbstractFamily
    parameters: dict[str, TensorVariable]
    sign: float
    shift: TensorVariable


def _centred(family: AbstractFamily, sign: float = 1.0, **parameters: TensorVariable) -> Candidate:
    return Candidate(family, parameters, sign, pt.zeros(()))


def _gaussian(at: Values) -> Candidate:
    precision = 2.0 * at.zero - at(1.0) - at(-1.0)
    information = 0.5 * (at(1.0) - at(-1.0))
    return Candidate(Gaussian(), {"scale": precision**-0.5}, 1.0, information / precision)


def _laplace(at: Values) -> Candidate:
    return _centred(Laplace(), scale=1.0 / (at.zero - at(1.0)))


def _student_t(at: Values) -> Candidate:
    # phi'(t) = -(nu + 1) t / (nu s^2 + t^2) at t = 1 and 2 gives nu s^2 and then nu.
    first, second = at.slope(1.0), at.slope(2.0)
    ratio = second / (2.0 * first)
    product = (4.0 * ratio - 1.0) / (1.0 - ratio)
    nu = -first * (product + 1.0) - 1.0
    return _centred(StudentT(), nu=nu, scale=pt.sqrt(product / nu))


def _charbonnier(at: Values) -> Candidate:
    # phi'(t) = -a t / sqrt(d^2 + t^2) at t = 1 and 2 gives d^2 and then a.
    first, second = at.slope(1.0) ** 2, at.slope(2.0) ** 2
    square = 4.0 * (first - second) / (second - 4.0 * first)
    return _centred(Charbonnier(), rate=pt.sqrt(first * (square + 1.0)), delta=pt.sqrt(square))


def _hyperbolic_secant(at: Values) -> Candidate:
    # phi'(t) = -(b / s) tanh(t / s), and tanh(2 x) / tanh(x) = 2 / (1 + tanh(x)^2).
    first, second = at.slope(1.0), at.slope(2.0)
    tangent = pt.sqrt(2.0 * first / second - 1.0)
    scale = 1.0 / pt.arctanh(tangent)
    return _centred(HyperbolicSecant(), shape=-first * scale / tangent, scale=scale)


def _exponential_power(at: Values) -> Candidate:
    first, second = at.zero - at(1.0), at.zero - at(2.0)
    alpha = pt.log2(second / first)
    # Beyond two it is a log density, but of no mixture.
    alpha = pt.switch(alpha > 2.0, np.nan, alpha)
    return _centred(ExponentialPower(), alpha=alpha, scale=first ** (-1.0 / alpha))


def _generalized_double_pareto(at: Values) -> Candidate:
    # phi'(t) = -(a + 1) / (s + t) at t = 1 and 2 gives s and then a.
    first, second = at.slope(1.0), at.slope(2.0)
    scale = (2.0 * second - first) / (first - second)
    alpha = -first * (scale + 1.0) - 1.0
    return _centred(GeneralizedDoublePareto(), alpha=alpha, scale=scale)


def _check_loss(at: Values) -> Candidate:
    above, below = at.zero - at(1.0), at.zero - at(-1.0)
    total = above + below
    return _centred(AsymmetricLaplace(), quantile=above / total, scale=1.0 / total)


def _hinge_below(at: Values) -> Candidate:
    return _centred(Hinge(), weight=at.zero - at(-1.0))


def _hinge_above(at: Values) -> Candidate:
    return _centred(Hinge(), sign=-1.0, weight=at.zero - at(1.0))


CANDIDATES: tuple[Callable[[Values], Candidate], ...] = (
    _gaussian,
    _laplace,
    _student_t,
    _hyperbolic_secant,
    _charbonnier,
    _check_loss,
    _hinge_below,
    _hinge_above,
    _generalized_double_pareto,
    _exponential_power,
)
