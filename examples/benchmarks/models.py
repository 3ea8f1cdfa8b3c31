"""Benchmark models: fixed definitions, so that speed claims name the same thing everywhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from sklearn.datasets import load_diabetes

import pymc_glm

__all__ = [
    "BENCHMARKS",
    "eight_schools",
    "eight_schools_noncentred",
    "lasso_diabetes",
    "nile",
    "robust_stackloss",
    "tv1d",
]

TV1D_SEED = 20250518
TV1D_SIZE = 1000
TV1D_LEVELS = (0.0, 1.0, -0.5, 0.3, 1.2, 0.2, -1.0, 0.6, 0.0)
TV1D_JUMPS = (100, 130, 300, 420, 450, 600, 780, 820)
TV1D_NOISE = 0.1
TV1D_SCALE = 0.02

SCHOOLS = ("A", "B", "C", "D", "E", "F", "G", "H")
SCHOOL_EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
SCHOOL_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)


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


def lasso_diabetes() -> pm.Model:
    """Bayesian lasso of diabetes progression on ten standardised predictors, scales unknown.

    Data: scikit-learn's ``load_diabetes`` (442 patients). Tests correlated coefficients and a
    prior scale learned with them; small and smooth, so a home game for NUTS.

    References
    ----------
    Park, Casella (2008), JASA 103(482), 681-686, https://doi.org/10.1198/016214508000000337;
    Efron et al. (2004), Annals of Statistics 32(2), 407-499 (data),
    https://doi.org/10.1214/009053604000000067
    """
    data = load_diabetes()
    X, y = _standardized(data.data), _standardized(data.target)
    with pm.Model(coords={"predictor": data.feature_names}) as model:
        log_sigma = pm.Flat("log_sigma")
        kappa = pm.Gamma("kappa", 2.0, 0.2)
        beta = pm.Laplace("beta", 0.0, 1.0 / kappa, dims="predictor")
        pm.Normal("y", X @ beta, pt.exp(log_sigma), observed=y)
    return model


def nile() -> pm.Model:
    """Level of the Nile's annual flow under Laplace jumps; both scales unknown.

    Data: ``datasets::Nile`` of R, annual flow at Aswan 1871-1970 in 1e8 m^3. Tests a chain of
    differences whose noise and jump scales have to be learned with it.

    References
    ----------
    Cobb (1978), Biometrika 65(2), 243-251, https://doi.org/10.1093/biomet/65.2.243
    """
    data = _table("nile.csv")
    with pm.Model(coords={"year": data["year"].astype(int)}) as model:
        sigma = pm.HalfNormal("sigma", 200.0)
        scale = pm.HalfCauchy("scale", 20.0)
        level = pm.Flat("level", dims="year")
        pymc_glm.expert("jumps", pm.Laplace.dist(0.0, scale), pt.diff(level))
        pm.Normal("flow", level, sigma, observed=data["flow"], dims="year")
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


def robust_stackloss() -> pm.Model:
    """Regression of stack loss with Student t errors; scale and degrees of freedom unknown.

    Data: ``datasets::stackloss`` of R, 21 days of a plant that oxidises ammonia; days 1, 3, 4
    and 21 are the classical outliers. Tests heavy tails with a slow hyperparameter.

    References
    ----------
    Lange, Little, Taylor (1989), JASA 84(408), 881-896,
    https://doi.org/10.1080/01621459.1989.10478852; Brownlee (1965), Statistical Theory and
    Methodology in Science and Engineering, 2nd ed., Wiley (data)
    """
    data = _table("stackloss.csv")
    names = ("air_flow", "water_temperature", "acid_concentration")
    X = _standardized(np.column_stack([data[name] for name in names]))
    with pm.Model(coords={"predictor": names}) as model:
        intercept = pm.Normal("intercept", 0.0, 50.0)
        beta = pm.Normal("beta", 0.0, 10.0, dims="predictor")
        sigma = pm.HalfCauchy("sigma", 5.0)
        nu = pm.Gamma("nu", 2.0, 0.1)
        mean = intercept + X @ beta
        pm.StudentT("stack_loss", nu=nu, mu=mean, sigma=sigma, observed=data["stack_loss"])
    return model


def _standardized(values: np.ndarray) -> np.ndarray:
    """Columns with mean zero and (population) standard deviation one."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def _table(name: str) -> np.ndarray:
    """One of the data sets that come with the package, columns by name."""
    with files("pymc_glm").joinpath("data", name).open(encoding="utf-8") as lines:
        return np.genfromtxt(lines, delimiter=",", names=True)


BENCHMARKS: dict[str, Callable[[], pm.Model]] = {
    builder.__name__: builder
    for builder in (
        tv1d,
        lasso_diabetes,
        nile,
        eight_schools,
        eight_schools_noncentred,
        robust_stackloss,
    )
}
