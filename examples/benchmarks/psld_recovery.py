"""Recovery of codes from data without noise: the theorem behind PSLD, and steps as they are taken.

Codes are standard normal and the decoder has orthonormal columns, as the theorem asks for. One
reverse step starts where one step of noise has led, at a standard normal draw: there it returns the
code if its length is one over the eigenvalue of each direction, and with one length for all
directions it does only where eigenvalues are equal. Errors are relative, and means over problems.
"""

from __future__ import annotations

import sys

from collections.abc import Callable
from typing import Any

import numpy as np

from pymc_glm.exceptions import SamplingError
from pymc_glm.inverse import InverseProblem, LatentMixturePrior, PrincipalComponents, dps, psld
from pymc_glm.inverse.schedule import signal_shares
from pymc_glm.operators import (
    AbstractOperator,
    BlockMean,
    Convolution,
    Identity,
    Mask,
    Select,
    gaussian_kernel,
)

__all__ = ["COLUMNS", "operators", "recovery"]

COLUMNS = (
    "one step, eigen-wise",
    "one step, best scalar",
    "1000 steps, DPS",
    "with gluing",
    "released code",
    "least squares",
    "se",
)
ROWS = ("denoise", "box", "blur", "destripe", "random 70%", "half resolution")
# Clean codes and those after one step of noise, the first of the schedule of 1000.
ONE_STEP = signal_shares(1000)[:2]
STARTS = 20
LENGTHS = np.geomspace(0.1, 10.0, 41)
# In units of the gradient of half the squared residual, whose largest curvature here is one.
LONG_RUN_LENGTHS = (1.0, 1.5, 2.0)
GLUING = 0.2
RELEASED = {"measurement_step": 1.0, "gluing_step": 0.1, "norm": "plain"}


def operators(shape: tuple[int, int], rng: np.random.Generator) -> dict[str, AbstractOperator]:
    """Measurements of an image."""
    side = shape[0]
    hole = np.ones(shape, bool)
    hole[side // 4 : side - side // 4, side // 4 : side - side // 4] = False
    motion = np.eye(3) / 3.0
    return {
        "random 70%": Mask(rng.random(shape) < 0.3),
        "box": Mask(hole),
        "blur": Convolution(gaussian_kernel(5, 1.0), shape, boundary="reflect"),
        "motion blur": Convolution(motion, shape, boundary="reflect"),
        "half resolution": BlockMean(shape, 2),
        "destripe": Select(np.arange(side * side).reshape(shape)[:, 1::2], shape),
        "denoise": Identity(shape),
    }


def recovery(prior: LatentMixturePrior, rng: np.random.Generator, count: int) -> list[tuple]:
    """Relative errors of codes, and the standard error of those of the best scalar."""
    gaussian = _standard_normal(prior)
    rows = []
    for name in ROWS:
        found = [_errors(gaussian, name, rng) for _ in range(count)]
        means = {head: np.mean([one[head] for one in found], axis=0).min() for head in COLUMNS[:-1]}
        scalars = np.array([one["one step, best scalar"] for one in found])
        best = scalars[:, scalars.mean(axis=0).argmin()]
        rows.append((name, *map(float, means.values()), float(best.std() / np.sqrt(count))))
        print(f"recovery, {name}: {rows[-1][1]:.1e}", file=sys.stderr, flush=True)
    return rows


def _standard_normal(prior: LatentMixturePrior) -> LatentMixturePrior:
    decoder = prior.decoder
    assert isinstance(decoder, PrincipalComponents)
    k = decoder.latent
    basis = decoder.matrix / np.linalg.norm(decoder.matrix, axis=0)
    plain = PrincipalComponents(decoder.mean, basis, np.ones(k), decoder.shape)
    return LatentMixturePrior(np.ones(1), np.zeros((1, k)), np.eye(k)[None], plain)


def _errors(
    prior: LatentMixturePrior, name: str, rng: np.random.Generator
) -> dict[str, list[float]]:
    """Of one problem: by column, an error for each length of the step."""
    shape = prior.decoder.shape
    operator = operators(shape, rng)[name]
    z = prior.draw(rng, 1)
    data = operator.forward(prior.decoder.decode(z).reshape(shape))
    # The noise is one, so that steps are in units of the squared residual.
    problem = InverseProblem(prior, operator, data, 1.0)
    normal = problem.latent_matrix.T @ problem.latent_matrix
    top = np.linalg.eigvalsh(normal)[-1]
    inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
    ideal = 1.0 / np.sqrt(ONE_STEP[-1])

    def error(run: Callable[..., Any], **options: Any) -> float:
        given = {"norm": "squared", "eta": 0.0, "random_seed": rng, "progressbar": False, **options}
        try:
            found = run(problem, STARTS, **given)["posterior"]["z"].to_numpy()[0]
        except SamplingError:
            return np.inf
        return float(np.linalg.norm(found - z, axis=1).mean() / np.linalg.norm(z))

    solved = np.linalg.pinv(problem.latent_matrix, rcond=1e-9) @ (
        problem.data - problem.predict(np.zeros_like(z))[0]
    )
    steps = {"steps": ONE_STEP}
    return {
        "one step, eigen-wise": [error(dps, measurement_step=ideal * inverse, **steps)],
        "one step, best scalar": [
            error(dps, measurement_step=ideal * s / top, **steps) for s in LENGTHS
        ],
        "1000 steps, DPS": [error(dps, measurement_step=s, eta=1.0) for s in LONG_RUN_LENGTHS],
        "with gluing": [
            error(psld, measurement_step=s, gluing_step=GLUING, eta=1.0) for s in LONG_RUN_LENGTHS
        ],
        "released code": [error(psld, **RELEASED)],
        "least squares": [float(np.linalg.norm(solved - z[0]) / np.linalg.norm(z))],
    }
