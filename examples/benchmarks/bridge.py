"""The Gibbs sampler of the package bayesbridge, run in an environment of its own.

The package was last released in 2023 and does not build with today's Cython and numpy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors
from xarray import Dataset, DataTree

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["bayesbridge", "environment", "prepare"]

WORKER = Path(__file__).with_name("bridge_worker.py")
PYTHON = "3.11"
BUILD = ("setuptools<70", "wheel", "cython<3", "numpy<2", "scipy<1.12")
RELEASE = "bayesbridge==0.2.6"


class _Prior(NamedTuple):
    """Bridge exponent, and shape and rate of the gamma prior of ``global_scale**-exponent``."""

    exponent: float
    shape: float
    rate: float
    note: str


# By the free variables of the model.
PRIORS = {
    frozenset({"log_sigma", "kappa", "beta"}): _Prior(1.0, 2.0, 0.2, ""),
    frozenset({"log_sigma", "tau", "lam", "z"}): _Prior(
        0.5, 0.0, 0.0, "another posterior: bridge prior of exponent 1/2 instead of the horseshoe"
    ),
}


def bayesbridge(
    *,
    model: Model,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    random_seed: int,
    progressbar: bool,
) -> DataTree:
    """Sample a lasso or horseshoe regression of the benchmarks by bayesbridge's Gibbs sampler.

    For a *lasso* the posterior is the model's own: bridge exponent one is the Laplace prior, its
    gamma prior on the inverse global scale is set to that of ``kappa``, and its prior on the noise
    variance is flat in the logarithm. Coefficients are drawn by Cholesky factors, the global scale
    with the local ones integrated out.

    For a *horseshoe* it is another posterior, as the package has no horseshoe: the bridge prior
    with its default exponent of one half, exp(-|beta / scale|**0.5), not multiplied by sigma,
    under the reference prior on the scale. Only ``beta`` and ``log_sigma`` have counterparts.
    Its effective draws compare the work on two sparse regressions; its means agree with nobody's.

    Each chain is one process with one BLAS thread. Start-up and imports are not counted as
    sampling.

    Parameters
    ----------
    model, draws, tune, chains, cores, random_seed, progressbar
        As in `pymc_glm.compare.runners.Sampler`. ``progressbar`` is not used.

    Returns
    -------
    tree : DataTree
        The attribute ``note`` of the posterior says where it is another one.

    Raises
    ------
    NotImplementedError
        The model is another one.

    References
    ----------
    Nishimura, Suchard (2023), JASA 118(544), 2468-2481,
    https://doi.org/10.1080/01621459.2022.2057859
    """
    prior, X, y = _regression(model)
    seeds = np.random.SeedSequence(random_seed).generate_state(chains, np.uint32)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores) as pool:
        task = Path(folder, "task.npz")
        np.savez(task, X=X, y=y, prior=prior[:3], draws=draws, tune=tune)
        # The worker passes its seed to a generator that takes 31 bits.
        parts = list(pool.map(lambda seed: _chain(task, int(seed) % 2**31), seeds))
    joined = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    variables = {
        "beta": (("chain", "draw", "predictor"), np.swapaxes(joined["coef"], 1, 2)),
        "log_sigma": (("chain", "draw"), -0.5 * np.log(joined["obs_prec"])),
    }
    if prior.exponent == 1.0:
        variables["kappa"] = (("chain", "draw"), 1.0 / joined["global_scale"])
    # Chains run in parallel, and the clock covers warm-up: compare divides it by the draws.
    seconds = float(joined["runtime"].sum()) / min(cores, chains)
    attributes = {"sampling_time": seconds, "note": prior.note}
    posterior = Dataset(variables, {"predictor": list(model.coords["predictor"])}, attributes)
    return DataTree.from_dict({"posterior": posterior})


def environment() -> Path:
    """Folder of the environment that bayesbridge runs in."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "pymc-glm-benchmarks", f"bayesbridge-python{PYTHON}")


def prepare() -> None:
    """Make the environment, once; it takes half a minute, a C compiler, uv and the package index.

    Raises
    ------
    ImportError
        It cannot be made.
    """
    if _python().exists():
        return
    # As the package declares neither bounds nor build requirements, both are installed first.
    install = ["pip", "install", "--quiet", "--python", str(_python())]
    commands = (
        ["venv", "--quiet", "--python", PYTHON, str(environment())],
        [*install, *BUILD],
        [*install, "--no-build-isolation", RELEASE],
    )
    for command in commands:
        try:
            subprocess.run([*_uv(), *command], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(environment(), ignore_errors=True)
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
            raise ImportError(
                f"Sampler 'bayesbridge' needs an environment of its own, which cannot be made: "
                f"{reason}. It takes uv, Python {PYTHON}, a C compiler and the package index."
            ) from error


def _python() -> Path:
    windows = os.name == "nt"
    return environment() / ("Scripts/python.exe" if windows else "bin/python")


def _uv() -> list[str]:
    return [sys.executable, "-m", "uv"] if find_spec("uv") else ["uv"]


def _chain(task: Path, seed: int) -> dict[str, np.ndarray]:
    """Run one chain in a process, and read what it drew."""
    found = task.with_name(f"draws-{seed}.npz")
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [str(_python()), str(WORKER), str(task), str(found), str(seed)]
    finished = subprocess.run(command, env=os.environ | single, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(
            f"bayesbridge ended with status {finished.returncode}. Its last words were: "
            f"{finished.stderr.strip().splitlines()[-1:]}."
        )
    with np.load(found) as arrays:
        return dict(arrays)


def _regression(model: Model) -> tuple[_Prior, np.ndarray, np.ndarray]:
    """Prior, matrix and response of a regression of the benchmarks."""
    free = frozenset(variable.name for variable in model.free_RVs)
    if free not in PRIORS:
        raise NotImplementedError(
            f"bayesbridge has no model with the variables {', '.join(sorted(free))}. "
            "It samples the benchmarks called lasso and horseshoe."
        )
    (observed,) = model.observed_RVs
    y = np.asarray(model.rvs_to_values[observed].data)
    shape = (y.size, len(model.coords["predictor"]))
    constants = [node.data for node in ancestors([observed]) if isinstance(node, Constant)]
    (X,) = {id(data): data for data in constants if np.shape(data) == shape}.values()
    return PRIORS[free], X, y
