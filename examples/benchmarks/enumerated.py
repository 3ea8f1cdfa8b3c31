"""Posteriors with several modes whose masses come by enumeration, or by integrals on a line."""

from __future__ import annotations

import itertools

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pymc as pm

from scipy import stats
from scipy.special import logsumexp
from unimodal import Target

import pymc_glm

__all__ = [
    "ENUMERATED",
    "conflicting_data",
    "label_switching",
    "mixture_product",
    "spike_slab_bimodal",
]

LOG_2PI = np.log(2.0 * np.pi)

PAIR_CORRELATION = 0.98
PAIR_SIZE = 60
PAIR_SEED = 20266
PAIR_EFFECTS = np.array([1.0, 0.0, 0.0, -0.8, 0.5, 0.0])
SPIKE_SLAB_SDS = np.array([0.01, 5.0])
SPIKE_SLAB_WEIGHTS = np.array([0.9, 0.1])

# Edges of a cycle of four unknowns, and their sum.
CYCLE = np.array([[-1, 1, 0, 0], [0, -1, 1, 0], [0, 0, -1, 1], [1, 0, 0, -1], [1, 1, 1, 1]], float)
EXPERT_MEANS = np.array([-1.0, 1.0])
EXPERT_SD = 0.2
# Of the mean 1, of each expert.
EXPERT_WEIGHTS = np.array([0.5, 0.6, 0.4, 0.55, 0.7])

CONFLICTS = np.array(
    [
        [-4.4, -4.1, -3.8, 3.7, 4.0, 4.2],
        [-3.9, -3.6, -4.3, 4.4, 3.9, 4.1],
        [-4.0, -4.2, -3.7, 3.8, 4.3, 4.1],
    ]
)
CONFLICT_SD = 0.3
CONFLICT_FREEDOM = 3.0
CONFLICT_PRIOR_SD = 10.0

CLUSTERS = np.array([-6.3, -5.2, -4.6, -0.9, 0.2, 1.1, 4.4, 5.3, 5.9])
CLUSTER_MODES = 3
CLUSTER_PRIOR_SD = 5.0


class _Gaussians(NamedTuple):
    """A mixture of Gaussians: log masses (K,), means (K, d), Cholesky factors of precisions."""

    log_masses: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @property
    def masses(self) -> np.ndarray:
        return np.exp(self.log_masses - logsumexp(self.log_masses))

    def draws(self, rng: np.random.Generator, n: int) -> np.ndarray:
        picked = rng.choice(len(self.means), size=n, p=self.masses)
        upper = np.swapaxes(self.factors[picked], -1, -2)
        noise = rng.standard_normal((n, self.means.shape[1], 1))
        return self.means[picked] + np.linalg.solve(upper, noise)[..., 0]


def _gaussian_product(rows: np.ndarray, targets: np.ndarray, sds: np.ndarray) -> _Gaussians:
    """Products over i of the densities N(targets_i; rows_i x, sds_i) of x, along leading axes."""
    scaled = rows / sds[..., None]
    factors = np.linalg.cholesky(np.swapaxes(scaled, -1, -2) @ scaled)
    slope = np.swapaxes(scaled, -1, -2) @ (targets / sds)[..., None]
    half = np.linalg.solve(factors, slope)
    means = np.linalg.solve(np.swapaxes(factors, -1, -2), half)[..., 0]
    at_means = stats.norm.logpdf(targets, np.einsum("...ij,...j->...i", rows, means), sds)
    log_volumes = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    d = rows.shape[-1]
    log_masses = at_means.sum(axis=-1) + 0.5 * d * LOG_2PI - log_volumes
    return _Gaussians(log_masses, means, factors)


def spike_slab_bimodal() -> Target:
    """Regression on two pairs of nearly identical predictors, with spike-and-slab priors.

    Either predictor of a pair explains the response: four modes, by which one of each pair has
    the larger effect. Noise is known, and so is the posterior: a mixture of 64 Gaussians. Pairs
    are orthogonal to each other and to the two other predictors, so that the masses of modes are
    products of those of orthants in the plane.

    References
    ----------
    George, McCulloch (1993), JASA 88(423), 881-889,
    https://doi.org/10.1080/01621459.1993.10476353
    """
    X, y = _paired_data()
    p = X.shape[1]
    with pm.Model(coords={"predictor": np.arange(p)}) as model:
        w, sds = SPIKE_SLAB_WEIGHTS, SPIKE_SLAB_SDS
        beta = pm.NormalMixture("beta", w=w, mu=np.zeros(2), sigma=sds, dims="predictor")
        pm.Normal("y", pm.math.dot(X, beta), 1.0, observed=y)

    slabs = np.array(list(itertools.product((0, 1), repeat=p)))
    rows = np.broadcast_to(np.vstack([X, np.eye(p)]), (len(slabs), len(y) + p, p))
    scales = np.hstack([np.ones((len(slabs), len(y))), SPIKE_SLAB_SDS[slabs]])
    posterior = _gaussian_product(rows, np.append(y, np.zeros(p)), scales)
    prior = np.log(SPIKE_SLAB_WEIGHTS)[slabs].sum(axis=1)
    posterior = posterior._replace(log_masses=posterior.log_masses + prior)

    covariances = np.linalg.inv(posterior.factors @ np.swapaxes(posterior.factors, -1, -2))
    first, second = (
        np.array(
            [
                _second_is_larger(mean[pair], covariance[pair, pair])
                for mean, covariance in zip(posterior.means, covariances, strict=True)
            ]
        )
        for pair in (slice(0, 2), slice(2, 4))
    )
    both = [a * b for a in (1.0 - first, first) for b in (1.0 - second, second)]
    mode_masses = np.array(both) @ posterior.masses

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        return {"beta": posterior.draws(rng, n)}

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        size = np.abs(values["beta"])
        return 2 * (size[..., 1] > size[..., 0]) + (size[..., 3] > size[..., 2])

    reference = "George, McCulloch (1993), doi:10.1080/01621459.1993.10476353"
    log_z = float(logsumexp(posterior.log_masses))
    return Target("spike_slab_bimodal", model, log_z, draws, modes, mode_masses, reference)


def mixture_product() -> Target:
    """Experts with two modes on the edges of a cycle of four unknowns, and on their sum.

    Differences along the cycle are about 1 or -1 and add up to zero: six modes, twice as many
    with the sum. The density is the product of normalised experts, and not normalised itself.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836, section 4.1 (topology "loop")
    """
    experts = len(CYCLE)
    weights = np.column_stack([1.0 - EXPERT_WEIGHTS, EXPERT_WEIGHTS])
    with pm.Model() as model:
        x = pm.Flat("x", shape=CYCLE.shape[1])
        expert = pm.NormalMixture.dist(w=weights, mu=EXPERT_MEANS, sigma=EXPERT_SD)
        pymc_glm.expert("experts", expert, pm.math.dot(CYCLE, x))

    sides = np.array(list(itertools.product((0, 1), repeat=experts)))
    rows = np.broadcast_to(CYCLE, (len(sides), *CYCLE.shape))
    joint = _gaussian_product(rows, EXPERT_MEANS[sides], np.full(sides.shape, EXPERT_SD))
    prior = np.log(weights[np.arange(experts), sides]).sum(axis=1)
    joint = joint._replace(log_masses=joint.log_masses + prior)
    # Signs of differences that do not add up to zero have hardly any mass, and no mode.
    closed = np.flatnonzero(sides[:, :-1].sum(axis=1) == (experts - 1) // 2)
    centers = joint.means[closed] @ CYCLE.T

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        return {"x": joint.draws(rng, n)}

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        responses = values["x"] @ CYCLE.T
        return np.argmin(np.sum((responses[..., None, :] - centers) ** 2, axis=-1), axis=-1)

    mode_masses = joint.masses[closed] / joint.masses[closed].sum()
    reference = "Kuric et al. (2025), arXiv:2505.12836"
    log_z = float(logsumexp(joint.log_masses))
    return Target("mixture_product", model, log_z, draws, modes, mode_masses, reference)


def label_switching() -> Target:
    """Means of three Gaussians of equal weights, given nine observations in three clusters.

    Labels are marginalised, and the prior is symmetric: each order of the means is a mode, and
    has a sixth of the mass. Allocations are few enough to enumerate them.

    References
    ----------
    Stephens (2000), JRSS B 62(4), 795-809, https://doi.org/10.1111/1467-9868.00265
    """
    n, k = len(CLUSTERS), CLUSTER_MODES
    with pm.Model(coords={"component": np.arange(k)}) as model:
        mu = pm.Normal("mu", 0.0, CLUSTER_PRIOR_SD, dims="component")
        pm.NormalMixture("y", w=np.full(k, 1.0 / k), mu=mu, sigma=1.0, observed=CLUSTERS)

    labels = np.array(list(itertools.product(range(k), repeat=n)))
    prior_rows = np.broadcast_to(np.eye(k), (len(labels), k, k))
    rows = np.concatenate([np.eye(k)[labels], prior_rows], axis=1)
    sds = np.append(np.ones(n), np.full(k, CLUSTER_PRIOR_SD))
    posterior = _gaussian_product(rows, np.append(CLUSTERS, np.zeros(k)), sds)
    permutations = list(itertools.permutations(range(k)))
    # Permutations as numbers to the base k, so that they are found by bisection.
    digits = k ** np.arange(k)[::-1]
    codes = np.array(permutations) @ digits

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        return {"mu": posterior.draws(rng, n)}

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        return np.searchsorted(codes, np.argsort(values["mu"], axis=-1) @ digits)

    mode_masses = np.full(len(permutations), 1.0 / len(permutations))
    reference = "Stephens (2000), doi:10.1111/1467-9868.00265"
    log_z = float(logsumexp(posterior.log_masses) - n * np.log(k))
    return Target("label_switching", model, log_z, draws, modes, mode_masses, reference)


def conflicting_data() -> Target:
    """Three locations under heavy tails, each with two groups of data that contradict one another.

    The posterior is a product of three of one dimension: eight modes, whose masses are integrals
    on a line.

    References
    ----------
    O'Hagan, Pericchi (2012), https://doi.org/10.1214/11-BJPS164
    """
    with pm.Model(coords={"place": np.arange(len(CONFLICTS))}) as model:
        x = pm.Normal("x", 0.0, CONFLICT_PRIOR_SD, dims="place")
        pm.StudentT("y", CONFLICT_FREEDOM, x[:, None], sigma=CONFLICT_SD, observed=CONFLICTS)

    grid = np.linspace(-15.0, 15.0, 60_001)
    noise = stats.t(CONFLICT_FREEDOM, scale=CONFLICT_SD)
    log_density = stats.norm(0.0, CONFLICT_PRIOR_SD).logpdf(grid) + np.array(
        [noise.logpdf(data[:, None] - grid).sum(axis=0) for data in CONFLICTS]
    )
    step = grid[1] - grid[0]
    evidence = logsumexp(log_density, axis=1) + np.log(step)
    mass = np.exp(log_density - evidence[:, None]) * step
    above = mass[:, grid > 0].sum(axis=1) + 0.5 * mass[:, grid == 0].sum(axis=1)
    sides = np.array(list(itertools.product((0, 1), repeat=len(CONFLICTS))))
    mode_masses = np.where(sides == 1, above, 1.0 - above).prod(axis=1)
    cumulative = np.cumsum(mass, axis=1)

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        level = rng.random((len(CONFLICTS), n))
        columns = [
            np.interp(u, one, grid + 0.5 * step) for u, one in zip(level, cumulative, strict=True)
        ]
        return {"x": np.stack(columns, axis=1)}

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        return (values["x"] > 0) @ (2 ** np.arange(len(CONFLICTS))[::-1])

    reference = "O'Hagan, Pericchi (2012), doi:10.1214/11-BJPS164"
    log_z = float(evidence.sum())
    return Target("conflicting_data", model, log_z, draws, modes, mode_masses, reference)


def _paired_data() -> tuple[np.ndarray, np.ndarray]:
    """Two pairs of correlated predictors and two others, all orthogonal otherwise."""
    rng = np.random.default_rng(PAIR_SEED)
    basis = np.linalg.qr(rng.standard_normal((PAIR_SIZE, 6)))[0] * np.sqrt(PAIR_SIZE)
    shared, own = np.sqrt(0.5 * (1.0 + PAIR_CORRELATION)), np.sqrt(0.5 * (1.0 - PAIR_CORRELATION))
    pair = np.array([[shared, shared], [own, -own]])
    X = np.column_stack([basis[:, :2] @ pair, basis[:, 2:4] @ pair, basis[:, 4:]])
    return X, X @ PAIR_EFFECTS + rng.standard_normal(PAIR_SIZE)


def _second_is_larger(mean: np.ndarray, covariance: np.ndarray) -> float:
    """Probability that the second of two Gaussian variables is the larger in absolute value."""
    # That is, their sum and the difference second minus first have the same sign.
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]])
    law = stats.multivariate_normal(cov=turn @ covariance @ turn.T)
    return float(law.cdf(turn @ mean) + law.cdf(-turn @ mean))


ENUMERATED: dict[str, Callable[[], Target]] = {
    "spike_slab_bimodal": spike_slab_bimodal,
    "mixture_product": mixture_product,
    "label_switching": label_switching,
    "conflicting_data": conflicting_data,
}
