r"""Reverse diffusions guided by the data: DPS, GML-DPS and PSLD. They are heuristics.

Each reverse step moves the code down the gradients of a measurement term
:math:`\|y - A D(\hat z_0)\|` and of a gluing term. Unlike Gibbs sampling or `smc` they do not draw
from the posterior, whatever the number of steps; results say so in ``attrs["exact"]``.

Chung et al. (2023), arXiv:2209.14687 (DPS); Rout et al. (2023), arXiv:2307.00619 (the others).
"""

from __future__ import annotations

import warnings

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

import numpy as np

from pymc.progress_bar import ProgressBarOptions
from xarray import DataTree

from pymc_glm.checks import check_counts, is_real_number
from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse.checks import finite_array
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.progress import StepProgress
from pymc_glm.inverse.results import to_datatree
from pymc_glm.inverse.schedule import signal_shares

__all__ = ["dps", "gml_dps", "psld"]

# How much worse than draws of the prior those of a heuristic may explain the data.
ASTRAY = 2.0
# By how much moments of codes may differ from those that they begin with.
STANDARD = 0.1

Norm = Literal["plain", "squared"]
# From clean codes, shape (n, k): lengths of a residual, shape (n,), and gradients of half of its
# square, shape (n, k).
Residual = Callable[[InverseProblem, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Reverse(TypedDict, total=False):
    """How the reverse diffusion runs, whatever guides it; see `dps`."""

    chains: int
    steps: int | np.ndarray
    eta: float
    norm: Norm
    random_seed: int | np.random.Generator | None
    progressbar: bool | ProgressBarOptions


def dps(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float | np.ndarray = 1.0,
    **reverse: Unpack[Reverse],
) -> DataTree:
    r"""Diffusion posterior sampling on the code.

    Parameters
    ----------
    problem : InverseProblem
        What is to be solved.
    draws : int
        Of each chain, all independent.
    measurement_step : float or ndarray, shape (k, k)
        Length of the step down the measurement term, or a matrix that its gradient is multiplied
        by.
    chains : int
        How many sets of draws, 1 by default.
    steps : int or ndarray, shape (steps + 1,)
        Reverse steps of the linear schedule, 1000 by default; or the shares of the signal in the
        variance at each time of another, from 1 down (alpha-bar; `signal_shares` has those of the
        linear one). Codes begin as standard normal draws, so that the last share is nearly 0 for
        any prior but that one.
    eta : float
        Noise of a step: 1, the default, is ancestral sampling, 0 the deterministic DDIM.
    norm : {"plain", "squared"}
        Of the terms whose gradients are taken. ``"plain"``, the default, is that of the released
        code of PSLD: lengths of residuals, so that steps depend on the units of the data.
        ``"squared"`` takes :math:`\|y - A D(z)\|^2 / (2 \sigma^2)`, minus the log likelihood, so
        that a step of one is that of a gradient of the log posterior, and half the squared length
        of a gluing residual.
    random_seed : int or Generator, optional
        Same seed, same draws.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    tree : DataTree
        Its draws are said to be ``unadjusted``, so that `pymc_glm.compare` does not rely on them.

    Raises
    ------
    SamplingError
        If codes are not finite in the end: the step was too long.

    Warns
    -----
    UserWarning
        If draws explain the data far worse than those of the prior: the step was too long. If
        codes under the last share of the signal are not standard normal, as they begin.

    References
    ----------
    Chung et al. (2023), arXiv:2209.14687

    Examples
    --------
    Half of the pixels of images with four of them::

        import numpy as np
        from pymc_glm.inverse import InverseProblem, LatentMixturePrior, dps
        from pymc_glm.operators import Mask

        images = np.random.default_rng(0).normal(size=(50, 2, 2))
        prior = LatentMixturePrior.fit(images, latent=2, components=1)
        operator = Mask(np.array([[True, False], [False, True]]))
        problem = InverseProblem(prior, operator, operator.forward(images[0]), noise=0.1)
        dps(problem, draws=100, measurement_step=0.1, random_seed=1, progressbar=False)
    """
    return _guided("dps", _Guide.of(problem, measurement_step), draws, **reverse)


def gml_dps(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float | np.ndarray = 1.0,
    gluing_step: float = 0.1,
    **reverse: Unpack[Reverse],
) -> DataTree:
    """DPS with a goodness term, which draws codes to what coding their image returns.

    Parameters
    ----------
    problem, draws, measurement_step, **reverse
        As in `dps`.
    gluing_step : float
        Length of the step down the goodness term.

    Returns
    -------
    tree : DataTree

    Raises
    ------
    SamplingError
        If codes are not finite in the end.

    References
    ----------
    Rout et al. (2023), arXiv:2307.00619
    """
    guide = _Guide.of(problem, measurement_step, _goodness, gluing_step)
    return _guided("gml_dps", guide, draws, **reverse)


def psld(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float | np.ndarray = 1.0,
    gluing_step: float = 0.1,
    **reverse: Unpack[Reverse],
) -> DataTree:
    """DPS with a gluing term, which draws codes to that of their image with the data put in.

    Parameters
    ----------
    problem, draws, measurement_step, **reverse
        As in `dps`.
    gluing_step : float
        Length of the step down the gluing term.

    Returns
    -------
    tree : DataTree

    Raises
    ------
    SamplingError
        If codes are not finite in the end.

    References
    ----------
    Rout et al. (2023), arXiv:2307.00619
    """
    guide = _Guide.of(problem, measurement_step, _gluing, gluing_step)
    return _guided("psld", guide, draws, **reverse)


class _Guide(NamedTuple):
    """Steps that data ask for, in the coordinates of clean codes."""

    problem: InverseProblem
    measurement_step: float | np.ndarray
    glue: Residual | None = None
    gluing_step: float = 0.0

    @classmethod
    def of(
        cls,
        problem: InverseProblem,
        measurement_step: float | np.ndarray,
        glue: Residual | None = None,
        gluing_step: float = 0.0,
    ) -> _Guide:
        """Refuse steps that are no lengths."""
        if not isinstance(problem, InverseProblem):
            raise TypeError(
                f"Got a problem of type {type(problem).__name__}. It is an InverseProblem."
            )
        gluing = _length(gluing_step, "gluing_step")
        if np.ndim(measurement_step) == 0:
            return cls(problem, _length(measurement_step, "measurement_step"), glue, gluing)
        matrix = finite_array(measurement_step, "The entries of measurement_step")
        k = problem.prior.decoder.latent
        if matrix.shape != (k, k):
            raise ValueError(
                f"Got a measurement_step of shape {matrix.shape}. It is a number, or a matrix of"
                f" shape {(k, k)} for codes of length {k}."
            )
        return cls(problem, matrix, glue, gluing)

    def gradient(self, clean: np.ndarray, norm: Norm, pull_back: Callable) -> np.ndarray:
        """The step for the noisy codes, shape (n, k)."""
        length, gradient = _measurement(self.problem, clean)
        moved = pull_back(_of_term(gradient, length, norm, self.problem.noise))
        if isinstance(self.measurement_step, np.ndarray):
            moved = moved @ self.measurement_step.T
        else:
            moved = self.measurement_step * moved
        if self.glue is None:
            return moved
        length, gradient = self.glue(self.problem, clean)
        return moved + self.gluing_step * pull_back(_of_term(gradient, length, norm, 1.0))


def _length(step: Any, name: str) -> float:
    if not is_real_number(step) or not 0.0 <= step < np.inf:
        raise ValueError(f"Got {name}={step!r}. The length of a step is zero, or positive.")
    return float(step)


def _of_term(gradient: np.ndarray, length: np.ndarray, norm: Norm, unit: float) -> np.ndarray:
    """From the gradient of half the squared length to that of the term that `norm` asks for."""
    if norm == "squared":
        return gradient / unit**2
    return gradient / np.maximum(length, 1e-12)[:, None]


def _measurement(problem: InverseProblem, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gap = problem.data - problem.predict(z)
    return np.linalg.norm(gap, axis=1), -problem.predict_pullback(z, gap)


def _goodness(problem: InverseProblem, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    decoder = problem.prior.decoder
    x = decoder.decode(z)
    gap = z - decoder.encode(x)
    back = decoder.decode_pullback(z, decoder.encode_pullback(x, gap))
    return np.linalg.norm(gap, axis=1), gap - back


def _gluing(problem: InverseProblem, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    decoder = problem.prior.decoder
    x = decoder.decode(z)
    glued = x + problem.measured_pullback(problem.data - problem.measured(x))
    gap = z - decoder.encode(glued)
    v = decoder.encode_pullback(glued, gap)
    back = decoder.decode_pullback(z, v - problem.measured_pullback(problem.measured(v)))
    return np.linalg.norm(gap, axis=1), gap - back


def _guided(name: str, guide: _Guide, draws: int, **reverse: Unpack[Reverse]) -> DataTree:
    unknown = set(reverse) - set(Reverse.__annotations__)
    if unknown:
        raise TypeError(
            f"{name}() got an unexpected keyword argument {min(unknown)!r}. How the diffusion runs"
            f" is set by {', '.join(Reverse.__annotations__)}."
        )
    return _run(name, guide, draws, **reverse)


def _run(
    name: str,
    guide: _Guide,
    draws: int,
    chains: int = 1,
    steps: int | np.ndarray = 1000,
    eta: float = 1.0,
    norm: Norm = "plain",
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    problem, rng = guide.problem, np.random.default_rng(random_seed)
    if norm not in ("plain", "squared"):
        raise ValueError(f"Got norm={norm!r}. Choose 'plain' or 'squared'.")
    check_counts(draws=draws, chains=chains)
    if np.ndim(steps) == 0:
        check_counts(steps=steps)
    shares = signal_shares(steps)
    count = len(shares) - 1
    if not 0.0 <= eta <= 1.0:
        raise ValueError(f"Got eta={eta}. It is between 0, without noise, and 1, ancestral.")
    _warn_of_start(problem, shares[-1])
    z = rng.standard_normal((chains * draws, problem.prior.decoder.latent))
    with StepProgress(progressbar, count) as bar, np.errstate(over="ignore", invalid="ignore"):
        for now, following in zip(shares[:0:-1], shares[-2::-1], strict=True):
            z = _reversed(guide, z, (now, following), eta, norm, rng)
            bar.advance()
    lost = np.sum(~np.all(np.isfinite(z), axis=1))
    if lost:
        raise SamplingError(
            f"{lost} of {len(z)} codes are not finite. A measurement_step of"
            f" {np.max(guide.measurement_step):.3g} is too long for this problem: make it shorter."
        )
    _warn_if_astray(guide, z, rng)
    attributes: dict[str, Any] = {"sampler": name, "exact": False, "steps": count, "eta": eta}
    attributes |= {"schedule": "own" if np.ndim(steps) else "linear", "last_share": shares[-1]}
    attributes |= {"unadjusted": 1, "norm": norm, "gluing_step": guide.gluing_step}
    attributes["measurement_step"] = np.max(guide.measurement_step)
    return to_datatree(problem, z, chains, rng, attributes)


def _warn_of_start(problem: InverseProblem, share: float) -> None:
    """Codes begin as standard normal draws, whatever the prior is under so much noise."""
    noisy = problem.prior.mixture.diffused(share)
    off = max(np.abs(noisy.mean).max(), np.abs(noisy.covariance - np.eye(len(noisy.mean))).max())
    if off > STANDARD:
        warnings.warn(
            f"At the last share of the signal, {share:.3g}, moments of the prior's codes are off by"
            f" {off:.2g} from those of standard normal draws, as which codes begin. Let the"
            " schedule end nearer to 0.",
            stacklevel=4,
        )


def _warn_if_astray(guide: _Guide, z: np.ndarray, rng: np.random.Generator) -> None:
    """Steps that are too long lead off without ever being infinite."""
    problem = guide.problem
    # A generator of its own, so that draws do not depend on this.
    unguided = problem.prior.draw(rng.spawn(1)[0], len(z))
    found, before = (
        float(np.median(np.linalg.norm(problem.data - problem.predict(x), axis=1)))
        for x in (z, unguided)
    )
    if not found <= ASTRAY * before:
        warnings.warn(
            f"Draws miss the data by {found:.3g}, and draws of the prior by {before:.3g}. A"
            f" measurement_step of {np.max(guide.measurement_step):.3g} is too long for this"
            " problem: make it shorter.",
            stacklevel=4,
        )


def _reversed(
    guide: _Guide,
    z: np.ndarray,
    shares: tuple[float, float],
    eta: float,
    norm: Norm,
    rng: np.random.Generator,
) -> np.ndarray:
    """One reverse step, with the guidance taken at the codes before it."""
    prior, (now, following) = guide.problem.prior, shares
    denoised = prior.denoise(z, now)
    noise = (z - np.sqrt(now) * denoised.mean) / np.sqrt(1.0 - now)
    spread = eta * np.sqrt((1.0 - following) / (1.0 - now) * (1.0 - now / following))
    ahead = np.sqrt(following) * denoised.mean
    ahead += np.sqrt(np.maximum(1.0 - following - spread**2, 0.0)) * noise
    ahead += spread * rng.standard_normal(z.shape)
    return ahead - guide.gradient(denoised.mean, norm, lambda v: prior.pull_back(denoised, v))
