"""Every family against its own mixing law, and broken twins that must be caught."""

import numpy as np
import pytensor.tensor as pt
import pytest

from pymc_glm.families import (
    AbstractFamily,
    AsymmetricLaplace,
    BinomialLogit,
    Cauchy,
    Charbonnier,
    DirichletLaplace,
    ExponentiallyModifiedNormal,
    ExponentialPower,
    Gaussian,
    GeneralizedDoublePareto,
    GeneralizedHyperbolic,
    Hinge,
    Horseshoe,
    HyperbolicSecant,
    Laplace,
    Latent,
    Logistic,
    NegativeBinomialLogit,
    NormalExponentialGamma,
    NormalInterval,
    NormalMixture,
    SkewNormal,
    StudentT,
    VarianceGamma,
)
from pymc_glm.testing import check_family

POINTS = np.array([-2.3, -0.4, 0.05, 0.7, 3.1, 11.0])
MIXTURE = {
    "weights": np.array([0.2, 0.5, 0.3]),
    "means": np.array([-1.0, 0.0, 2.0]),
    "scales": np.array([0.4, 1.5, 0.4]),
}


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        (Gaussian(), {"scale": 1.3}),
        (Laplace(), {"scale": 0.7}),
        (Laplace(), {"scale": 40.0}),
        (StudentT(), {"nu": 0.3, "scale": 0.8}),
        (StudentT(), {"nu": 4.5, "scale": 1.3}),
        (StudentT(), {"nu": 250.0, "scale": 2.0}),
        (Cauchy(), {"scale": 0.6}),
        (Horseshoe(), {"scale": 0.7}),
        (Horseshoe(), {"scale": 40.0}),
        (NormalMixture(), MIXTURE),
        (AsymmetricLaplace(), {"quantile": 0.2, "scale": 0.7}),
        (AsymmetricLaplace(), {"quantile": 0.95, "scale": 40.0}),
        (ExponentialPower(), {"alpha": 0.5, "scale": 0.8}),
        (ExponentialPower(), {"alpha": 1.0, "scale": 0.8}),
        (ExponentialPower(), {"alpha": 1.7, "scale": 1.3}),
        (Logistic(), {"scale": 0.6}),
        (HyperbolicSecant(), {"shape": 1.0, "scale": 0.6}),
        (HyperbolicSecant(), {"shape": 3.7, "scale": 2.0}),
        (HyperbolicSecant(), {"shape": 0.6, "scale": 2.0}),
        (GeneralizedHyperbolic(), {"order": -0.5, "alpha": 2.0, "beta": 0.6, "delta": 0.5}),
        (GeneralizedHyperbolic(), {"order": 0.3, "alpha": 0.9, "beta": -0.4, "delta": 1.5}),
        (VarianceGamma(), {"order": 1.4, "alpha": 2.0, "beta": 0.6}),
        (VarianceGamma(), {"order": 0.6, "alpha": 1.2, "beta": 0.0}),
        (Charbonnier(), {"rate": 1.7, "delta": 0.4}),
        (NormalExponentialGamma(), {"shape": 1.2, "scale": 0.7}),
        (NormalExponentialGamma(), {"shape": 0.3, "scale": 2.0}),
        (GeneralizedDoublePareto(), {"alpha": 1.5, "scale": 0.8}),
        (GeneralizedDoublePareto(), {"alpha": 0.4, "scale": 2.0}),
        (DirichletLaplace(), {"concentration": 1.3, "scale": 0.5}),
        (DirichletLaplace(), {"concentration": 0.5, "scale": 2.0}),
        (SkewNormal(), {"alpha": 3.0, "scale": 1.3}),
        (SkewNormal(), {"alpha": -0.7, "scale": 4.0}),
        (ExponentiallyModifiedNormal(), {"nu": 0.8, "sigma": 1.5}),
        (BinomialLogit(), {"successes": 1.0, "trials": 1.0}),
        (BinomialLogit(), {"successes": 2.0, "trials": 5.0}),
        (NegativeBinomialLogit(), {"count": 3.0, "dispersion": 1.6}),
        (NegativeBinomialLogit(), {"count": 0.0, "dispersion": 0.3}),
        (NormalInterval(), {"lower": 0.0, "upper": np.inf, "sigma": 1.0}),
        (NormalInterval(), {"lower": -np.inf, "upper": -0.4, "sigma": 2.0}),
        (NormalInterval(), {"lower": -0.3, "upper": 0.9, "sigma": 0.7}),
        (Hinge(), {"weight": 1.7}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else None,
)
def test_family_keeps_its_contract(family, parameters):
    check_family(family, parameters, POINTS, rng=np.random.default_rng(101))


class DamagedLaplace(AbstractFamily):
    """Laplace whose latent is drawn for another scale, or whose densities are damaged."""

    name = "broken"
    parameters = ("scale",)
    sum_factor = 1.0
    density_shift = 0.0
    density_scale = 1.0
    latent_scale = 1.0
    mixing_scale = 1.0
    rate_factor = 1.0
    scale_power = 1

    def log_density(self, t, *, scale):
        return Laplace().log_density(t, scale=self.density_scale * scale) + self.density_shift

    def log_density_sum(self, t, *, scale):
        return self.sum_factor * pt.sum(self.log_density(t, scale=scale))

    def latent(self, rng, t, *, scale):
        return Laplace().latent(rng, t, scale=scale * self.latent_scale)

    def mixing_nodes(self, *, scale):
        return Laplace().mixing_nodes(scale=scale * self.mixing_scale)

    @property
    def rate_constant(self):
        return self.rate_factor


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"sum_factor": 1.001}, "log_density_sum"),
        ({"density_shift": 1e-3}, "integral"),
        ({"density_scale": 1.01}, "mixing law"),
        ({"rate_factor": 0.5}, "rate_constant"),
        ({"mixing_scale": 1.01}, "mixing law"),
        ({"latent_scale": 1.1}, "do not follow the mixing law"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_broken_twin_is_rejected(damage, message):
    twin = type("Broken", (DamagedLaplace,), damage)()
    # A damaged density scale also changes the rate constant that would be right.
    if "density_scale" in damage:
        twin.rate_factor = 1 / damage["density_scale"]
    with pytest.raises(AssertionError, match=message):
        check_family(twin, {"scale": 0.7}, POINTS, rng=np.random.default_rng(102))


def test_undamaged_twin_is_accepted():
    check_family(DamagedLaplace(), {"scale": 0.7}, POINTS, rng=np.random.default_rng(103))


class DamagedHorseshoe(AbstractFamily):
    """A horseshoe whose local scales are drawn for another scale or another law."""

    name = "broken horseshoe"
    parameters = ("scale",)
    log_density = staticmethod(Horseshoe().log_density)
    log_density_sum = staticmethod(Horseshoe().log_density_sum)
    mixing_nodes = staticmethod(Horseshoe().mixing_nodes)
    latent_scale = 1.0
    law = Horseshoe()

    def latent(self, rng, t, *, scale):
        return self.law.latent(rng, t, scale=scale * self.latent_scale)


@pytest.mark.parametrize("damage", [{"latent_scale": 1.1}, {"law": Cauchy()}])
def test_broken_horseshoe_is_rejected(damage):
    twin = type("Broken", (DamagedHorseshoe,), damage)()
    with pytest.raises(AssertionError, match="do not follow the mixing law"):
        check_family(twin, {"scale": 0.7}, POINTS, rng=np.random.default_rng(106))


class DamagedMixture(AbstractFamily):
    """A mixture whose latent reports the information of a component with another mean."""

    name = "broken mixture"
    parameters = NormalMixture.parameters
    log_density = staticmethod(NormalMixture().log_density)
    log_density_sum = staticmethod(NormalMixture().log_density_sum)
    mixing_nodes = staticmethod(NormalMixture().mixing_nodes)
    shift = 0.0
    swap = False

    def latent(self, rng, t, *, weights, means, scales):
        weights = weights[::-1].copy() if self.swap else weights
        latent = NormalMixture().latent(rng, t, weights=weights, means=means, scales=scales)
        return Latent(latent.rng, latent.precision, latent.information + self.shift)


@pytest.mark.parametrize(
    ("damage", "message"),
    [({"shift": 0.1}, "none of the atoms"), ({"swap": True}, "do not follow the mixing law")],
)
def test_broken_mixture_is_rejected(damage, message):
    twin = type("Broken", (DamagedMixture,), damage)()
    with pytest.raises(AssertionError, match=message):
        check_family(twin, MIXTURE, POINTS, rng=np.random.default_rng(104))


def test_generator_must_not_advance_without_latent():
    class Advances(DamagedLaplace):
        has_latent = False

    with pytest.raises(AssertionError, match="advanced without a latent"):
        check_family(Advances(), {"scale": 0.7}, POINTS, rng=np.random.default_rng(105))
