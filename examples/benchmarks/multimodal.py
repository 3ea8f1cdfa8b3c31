"""Targets of the benchmark of diffusion samplers, those with several modes and all by name.

Where a sampler has to find out how much mass each mode has, the masses are known: they are
given, follow from symmetry, or come by enumerating a mixture of Gaussians.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from enumerated import ENUMERATED
from pytensor.tensor.variable import TensorVariable
from scipy import stats
from scipy.special import logsumexp
from unimodal import UNIMODAL, Target

__all__ = [
    "TARGETS",
    "Target",
    "build",
    "gaussian_mixture_2",
    "gaussian_mixture_10",
    "gaussian_mixture_50",
    "separated_mixture",
    "student_mixture",
]

LOG_2PI = np.log(2.0 * np.pi)
BLESSING = "Blessing et al. (2024), arXiv:2406.07423"
# Points along each axis on which the masses of overlapping modes are summed.
PLANE = np.linspace(-10.0, 10.0, 401)

STUDENT_SIZE = 10
STUDENT_MODES = 10
STUDENT_FREEDOM = 2.0
STUDENT_SEED = 0


def gaussian_mixture_2() -> Target:
    """Eight Gaussians in the plane, some of which nearly touch.

    References
    ----------
    Blessing et al. (2024), https://arxiv.org/abs/2406.07423
    """
    return _gaussian_mixture("gaussian_mixture_2", (2, 8), 6.0, (0.3, 0.7), 50)


def gaussian_mixture_10() -> Target:
    """Five Gaussians in ten dimensions, wide and near each other.

    References
    ----------
    Blessing et al. (2024), https://arxiv.org/abs/2406.07423
    """
    return _gaussian_mixture("gaussian_mixture_10", (10, 5), 4.0, (0.5, 1.5), 1)


def gaussian_mixture_50() -> Target:
    """Ten Gaussians in fifty dimensions, far from each other.

    References
    ----------
    Blessing et al. (2024), https://arxiv.org/abs/2406.07423
    """
    return _gaussian_mixture("gaussian_mixture_50", (50, 10), 10.0, (0.5, 1.0), 3)


def separated_mixture() -> Target:
    """Five Gaussians in ten dimensions, far from each other.

    References
    ----------
    Blessing et al. (2024), https://arxiv.org/abs/2406.07423
    """
    return _gaussian_mixture("separated_mixture", (10, 5), 10.0, (0.5, 1.0), 7)


def student_mixture() -> Target:
    """Ten products of Student's t with two degrees of freedom, in ten dimensions.

    Modes are told apart by the likeliest component: fewer than one draw in a thousand is closer
    to another mode than to its own, and masses are those of the components.

    References
    ----------
    Blessing et al. (2024), https://arxiv.org/abs/2406.07423
    """
    rng = np.random.default_rng(STUDENT_SEED)
    means = rng.uniform(-10.0, 10.0, size=(STUDENT_MODES, STUDENT_SIZE))
    masses = np.full(STUDENT_MODES, 1.0 / STUDENT_MODES)

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        noise = rng.standard_t(STUDENT_FREEDOM, size=(n, STUDENT_SIZE))
        return {"x": means[rng.choice(STUDENT_MODES, size=n)] + noise}

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        log_densities = [stats.t.logpdf(values["x"], STUDENT_FREEDOM, m).sum(-1) for m in means]
        return np.argmax(log_densities, axis=0)

    component = pm.StudentT.dist(nu=STUDENT_FREEDOM, mu=means, sigma=1.0)
    model = _mixture(masses, component)
    return Target("student_mixture", model, 0.0, draws, modes, masses, BLESSING)


def build(name: str) -> Target:
    """Build a target.

    Parameters
    ----------
    name : str
        A key of `TARGETS`.

    Returns
    -------
    target : Target

    Raises
    ------
    ValueError
        There is no such target.

    Examples
    --------
    >>> build("funnel").log_z
    0.0
    """
    if name not in TARGETS:
        raise ValueError(f"There is no target called {name!r}. Choose out of {', '.join(TARGETS)}.")
    return TARGETS[name]()


def _mixture(weights: np.ndarray, component: TensorVariable) -> pm.Model:
    """Model of a mixture of products; component is of shape (K, d)."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=component.type.shape[1])
        terms = np.log(weights) + pm.logp(component, x).sum(axis=1)
        # Far from all modes, where every term underflows, gradients still have to be right.
        largest = pt.max(terms)
        pm.Potential("mixture", largest + pt.log(pt.sum(pt.exp(terms - largest))))
    return model


def _gaussian_mixture(
    name: str, size: tuple[int, int], spread: float, sds: tuple[float, float], seed: int
) -> Target:
    """Mixture of K Gaussians in d dimensions, ``size = (d, K)``, with uniform parameters."""
    d, k = size
    rng = np.random.default_rng(seed)
    means, sd = rng.uniform(-spread, spread, (k, d)), rng.uniform(*sds, (k, d))
    weights = rng.uniform(0.5, 1.5, k)
    weights = weights / weights.sum()

    def draws(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        picked = rng.choice(k, size=n, p=weights)
        return {"x": means[picked] + sd[picked] * rng.standard_normal((n, d))}

    def log_terms(x: np.ndarray) -> np.ndarray:
        parts = [stats.norm.logpdf(x, m, s).sum(-1) for m, s in zip(means, sd, strict=True)]
        return np.stack(parts, axis=-1) + np.log(weights)

    def modes(values: dict[str, np.ndarray]) -> np.ndarray:
        return np.argmax(log_terms(values["x"]), axis=-1)

    mode_masses = weights
    if d == 2:
        terms = log_terms(np.stack(np.meshgrid(PLANE, PLANE), axis=-1).reshape(-1, d))
        mass = np.exp(logsumexp(terms, axis=1))
        mode_masses = np.bincount(np.argmax(terms, axis=1), mass / mass.sum(), minlength=k)
    model = _mixture(weights, pm.Normal.dist(mu=means, sigma=sd))
    return Target(name, model, 0.0, draws, modes, mode_masses, BLESSING)


TARGETS: dict[str, Callable[[], Target]] = {
    **UNIMODAL,
    "gaussian_mixture_2": gaussian_mixture_2,
    "gaussian_mixture_10": gaussian_mixture_10,
    "gaussian_mixture_50": gaussian_mixture_50,
    "separated_mixture": separated_mixture,
    "student_mixture": student_mixture,
    **ENUMERATED,
}
