"""Contract checks for people who add a family or an operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.compile.mode import Mode
from scipy.special import logsumexp
from scipy.stats import kstest

from pymc_glm.families.base import AbstractFamily, MixingNodes
from pymc_glm.operators.contract import check_linear_operator

__all__ = ["check_family", "check_linear_operator"]

# Without compilation: the kernels are the same on every backend.
_MODE = Mode(linker="py", optimizer="merge")
FALSE_ALARM = 1e-4
DRAWS = 20_000


def check_family(
    family: AbstractFamily,
    parameters: dict[str, Any],
    points: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
) -> None:
    r"""Check that a family's densities, mixing law and latent draws describe one law.

    The mixing law is compared with the density, and with its slope through the identity

    .. math::

        -\frac{d}{dt} \log \phi(t)
        = \mathbb{E}\left[\frac{t - \mu(z)}{\sigma^2(z)} \,\middle|\, t\right]

    by quadrature. A density must integrate to one; it must follow its scale, and sum to
    `log_density_sum`. The latent draws at each point must follow the conditional mixing law; that
    check alone is random.

    Parameters
    ----------
    family : AbstractFamily
        The family.
    parameters : dict of str to float or ndarray
        Values of its parameters for one response.
    points : ndarray, shape (m,)
        Responses, within 1e-3 and 1e2 scales of zero so that the quadrature resolves the latent
        law, and away from kinks of the density.
    rng : numpy.random.Generator, optional
        Source of the draws. Default is a generator seeded with 0.

    Raises
    ------
    AssertionError
        If a check fails, naming it and the point. A right family fails with probability 1e-4.

    Examples
    --------
    Check the Laplace family at two points::

        import numpy as np
        from pymc_glm.families import Laplace
        from pymc_glm.testing import check_family

        check_family(Laplace(), {"scale": 0.7}, np.array([-0.5, 2.0]))
    """
    points = np.asarray(points, dtype="float64")
    _check_density(family, parameters, points)
    _check_scale(family, parameters, points)
    _check_mixing_law(family, parameters, points)
    _check_latent(family, parameters, points, rng or np.random.default_rng(0))


def _evaluate(output: Any) -> Any:
    return pytensor.function([], output, mode=_MODE)()


def _log_density(family: AbstractFamily, parameters: dict[str, Any], t: np.ndarray) -> np.ndarray:
    return _evaluate(family.log_density(pt.as_tensor(t), **parameters))


def _check_density(family: AbstractFamily, parameters: dict[str, Any], points: np.ndarray) -> None:
    log_density = _log_density(family, parameters, points)
    total = _evaluate(family.log_density_sum(pt.as_tensor(points), **parameters))
    np.testing.assert_allclose(
        total, log_density.sum(), rtol=1e-11, err_msg=f"{family.name}: log_density_sum"
    )
    if not family.is_density:
        return
    # On a log grid for either sign the integrand is smooth and vanishes at both ends.
    x = np.arange(-80.0, 330.0, 0.02)
    halves = [_log_density(family, parameters, sign * np.exp(x)) for sign in (-1.0, 1.0)]
    integral = sum(np.exp(half + x).sum() * 0.02 for half in halves)
    np.testing.assert_allclose(
        integral, 1.0, rtol=1e-8, err_msg=f"{family.name}: integral of the density"
    )


def _check_scale(family: AbstractFamily, parameters: dict[str, Any], points: np.ndarray) -> None:
    if "scale" not in family.parameters:
        return
    factor = 3.7
    log_density = _log_density(family, parameters, points)
    scaled = {**parameters, "scale": factor * parameters["scale"]}
    np.testing.assert_allclose(
        _log_density(family, scaled, factor * points),
        log_density - np.log(factor),
        rtol=1e-10,
        atol=1e-12,
        err_msg=f"{family.name}: scale equivariance",
    )
    if family.scale_power is None:
        return
    scale = parameters["scale"]
    statistic = np.abs(points / scale) ** family.scale_power
    constant = log_density + np.log(scale) + family.rate_constant * statistic
    np.testing.assert_allclose(
        constant, constant[0], rtol=1e-9, atol=1e-12, err_msg=f"{family.name}: rate_constant"
    )


def _log_posterior(nodes: MixingNodes, t: float) -> np.ndarray:
    """Log weight of each node times its normal density at t."""
    normal = 0.5 * np.log(nodes.precision / (2 * np.pi))
    return nodes.log_weight + normal - 0.5 * nodes.precision * (t - nodes.location) ** 2


def _check_mixing_law(
    family: AbstractFamily, parameters: dict[str, Any], points: np.ndarray
) -> None:
    nodes = family.mixing_nodes(**parameters)
    log_terms = [_log_posterior(nodes, t) for t in points]
    np.testing.assert_allclose(
        _log_density(family, parameters, points),
        [logsumexp(terms) for terms in log_terms],
        rtol=1e-10,
        atol=1e-10,
        err_msg=f"{family.name}: density against its mixing law",
    )
    expected = [
        np.sum(np.exp(terms - logsumexp(terms)) * nodes.precision * (point - nodes.location))
        for point, terms in zip(points, log_terms, strict=True)
    ]
    np.testing.assert_allclose(
        -_slope(family, parameters, points),
        expected,
        rtol=1e-10,
        atol=1e-10,
        err_msg=f"{family.name}: slope of the log density against the mixing law",
    )


def _slope(family: AbstractFamily, parameters: dict[str, Any], points: np.ndarray) -> np.ndarray:
    """Slope of the log density: the family's own, or by PyTensor's differentiation."""
    t = pt.as_tensor(points)
    if family.is_smooth:
        return _evaluate(family.slope(t, **parameters))
    return _evaluate(pytensor.grad(pt.sum(family.log_density(t, **parameters)), t))


def _check_latent(
    family: AbstractFamily,
    parameters: dict[str, Any],
    points: np.ndarray,
    rng: np.random.Generator,
) -> None:
    generator = pt.random.rng()
    t = pt.dvector("t")
    latent = family.latent(generator, t, **parameters)
    nodes = family.mixing_nodes(**parameters)
    if not family.has_latent:
        if latent.rng is not generator:
            raise AssertionError(f"{family.name}: the generator is advanced without a latent")
        np.testing.assert_allclose(_evaluate(latent.precision), nodes.precision.squeeze())
        return
    information = 0.0 * t if latent.information is None else latent.information
    inputs: list[Any] = [pytensor.In(generator, borrow=True, mutable=True), t]
    draw = pytensor.function(
        inputs,
        [latent.precision, information],
        mode=_MODE,
        accept_inplace=True,
    )
    # Ties are broken by other variates than those of the latents: the draw may leave its generator
    # where it was.
    ties = np.random.default_rng(rng.integers(2**63))
    for point in points:
        source = np.random.default_rng(rng.integers(2**63))
        precision, information = draw(source, np.full(DRAWS, point))
        uniform = _probability_transform(nodes, point, precision, information, ties)
        p_value = kstest(uniform, "uniform").pvalue
        if not p_value > FALSE_ALARM / points.size:
            raise AssertionError(
                f"{family.name}: the latent draws at t = {point} do not follow the mixing law "
                f"(Kolmogorov-Smirnov p = {p_value:.1e})"
            )


def _probability_transform(
    nodes: MixingNodes,
    t: float,
    precision: np.ndarray,
    information: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Turn draws into variates that are uniform if they follow the conditional mixing law."""
    log_terms = _log_posterior(nodes, t)
    mass = np.exp(log_terms - logsumexp(log_terms))
    below = np.cumsum(mass) - mass
    if not nodes.discrete:
        return _continuous_transform(nodes, below + 0.5 * mass, precision, information)
    atoms = np.stack([nodes.precision, nodes.precision * nodes.location])
    drawn = np.stack([precision, information])
    matches = np.isclose(drawn[:, :, None], atoms[:, None, :], rtol=1e-10, atol=0.0).all(axis=0)
    if not matches.any(axis=1).all():
        raise AssertionError(
            f"A latent draw at t = {t} is none of the atoms of the mixing law: its precision is"
            f" {precision[~matches.any(axis=1)][0]}."
        )
    atom = matches.argmax(axis=1)
    return below[atom] + mass[atom] * rng.random(atom.size)


def _continuous_transform(
    nodes: MixingNodes, below: np.ndarray, precision: np.ndarray, information: np.ndarray
) -> np.ndarray:
    """Values of the distribution function of the precision, or of the location if that is fixed."""
    if np.ptp(nodes.precision) == 0.0:
        np.testing.assert_allclose(precision, nodes.precision[0], err_msg="fixed precision")
        return np.interp(information / precision, nodes.location, below)
    log_precision = np.log(nodes.precision)
    expected = np.interp(np.log(precision), log_precision, nodes.location * nodes.precision)
    np.testing.assert_allclose(
        information, expected, rtol=1e-3, atol=1e-9, err_msg="information given the precision"
    )
    return np.interp(np.log(precision), log_precision, below)
