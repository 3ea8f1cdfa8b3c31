"""Files of named arrays with a header, without pickles, for proposals and checkpoints."""

from __future__ import annotations

import json
import zlib

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

__all__ = ["flattened", "nested", "read_arrays", "write_arrays"]


def write_arrays(path: str | Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Replace a file as a whole; where it cannot be written, nothing is left behind.

    Parameters
    ----------
    path : str or Path
        The file, of NumPy's ``.npz`` format.
    header : dict
        Numbers and texts.
    arrays : dict of str to ndarray
        By their names.

    Raises
    ------
    OSError
        If the file cannot be written, or its folder does not exist.
    TypeError
        If the header has something else.
    """
    path, text = Path(path), np.array(json.dumps(header))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Got the file {str(path)!r}, and there is no folder {str(path.parent)!r}. Make it"
            " first, or name another one."
        )
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, header=text, **arrays)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_arrays(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header of a file of proposals or checkpoints, and its arrays.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    header : dict
        Empty where there is none.
    arrays : dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file holds no arrays by name, or is damaged.
    """
    try:
        with Path(path).open("rb") as stream, np.load(stream) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header", "{}")))
    except FileNotFoundError:
        raise
    except (ValueError, TypeError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a file of named arrays. It is damaged, or was written"
            " by something else."
        ) from error
    return header if isinstance(header, dict) else {}, arrays


def flattened(tree: dict[str, Any], lead: str = "parameters") -> dict[str, np.ndarray]:
    """Arrays of nested dictionaries, by their paths."""
    found: dict[str, np.ndarray] = {}
    for name, value in tree.items():
        key = f"{lead}/{name}"
        found |= flattened(value, key) if isinstance(value, dict) else {key: np.asarray(value)}
    return found


def nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The nested dictionaries that `flattened` was given."""
    tree: dict[str, Any] = {}
    for key, value in arrays.items():
        *lead, last = key.split("/")[1:]
        branch = tree
        for name in lead:
            branch = branch.setdefault(name, {})
        branch[last] = value
    return tree
