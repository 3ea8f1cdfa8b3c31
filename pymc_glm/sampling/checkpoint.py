"""Where each chain of a stream is, written so that it can be killed at any time."""

from __future__ import annotations

import json
import os

from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

__all__ = ["Checkpoints", "Snapshot"]


class Snapshot(NamedTuple):
    """A chain between two sweeps.

    Attributes
    ----------
    tuned, done : int
        Sweeps discarded and kept so far.
    generator : dict
        State of the bit generator.
    state : list of ndarray
        State of the sweep.
    accumulators : dict of str to ndarray
        Running summaries.
    sweep_seconds : ndarray, shape (done,)
        Seconds of each kept sweep.
    seconds : dict of str to float
        Time spent in each phase.
    """

    tuned: int
    done: int
    generator: dict
    state: list[np.ndarray]
    accumulators: dict[str, np.ndarray]
    sweep_seconds: np.ndarray
    seconds: dict[str, float]


class Checkpoints:
    """A folder with the manifest of a run, and one file for each chain.

    Chains are independent, so each writes its own file, whenever it likes. A file is replaced as a
    whole: a reader finds the old one or the new one.

    Parameters
    ----------
    folder : Path
        The folder, made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_manifest(self, manifest: dict) -> None:
        """Write what the run is."""
        text = json.dumps(manifest, indent=1, sort_keys=True)
        _replace(self._folder / "manifest.json", lambda file: file.write(text.encode()))

    def manifest(self) -> dict | None:
        """What the run is, None where nothing was written."""
        path = self._folder / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def save(self, chain: int, snapshot: Snapshot) -> None:
        """Replace the file of a chain."""
        facts = {
            "tuned": snapshot.tuned,
            "done": snapshot.done,
            "generator": snapshot.generator,
            "seconds": snapshot.seconds,
        }
        arrays = {f"state_{i}": value for i, value in enumerate(snapshot.state)}
        arrays |= {f"accumulator_{name}": a for name, a in snapshot.accumulators.items()}
        arrays["sweep_seconds"] = snapshot.sweep_seconds
        arrays["facts"] = np.frombuffer(json.dumps(facts, default=_plain).encode(), np.uint8)
        _replace(self._path(chain), lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]

    def load(self, chain: int) -> Snapshot | None:
        """Read the file of a chain, None where there is none."""
        path = self._path(chain)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes().decode(), object_hook=_array)
            prefix = "accumulator_"
            return Snapshot(
                facts["tuned"],
                facts["done"],
                facts["generator"],
                [file[name] for name in sorted(file.files, key=_number) if "state_" in name],
                {n.removeprefix(prefix): file[n] for n in file.files if n.startswith(prefix)},
                file["sweep_seconds"],
                facts["seconds"],
            )

    def _path(self, chain: int) -> Path:
        return self._folder / f"chain_{chain}.npz"


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file that appears at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _number(name: str) -> int:
    return int(name.removeprefix("state_")) if name.startswith("state_") else -1


def _plain(value: object) -> object:
    """States of some bit generators hold arrays."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.integer):
        return int(value)
    raise TypeError(f"Cannot write a {type(value).__name__} to a checkpoint.")


def _array(value: dict) -> object:
    return np.array(value["array"], value["dtype"]) if set(value) == {"array", "dtype"} else value
