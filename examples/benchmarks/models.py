"""Benchmark models: fixed definitions, so that speed claims name the same thing everywhere.

The models of the Nile's jumps and of the stack loss are those of ``pymc-glm demo``; regressions
on many predictors are in `regressions`, models with varying effects in `multilevel`, outcomes
that are not Gaussian in `likelihoods`, images in `images`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from images import IMAGES
from likelihoods import LIKELIHOODS
from multilevel import radon, sleepstudy
from regressions import REGRESSIONS, horseshoe_pn

from pymc_glm.demo import load_data, nile_level, stack_loss_regression

__all__ = [
    "BENCHMARKS",
    "SIZED",
    "build",
    "eight_schools",
    "eight_schools_noncentred",
    "local_level",
    "tv1d",
]

TV1D_SEED = 20250518
TV1D_SIZE = 1000
TV1D_LEVELS = (0.0, 1.0, -0.5, 0.3, 1.2, 0.2, -1.0, 0.6, 0.0)
TV1D_JUMPS = (100, 130, 300, 420, 450, 600, 780, 820)
TV1D_NOISE = 0.1
TV1D_SCALE = 0.02

SCHOOLS = ("A", "B", "C", "D", "E", "F", "G", "H")
SCHOOL_EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SCHOOL_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def tv1d() -> pm.Model:
    """Piecewise constant signal in noise, under a total variation prior with known scales.

    Data: 1000 points simulated here (nine levels, noise sd 0.1, seed 20250518). Tests a long
    chain of differences, whose posterior is far too narrow across jumps for gradient samplers.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836; Rudin, Osher, Fatemi (1992), Physica D 60, 259-268,
    https://doi.org/10.1016/0167-2789(92)90242-F
    """
    rng = np.random.default_rng(TV1D_SEED)
    lengths = np.diff([0, *TV1D_JUMPS, TV1D_SIZE])
    y = np.repeat(TV1D_LEVELS, lengths) + TV1D_NOISE * rng.standard_normal(TV1D_SIZE)
    with pm.Model(coords={"time": np.arange(TV1D_SIZE)}) as model:
        x = pm.Flat("x", dims="time")
        pm.Potential("jumps", -pt.abs(pt.diff(x)).sum() / TV1D_SCALE)
        pm.Normal("y", x, TV1D_NOISE, observed=y, dims="time")
    return model


def local_level() -> pm.Model:
    """The level of the Nile as a Gaussian random walk in noise, both scales unknown.

    Data: those of `pymc_glm.demo.nile_level`. Tests a scale of increments that is weakly
    identified, and chains of differences without kinks.

    References
    ----------
    Durbin, Koopman (2012), Time Series Analysis by State Space Methods, 2nd ed., chapter 2
    """
    nile = load_data("nile")
    with pm.Model(coords={"year": nile["year"].to_numpy()}) as model:
        sigma = pm.HalfNormal("sigma", 200.0)
        level_sd = pm.HalfNormal("level_sd", 100.0)
        start = pm.Normal.dist(1000.0, 500.0)
        level = pm.GaussianRandomWalk("level", 0.0, level_sd, init_dist=start, dims="year")
        pm.Normal("flow", level, sigma, observed=nile["flow"].to_numpy(float), dims="year")
    return model


def eight_schools() -> pm.Model:
    """Effects of coaching in eight schools, centred: a funnel that defeats plain HMC.

    Data: Rubin's table of estimated effects and their standard errors.

    References
    ----------
    Rubin (1981), Journal of Educational Statistics 6(4), 377-401,
    https://doi.org/10.3102/10769986006004377; Gelman et al. (2013), Bayesian Data Analysis,
    3rd ed., section 5.5
    """
    with pm.Model(coords={"school": SCHOOLS}) as model:
        mu = pm.Normal("mu", 0.0, 5.0)
        tau = pm.HalfCauchy("tau", 5.0)
        theta = pm.Normal("theta", mu, tau, dims="school")
        pm.Normal("effect", theta, SCHOOL_ERRORS, observed=SCHOOL_EFFECTS, dims="school")
    return model


def eight_schools_noncentred() -> pm.Model:
    """`eight_schools` with standardised effects: the map of the block depends on tau.

    References
    ----------
    Papaspiliopoulos, Roberts, Skold (2007), Statistical Science 22(1), 59-73,
    https://doi.org/10.1214/088342307000000014
    """
    with pm.Model(coords={"school": SCHOOLS}) as model:
        mu = pm.Normal("mu", 0.0, 5.0)
        tau = pm.HalfCauchy("tau", 5.0)
        offset = pm.Normal("offset", 0.0, 1.0, dims="school")
        theta = pm.Deterministic("theta", mu + tau * offset, dims="school")
        pm.Normal("effect", theta, SCHOOL_ERRORS, observed=SCHOOL_EFFECTS, dims="school")
    return model


def build(name: str) -> pm.Model:
    """Build a benchmark model.

    Parameters
    ----------
    name : str
        A key of `BENCHMARKS`. For `SIZED` models a size may follow, as in
        ``"horseshoe_pn:500"``.

    Returns
    -------
    model : Model

    Raises
    ------
    ValueError
        There is no such model, or its size cannot be chosen.
    """
    base, colon, size = name.partition(":")
    if base not in BENCHMARKS:
        raise ValueError(
            f"There is no benchmark called {base!r}. Choose out of {', '.join(BENCHMARKS)}."
        )
    if not colon:
        return BENCHMARKS[base]()
    if base not in SIZED or not size.isdecimal():
        raise ValueError(
            f"{name!r} asks for a size of {size!r}. A number may follow {', '.join(SIZED)} only."
        )
    return SIZED[base](int(size))


BENCHMARKS: dict[str, Callable[[], pm.Model]] = {
    "tv1d": tv1d,
    **REGRESSIONS,
    "nile": nile_level,
    "local_level": local_level,
    "eight_schools": eight_schools,
    "eight_schools_noncentred": eight_schools_noncentred,
    "robust_stackloss": stack_loss_regression,
    "radon": radon,
    "sleepstudy": sleepstudy,
    **LIKELIHOODS,
    **IMAGES,
}
# Models whose size is an argument.
SIZED: dict[str, Callable[[int], pm.Model]] = {"horseshoe_pn": horseshoe_pn, **IMAGES}
