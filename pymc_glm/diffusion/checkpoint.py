"""Where a fit has got to, in one file, without pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.files import flattened, nested, read_arrays, write_arrays
from pymc_glm.diffusion.training import State
from pymc_glm.diffusion.warmup import Warmup

__all__ = ["Checkpoint", "Progress"]


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


class Checkpoint:
    """The file of a fit's progress, if it is to have one. A full disk does not end a fit.

    Parameters
    ----------
    path : str or None
        The file; None for none.
    key : str
        What makes the fit another one: model, settings and seed.

    Attributes
    ----------
    failure : str
        Why the file could not be written the last time; empty where it could.
    """

    def __init__(self, path: str | None, key: str) -> None:
        self.path = path
        self.key = key
        self.failure = ""

    def save(self, progress: Progress) -> None:
        """Replace the file as a whole.

        Parameters
        ----------
        progress : Progress
            Where the fit is.
        """
        if self.path is None:
            return
        self.failure = ""
        try:
            _write(self.path, self.key, progress)
        except OSError as error:
            self.failure = str(error)

    def read(self) -> Progress | None:
        """Return what the file has; None where there is none.

        Raises
        ------
        ValueError
            If it belongs to another fit, or is no checkpoint.
        """
        if self.path is None or not Path(self.path).exists():
            return None
        header, arrays = read_arrays(self.path)
        if header.get("key") != self.key:
            raise ValueError(
                f"The checkpoint {self.path!r} was written for another model, seed or other"
                " settings. Give those again, or another file."
            )
        try:
            return _progress(header, arrays)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"The checkpoint {self.path!r} lacks a part ({error!r}). It is damaged: delete it,"
                " or name another file."
            ) from error


def _write(path: str, key: str, progress: Progress) -> None:
    warmup, state = progress
    arrays = {"x": warmup.x, "start": warmup.start, "log_z": np.array(warmup.log_z)}
    arrays |= {"gradients": np.array(warmup.gradients), "shares": np.array(warmup.shares)}
    header: dict[str, Any] = {"key": key, "iteration": None}
    if state is not None:
        header |= {"iteration": state.iteration, "leaves": len(state.leaves)}
        arrays |= flattened(state.parameters) | {"draws": state.draws}
        arrays |= {f"leaf{i}": leaf for i, leaf in enumerate(state.leaves)}
    write_arrays(path, header, arrays)


def _progress(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Progress:
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
