"""A mixture grows by a component that has weight in the target."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.greedy import with_component
from pymc_glm.diffusion.prior import in_use, mixture
from pymc_glm.diffusion.refine import CandidateGaussians, nearest_weights, without_idle
from pymc_glm.diffusion.targets import Density

__all__ = ["grown"]

# Candidates in the tails of the target exceed a mixture by far, and have next to no weight.
TRIES = 5


def grown(
    prior: dict[str, Any],
    candidates: CandidateGaussians,
    density: Density,
    log_z: float,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    """The mixture with one more component, and weights that bring it nearest to the target.

    Chains end in a mode by its basin: shares of their ends are not those of the target. Components
    that have next to no weight then are left out, be they new or not.

    Parameters
    ----------
    prior : dict of str to ndarray
        Parameters of the mixture.
    candidates : CandidateGaussians
        In the coordinates of the mixture.
    density : Density
        The target, in the same coordinates.
    log_z : float
        Log evidence of the target, about.
    rng : numpy.random.Generator
        It is advanced.

    Returns
    -------
    prior : dict of str to ndarray, or None
        None where nothing is worth adding.
    """
    for _ in range(TRIES):
        larger = with_component(prior, candidates, log_z, rng)
        if larger is None:
            return None
        used, new = in_use(larger), int(np.argmin(in_use(prior)))
        logits = larger["logits"].copy()
        logits[used] = np.log(nearest_weights(mixture(NUMPY, larger).of(used), density, rng))
        weighed = without_idle({**larger, "logits": logits})
        if in_use(weighed)[new]:
            return weighed
        candidates = _others(candidates, larger, new)
    return None


def _others(candidates: CandidateGaussians, prior: dict[str, Any], slot: int) -> CandidateGaussians:
    """Candidates that another component is nearer to."""
    component = np.argmax(mixture(NUMPY, prior).log_components(NUMPY, candidates.means), axis=1)
    kept = component != slot
    factors = None if candidates.factors is None else candidates.factors[kept]
    return CandidateGaussians(candidates.means[kept], factors, candidates.value[kept])
