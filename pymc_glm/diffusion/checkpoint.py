"""Where a fit has got to, in one file, without pickles."""

from __future__ import annotations

import json

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.proposal import flattened, nested, read_arrays
from pymc_glm.diffusion.training import State
from pymc_glm.diffusion.warmup import Warmup

__all__ = ["Progress", "read_progress", "write_progress"]


class Progress(NamedTuple):
    """What has been computed.

    Attributes
    ----------
    warmup : Warmup
        Draws of the warm-up.
    state : State or None
        Where training is; None before its first step.
    """

    warmup: Warmup
    state: State | None


def write_progress(path: str, key: str, progress: Progress) -> None:
    """Replace a checkpoint as a whole.

    Parameters
    ----------
    path : str
        The file.
    key : str
        What makes the fit another one: model, settings and seed.
    progress : Progress
        Where it is.
    """
    warmup, state = progress
    arrays = {"x": warmup.x, "start": warmup.start, "log_z": np.array(warmup.log_z)}
    arrays |= {"gradients": np.array(warmup.gradients), "shares": np.array(warmup.shares)}
    header: dict[str, Any] = {"key": key, "iteration": None}
    if state is not None:
        header |= {"iteration": state.iteration, "leaves": len(state.leaves)}
        arrays |= flattened(state.parameters) | {"draws": state.draws}
        arrays |= {f"leaf{i}": leaf for i, leaf in enumerate(state.leaves)}
    part = Path(f"{path}.part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)
    part.replace(path)


def read_progress(path: str, key: str) -> Progress | None:
    """Read a checkpoint; None where there is none.

    Parameters
    ----------
    path : str
        The file.
    key : str
        What it must have been written for.

    Raises
    ------
    ValueError
        If it belongs to another fit, or is no checkpoint.
    """
    if not Path(path).exists():
        return None
    header, arrays = read_arrays(path)
    if header.get("key") != key:
        raise ValueError(
            f"The checkpoint {path!r} was written for another model, seed or other settings. Give"
            " those again, or another file."
        )
    warmup = Warmup(
        arrays["x"],
        arrays["start"],
        float(arrays["log_z"]),
        int(arrays["gradients"]),
        tuple(arrays["shares"].tolist()),
    )
    if header["iteration"] is None:
        return Progress(warmup, None)
    parameters = nested({k: v for k, v in arrays.items() if k.startswith("parameters/")})
    leaves = [arrays[f"leaf{i}"] for i in range(header["leaves"])]
    return Progress(warmup, State(header["iteration"], parameters, leaves, arrays["draws"]))
