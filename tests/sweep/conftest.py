"""One sweep, or one update of a hyperparameter, as a Python function without compilation."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.tensor.random.type import random_generator_type

from pymc_glm.recognize import recognize
from pymc_glm.recognize.dependence import PYTHON_MODE
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.sweep import build_sweep
from pymc_glm.sweep.build import _prepared
from pymc_glm.sweep.state import SweepState

FINE = 601


class Conditional:
    """The law of one scalar value variable given all else, by quadrature of the model's logp.

    Parameters
    ----------
    log_density : callable
        Log density at a number, up to a constant.
    """

    def __init__(self, log_density):
        coarse = np.arange(-40.0, 40.0, 0.4)
        values = np.array([log_density(x) for x in coarse])
        values[~np.isfinite(values)] = -np.inf
        inside = coarse[values > values.max() - 25.0]
        self.grid = np.linspace(inside[0] - 0.4, inside[-1] + 0.4, FINE)
        density = np.array([log_density(x) for x in self.grid])
        density[~np.isfinite(density)] = -np.inf
        self.density = np.exp(density - density.max())
        steps = 0.5 * (self.density[1:] + self.density[:-1])
        cumulative = np.concatenate([[0.0], np.cumsum(steps)])
        self.density /= cumulative[-1] * (self.grid[1] - self.grid[0])
        self.cumulative = cumulative / cumulative[-1]

    def cdf(self, x):
        """Its distribution function."""
        return np.interp(x, self.grid, self.cumulative)

    def draw(self, rng, size):
        """Exact draws, to the accuracy of the grid."""
        return np.interp(rng.random(size), self.cumulative, self.grid)


def _conditional(model, name, block, point, entry=None):
    """The law of a variable of one entry, or of one entry of a vector."""
    view = recognize(model).view
    [value] = [variable.value for variable in view.variables if variable.value.name == name]
    total = sum(term.log_density for term in view.terms if value in term.touches)
    evaluate = Evaluator([total], [variable.value for variable in view.variables])
    point = {**point, **block}
    start = np.asarray(point[name])
    moves = np.ones(start.shape, bool) if entry is None else np.arange(start.size) == entry
    return Conditional(
        lambda x: evaluate({**point, name: np.where(moves.reshape(start.shape), x, start)})[
            0
        ].item()
    )


def _update(machine, update, name, block, point):
    """``f(rng, value)``: the update of one hyperparameter, everything else fixed."""
    rng = random_generator_type("rng")
    inputs = {hyper.name: hyper.value.type(hyper.name) for hyper in machine.hyperparameters}
    values = {hyper.value: inputs[hyper.name] for hyper in machine.hyperparameters}
    flat = np.concatenate([np.ravel(block[variable.name]) for variable in machine.block])
    drawn_order = flat[np.argsort(machine.plan.position)]
    state = SweepState(_prepared(machine), rng, pt.constant(drawn_order), values)
    [hyper] = [hyper for hyper in machine.hyperparameters if hyper.name == name]
    update(state, hyper)
    function = pytensor.function(
        [pytensor.In(rng, mutable=True, borrow=True), *inputs.values()],
        state.values[hyper.value],
        mode=PYTHON_MODE,
        accept_inplace=True,
        on_unused_input="ignore",
    )

    def call(generator, value):
        at = {**point, name: np.full(np.shape(point[name]), value)}
        updated = function(generator, *(at[key] for key in inputs))
        return updated.item() if updated.size == 1 else updated

    return call


def _sweep(machine):
    """``f(rng, block, *hyperparameters)``: one sweep."""
    graph = build_sweep(machine)
    function = pytensor.function(
        [pytensor.In(graph.rng, mutable=True, borrow=True), *graph.inputs],
        graph.outputs,
        mode=PYTHON_MODE,
        accept_inplace=True,
        on_unused_input="ignore",
    )
    return lambda generator, *state: function(generator, *map(np.asarray, state))


@pytest.fixture
def conditional():
    """Factory: the exact conditional of a hyperparameter's value variable."""
    return _conditional


@pytest.fixture
def single_update():
    """Factory: an update as ``f(rng, value)``."""
    return _update


@pytest.fixture
def one_sweep():
    """Factory: a whole sweep as ``f(rng, block, *hyperparameters)``."""
    return _sweep


@pytest.fixture
def conditional_law():
    """The class of one-dimensional laws known by quadrature."""
    return Conditional
