"""Spellings of likelihoods that are Gaussian given latents, and of skewed and smooth experts."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from spelling import Spelling, spelling
from spellings_linear import X, Y, beta, observe

__all__ = ["LIKELIHOODS"]

LIKELIHOODS: list[Spelling] = []
OUTCOMES = (Y > 0).astype(int)
COUNTS = np.array([0, 3, 1, 2, 0, 5, 1])
ORDERED = pm.distributions.transforms.ordered


def likelihood(build):
    """Register a likelihood of the linear predictor X b."""

    def declare():
        build(X @ beta())

    declare.__name__, declare.__doc__ = build.__name__, build.__doc__
    spelling(LIKELIHOODS, "b", is_gaussian=False)(declare)
    return build


@likelihood
def bernoulli_logit(eta):
    """pm.Bernoulli with logit_p."""
    pm.Bernoulli("y", logit_p=eta, observed=OUTCOMES)


@likelihood
def bernoulli_sigmoid(eta):
    """pm.Bernoulli whose p is pm.math.sigmoid or invlogit, under a name."""
    pm.Bernoulli("y", p=pm.Deterministic("p", pm.math.invlogit(eta)), observed=OUTCOMES)


@likelihood
def bernoulli_written_out(eta):
    """pm.Bernoulli whose p is 1 / (1 + exp(-eta))."""
    pm.Bernoulli("y", p=1 / (1 + pt.exp(-eta)), observed=OUTCOMES)


@likelihood
def bernoulli_odds(eta):
    """pm.Bernoulli whose p is exp(eta) / (1 + exp(eta))."""
    pm.Bernoulli("y", p=pt.exp(eta) / (1 + pt.exp(eta)), observed=OUTCOMES)


@likelihood
def bernoulli_complement(eta):
    """pm.Bernoulli whose p is one less a logistic function."""
    pm.Bernoulli("y", p=1 - pm.math.sigmoid(eta), observed=OUTCOMES.astype(bool))


@likelihood
def binomial_logit(eta):
    """pm.Binomial with logit_p, trials by row."""
    pm.Binomial("y", n=np.arange(5, 12), logit_p=eta, observed=COUNTS)


@likelihood
def binomial_of_data(eta):
    """pm.Binomial of pm.Data."""
    pm.Binomial("y", n=pm.Data("n", 9), p=pm.math.sigmoid(eta), observed=pm.Data("k", COUNTS))


@likelihood
def probit(eta):
    """pm.Bernoulli whose p is pm.math.invprobit."""
    pm.Bernoulli("y", p=pm.math.invprobit(eta), observed=OUTCOMES)


@likelihood
def probit_erf(eta):
    """pm.Bernoulli whose p is written with erf."""
    pm.Bernoulli("y", p=0.5 * (1 + pt.erf(eta / np.sqrt(2))), observed=OUTCOMES)


@likelihood
def probit_halved(eta):
    """pm.Bernoulli whose p is erfc(-eta / sqrt(2)) / 2."""
    pm.Bernoulli("y", p=pt.erfc(-eta / np.sqrt(2)) / 2, observed=OUTCOMES)


@likelihood
def ordered_probit(eta):
    """pm.OrderedProbit, its cutpoints variables."""
    cutpoints = pm.Normal("c", [-1, 1], 3, shape=2, transform=ORDERED)
    pm.OrderedProbit("y", eta=eta, cutpoints=cutpoints, observed=COUNTS % 3)


@likelihood
def ordered_probit_of_numbers(eta):
    """pm.OrderedProbit of known cutpoints and sigma."""
    pm.OrderedProbit(
        "y", eta=eta, cutpoints=[-1.0, 0.5], sigma=2.0, compute_p=False, observed=COUNTS % 3
    )


@likelihood
def ordered_logistic(eta):
    """pm.OrderedLogistic."""
    cutpoints = pm.Normal("c", [-1, 1], 3, shape=2, transform=ORDERED)
    pm.OrderedLogistic("y", eta=eta, cutpoints=cutpoints, observed=COUNTS % 3)


@likelihood
def negative_binomial(eta):
    """pm.NegativeBinomial of the mean exp(eta), its dispersion a variable."""
    pm.NegativeBinomial("y", mu=pt.exp(eta), alpha=pm.Exponential("a", 1), observed=COUNTS)


@likelihood
def negative_binomial_exposure(eta):
    """pm.NegativeBinomial of the mean exposure * exp(eta)."""
    exposure = np.arange(1.0, 8.0)
    pm.NegativeBinomial("y", mu=exposure * pt.exp(eta), alpha=2.0, observed=COUNTS)


@likelihood
def negative_binomial_by_p(eta):
    """pm.NegativeBinomial told by n and p."""
    n = pm.HalfNormal("n", 3)
    pm.NegativeBinomial("y", n=n, p=pm.math.invlogit(eta), observed=COUNTS)


@likelihood
def censored_normal(eta):
    """pm.Censored of a normal, at both ends."""
    dist = pm.Normal.dist(eta, pm.HalfNormal("s", 1))
    pm.Censored("y", dist, lower=-0.5, upper=1.0, observed=Y.clip(-0.5, 1.0))


@likelihood
def censored_above(eta):
    """pm.Censored of a normal, at its own limit in each row."""
    limit = np.linspace(0.0, 1.0, 7)
    dist = pm.Normal.dist(eta, 1.5)
    pm.Censored("y", dist, lower=None, upper=limit, observed=np.minimum(Y, limit))


@likelihood
def quantile_regression(eta):
    """pm.AsymmetricLaplace by its quantile q."""
    pm.AsymmetricLaplace("y", mu=eta, b=pm.HalfNormal("s", 1), q=0.9, observed=Y)


@likelihood
def asymmetric_laplace(eta):
    """pm.AsymmetricLaplace by kappa."""
    pm.AsymmetricLaplace("y", mu=eta, b=2.0, kappa=1.3, observed=Y)


@likelihood
def logistic_noise(eta):
    """pm.Logistic noise."""
    pm.Logistic("y", eta, pm.HalfNormal("s", 1), observed=Y)


@likelihood
def log_normal(eta):
    """pm.LogNormal data."""
    pm.LogNormal("y", eta, pm.HalfNormal("s", 1), observed=np.exp(Y))


@likelihood
def skew_normal(eta):
    """pm.SkewNormal."""
    pm.SkewNormal("y", mu=eta, sigma=1.3, alpha=3.0, observed=Y)


@likelihood
def reaction_times(eta):
    """pm.ExGaussian."""
    nu = pm.HalfNormal("nu", 1)
    pm.ExGaussian("y", mu=eta, sigma=pm.HalfNormal("s", 1), nu=nu, observed=Y)


@likelihood
def multivariate_student_t(eta):
    """pm.MvStudentT."""
    scale = np.array([[2.0, 0.5], [0.5, 1.0]])
    pairs = Y[:6].reshape((3, 2))
    pm.MvStudentT("y", nu=4, mu=eta[:6].reshape((3, 2)), scale=scale, observed=pairs)


@likelihood
def hinge_potential(eta):
    """pm.Potential of a hinge loss of support vectors."""
    signs = 2.0 * OUTCOMES - 1.0
    pm.Potential("hinge", -2 * pt.sum(pt.maximum(0, 1 - signs * eta)))


@likelihood
def check_loss_potential(eta):
    """pm.Potential of a check loss."""
    pm.Potential("loss", -pt.sum(pt.maximum(0.3 * (Y - eta), -0.7 * (Y - eta))))


def penalty(build):
    """Register a penalty of the coefficients."""

    def declare():
        b = beta()
        observe(X @ b)
        pm.Potential("p", pt.sum(build(b)))

    declare.__name__, declare.__doc__ = build.__name__, build.__doc__
    spelling(LIKELIHOODS, "b", is_gaussian=False)(declare)
    return build


@penalty
def charbonnier_potential(b):
    """pm.Potential -a sqrt(d**2 + b**2)."""
    return -2 * pt.sqrt(0.3**2 + b**2)


@penalty
def log_cosh_potential(b):
    """pm.Potential -a log(cosh(b / s))."""
    return -2 * pt.log(pt.cosh(b / 0.4))


@penalty
def bridge_potential(b):
    """pm.Potential -a abs(b)**0.7."""
    return -2 * pt.abs(b) ** 0.7


@penalty
def root_potential(b):
    """pm.Potential -a sqrt(abs(b))."""
    return -2 * pt.sqrt(pt.abs(b))


@penalty
def double_pareto_potential(b):
    """pm.Potential -a log(1 + abs(b) / s)."""
    return -2 * pt.log1p(pt.abs(b) / 0.3)
