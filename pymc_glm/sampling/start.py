"""Where chains start: dispersed hyperparameters, and a block drawn given them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
import scipy.sparse as sp

from pytensor.tensor.variable import TensorVariable
from scipy.sparse.linalg import splu

from pymc_glm.gaussian import Spectrum, check_proper, check_proper_in_basis
from pymc_glm.machine import Factor, LinearMap, stored
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.recognize import Recognition
from pymc_glm.sampling.first_block import NumericRows, draw_by_products, draw_in_basis

__all__ = ["StartingPoints"]

# Half-width of the uniform jitter, on the scale of the value variables, as PyMC's.
JITTER = 1.0
# Of matrices that fill up, and of those with a sparse factor, for which a dense one takes longer.
LARGEST_DENSE_START = 8000
LARGEST_SMALL_START = 1000
FULL = ("dense", "low rank")


class StartingPoints:
    """Draw starting states, and check first that the posterior of the block is proper.

    Parameters
    ----------
    recognition : Recognition
        A recognised model.

    Raises
    ------
    ImproperPosteriorError
        If some direction of the block is informed by no factor.
    """

    def __init__(self, recognition: Recognition) -> None:
        self.machine, self.view = recognition
        self._others = [hyper.value for hyper in self.machine.hyperparameters]
        self._others += [guest.value for guest in self.machine.guests]
        self._others += [v.value for one in self.machine.alternates for v in one.block]
        self._evaluate = Evaluator(
            [graph for factor in self.machine.factors for graph in _graphs(factor)], self._others
        )
        multiples = [v.multiple for v in self.machine.block if v.multiple is not None]
        self._evaluate_multiples = Evaluator(
            multiples, [variable.value for variable in self.view.variables]
        )
        self._evaluate_priors = Evaluator(
            [hyper.log_prior for hyper in self.machine.hyperparameters],
            [variable.value for variable in self.view.variables],
        )
        # Alternate blocks start away from zero, where they would hide the block from the data.
        self.check(self._with_alternates(np.random.default_rng(0)))

    def check(self, point: dict[str, np.ndarray]) -> None:
        """Check that the block's precision is positive definite at a point."""
        rows = [row for row in self._rows(point) if not row.linear_map.is_empty]
        names = [(variable.rv_name, variable.positions) for variable in self.machine.block]
        if self.machine.plan.structure == "spectral":
            weights = [(row.linear_map, float(row.precision[0])) for row in rows]
            check_proper_in_basis(cast(Spectrum, self.machine.plan.storage), weights, names)
            return
        check_proper([(row.linear_map, row.values, row.precision) for row in rows], names)

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """A state: the block's variables in the drawn order, hyperparameters, explicit latents.

        Hyperparameters are jittered around the model's initial point. The block is drawn from the
        Gaussian that each expert resembles, so that it is neither zero nor the same in all chains.
        """
        point = self._jittered(rng)
        block = np.empty(self.machine.size)
        block[self.machine.plan.position] = self._draw_block(rng, point) / self._multiple(point)
        return [block, *(point[updated.name] for updated in self.machine.updated)]

    def _multiple(self, point: dict[str, np.ndarray]) -> np.ndarray:
        """What each variable of the block is multiplied by to be an unknown of it."""
        values = iter(self._evaluate_multiples(point))
        parts = [
            np.ones(variable.size) if variable.multiple is None else np.ravel(next(values))
            for variable in self.machine.block
        ]
        return np.concatenate(parts)

    def _jittered(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Jittered hyperparameters at which the model has a density."""
        initial = self._with_alternates(rng)
        hypers = [h for h in self.machine.hyperparameters if h.value.dtype.startswith("float")]
        jitter = {h.name: rng.uniform(-JITTER, JITTER, size=h.shape) for h in hypers}
        # A variable without a transform has bounds that a jitter may cross; half of it may not.
        for shrinkage in (1.0, 0.5, 0.25, 0.1, 0.01, 0.0):
            moved = {name: initial[name] + shrinkage * step for name, step in jitter.items()}
            point = initial | {name: np.asarray(v, dtype=float) for name, v in moved.items()}
            if self._has_density(point):
                break
        return point

    def _with_alternates(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The initial point, the variables of alternate blocks jittered."""
        variables = [variable for one in self.machine.alternates for variable in one.block]
        initial = self.view.initial_point
        return initial | {
            v.name: initial[v.name] + rng.uniform(-JITTER, JITTER, size=v.shape) for v in variables
        }

    def _has_density(self, point: dict[str, np.ndarray]) -> bool:
        priors = self._evaluate_priors(point)
        rows = self._rows(point)
        values = [*priors, *(row.precision for row in rows)]
        return all(row.is_allowed for row in rows) and all(np.all(np.isfinite(v)) for v in values)

    def _rows(self, point: dict[str, np.ndarray]) -> list[NumericRows]:
        values = iter(self._evaluate(point))
        rows = [_numeric_rows(factor, values) for factor in self.machine.factors]
        move = self.machine.reference
        for one in () if move is None else move.rows:
            location = one.information / one.precision
            if one.shift is not None:
                [shift] = Evaluator([one.shift], self._others)(point)
                location = location + shift
            rows[one.factor] = rows[one.factor]._replace(precision=one.precision, location=location)
        return rows

    def _draw_block(self, rng: np.random.Generator, point: dict[str, np.ndarray]) -> np.ndarray:
        rows = self._rows(point)
        if self.machine.plan.structure == "iterative":
            return draw_by_products(rng, rows)
        if self.machine.plan.structure == "spectral":
            return draw_in_basis(rng, rows, cast(Spectrum, self.machine.plan.storage))
        matrix = sp.vstack([stored(row.linear_map).matrix(row.values) for row in rows]).tocsr()
        precision = np.concatenate([row.precision for row in rows])
        target = np.concatenate([row.location - row.offset for row in rows])
        noise = rng.standard_normal(precision.size)
        # The draw solves least squares for noisy targets: its covariance is the inverse of Q.
        right = matrix.T @ (precision * target + np.sqrt(precision) * noise)
        q = (matrix.T @ sp.diags(precision) @ matrix).tocsc()
        is_full = self.machine.plan.structure in FULL
        if q.shape[0] <= (LARGEST_DENSE_START if is_full else LARGEST_SMALL_START):
            return scipy.linalg.solve(q.toarray(), right, assume_a="pos")
        return splu(q).solve(right)


def _graphs(factor: Factor) -> list[TensorVariable]:
    linear_map = factor.linear_map
    values = linear_map.symbolic_values() if isinstance(linear_map, LinearMap) else pt.constant(1.0)
    graphs = [values, pt.as_tensor(factor.offset)]
    return graphs + [pt.as_tensor(factor.parameters[name]) for name in factor.family.parameters]


def _numeric_rows(factor: Factor, values: Iterator[np.ndarray]) -> NumericRows:
    entries, offset = next(values), next(values)
    parameters = {name: next(values) for name in factor.family.parameters}
    location, scale = factor.family.surrogate(**parameters)
    m = factor.size
    return NumericRows(
        factor.linear_map,
        entries,
        np.broadcast_to(offset, (m,)),
        np.broadcast_to(scale**-2.0, (m,)),
        np.broadcast_to(location, (m,)),
        all(np.all(parameters[name] <= most) for name, most in factor.family.largest.items()),
    )
