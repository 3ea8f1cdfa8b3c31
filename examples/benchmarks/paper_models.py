"""The models of Kuric et al. (2025), arXiv:2505.12836: four experts on graphs and on images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pymc as pm

from scipy import stats

import pymc_glm

from pymc_glm.operators import Differences

__all__ = [
    "EXPERTS",
    "STEPS",
    "TOPOLOGIES",
    "Expert",
    "checkerboard",
    "denoising",
    "on_graph",
    "on_image",
    "slowest_direction",
]

WEIGHTS = np.array([0.1058, 0.0054, 0.0886, 0.0733, 0.0667, 0.0077, 0.0591, 0.3213, 0.2721])
SDS = np.sqrt([2.5e-5, 4e-4, 6.25e-4, 4.9e-3, 5.625e-3, 0.0729, 0.075625, 0.0784, 0.081225])
# Of the pixel that is held, so that an image has a level: any value gives the same differences.
PIN_SD = 0.1
NOISE = 0.1
DATA_SEED = 2505


class Expert(NamedTuple):
    """A law of responses.

    Attributes
    ----------
    declare : callable
        ``declare(s)`` is the density proportional to that of s times the response, made by
        ``.dist()``.
    log_density : callable
        Log density of responses, at ``s = 1``.
    denoising : float
        The multiple s of differences that the authors learned for denoising photographs.
    """

    declare: Callable[[float], object]
    log_density: Callable[[np.ndarray], np.ndarray]
    denoising: float


def _log_mixture(t: np.ndarray) -> np.ndarray:
    total = np.full(t.shape, -np.inf)
    for weight, sd in zip(WEIGHTS, SDS, strict=True):
        log_weight = np.log(weight / (np.sqrt(2.0 * np.pi) * sd))
        np.logaddexp(total, log_weight - 0.5 * (t / sd) ** 2, out=total)
    return total


EXPERTS = {
    "Gaussian": Expert(
        lambda s: pm.Normal.dist(0, 0.4 / s), lambda t: stats.norm.logpdf(t, 0, 0.4), 3.7355
    ),
    "Laplace": Expert(
        lambda s: pm.Laplace.dist(0, 0.3 / s), lambda t: stats.laplace.logpdf(t, 0, 0.3), 4.1452
    ),
    "Student t": Expert(
        lambda s: pm.StudentT.dist(nu=6, mu=0, sigma=1 / s),
        lambda t: stats.t.logpdf(t, 6),
        13.9207,
    ),
    "mixture": Expert(lambda s: pm.NormalMixture.dist(WEIGHTS, 0, SDS / s), _log_mixture, 0.8334),
}

# One unknown or a small image, and the sum of all, which gives them a level.
TOPOLOGIES: dict[str, np.ndarray] = {
    "factor": np.ones((1, 1)),
    "product": np.ones((5, 1)),
    "loop": np.vstack([np.ones((1, 4)), Differences((2, 2)).matrix().toarray()]),
    "grid": np.vstack([np.ones((1, 6)), Differences((2, 3)).matrix().toarray()]),
}

# The step sizes of the authors' Langevin chains by side length: x + tau * gradient + noise of
# variance 2 * tau.
STEPS = {
    12: {"Gaussian": 5e-3, "Laplace": 2.625e-4, "Student t": 6e-3, "mixture": 3e-6},
    24: {"Gaussian": 1.45e-3, "Laplace": 1.7625e-5, "Student t": 1.5e-3, "mixture": 1.05e-6},
    48: {"Gaussian": 3.75e-4, "Laplace": 1.3e-6, "Student t": 3.75e-4, "mixture": 2.25e-7},
    96: {"Gaussian": 9e-5, "Laplace": 2e-8, "Student t": 9e-5, "mixture": 1e-7},
}


def on_graph(expert: str, topology: str) -> pm.Model:
    """An expert on each row of a small matrix, the sum of all unknowns among them.

    Parameters
    ----------
    expert : str
        A key of `EXPERTS`.
    topology : str
        A key of `TOPOLOGIES`.

    Returns
    -------
    model : pymc.Model
        Its unknowns are ``"x"``.
    """
    matrix = TOPOLOGIES[topology]
    with pm.Model() as model:
        x = pm.Flat("x", shape=matrix.shape[1])
        pymc_glm.expert("responses", EXPERTS[expert].declare(1.0), matrix @ x)
    return model


def on_image(expert: str, side: int) -> pm.Model:
    """An expert on all differences of neighbouring pixels, edges of the image joined.

    Parameters
    ----------
    expert : str
        A key of `EXPERTS`.
    side : int
        Pixels along each axis.

    Returns
    -------
    model : pymc.Model
        Its image is ``"x"``, of shape (side, side). One pixel is close to zero.
    """
    with pm.Model() as model:
        x = pm.Flat("x", shape=(side, side))
        differences = Differences((side, side), boundary="periodic")(x)
        pymc_glm.expert("differences", EXPERTS[expert].declare(1.0), differences)
        pymc_glm.expert("pin", pm.Normal.dist(0, PIN_SD), x[0, 0])
    return model


def denoising(expert: str, side: int) -> pm.Model:
    """A checkerboard in noise of sd 0.1, differences under an expert at its learned scale.

    Parameters
    ----------
    expert : str
        A key of `EXPERTS`.
    side : int
        Pixels along each axis.

    Returns
    -------
    model : pymc.Model
        Its image is ``"x"``, of shape (side, side).
    """
    image = checkerboard(side)
    noise = NOISE * np.random.default_rng(DATA_SEED).standard_normal(image.shape)
    prior = EXPERTS[expert]
    with pm.Model() as model:
        x = pm.Flat("x", shape=image.shape)
        differences = Differences(image.shape, boundary="periodic")(x)
        pymc_glm.expert("differences", prior.declare(prior.denoising), differences)
        pm.Normal("y", x, NOISE, observed=image + noise)
    return model


def checkerboard(side: int) -> np.ndarray:
    """Squares of a third of the side, grey values 0.2 and 0.8; shape (side, side).

    Where three does not divide the side, a strip is left at its end.
    """
    square = np.arange(side) // (side // 3)
    return np.where((square[:, None] + square) % 2 == 0, 0.2, 0.8)


def slowest_direction(side: int) -> np.ndarray:
    """The wave of lowest frequency, of norm one: what differences say least about."""
    wave = np.cos(2.0 * np.pi * np.arange(side) / side)
    return np.repeat(wave[:, None], side, axis=1) * np.sqrt(2.0) / side
