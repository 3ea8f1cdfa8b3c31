"""What was asked for beyond the samplers, checked before any of them takes its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["check_requested"]


def check_requested(
    model: Model,
    var_names: Iterable[str],
    truth: Mapping[str, np.ndarray] | None,
    reference: object,
    foreign: bool,
) -> None:
    """Refuse names and shapes that no draw can have.

    Parameters
    ----------
    model : Model
        The model.
    var_names : iterable of str
        Variables to compare.
    truth : mapping of str to ndarray, or None
        What was to be found, by variable.
    reference : object
        The posterior, or None.
    foreign : bool
        Whether a sampler of the user's is among them, which may return other variables as well.

    Raises
    ------
    ValueError
        If a variable is not in the model, or a truth has another shape than it.
    TypeError
        If the reference is neither a DataTree with a posterior nor has draws.
    """
    known = [variable.name for variable in (*model.free_RVs, *model.deterministics)]
    for asked, names in (("var_names", var_names), ("truth", truth or {})):
        unknown = [name for name in names if name not in known]
        if unknown and not foreign:
            raise ValueError(
                f"{asked} has {unknown[0]!r}, which is no free variable or Deterministic of the"
                f" model. There are {', '.join(map(repr, known))}."
            )
    for name, values in (truth or {}).items():
        shape = model[name].type.shape if name in known else (None,)
        if None not in shape and np.shape(values) != shape:
            raise ValueError(
                f"truth[{name!r}] has shape {np.shape(values)}, and the variable {shape}. Each"
                " entry of a draw needs its truth."
            )
    drawn = "posterior" in getattr(reference, "children", {})
    if reference is not None and not drawn and not callable(getattr(reference, "draws", None)):
        raise TypeError(
            f"Got reference of type {type(reference).__name__}, which has neither a posterior group"
            " nor draws(rng, n). Give a DataTree of draws or the posterior itself."
        )
