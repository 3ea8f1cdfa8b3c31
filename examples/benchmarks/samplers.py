"""The samplers of a benchmark run, their budgets, and those that run outside this environment."""

from __future__ import annotations

from bridge import BAYESBRIDGE, bayesbridge
from foreign import Foreign, prepare
from images import IMAGES
from ugla import CUQI_UGLA, cuqi_ugla

from pymc_glm.compare.runners import Sampler, resolve

__all__ = ["BUDGETS", "IMAGE_BUDGETS", "budget_of", "sampler_named"]

# Kept and tuning draws per chain: large enough for effective sample sizes that are stable to some
# per cent, small enough for minutes. MCLMC derives its tuning from the number of draws.
BUDGETS: dict[str, tuple[int, int]] = {
    "gibbs": (20_000, 1000),
    "nuts": (1000, 1000),
    "nutpie": (2000, 1000),
    "nutpie_low_rank": (2000, 1000),
    "mala": (10_000, 5000),
    "bayesbridge": (5000, 500),
    "cuqi_ugla": (1000, 200),
    "mclmc": (4000, 0),
}
# Of images, where a draw of NUTS takes hundreds of gradients, and has thousands of entries.
IMAGE_BUDGETS: dict[str, tuple[int, int]] = BUDGETS | {
    "gibbs": (2000, 200),
    "nuts": (300, 300),
    "nutpie": (500, 500),
    "nutpie_low_rank": (500, 500),
}
FOREIGN: dict[str, tuple[Foreign, Sampler]] = {
    "bayesbridge": (BAYESBRIDGE, bayesbridge),
    "cuqi_ugla": (CUQI_UGLA, cuqi_ugla),
}


def budget_of(name: str, benchmark: str) -> tuple[int, int]:
    """Kept and tuning draws per chain of a sampler on a benchmark model.

    Parameters
    ----------
    name : str
        A key of `BUDGETS`.
    benchmark : str
        A name that `models.build` knows.

    Returns
    -------
    draws, tune : int
    """
    is_image = benchmark.partition(":")[0] in IMAGES
    return (IMAGE_BUDGETS if is_image else BUDGETS)[name]


def sampler_named(name: str) -> Sampler:
    """Look up a sampler of `pymc_glm.compare` or of the benchmarks.

    Parameters
    ----------
    name : str
        A key of `BUDGETS`.

    Returns
    -------
    sampler : callable

    Raises
    ------
    ImportError
        The package of the sampler is not installed, or cannot be.
    """
    if name not in FOREIGN:
        return resolve([name])[name]
    foreign, sampler = FOREIGN[name]
    prepare(foreign)
    return sampler
