r"""Reverse diffusions guided by the data: DPS, GML-DPS and PSLD. They are heuristics.

Each reverse step moves the code down the gradients of a measurement term
:math:`\|y - A D(\hat z_0)\|` and of a gluing term. Unlike Gibbs sampling or `smc` they do not draw
from the posterior, whatever the number of steps; results say so in ``attrs["exact"]``.

Chung et al. (2023), arXiv:2209.14687 (DPS); Rout et al. (2023), arXiv:2307.00619 (the others).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from pymc.progress_bar import ProgressBarOptions
from xarray import DataTree

from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse.problem import InverseProblem
from pymc_glm.inverse.progress import StepProgress
from pymc_glm.inverse.results import to_datatree
from pymc_glm.inverse.schedule import signal_shares

__all__ = ["dps", "gml_dps", "psld"]

Norm = Literal["plain", "squared"]
# The gradient of a residual in code space: from clean codes, its size and its pull-back.
Residual = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def dps(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float | np.ndarray = 1.0,
    steps: int = 1000,
    eta: float = 1.0,
    norm: Norm = "plain",
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """Diffusion posterior sampling on the code.

    Parameters
    ----------
    problem : InverseProblem
        What is to be solved.
    draws : int
        Independent runs.
    measurement_step : float or ndarray, shape (k, k)
        Length of the step down the measurement term, or a matrix that its gradient is multiplied
        by.
    steps : int
        Reverse steps.
    eta : float
        Noise of a step: 1 is ancestral sampling, 0 the deterministic DDIM.
    norm : {"plain", "squared"}
        Of the terms whose gradients are taken. The released code of PSLD takes the plain one.
    random_seed : int or Generator, optional
        Same seed, same draws.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    tree : DataTree
        With one chain.

    Raises
    ------
    SamplingError
        If codes are not finite in the end: the step was too long.

    References
    ----------
    Chung et al. (2023), arXiv:2209.14687
    """
    guide = _Guide(problem, measurement_step, 0.0, norm, "none")
    return _guided("dps", guide, draws, steps, eta, random_seed, progressbar)


def gml_dps(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float = 1.0,
    gluing_step: float = 0.1,
    steps: int = 1000,
    eta: float = 1.0,
    norm: Norm = "plain",
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """DPS with a goodness term, which draws codes to what coding their image returns.

    Parameters
    ----------
    problem, draws, measurement_step, steps, eta, norm, random_seed, progressbar
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
    guide = _Guide(problem, measurement_step, gluing_step, norm, "goodness")
    return _guided("gml_dps", guide, draws, steps, eta, random_seed, progressbar)


def psld(
    problem: InverseProblem,
    draws: int = 1000,
    *,
    measurement_step: float = 1.0,
    gluing_step: float = 0.1,
    steps: int = 1000,
    eta: float = 1.0,
    norm: Norm = "plain",
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> DataTree:
    """DPS with a gluing term, which draws codes to that of their image with the data put in.

    Parameters
    ----------
    problem, draws, measurement_step, steps, eta, norm, random_seed, progressbar
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
    guide = _Guide(problem, measurement_step, gluing_step, norm, "gluing")
    return _guided("psld", guide, draws, steps, eta, random_seed, progressbar)


class _Guide:
    """Steps that data ask for, in the coordinates of clean codes."""

    def __init__(
        self,
        problem: InverseProblem,
        measurement_step: float | np.ndarray,
        gluing_step: float,
        norm: Norm,
        glue: Literal["none", "goodness", "gluing"],
    ) -> None:
        if norm not in ("plain", "squared"):
            raise ValueError(f"Got norm={norm!r}. Choose 'plain' or 'squared'.")
        self.problem = problem
        self.measurement_step = measurement_step
        self.gluing_step = gluing_step
        self.norm = norm
        self.glue = {"none": None, "goodness": self._goodness, "gluing": self._gluing}[glue]

    def gradient(self, clean: np.ndarray, pull_back: Callable) -> np.ndarray:
        """The step for the noisy codes, shape (n, k)."""
        step = self._scaled(*self._measurement(clean))
        moved = pull_back(step)
        if isinstance(self.measurement_step, np.ndarray):
            moved = moved @ self.measurement_step.T
        else:
            moved = self.measurement_step * moved
        if self.glue is None:
            return moved
        return moved + self.gluing_step * pull_back(self._scaled(*self.glue(clean)))

    def _scaled(self, length: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """From the gradient of half the squared length to that of the length or its square."""
        if self.norm == "squared":
            return 2.0 * gradient
        return gradient / np.maximum(length, 1e-12)[:, None]

    def _measurement(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gap = self.problem.data - self.problem.predict(z)
        return np.linalg.norm(gap, axis=1), -self.problem.predict_pullback(z, gap)

    def _goodness(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        decoder = self.problem.prior.decoder
        x = decoder.decode(z)
        gap = z - decoder.encode(x)
        back = decoder.decode_pullback(z, decoder.encode_pullback(x, gap))
        return np.linalg.norm(gap, axis=1), gap - back

    def _gluing(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        problem, decoder = self.problem, self.problem.prior.decoder
        x = decoder.decode(z)
        glued = x + problem.measured_pullback(problem.data - problem.measured(x))
        gap = z - decoder.encode(glued)
        v = decoder.encode_pullback(glued, gap)
        back = decoder.decode_pullback(z, v - problem.measured_pullback(problem.measured(v)))
        return np.linalg.norm(gap, axis=1), gap - back


def _guided(
    name: str,
    guide: _Guide,
    draws: int,
    steps: int,
    eta: float,
    random_seed: int | np.random.Generator | None,
    progressbar: bool | ProgressBarOptions,
) -> DataTree:
    problem, rng = guide.problem, np.random.default_rng(random_seed)
    if draws < 1 or not 0.0 <= eta <= 1.0:
        raise ValueError(
            f"Got draws={draws} and eta={eta}. Draws are positive, and eta is between 0 and 1."
        )
    shares = signal_shares(steps)
    z = rng.standard_normal((draws, problem.prior.decoder.latent))
    with StepProgress(progressbar, steps) as bar, np.errstate(over="ignore", invalid="ignore"):
        for now, following in zip(shares[:0:-1], shares[-2::-1], strict=True):
            z = _reversed(guide, z, now, following, eta, rng)
            bar.advance()
    lost = np.sum(~np.all(np.isfinite(z), axis=1))
    if lost:
        raise SamplingError(
            f"{lost} of {draws} codes are not finite. A measurement_step of"
            f" {np.max(guide.measurement_step):.3g} is too long for this problem: make it shorter."
        )
    attributes: dict[str, Any] = {"sampler": name, "exact": False, "steps": steps, "eta": eta}
    attributes |= {"norm": guide.norm, "gluing_step": guide.gluing_step}
    attributes["measurement_step"] = np.max(guide.measurement_step)
    return to_datatree(problem, z, 1, rng, attributes)


def _reversed(
    guide: _Guide,
    z: np.ndarray,
    now: float,
    following: float,
    eta: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """One reverse step, with the guidance taken at the codes before it."""
    prior = guide.problem.prior
    denoised = prior.denoise(z, now)
    noise = (z - np.sqrt(now) * denoised.mean) / np.sqrt(1.0 - now)
    spread = eta * np.sqrt((1.0 - following) / (1.0 - now) * (1.0 - now / following))
    ahead = np.sqrt(following) * denoised.mean
    ahead += np.sqrt(np.maximum(1.0 - following - spread**2, 0.0)) * noise
    ahead += spread * rng.standard_normal(z.shape)
    return ahead - guide.gradient(denoised.mean, lambda v: prior.pull_back(denoised, v))
