"""Ex-Gaussian."""

import numpy as np
import pytensor.tensor as pt

from pymc.distributions.continuous import ExGaussianRV

from pymc_glm.families import ExponentiallyModifiedNormal, Gaussian
from pymc_glm.recognize.dependence import evaluate, is_known
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher

# Below this ratio of nu to sigma PyMC drops the exponential part from the density.
SMALLEST_RATIO = 0.05


@matcher(ExGaussianRV)
def match_exponentially_modified_normal(value, parameters, op):
    """Match ``ExGaussian(mu, sigma, nu)``: response value - mu."""
    mu, sigma, nu = parameters
    if is_known(sigma) and is_known(nu):
        [is_normal] = evaluate([pt.le(nu, SMALLEST_RATIO * sigma)])
        if np.all(is_normal):
            return [Match(Gaussian(), value - mu, {"scale": sigma})]
        if np.any(is_normal):
            return MatchRefusal(
                "PyMC replaces the exponential part by nothing in some of its rows, where nu is"
                " below sigma / 20"
            )
    return [Match(ExponentiallyModifiedNormal(), value - mu, {"nu": nu, "sigma": sigma})]
