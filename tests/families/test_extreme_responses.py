"""Latents of every family at responses from zero to far in the tails, against exact laws."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy.special import erfcx, gammaln, log_ndtr, logsumexp
from scipy.stats import kstest

from pymc_glm.families import (
    AsymmetricLaplace,
    BinomialLogit,
    Charbonnier,
    DirichletLaplace,
    ExponentiallyModifiedNormal,
    ExponentialPower,
    GeneralizedDoublePareto,
    GeneralizedHyperbolic,
    GroupLaplace,
    GroupStudentT,
    Hinge,
    HyperbolicSecant,
    Laplace,
    Logistic,
    LogisticInterval,
    NegativeBinomialLogit,
    NormalExponentialGamma,
    NormalInterval,
    SkewNormal,
    StudentT,
    VarianceGamma,
)
from pymc_glm.families.mixing_laws import positive_stable_log_density

PYTHON = Mode(linker="py", optimizer="merge")
DRAWS = 10_000
RESPONSES = [0.0, 1e-300, 1e-150, 1e-12, 1e-3, 1.0, 1e3, 1e8]
FALSE_ALARM = 1e-4


def drawn(family, parameters, responses, seed):
    """Precision and information at many equal responses."""
    rng, t = pt.random.rng(), pt.dvector()
    latent = family.latent(rng, t, **parameters)
    information = 0.0 * t if latent.information is None else latent.information
    generator = pytensor.In(rng, borrow=True, mutable=True)
    outputs = [latent.precision + 0.0 * t, information]
    function = pytensor.function([generator, t], outputs, mode=PYTHON, accept_inplace=True)
    return function(np.random.default_rng(seed), responses)


def variance_gig(order, alpha, delta):
    """Mixing law of a generalised inverse Gaussian variance, in x = log of the precision."""
    return lambda x: -order * x - 0.5 * (alpha**2 * np.exp(-x) + delta**2 * np.exp(x))


def exponential_variance(rate, log_mass):
    """The same for an exponential variance whose Laplace rate has a law of its own."""
    y = np.log(rate)[:, None]

    def log_law(x):
        u = 2 * y - np.log(2) - x
        return logsumexp(u - np.exp(np.minimum(u, 700.0)) + log_mass[:, None], axis=0)

    return log_law


def polya_gamma(shape, factor):
    """The same for a precision of ``factor`` times a Polya-Gamma variate, by Jacobi's series."""

    def log_law(x):
        # Beyond there is nothing, and the series ends too soon.
        w = np.exp(np.minimum(x, 5.0)) / factor
        total = np.zeros_like(w)
        # Relative to the first term, which may underflow.
        for n in range(60):
            ratio = gammaln(n + shape) - gammaln(shape) - gammaln(n + 1)
            decay = ((2 * n + shape) ** 2 - shape**2) / (8 * w)
            total += (-1) ** n * (2 * n + shape) / shape * np.exp(ratio - decay)
        with np.errstate(divide="ignore"):
            log_density = np.log(np.maximum(total, 0.0)) - shape**2 / (8 * w) - x
        return np.where(w < shape / 4 + 12.0, log_density, -np.inf)

    return log_law


def stable(alpha):
    """The same for an exponential power law: a multiple of a stable variate."""
    return lambda x: positive_stable_log_density(x - np.log(2), 0.5 * alpha) - 0.5 * x


GRID = np.exp(np.linspace(-60.0, 9.0, 1400))
# Family, parameters of unit scale, and its mixing law.
SCALE_MIXTURES = {
    "asymmetric Laplace": (
        AsymmetricLaplace(),
        {"quantile": 0.8, "scale": 1.0},
        variance_gig(1.0, 0.5, 0.0),
    ),
    "hinge": (Hinge(), {"weight": 2.0}, variance_gig(1.0, 1.0, 0.0)),
    "exponential power 0.5": (ExponentialPower(), {"alpha": 0.5, "scale": 1.0}, stable(0.5)),
    "exponential power 1.6": (ExponentialPower(), {"alpha": 1.6, "scale": 1.0}, stable(1.6)),
    "logistic": (Logistic(), {"scale": 1.0}, polya_gamma(2.0, 1.0)),
    "hyperbolic secant": (
        HyperbolicSecant(),
        {"shape": 1.3, "scale": 1.0},
        polya_gamma(1.3, 4.0),
    ),
    "binomial logit": (
        BinomialLogit(),
        {"successes": 1.0, "trials": 3.0},
        polya_gamma(3.0, 1.0),
    ),
    "negative binomial logit": (
        NegativeBinomialLogit(),
        {"count": 2.0, "dispersion": 0.7},
        polya_gamma(2.7, 1.0),
    ),
    "normal-inverse-Gaussian": (
        GeneralizedHyperbolic(),
        {"order": -0.5, "alpha": 1.5, "beta": 0.4, "delta": 0.7},
        variance_gig(-0.5, 1.5, 0.7),
    ),
    "variance gamma": (
        VarianceGamma(),
        {"order": 1.4, "alpha": 1.5, "beta": -0.4},
        variance_gig(1.4, 1.5, 0.0),
    ),
    "Charbonnier": (
        Charbonnier(),
        {"rate": 1.5, "delta": 0.7},
        variance_gig(1.0, 1.5, 0.7),
    ),
    "normal-exponential-gamma": (
        NormalExponentialGamma(),
        {"shape": 1.2, "scale": 1.0},
        lambda x: -x - 2.2 * np.logaddexp(0.0, -x),
    ),
    "generalized double Pareto": (
        GeneralizedDoublePareto(),
        {"alpha": 1.3, "scale": 1.0},
        exponential_variance(GRID, 1.3 * np.log(GRID) - GRID),
    ),
    "Dirichlet-Laplace": (
        DirichletLaplace(),
        {"concentration": 1.5, "scale": 1.0},
        exponential_variance(1.0 / GRID[::-1], (1.5 * np.log(GRID) - 0.5 * GRID)[::-1]),
    ),
}


def log_precision_cdf(log_law, t):
    """Grid and distribution function of the log precision given t."""

    def log_density(x):
        with np.errstate(over="ignore"):
            return log_law(x) + 0.5 * x - 0.5 * np.exp(x) * t * t

    x = np.linspace(-90.0, 690.0, 3001)
    for _ in range(3):
        height = log_density(x)
        likely = np.flatnonzero(height > height.max() - 45.0)
        first, last = max(likely[0] - 1, 0), min(likely[-1] + 1, x.size - 1)
        x = np.linspace(x[first], x[last], 3001)
    mass = np.exp(log_density(x) - log_density(x).max())
    cumulated = np.cumsum(mass)
    return x, (cumulated - 0.5 * mass) / cumulated[-1]


@pytest.mark.parametrize("name", SCALE_MIXTURES)
def test_precisions_follow_their_law(name):
    family, parameters, log_law = SCALE_MIXTURES[name]
    # Far in the tails the scale of a Dirichlet-Laplace variate is narrower than the grid.
    responses = RESPONSES[:-1] if name == "Dirichlet-Laplace" else RESPONSES
    for index, t in enumerate(responses):
        precision, information = drawn(family, parameters, np.full(DRAWS, t), 400 + index)
        assert np.all(np.isfinite(precision)) and np.all(precision > 0), t
        assert np.all(np.isfinite(information)), t
        x, cdf = log_precision_cdf(log_law, t)
        p_value = kstest(np.log(precision), lambda value: np.interp(value, x, cdf)).pvalue
        assert p_value > FALSE_ALARM / (len(RESPONSES) * len(SCALE_MIXTURES)), t
        # The law of a response half as far again, where there is another one.
        if t < 1e-3:
            continue
        x, cdf = log_precision_cdf(log_law, 1.5 * t if t >= 1.0 else 1.0)
        p_value = kstest(np.log(precision), lambda value: np.interp(value, x, cdf)).pvalue
        assert p_value < FALSE_ALARM, t


def positive_part_cdf(mean, sd):
    """Distribution function of a normal variate of given mean, given that it is positive."""

    def cdf(z):
        low, x = -mean / sd, (z - mean) / sd
        if low < 5.0:
            tail = log_ndtr(-x) - log_ndtr(-low)
        else:
            # Both are tiny: their logarithms would cancel.
            tail = np.log(erfcx(x / np.sqrt(2)) / erfcx(low / np.sqrt(2)))
            tail = tail - z / sd * (low + 0.5 * z / sd)
        return -np.expm1(np.minimum(tail, 0.0))

    return cdf


# Family, parameters, and how the positive latent comes from the location: location = slope z.
LOCATION_MIXTURES = {
    "probit": (
        NormalInterval(),
        {"lower": 0.0, "upper": np.inf, "sigma": 1.0},
        1.0,
        lambda t: (t, 1.0),
    ),
    "skew-normal": (
        SkewNormal(),
        {"alpha": 3.0, "scale": 1.0},
        3.0 / np.sqrt(10.0),
        lambda t: (3.0 / np.sqrt(10.0) * t, np.sqrt(0.1)),
    ),
    "exponentially modified normal": (
        ExponentiallyModifiedNormal(),
        {"nu": 2.0, "sigma": 1.0},
        1.0,
        lambda t: (t - 0.5, 1.0),
    ),
}


@pytest.mark.parametrize("name", LOCATION_MIXTURES)
def test_locations_follow_their_law(name):
    family, parameters, slope, normal = LOCATION_MIXTURES[name]
    signed = [*RESPONSES, *(-t for t in RESPONSES[3:])]
    for index, t in enumerate(signed):
        precision, information = drawn(family, parameters, np.full(DRAWS, t), 500 + index)
        assert np.all(precision == precision[0]) and np.all(np.isfinite(information)), t
        latent = information / precision / slope
        assert np.all(latent >= 0), t
        p_value = kstest(latent, positive_part_cdf(*normal(t))).pvalue
        assert p_value > FALSE_ALARM / (len(signed) * len(LOCATION_MIXTURES)), t


@pytest.mark.parametrize("t", [0.0, 1e-12, 1.0, 30.0, -30.0, 1e3, -1e3])
def test_logistic_variates_between_bounds(t):
    """Their law by the logistic function, and their precisions given them."""
    lower, upper = -0.5, 1.0
    parameters = {"lower": lower, "upper": upper}
    precision, information = drawn(LogisticInterval(), parameters, np.full(DRAWS, t), 601)
    assert np.all(np.isfinite(precision)) and np.all(precision > 0)
    z = information / precision
    assert np.all((z >= lower - 1e-9) & (z <= upper + 1e-9))

    def log_cdf(value):
        return -np.logaddexp(0.0, -(value - t))

    if t > 20.0:
        # Exponential, rising.
        uniform = np.exp(z - upper)
    elif t < -20.0:
        uniform = np.exp(lower - z)
    else:
        low, high = np.exp(log_cdf(lower)), np.exp(log_cdf(upper))
        uniform = (np.exp(log_cdf(z)) - low) / (high - low)
        assert kstest(uniform, "uniform").pvalue > FALSE_ALARM
        return
    rest = np.exp(lower - upper)
    assert kstest((uniform - rest) / (1 - rest), "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("t", [0.0, 1e-300, 1e-12, 1.0, 1e8])
def test_groups_share_the_latent_of_their_length(t):
    """A group along one axis is one response; a group of one is the univariate family."""
    group = np.zeros((DRAWS, 3))
    group[:, 1] = t
    seed = 700
    [precision, _] = drawn(GroupLaplace(3), {"scale": 0.5}, group.ravel(), seed)
    [alone, _] = drawn(Laplace(), {"scale": 0.5}, np.full(DRAWS, t), seed)
    np.testing.assert_array_equal(precision.reshape(DRAWS, 3), alone[:, None] * np.ones(3))
    parameters = {"nu": 4.0, "scale": 0.5}
    [precision, _] = drawn(GroupStudentT(1), parameters, np.full(DRAWS, t), seed)
    [alone, _] = drawn(StudentT(), parameters, np.full(DRAWS, t), seed)
    np.testing.assert_allclose(precision, alone, rtol=1e-12)


@pytest.mark.parametrize("family", [GroupLaplace(2), GroupStudentT(2)])
def test_group_densities_integrate_to_one_and_follow_the_oracle(family):
    """By polar coordinates; and the mean precision is the slope of the log density."""
    parameters = {"scale": 0.5} if isinstance(family, GroupLaplace) else {"nu": 4.0, "scale": 0.5}
    r = np.exp(np.linspace(-40.0, 12.0, 40_001))
    t = np.stack([r, np.zeros_like(r)], axis=1).ravel()
    density = np.exp(family.log_density(pt.as_tensor(t), **parameters).eval(mode=PYTHON))
    step = np.log(r[1] / r[0])
    np.testing.assert_allclose(np.sum(2 * np.pi * density * r**2) * step, 1.0, rtol=1e-7)
    point = pt.as_tensor(np.array([0.6, -0.8]))
    slope = pytensor.grad(pt.sum(family.log_density(point, **parameters)), point)
    [gradient] = pytensor.function([], [slope], mode=PYTHON)()
    [precision, _] = drawn(family, parameters, np.tile([0.6, -0.8], 40_000), 701)
    mean, error = precision.mean(), precision.std() / np.sqrt(40_000)
    assert abs(mean - -gradient[0] / 0.6) < 4.5 * error
    np.testing.assert_allclose(gradient[0] / 0.6, gradient[1] / -0.8, rtol=1e-10)
