"""Likely values of the parameters of smooth factors, found from the model's initial point.

A dispersion or a noise scale decides how narrow the block is. At an initial value far from the data
a reference would be of no use where the chains are.
"""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from scipy.optimize import minimize

from pymc_glm.machine import Hyperparameter, LatentMachine
from pymc_glm.recognize.block_density import BlockDensity
from pymc_glm.recognize.evaluate import Evaluator, depends_on
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.variational import mode_of

__all__ = ["typical_point"]

# Of the search, which is at rest at changes below that.
ROUNDS, STILL = 15, 0.02


def typical_point(
    machine: LatentMachine, view: ModelView, density: BlockDensity
) -> dict[str, np.ndarray]:
    """The initial point, with likely values of the parameters of smooth factors.

    Block and parameters are moved to a common mode, in turn.

    Parameters
    ----------
    machine : LatentMachine
        A recognised model.
    view : ModelView
        The model.
    density : BlockDensity
        Of its block.

    Returns
    -------
    point : dict of str to ndarray
        The initial point where no such parameter is unknown, or no mode is found.
    """
    hypers = [hyper for hyper in machine.hyperparameters if _enters(machine, hyper, density.smooth)]
    if not hypers:
        return view.initial_point
    point = dict(view.initial_point)
    values = [variable.value for variable in view.variables]
    conditionals = [_conditional(view, hyper) for hyper in hypers]
    places = [place for place in machine.block if place.multiple is not None]
    multiples = Evaluator([place.multiple for place in places], values)
    for _ in range(ROUNDS):
        before = {hyper.name: point[hyper.name] for hyper in hypers}
        target = density.at(point)
        x = None if target is None else mode_of(target)
        if x is None:
            return view.initial_point
        for place in machine.block:
            point[place.name] = x[place.positions].reshape(place.shape)
        for place, multiple in zip(places, multiples(point), strict=True):
            point[place.name] = point[place.name] / multiple
        for hyper, conditional in zip(hypers, conditionals, strict=True):
            point[hyper.name] = _most_likely(hyper, conditional, point)
        moved = [np.max(np.abs(point[name] - value)) for name, value in before.items()]
        if max(moved) < STILL:
            break
    return view.initial_point | {hyper.name: point[hyper.name] for hyper in hypers}


def _enters(machine: LatentMachine, hyper: Hyperparameter, smooth) -> bool:
    graphs = [g for index in smooth for g in machine.factors[index].parameters.values()]
    return not hyper.is_binary and any(
        depends_on(graph, [hyper.value]) for graph in graphs if not isinstance(graph, np.ndarray)
    )


def _conditional(view: ModelView, hyper: Hyperparameter) -> Evaluator:
    terms = [term.log_density for term in view.terms if hyper.value in term.touches]
    total = sum(terms, start=pt.constant(0.0))
    return Evaluator([total], [variable.value for variable in view.variables])


def _most_likely(
    hyper: Hyperparameter, conditional: Evaluator, point: dict[str, np.ndarray]
) -> np.ndarray:
    def cost(flat: np.ndarray) -> float:
        [value] = conditional(point | {hyper.name: flat.reshape(hyper.shape)})
        return float(-value) if np.isfinite(value) else 1e300

    start = np.ravel(point[hyper.name]).astype(float)
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-2, "maxfev": 400})
    return np.asarray(found.x if np.isfinite(found.fun) else start).reshape(hyper.shape)
