"""Spellings of non-Gaussian terms: families, experts and potentials."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from spelling import Spelling, spelling
from spellings_linear import X, Y, beta, observe

import pymc_glm

__all__ = ["EXPERTS"]

EXPERTS: list[Spelling] = []


def series(n=7):
    """A path with data, so that terms of its differences are proper."""
    x = pm.Flat("x", shape=n)
    observe(x, Y[:n])
    return x


@spelling(EXPERTS, "b", is_gaussian=False)
def laplace_prior_and_likelihood():
    """Laplace twice."""
    b = pm.Laplace("b", 0, pm.HalfNormal("s", 1), shape=3)
    pm.Laplace("y", X @ b, pm.HalfNormal("t", 1), observed=Y)


@spelling(EXPERTS, "b", is_gaussian=False)
def student_prior_and_likelihood():
    """Student-t twice, degrees of freedom unknown, scale by lam=."""
    b = pm.StudentT("b", 3, 0, sigma=pm.HalfNormal("s", 1), shape=3)
    nu = pm.Gamma("nu", 2, 0.1)
    pm.StudentT("y", nu + 1, X @ b, lam=pm.Gamma("lam", 2, 1), observed=Y)


@spelling(EXPERTS, "b", is_gaussian=False)
def cauchy_prior_and_likelihood():
    """Cauchy twice."""
    b = pm.Cauchy("b", 0, pm.HalfNormal("s", 1), shape=3)
    pm.Cauchy("y", X @ b, 0.5, observed=Y)


@spelling(EXPERTS, "b", is_gaussian=False)
def normal_mixture():
    """pm.NormalMixture, spike and slab."""
    b = pm.NormalMixture("b", w=[0.7, 0.3], mu=[0, 0], sigma=[0.05, 2], shape=3)
    observe(X @ b)


@spelling(EXPERTS, "b", is_gaussian=False)
def normal_mixture_unknown():
    """pm.NormalMixture whose weights and scales are variables."""
    w = pm.Beta("w", 2, 2)
    weights = pt.stack([w, 1 - w])
    scales = pt.stack([0.05, pm.HalfNormal("slab", 2)])
    observe(X @ pm.NormalMixture("b", w=weights, mu=0.0, sigma=scales, shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def mixture_of_two_normals():
    """pm.Mixture of separate components."""
    components = [pm.Normal.dist(-1, 0.3), pm.Normal.dist(1, 0.5)]
    observe(X @ pm.Mixture("b", w=[0.4, 0.6], comp_dists=components, shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def mixture_of_one_batch():
    """pm.Mixture of one batched component."""
    component = pm.Normal.dist([-1.0, 1.0], 0.3, shape=(3, 2))
    observe(X @ pm.Mixture("b", w=[0.4, 0.6], comp_dists=component))


@spelling(EXPERTS, "x")
def expert_normal():
    """An expert of the Gaussian family, on second differences."""
    pymc_glm.expert("bend", pm.Normal.dist(0.1, 0.5), pt.diff(series(), n=2))


@spelling(EXPERTS, "x", is_gaussian=False)
def expert_laplace():
    """Total variation with unknown scale."""
    scale = pm.HalfNormal("scale", 1)
    pymc_glm.expert("jumps", pm.Laplace.dist(0, scale), pt.diff(series()))


@spelling(EXPERTS, "x", is_gaussian=False)
def expert_student():
    """Student-t jumps."""
    pymc_glm.expert("jumps", pm.StudentT.dist(4, 0, sigma=0.3), pt.diff(series()))


@spelling(EXPERTS, "x", is_gaussian=False)
def expert_cauchy():
    """Cauchy jumps."""
    pymc_glm.expert("jumps", pm.Cauchy.dist(0, 0.3), pt.diff(series()))


@spelling(EXPERTS, "x", is_gaussian=False)
def expert_mixture():
    """Mixture jumps."""
    jump = pm.NormalMixture.dist(w=[0.9, 0.1], mu=[0, 0], sigma=[0.1, 3])
    pymc_glm.expert("jumps", jump, pt.diff(series()))


@spelling(EXPERTS, "x", is_gaussian=False)
def expert_of_an_image():
    """Two experts of one variable with two axes."""
    image = pm.Flat("x", shape=(3, 4))
    observe(image, np.outer(Y[:3], Y[:4]))
    pymc_glm.expert("rows", pm.Laplace.dist(0, 0.5), pt.diff(image, axis=0))
    pymc_glm.expert("columns", pm.Laplace.dist(0, 0.5), pt.diff(image, axis=1))


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_of_logp():
    """pm.Potential of pm.logp, not summed."""
    pm.Potential("jumps", pm.logp(pm.Laplace.dist(0, pm.HalfNormal("s", 1)), pt.diff(series())))


@spelling(EXPERTS, "x")
def potential_of_logp_summed():
    """pm.Potential of pm.logp, summed."""
    distribution = pm.Normal.dist(0.2, pm.HalfNormal("s", 1))
    pm.Potential("jumps", pt.sum(pm.logp(distribution, pt.diff(series()))))


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_of_several_logps():
    """Several log densities added in one potential."""
    x = series()
    first = pm.logp(pm.Laplace.dist(0, 0.3), pt.diff(x)).sum()
    second = pm.logp(pm.Normal.dist(0, 1), pt.diff(x, n=2)).sum()
    pm.Potential("prior", first + second + pm.logp(pm.StudentT.dist(3), x[0]))


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_absolute():
    """-lam * abs(diff).sum(), without normaliser."""
    lam = pm.HalfNormal("lam", 1)
    pm.Potential("jumps", -lam * pt.abs(pt.diff(series())).sum())


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_absolute_normalised():
    """The same with a normaliser."""
    lam = pm.HalfNormal("lam", 1)
    jumps = pt.diff(series())
    pm.Potential("jumps", 6 * pt.log(lam / 2) - lam * pt.sum(pt.abs(jumps)))


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_of_a_shape():
    """A normaliser in a potential of its own, written with the size of the block."""
    lam = pm.HalfNormal("lam", 1)
    x = series()
    pm.Potential("jumps", -lam * pt.abs(pt.diff(x)).sum())
    pm.Potential("normaliser", (x.size - 1) * pt.log(lam) + pt.diff(x).shape[0] * pt.log(2.0))


@spelling(EXPERTS, "x")
def potential_square():
    """-0.5 * sqr, in three ways."""
    x = series()
    tau = pm.HalfNormal("tau", 1)
    pm.Potential("jumps", -0.5 * pt.sum(pt.sqr(pt.diff(x) / tau)) - 6 * pt.log(tau))
    pm.Potential("bend", -0.5 * pt.diff(x, n=2) ** 2)
    pm.Potential("ends", -((x[-1] - x[0]) ** 2) / (2 * 1.5**2))


@spelling(EXPERTS, "x", is_gaussian=False)
def potential_student():
    """Student-t written out, with and without normaliser."""
    x = series()
    scale = pm.HalfNormal("scale", 1)
    t = pt.diff(x) / scale
    pm.Potential("jumps", -2.5 * pt.sum(pt.log1p(t**2 / 4)) - 6 * pt.log(scale))
    pm.Potential("bend", -2.0 * pt.log(1 + pt.diff(x, n=2) ** 2 / 3))


@spelling(EXPERTS, "b", is_gaussian=False)
def horseshoe():
    """Half-Cauchy scales for each coefficient."""
    lam = pm.HalfCauchy("lam", 1, shape=3)
    observe(X @ pm.Normal("b", 0, pm.HalfCauchy("tau", 1) * lam, shape=3))


@spelling(EXPERTS, "b")
def prior_and_potential():
    """A potential of a variable that has a prior of its own."""
    b = beta()
    observe(X @ b)
    pm.Potential("extra", -0.5 * pt.sum((X @ b - 1.0) ** 2))


@spelling(EXPERTS, "x", is_gaussian=False)
def declared_charbonnier():
    """Charbonnier jumps with an unknown rate: smoothed total variation."""
    rate = pm.HalfNormal("rate", 3)
    pymc_glm.expert("jumps", pymc_glm.Charbonnier.dist(0, rate, 0.1), pt.diff(series()))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_hyperbolic_secant():
    """HyperbolicSecant likelihood: the log-cosh loss."""
    scale = pm.HalfNormal("scale", 1)
    pymc_glm.HyperbolicSecant("y", X @ beta(), alpha=1.5, scale=scale, observed=Y)


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_exponential_power():
    """ExponentialPower prior: the bridge."""
    observe(X @ pymc_glm.ExponentialPower("b", 0, 0.5, pm.HalfNormal("scale", 1), shape=3))


@spelling(EXPERTS, "x", is_gaussian=False)
def declared_symmetric_stable():
    """SymmetricStable jumps of unknown index."""
    alpha = pm.Uniform("alpha", 0.5, 1.9)
    pymc_glm.expert("jumps", pymc_glm.SymmetricStable.dist(0, alpha, 0.3), pt.diff(series()))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_group_laplace():
    """GroupLaplace prior, one group for each row, scales unknown."""
    scale = pm.HalfNormal("scale", 1, shape=2)
    observe(X @ pymc_glm.GroupLaplace("b", 0, scale, shape=(2, 3)).sum(axis=0))


@spelling(EXPERTS, "x", is_gaussian=False)
def declared_isotropic_total_variation():
    """GroupLaplace of the two differences of each pixel."""
    image = pm.Flat("x", shape=(3, 4))
    observe(image, np.outer(Y[:3], Y[:4]))
    differences = [pt.diff(image, axis=0)[:, :-1], pt.diff(image, axis=1)[:-1]]
    pymc_glm.expert(
        "jumps", pymc_glm.GroupLaplace.dist(np.zeros(2), 0.3), pt.stack(differences, -1)
    )


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_horseshoe():
    """Horseshoe prior, local scales integrated out."""
    observe(X @ pymc_glm.Horseshoe("b", 0, pm.HalfCauchy("tau", 1), shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_generalized_hyperbolic():
    """GeneralizedHyperbolic likelihood, skewed."""
    law = {"order": 0.3, "alpha": 2.0, "beta": -0.5, "delta": pm.HalfNormal("delta", 1)}
    pymc_glm.GeneralizedHyperbolic("y", X @ beta(), **law, observed=Y)


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_normal_inverse_gaussian():
    """NormalInverseGaussian likelihood of unknown skewness."""
    skew = pm.Uniform("skew", -1, 1)
    pymc_glm.NormalInverseGaussian("y", X @ beta(), 2.0, 2.0 * skew, 0.5, observed=Y)


@spelling(EXPERTS, "x", is_gaussian=False)
def declared_hyperbolic():
    """Hyperbolic jumps."""
    pymc_glm.expert("jumps", pymc_glm.Hyperbolic.dist(0, 3.0, 1.0, 0.2), pt.diff(series()))


@spelling(EXPERTS, "x", is_gaussian=False)
def declared_variance_gamma():
    """VarianceGamma jumps."""
    pymc_glm.expert("jumps", pymc_glm.VarianceGamma.dist(0, 0.8, 3.0, 1.0), pt.diff(series()))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_normal_exponential_gamma():
    """NormalExponentialGamma prior."""
    scale = pm.HalfNormal("scale", 1)
    observe(X @ pymc_glm.NormalExponentialGamma("b", 0, 0.5, scale, shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_generalized_double_pareto():
    """GeneralizedDoublePareto prior."""
    scale = pm.HalfNormal("scale", 1)
    observe(X @ pymc_glm.GeneralizedDoublePareto("b", 0, 3.0, scale, shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_dirichlet_laplace():
    """DirichletLaplace prior of unknown concentration."""
    concentration = pm.Uniform("concentration", 0.1, 1)
    observe(X @ pymc_glm.DirichletLaplace("b", 0, concentration, shape=3))


@spelling(EXPERTS, "b", is_gaussian=False)
def declared_hinge():
    """A support vector machine: pymc_glm.hinge."""
    pymc_glm.hinge("loss", np.sign(Y) * (X @ beta()))
