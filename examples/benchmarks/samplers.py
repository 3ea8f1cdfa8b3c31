"""The samplers of a benchmark run, their budgets, and one that runs outside this environment."""

from __future__ import annotations

from bridge import bayesbridge, prepare

from pymc_glm.compare.runners import Sampler, resolve

__all__ = ["BUDGETS", "sampler_named"]

# Kept and tuning draws per chain: large enough for effective sample sizes that are stable to some
# per cent, small enough for minutes. MCLMC derives its tuning from the number of draws.
BUDGETS: dict[str, tuple[int, int]] = {
    "gibbs": (20_000, 1000),
    "nuts": (1000, 1000),
    "nutpie": (2000, 1000),
    "nutpie_low_rank": (2000, 1000),
    "mala": (10_000, 5000),
    "bayesbridge": (5000, 500),
    "mclmc": (4000, 0),
}


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
    if name != "bayesbridge":
        return resolve([name])[name]
    prepare()
    return bayesbridge
