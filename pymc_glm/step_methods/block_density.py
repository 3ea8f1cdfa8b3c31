"""The log density of a block of variables and its gradient, evaluated once per position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pymc.blocking import PointType
from pymc.exceptions import SamplingError
from pymc.model import Model
from pytensor.graph.basic import Variable

__all__ = ["BlockDensity", "Evaluation"]


class Evaluation(NamedTuple):
    """The log density and its gradient at one position.

    Attributes
    ----------
    position : ndarray, shape (p,)
        Raveled values of the block, in the unconstrained space PyMC samples in.
    log_density : float
        Log density of the whole model.
    gradient : ndarray, shape (p,)
        Gradient of the log density with respect to the position.
    """

    position: np.ndarray
    log_density: float
    gradient: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether the log density and every entry of its gradient are finite."""
        return bool(np.isfinite(self.log_density) and np.isfinite(self.gradient).all())


class BlockDensity:
    """The model's log density as a function of one block, the other variables held fixed.

    Parameters
    ----------
    model : pymc.Model
        The model.
    vars : sequence of variable
        Value variables of the block, all continuous.
    initial_point : dict of str to ndarray
        Point that fixes the shapes.
    compile_kwargs : dict, optional
        Passed to the compilation.

    Attributes
    ----------
    size : int
        Number of coordinates p of the block.
    evaluations : int
        How many times the log density and its gradient were computed.
    """

    def __init__(
        self,
        model: Model,
        vars: Sequence[Variable],
        initial_point: PointType,
        compile_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._function = model.logp_dlogp_function(
            vars, ravel_inputs=True, initial_point=initial_point, **(compile_kwargs or {})
        )
        self._function.trust_input = True
        self._others = self._function._extra_vars_shared
        self._parts: dict[str, slice] = {}
        self.size = 0
        for variable in vars:
            start = self.size
            self.size += initial_point[str(variable.name)].size
            self._parts[str(variable.name)] = slice(start, self.size)
        self._memo: tuple[Evaluation, list[np.ndarray]] | None = None
        self.evaluations = 0
        # The first call compiles: do it here, before the chains are forked.
        self.evaluate(self._ravel(initial_point))

    def evaluate(self, position: np.ndarray) -> Evaluation:
        """Evaluate any position, the other variables being those of the last `at`.

        Parameters
        ----------
        position : ndarray, shape (p,)
        """
        position = np.asarray(position, dtype=self._function.dtype)
        # A proposal far out may overflow; the caller sees that it is not finite.
        with np.errstate(all="ignore"):
            log_density, gradient = self._function(position)
        self.evaluations += 1
        return Evaluation(position, float(log_density), gradient)

    def at(self, point: PointType) -> Evaluation:
        """Evaluate the current point, unless it is where the last `move` left it.

        Parameters
        ----------
        point : dict of str to ndarray
            Values of all value variables of the model.

        Raises
        ------
        pymc.exceptions.SamplingError
            If the log density or its gradient is not finite.
        """
        position = self._ravel(point)
        others = [point[name] for name in self._others]
        if self._memo is not None:
            known, seen = self._memo
            unchanged = np.array_equal(known.position, position)
            if unchanged and all(map(np.array_equal, seen, others)):
                return known
        # Values are copied, since a point changed in place must not look unchanged.
        others = [np.array(value) for value in others]
        for shared, value in zip(self._others.values(), others, strict=True):
            shared.set_value(value, borrow=True)
        current = self.evaluate(position)
        if not current.is_finite:
            raise SamplingError(self._describe(current))
        self._memo = (current, others)
        return current

    def move(self, point: PointType, to: Evaluation) -> PointType:
        """Copy the point last given to `at`, with the block moved to another evaluation.

        Returns
        -------
        moved : dict of str to ndarray
            The same keys in the same order; the arrays of the block are fresh.
        """
        if self._memo is not None:
            self._memo = (to, self._memo[1])
        moved = dict(point)
        for name, part in self._parts.items():
            old = point[name]
            moved[name] = to.position[part].reshape(old.shape).astype(old.dtype)
        return moved

    def forget(self) -> None:
        """Drop the last evaluation, which data set in the meantime would make stale."""
        self._memo = None

    def _ravel(self, point: PointType) -> np.ndarray:
        values = [np.ravel(point[name]) for name in self._parts]
        return np.concatenate(values).astype(self._function.dtype)

    def _describe(self, current: Evaluation) -> str:
        """Say which part of the evaluation at the current point is not finite."""
        hint = "Pass other `initvals` to pm.sample, or find the term with model.debug()."
        if not np.isfinite(current.log_density):
            names = ", ".join(self._parts)
            return f"The log density is {current.log_density} at the current {names}. {hint}"
        names = ", ".join(
            name
            for name, part in self._parts.items()
            if not np.isfinite(current.gradient[part]).all()
        )
        return f"The gradient of the log density is not finite at the current {names}. {hint}"
