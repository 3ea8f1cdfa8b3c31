"""Distributions that are no Gaussian mixtures, and why not."""

import pymc as pm

from pymc.distributions.truncated import TruncatedRV

from pymc_glm.recognize.registry import MatchRefusal, matcher

__all__ = ["REASONS"]

BOUNDED = "its support has ends, and a Gaussian mixture has none"
# By the class of PyMC.
REASONS = {
    pm.Uniform: "it is flat with ends, and a Gaussian mixture has none",
    pm.Triangular: BOUNDED,
    pm.Beta: BOUNDED,
    pm.Kumaraswamy: BOUNDED,
    pm.VonMises: "it lives on a circle",
    pm.TruncatedNormal: "its normaliser depends on its mean; pm.Censored normals are recognised",
    pm.HalfNormal: BOUNDED,
    pm.Exponential: BOUNDED,
    pm.Gamma: "it is no Gaussian mixture of its log mean; a lognormal law is normal",
    pm.InverseGamma: BOUNDED,
    pm.Weibull: BOUNDED,
    pm.Pareto: BOUNDED,
    pm.Wald: BOUNDED,
    pm.Gumbel: "its left tail falls faster than that of any Gaussian mixture",
    pm.Moyal: "its left tail falls faster than that of any Gaussian mixture",
    pm.Poisson: (
        "a Poisson likelihood with a log link is no Gaussian mixture; NegativeBinomial with a large"
        " alpha is one and nearly the same"
    ),
    pm.Geometric: "its count less one is NegativeBinomial with alpha = 1, which is recognised",
    pm.BetaBinomial: "its probability is integrated out against a beta law",
    pm.Multinomial: "a softmax couples the predictors of all categories",
    pm.Dirichlet: BOUNDED,
}


def _refusal(reason):
    def match(value, parameters, op):
        return MatchRefusal(reason)

    return match


for _distribution, _reason in REASONS.items():
    matcher(_distribution.rv_type)(_refusal(_reason))
matcher(TruncatedRV)(_refusal("truncation makes the normaliser depend on the mean"))
