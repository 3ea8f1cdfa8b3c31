"""What identifies a run, so that it is not gone on with by another."""

from __future__ import annotations

import hashlib

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor

from pymc.model.core import Model
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import toposort

from pymc_glm.version import __version__

__all__ = ["model_fingerprint", "seeds_fingerprint", "versions"]


def model_fingerprint(model: Model) -> str:
    """Hash of everything that a model says: variables, their graphs, constants and data.

    Parameters
    ----------
    model : pymc.Model
        The model.

    Returns
    -------
    fingerprint : str
        Equal in all processes for a model that is declared alike.
    """
    digest = hashlib.sha256()
    variables = [*model.basic_RVs, *model.potentials]
    for variable in variables:
        transform = model.rvs_to_transforms.get(variable)
        digest.update(f"{variable.name}|{type(transform).__name__}|".encode())
    observed = [model.rvs_to_values[variable] for variable in model.observed_RVs]
    _add_graph(digest, [*variables, *observed])
    return digest.hexdigest()


def _add_graph(digest, outputs: Sequence[Variable]) -> None:
    """Add Ops, the way they are connected, and the values at the leaves."""
    numbers: dict[Variable, int] = {}

    def number(variable: Variable) -> int:
        if variable not in numbers:
            numbers[variable] = len(numbers)
            if variable.owner is None:
                _add_leaf(digest, variable)
        return numbers[variable]

    for node in toposort(list(outputs)):
        inputs = [number(variable) for variable in node.inputs]
        made = [number(variable) for variable in node.outputs]
        digest.update(f"{type(node.op).__name__}|{inputs}|{made}|".encode())
        graph = getattr(node.op, "fgraph", None)
        if graph is not None:
            _add_graph(digest, graph.outputs)
        else:
            digest.update(str(node.op).encode())
    digest.update(str([number(variable) for variable in outputs]).encode())


def _add_leaf(digest, variable: Variable) -> None:
    digest.update(str(variable.type).encode())
    if isinstance(variable, Constant):
        value = variable.data
    elif isinstance(variable, SharedVariable):
        value = variable.get_value(borrow=True)
    else:
        return
    if isinstance(value, np.random.Generator):
        # What a variable draws in prior predictions is no part of the posterior.
        return
    if isinstance(value, np.ndarray | np.generic):
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        digest.update(repr(value).encode())


def seeds_fingerprint(rngs: Sequence[np.random.Generator]) -> str:
    """Hash of the states of generators."""
    text = repr([rng.bit_generator.state for rng in rngs])
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> dict[str, str]:
    """What draws depend on besides the model and the seed."""
    return {
        "pymc_glm": __version__,
        "pymc": pm.__version__,
        "pytensor": pytensor.__version__,
        "numpy": np.__version__,
    }
