"""The Gibbs sweep as a PyMC step method."""

from __future__ import annotations

import time

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from zlib import crc32

import numpy as np

from pymc.model.core import Model, modelcontext
from pymc.step_methods.compound import BlockedStep, Competence, StepMethodState
from pymc.step_methods.state import dataclass_state
from pymc.util import get_random_generator
from rich.progress import TextColumn
from rich.table import Column

from pymc_glm.exceptions import InvalidDataError
from pymc_glm.gaussian import ConjugateGradients
from pymc_glm.recognize.choices import with_choices
from pymc_glm.recognize.recognize import recognize
from pymc_glm.sampling.posterior import value_draws
from pymc_glm.sampling.start import StartingPoints
from pymc_glm.sweep import build_sweep, compile_sweep

__all__ = ["GaussianLatentGibbs"]


@dataclass_state
class GaussianLatentGibbsState(StepMethodState):
    """What survives a checkpoint: nothing but the generator, for nothing is tuned."""


class GaussianLatentGibbs(BlockedStep):
    """Exact Gibbs updates of the variables that are jointly Gaussian given latent scales.

    With no arguments it takes every variable it can update exactly; the rest go to PyMC's own
    steps. One step draws the latents given the block, the block given the latents, and then the
    scales given the block with the latents integrated out. No latent is part of the point or the
    trace.

    Parameters
    ----------
    vars : sequence of variables or names, optional
        Variables to update. By default all that can be.
    model : pymc.Model, optional
        The model; the one of the context by default.
    scales : {"auto", "collapsed", "interweave", "plain"}
        How scales move besides their update given the block, as in `pymc_glm.sample`.
    block : {"auto", "gibbs", "sites", "metropolis"}
        How a block with smooth likelihoods moves, as in `pymc_glm.sample`.
    solver : str or ConjugateGradients
        How the Gaussian block is drawn, as in `pymc_glm.sample`.
    rng : numpy.random.Generator or seed, optional
        Replaced by PyMC when a chain starts.
    initial_point : dict, optional
        Accepted for the step method contract. The sweep is compiled for the model's shapes.
    compile_kwargs : dict, optional
        Accepted for the step method contract. Sweeps are compiled with numba.
    blocked : bool
        Accepted for the step method contract. The block is always updated jointly.

    Attributes
    ----------
    machine : LatentMachine
        What was recognised.

    Raises
    ------
    RecognitionError
        If no block is recognised.
    ImproperPosteriorError
        If the posterior of the block is improper.
    InvalidDataError
        If data are NaN or infinite.

    Notes
    -----
    Sampler stats:

    - ``sweep_time``: seconds of this sweep, the call from Python included. That call alone takes a
      few hundred microseconds; where the sweep is short, whole compiled chains
      (`pymc_glm.sample`) are 10 to 40 times as fast.

    The step is compiled for the data the model holds now: build a new one after ``pm.set_data``.

    References
    ----------
    Kuric et al. (2025), arXiv:2505.12836; van Dyk and Park (2008), doi:10.1198/016214508000000409.

    Examples
    --------
    Next to NUTS for what is left::

        import numpy as np
        import pymc as pm
        import pymc_glm

        with pm.Model():
            theta = pm.Laplace("theta", 0, 1, shape=5)
            pm.Normal("y", theta, 1, observed=np.arange(5.0))
            idata = pm.sample(step=pymc_glm.GaussianLatentGibbs(), chains=2, draws=100)
    """

    name = "gaussian_latent_gibbs"
    default_blocked = True
    default_tune_steps = 200
    stats_dtypes_shapes: ClassVar[dict] = {"sweep_time": (np.float64, [])}
    _state_class = GaussianLatentGibbsState

    def __new__(cls, *args: Any, **kwargs: Any) -> GaussianLatentGibbs:
        """Make a bare step; the constructor fills it."""
        # PyMC's own constructor would claim every variable of the model and keep the model in the
        # pickle; recognition decides which variables are ours.
        step = object.__new__(cls)
        step.stats_dtypes = [{stat: dtype for stat, (dtype, _) in cls.stats_dtypes_shapes.items()}]
        return step

    def __init__(
        self,
        vars: Sequence | None = None,
        *,
        model: Model | None = None,
        scales: Literal["auto", "collapsed", "interweave", "plain"] = "auto",
        block: Literal["auto", "gibbs", "sites", "metropolis"] = "auto",
        solver: str | ConjugateGradients = "auto",
        rng: np.random.Generator | int | None = None,
        initial_point: dict[str, np.ndarray] | None = None,
        compile_kwargs: dict | None = None,
        blocked: bool = True,
    ) -> None:
        model = modelcontext(model)
        recognition = recognize(model, vars)
        self.machine = with_choices(recognition.machine, scales, block, solver)
        StartingPoints(recognition)
        updated = [place.name for place in self.machine.block]
        updated += [hyper.name for hyper in self.machine.updated]
        by_name = {value.name: value for value in model.value_vars}
        self.vars = [by_name[name] for name in updated]
        self.blocked = blocked
        self.rng = get_random_generator(rng)
        self._data = {variable: _fingerprint(variable) for variable in model.data_vars}
        self._compile()
        self._warm_up(recognition.view.initial_point)

    def _compile(self) -> None:
        sweep = build_sweep(self.machine)
        self._function, self._constants = compile_sweep(sweep)

    def _warm_up(self, point: dict[str, np.ndarray]) -> None:
        """Compile now, so that no chain pays for it and forked workers inherit it."""
        self._first_sweep(point, np.random.default_rng(0))
        self._has_moved = False

    def setup_chain(self, rng: np.random.Generator, tune: int, draws: int) -> None:
        """Take the chain's generator; there is nothing else to reset."""
        super().setup_chain(rng, tune, draws)
        self._has_moved = False
        for variable, fingerprint in self._data.items():
            if _fingerprint(variable) != fingerprint:
                raise InvalidDataError(
                    f"The data {variable.name!r} changed after this step was built. Build a new"
                    " GaussianLatentGibbs() after pm.set_data."
                )

    def step(self, point: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[dict]]:
        """One sweep from a point.

        Parameters
        ----------
        point : dict of str to ndarray
            Values of all value variables; left as it is.

        Returns
        -------
        point : dict of str to ndarray
            A new point, with the same keys in the same order.
        stats : list of dict
            One dict of sampler stats.
        """
        began = time.perf_counter()
        sweep = self._sweep if self._has_moved else self._first_sweep
        updated = sweep(point, self.rng)
        moved = point.copy()
        moved.update(updated)
        return moved, [{"sweep_time": time.perf_counter() - began}]

    def _first_sweep(self, point: dict[str, np.ndarray], rng: np.random.Generator) -> dict:
        """A sweep from where PyMC starts a chain, which may have no scale to speak of.

        At a level of zero all increments are zero, and their scale would be drawn as zero too. No
        chain gets to such a point, so leaving it in any way leaves the posterior invariant.
        """
        try:
            updated = self._sweep(point, rng)
        except ArithmeticError:
            away = {
                variable.name: point[variable.name] + rng.standard_normal(variable.shape)
                for variable in self.machine.block
            }
            updated = self._sweep(point | away, rng)
        self._has_moved = True
        return updated

    def _sweep(self, point: dict[str, np.ndarray], rng: np.random.Generator) -> dict:
        machine = self.machine
        block = np.empty(machine.size)
        position = machine.plan.position
        flat = [np.ravel(point[variable.name]) for variable in machine.block]
        block[position] = np.concatenate(flat)
        others = [_array(point[other.name], other.value.dtype) for other in self.machine.updated]
        guests = [_array(point[guest.name], guest.value.dtype) for guest in machine.guests]
        _, *state = self._function(rng, block, *others, *guests, *self._constants)
        return value_draws(machine, state)

    @staticmethod
    def competence(var: Any, has_grad: bool) -> Competence:
        """Never assigned automatically: one variable does not show the structure of a model."""
        return Competence.INCOMPATIBLE

    def _progressbar_config(self, n_chains: int = 1):
        columns = [
            TextColumn("{task.fields[sweep_time]}", table_column=Column("Sweep", ratio=1)),
        ]
        return columns, {"sweep_time": [""] * n_chains}

    @staticmethod
    def _make_progressbar_update_functions():
        def update(stats: dict) -> dict:
            return {"sweep_time": f"{1e6 * stats['sweep_time']:,.0f} us"}

        return (update,)

    def __reduce_ex__(self, protocol: Any):
        """Pickle the machine, not the model or the compiled code; a worker compiles from cache."""
        state = {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("_function", "_constants") and not key.endswith("__newargs")
        }
        # Data cannot change in a worker.
        state["_data"] = {}
        return _rebuild, (type(self), state)


def _rebuild(cls: type[GaussianLatentGibbs], state: dict) -> GaussianLatentGibbs:
    step = object.__new__(cls)
    step.__dict__.update(state)
    step._compile()
    return step


def _fingerprint(variable: Any) -> int:
    data = variable.get_value(borrow=True) if hasattr(variable, "get_value") else variable.data
    return crc32(np.ascontiguousarray(data).tobytes())


def _array(value: np.ndarray, dtype: str = "float64") -> np.ndarray:
    return np.array(value, dtype=dtype, order="C")
