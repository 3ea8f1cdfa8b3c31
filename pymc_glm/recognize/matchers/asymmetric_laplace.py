"""Asymmetric Laplace, the likelihood of quantile regression."""

from pymc.distributions.continuous import AsymmetricLaplaceRV

from pymc_glm.families import AsymmetricLaplace
from pymc_glm.recognize.registry import Match, matcher


@matcher(AsymmetricLaplaceRV)
def match_asymmetric_laplace(value, parameters, op):
    """Match ``AsymmetricLaplace(b, kappa, mu)``: response value - mu.

    The quantile is kappa**2 / (1 + kappa**2), and b is a rate, not a scale.
    """
    b, kappa, mu = parameters
    # One over (kappa + 1 / kappa), which does not overflow.
    harmonic = kappa / (1.0 + kappa**2)
    return [
        Match(
            AsymmetricLaplace(),
            value - mu,
            {"quantile": kappa * harmonic, "scale": harmonic / b},
        )
    ]
