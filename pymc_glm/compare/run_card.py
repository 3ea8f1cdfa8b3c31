"""What it takes to run the comparison again: versions, seeds, budget, computer, data."""

from __future__ import annotations

import hashlib
import os
import platform

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pymc_glm.compare.runners import Budget, available_cores

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["data_hash", "run_card"]

PACKAGES = (
    *("pymc-glm", "pymc", "pytensor", "numba", "numpy", "scipy", "arviz"),
    *("nutpie", "blackjax", "jax"),
)
ENGINES = {
    "gibbs": ("pymc-glm", "exact Gibbs sampler of pymc_glm"),
    "nuts": ("pymc", "NUTS of PyMC itself"),
    "nutpie": ("nutpie", "NUTS of nutpie"),
    "nutpie_low_rank": ("nutpie", "NUTS of nutpie, low-rank mass matrix,"),
    "mclmc": ("blackjax", "MCLMC (unadjusted: its draws are biased) of blackjax"),
    "mala": ("pymc-glm", "MALA step of pymc_glm in pm.sample"),
    "gmp_diffusion": ("pymc-glm", "GMPDiffusion step of pymc_glm in pm.sample"),
}


def run_card(
    model: Model,
    budget: Budget,
    random_seed: int,
    seeds: dict[str, int],
    engines: dict[str, str | None],
) -> dict[str, str]:
    """Describe the computer, the software, the data and the budget of a comparison.

    Parameters
    ----------
    model : Model
        The model that was sampled.
    budget : Budget
        What every sampler was given.
    random_seed : int
        Seed of the comparison.
    seeds : dict of str to int
        Seed of every sampler, derived from `random_seed`.
    engines : dict of str to (str or None)
        Which of the samplers known by name each one is; None for a callable of the user.

    Returns
    -------
    card : dict of str to str
        Entries in the order in which they are shown.
    """
    card = {
        "model": f"{model.name or 'unnamed'}, free variables "
        + ", ".join(rv.name for rv in model.free_RVs),
        "data hash": f"sha256 {data_hash(model)}",
        "budget": f"{budget.chains} chains of {budget.draws} draws after {budget.tune} tuning "
        f"draws, on {budget.cores} cores",
        "seed": str(random_seed),
    }
    for name, seed in seeds.items():
        package, engine = ENGINES.get(engines[name] or "", ("", "callable of the user"))
        release = _version(package) if package else ""
        card[f"sampler {name}"] = f"{engine} {release}".rstrip() + f", seed {seed}"
    card["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    card["processor"] = f"{_processor()}, {available_cores()} cores available"
    card["system"] = platform.platform()
    card["Python"] = platform.python_version()
    card["packages"] = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    threads = {key: os.environ[key] for key in sorted(os.environ) if key.endswith("_NUM_THREADS")}
    card["thread settings"] = ", ".join(f"{k}={v}" for k, v in threads.items()) or "none"
    return card


def data_hash(model: Model) -> str:
    """Hash all numbers the model is built from: observations, covariates, fixed parameters.

    Two models of the same form with the same data have the same hash. Random generators do not
    count.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    digest : str
        First 16 hexadecimal digits of a SHA-256 hash.
    """
    from pytensor.graph.traversal import ancestors

    values = [model.rvs_to_values[rv] for rv in model.basic_RVs]
    digest = hashlib.sha256()
    for variable in ancestors([*model.basic_RVs, *model.potentials, *values]):
        held = getattr(variable, "data", None)
        if held is None and hasattr(variable, "get_value"):
            held = variable.get_value(borrow=True)
        if isinstance(held, np.ndarray | np.number):
            array = np.ascontiguousarray(held)
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Name of the processor; Python's own answer is empty on Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
