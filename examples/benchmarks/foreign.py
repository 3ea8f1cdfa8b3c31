"""Samplers of packages that do not share this environment, each run in one of its own.

A package is called by a worker, a script that imports nothing of ours. Its arguments are a task
and a file for the draws, both .npz, and a seed; a task holds the arrays that the sampler asked for,
``draws`` and ``tune``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["PYTHON", "Foreign", "draw_chains", "elapsed", "folder", "prepare"]

PYTHON = "3.11"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Foreign(NamedTuple):
    """A sampler's environment and its worker.

    Attributes
    ----------
    name : str
        Name of the sampler.
    installs : tuple of tuple of str
        Arguments of ``uv pip install``, one command after the other.
    worker : Path
        The script that runs one chain.
    takes : str
        What the installation needs besides uv and the package index.
    """

    name: str
    installs: tuple[tuple[str, ...], ...]
    worker: Path
    takes: str


def folder(foreign: Foreign) -> Path:
    """Folder of the environment that a sampler runs in."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "pymc-glm-benchmarks", f"{foreign.name}-python{PYTHON}")


def prepare(foreign: Foreign) -> None:
    """Make the environment, once; it takes some seconds, uv and the package index.

    Raises
    ------
    ImportError
        It cannot be made.
    """
    if _python(foreign).exists():
        return
    install = ["pip", "install", "--quiet", "--python", str(_python(foreign))]
    commands = [["venv", "--quiet", "--python", PYTHON, str(folder(foreign))]]
    commands += [[*install, *arguments] for arguments in foreign.installs]
    for command in commands:
        try:
            subprocess.run([*_uv(), *command], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(folder(foreign), ignore_errors=True)
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
            raise ImportError(
                f"Sampler {foreign.name!r} needs an environment of its own, which cannot be made: "
                f"{reason}. It takes uv, {foreign.takes} and the package index."
            ) from error


def draw_chains(
    foreign: Foreign, task: Mapping[str, object], chains: int, cores: int, random_seed: int
) -> dict[str, np.ndarray]:
    """Run every chain in a process with one BLAS thread, as many at once as there are cores.

    Parameters
    ----------
    foreign : Foreign
        The sampler.
    task : mapping of str to array_like
        What its worker reads, ``draws`` and ``tune`` among it.
    chains, cores, random_seed : int
        As in `pymc_glm.compare.runners.Sampler`.

    Returns
    -------
    drawn : dict of str to ndarray, shape (chains, ...)
        What the workers wrote.

    Raises
    ------
    RuntimeError
        A worker failed.
    """
    seeds = np.random.SeedSequence(random_seed).generate_state(chains, np.uint32)
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(cores) as pool:
        file = Path(place, "task.npz")
        arrays: dict[str, Any] = dict(task)
        np.savez(file, **arrays)
        # Some packages pass the seed to a generator that takes 31 bits.
        parts = list(pool.map(lambda seed: _chain(foreign, file, int(seed) % 2**31), seeds))
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def elapsed(seconds: np.ndarray, cores: int) -> float:
    """Wall time of chains that took these seconds each, run as many at once as there are cores."""
    return float(seconds.sum()) / min(cores, seconds.size)


def _chain(foreign: Foreign, task: Path, seed: int) -> dict[str, np.ndarray]:
    """Run one chain in a process, and read what it drew."""
    found = task.with_name(f"draws-{seed}.npz")
    single = os.environ | dict.fromkeys(THREADS, "1")
    command = [str(_python(foreign)), str(foreign.worker), str(task), str(found), str(seed)]
    finished = subprocess.run(command, env=single, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(
            f"{foreign.name} ended with status {finished.returncode}. Its last words were: "
            f"{finished.stderr.strip().splitlines()[-1:]}."
        )
    with np.load(found) as arrays:
        return dict(arrays)


def _python(foreign: Foreign) -> Path:
    windows = os.name == "nt"
    return folder(foreign) / ("Scripts/python.exe" if windows else "bin/python")


def _uv() -> list[str]:
    return [sys.executable, "-m", "uv"] if find_spec("uv") else ["uv"]
