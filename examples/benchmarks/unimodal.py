"""Targets of papers on diffusion samplers that have one mode, and their evidence.

`multimodal` has those with several, and all of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pymc as pm

from likelihoods import shared_data
from sklearn.datasets import load_breast_cancer

__all__ = [
    "UNIMODAL",
    "Target",
    "breast_cancer",
    "brownian",
    "funnel",
    "german_credit",
    "ionosphere",
    "seeds",
    "sonar",
]

FUNNEL_SIZE = 10
FUNNEL_SD = 3.0

# Germinated seeds out of those planted, on 21 plates: variety and root extract are 0 or 1.
GERMINATED = [10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10, 8, 10, 8, 23, 0, 3, 22, 15, 32, 3]
PLANTED = [39, 62, 81, 51, 39, 6, 74, 72, 51, 79, 13, 16, 30, 28, 45, 4, 12, 41, 30, 51, 7]
VARIETY = np.repeat([0.0, 1.0], [11, 10])
EXTRACT = np.repeat([0.0, 1.0, 0.0, 1.0], [5, 6, 5, 5])

# Steps 10 to 19 of 30 are not observed.
BROWNIAN_STEPS = 30
BROWNIAN_MISSING = (10, 20)
BROWNIAN_LOCATIONS = np.array(
    [
        *(0.21592641, 0.118771404, -0.07945447, 0.037677474, -0.27885845),
        *(-0.1484156, -0.3250906, -0.22957903, -0.44110894, -0.09830782),
        *(-0.8786016, -0.83736074, -0.7384849, -0.8939254, -0.7774566),
        *(-0.70238715, -0.87771565, -0.51853573, -0.6948214, -0.6202789),
    ]
)

# Log evidences. That of `brownian` is an integral over two scales, with the path integrated out;
# others come from importance sampling with a t density fitted to the posterior, with the effects of
# `seeds` integrated out. Standard errors are below 0.004, and 0.007 for `breast_cancer`. Bridge
# sampling with draws of NUTS gives the same to 0.02; for `breast_cancer` it was not done.
LOG_Z = {
    "seeds": -73.41,
    "breast_cancer": -77.57,
    "german_credit": -585.10,
    "ionosphere": -111.61,
    "sonar": -108.38,
    "brownian": 1.1877,
}


class Target(NamedTuple):
    """A density to sample from, with what is known about it.

    Attributes
    ----------
    name : str
        Its key in `multimodal.TARGETS`.
    model : Model
        PyMC's model; its free variables are continuous.
    log_z : float or None
        Log of the integral of the model's density over its free variables.
    draws : callable or None
        ``draws(rng, n)`` are n exact independent draws: an array of each free variable by its
        name, draws along the first axis.
    modes : callable or None
        ``modes(values)`` is the mode of each draw, an integer; values are as `draws` gives them.
    mode_masses : ndarray or None
        Probability of each mode.
    reference : str
        Where the target comes from.
    """

    name: str
    model: pm.Model
    log_z: float | None
    draws: Callable[[np.random.Generator, int], dict[str, np.ndarray]] | None
    modes: Callable[[dict[str, np.ndarray]], np.ndarray] | None
    mode_masses: np.ndarray | None
    reference: str


def funnel() -> Target:
    """Neal's funnel: nine variables whose common log variance is normal with sd 3.

    References
    ----------
    Neal (2003), Annals of Statistics 31(3), 705-767, section 8,
    https://doi.org/10.1214/aos/1056562461
    """
    with pm.Model() as model:
        v = pm.Normal("v", 0.0, FUNNEL_SD)
        pm.Normal("x", 0.0, pm.math.exp(0.5 * v), shape=FUNNEL_SIZE - 1)

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        v = FUNNEL_SD * rng.standard_normal(n)
        return {"v": v, "x": np.exp(0.5 * v)[:, None] * rng.standard_normal((n, FUNNEL_SIZE - 1))}

    return _unimodal("funnel", model, "Neal (2003), doi:10.1214/aos/1056562461", 0.0, draws)


def seeds() -> Target:
    """Germination on 21 plates: logistic regression with an effect of each plate.

    Data: two varieties by two root extracts, example "Seeds" of BUGS. The scale of effects is
    weakly identified, so that they form a funnel.

    References
    ----------
    Crowder (1978), Applied Statistics 27(1), 34-37 (data), https://doi.org/10.2307/2346223;
    Breslow, Clayton (1993), JASA 88(421), 9-25, https://doi.org/10.1080/01621459.1993.10594284
    """
    with pm.Model(coords={"plate": np.arange(len(PLANTED))}) as model:
        tau = pm.Gamma("tau", 0.01, 0.01)
        a0 = pm.Normal("a0", 0.0, 10.0)
        a1 = pm.Normal("a1", 0.0, 10.0)
        a2 = pm.Normal("a2", 0.0, 10.0)
        a12 = pm.Normal("a12", 0.0, 10.0)
        b = pm.Normal("b", 0.0, 1.0 / pm.math.sqrt(tau), dims="plate")
        eta = a0 + a1 * VARIETY + a2 * EXTRACT + a12 * (VARIETY * EXTRACT) + b
        pm.Binomial("r", n=PLANTED, logit_p=eta, observed=GERMINATED, dims="plate")
    return _unimodal("seeds", model, "Breslow, Clayton (1993), doi:10.1080/01621459.1993.10594284")


def breast_cancer() -> Target:
    """Logistic regression of 569 breast tumours on 30 predictors that are not centred.

    Data: scikit-learn's ``load_breast_cancer``. Weights have prior sd 10, and outcomes are
    separated by the predictors: the posterior is wide and skewed.

    References
    ----------
    Street, Wolberg, Mangasarian (1993), SPIE 1905, 861-870 (data),
    https://doi.org/10.1117/12.148698; Blessing et al. (2024), arXiv:2406.07423
    """
    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    model = _regression(data.data / data.data.std(axis=0), data.target, names, 10.0)
    return _unimodal("breast_cancer", model, "Blessing et al. (2024), arXiv:2406.07423")


def german_credit() -> Target:
    """Logistic regression of 1000 German credits on 24 predictors that are not centred.

    Data: UCI's numeric version. Weights have prior sd 10; papers that leave the prior out have
    another evidence.

    References
    ----------
    Hofmann (1994), Statlog (German credit data), https://doi.org/10.24432/C5NC77; Blessing et
    al. (2024), arXiv:2406.07423
    """
    data = shared_data("german_credit_numeric")
    X = data.drop(columns="class")
    scaled = X.to_numpy(float) / X.to_numpy(float).std(axis=0)
    model = _regression(scaled, data["class"].to_numpy() == 1, list(X.columns), 10.0)
    return _unimodal("german_credit", model, "Blessing et al. (2024), arXiv:2406.07423")


def ionosphere() -> Target:
    """Logistic regression of 351 radar returns on 34 standardised predictors, prior sd 1.

    References
    ----------
    Sigillito et al. (1989), Johns Hopkins APL Technical Digest 10, 262-266; the data are
    https://doi.org/10.24432/C5W01B
    """
    return _signs("ionosphere", "Sigillito et al. (1989), doi:10.24432/C5W01B")


def sonar() -> Target:
    """Logistic regression of 208 sonar returns on 60 standardised predictors, prior sd 1.

    References
    ----------
    Gorman, Sejnowski (1988), Neural Networks 1(1), 75-89 (data), https://doi.org/10.24432/C5T01Q
    """
    return _signs("sonar", "Gorman, Sejnowski (1988), doi:10.24432/C5T01Q")


def brownian() -> Target:
    """Brownian motion of 30 steps in noise, both scales unknown, ten steps not observed.

    References
    ----------
    Sountsov, Radul et al. (2020), Inference Gym, BrownianMotionUnknownScalesMissingMiddle
    Observations (data), https://pypi.org/project/inference_gym
    """
    observed = np.delete(np.arange(BROWNIAN_STEPS), np.arange(*BROWNIAN_MISSING))
    with pm.Model(coords={"step": np.arange(BROWNIAN_STEPS), "observation": observed}) as model:
        innovation = pm.LogNormal("innovation", 0.0, 2.0)
        noise = pm.LogNormal("noise", 0.0, 2.0)
        start = pm.Normal.dist(0.0, innovation)
        location = pm.GaussianRandomWalk("location", 0.0, innovation, init_dist=start, dims="step")
        y = BROWNIAN_LOCATIONS
        pm.Normal("y", location[observed], noise, observed=y, dims="observation")
    return _unimodal("brownian", model, "Inference Gym, https://pypi.org/project/inference_gym")


def _signs(name: str, reference: str) -> Target:
    """Regression of outcomes -1 and 1 on the standardised features of a data set."""
    data = shared_data(name)
    X = data.drop(columns="y").to_numpy(float)
    sd = X.std(axis=0)
    standardized = (X - X.mean(axis=0)) / np.where(sd > 0.0, sd, 1.0)
    names = [column for column in data.columns if column != "y"]
    return _unimodal(
        name, _regression(standardized, data["y"].to_numpy() == 1, names, 1.0), reference
    )


def _regression(X: np.ndarray, y: np.ndarray, names: Sequence[str], sd: float) -> pm.Model:
    """Logistic regression whose intercept is a weight like the others, the first."""
    design = np.column_stack([np.ones(len(X)), X])
    with pm.Model(coords={"predictor": ["intercept", *names]}) as model:
        w = pm.Normal("w", 0.0, sd, dims="predictor")
        pm.Bernoulli("y", logit_p=pm.math.dot(design, w), observed=y.astype(int))
    return model


def _unimodal(
    name: str,
    model: pm.Model,
    reference: str,
    log_z: float | None = None,
    draws: Callable[[np.random.Generator, int], dict[str, np.ndarray]] | None = None,
) -> Target:
    log_z = LOG_Z[name] if log_z is None else log_z
    return Target(name, model, log_z, draws, None, None, reference)


UNIMODAL: dict[str, Callable[[], Target]] = {
    "funnel": funnel,
    "seeds": seeds,
    "breast_cancer": breast_cancer,
    "german_credit": german_credit,
    "ionosphere": ionosphere,
    "sonar": sonar,
    "brownian": brownian,
}
