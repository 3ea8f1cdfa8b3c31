"""Check a recognised machine against the model's own log density before it is used."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pymc_glm.exceptions import RecognitionError
from pymc_glm.machine import BlockVariable, Factor, OperatorMap
from pymc_glm.recognize.dependence import simplify
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.model_view import ModelView

__all__ = ["certify"]

# Of the random points; those close to the initial point are inside of narrow supports as well.
SPREADS = (0.03, 0.06, 0.1, 0.3, 0.7, 1.0, 1.5)
TOLERANCE = 1e-7


def certify(view: ModelView, factors: list[Factor], layout: list[BlockVariable]) -> None:
    """Compare every claimed term with its factors at random points.

    A term and its factors may differ by a constant, so differences between points are compared:
    of the block, and of every other variable. No model is sampled on the strength of a pattern
    match alone.

    Parameters
    ----------
    view : ModelView
        The model.
    factors : list of Factor
        Its factors.
    layout : list of BlockVariable
        Where each variable of the block sits.

    Raises
    ------
    RecognitionError
        If a term and its factors disagree; the message names the term.
    """
    values = {variable.value.name: variable.value for variable in view.variables}
    places = {values[place.name] for place in layout}
    # A term without factors is claimed to be constant.
    terms = [term for term in view.terms if places & term.touches]
    block = pt.concatenate([values[place.name].flatten() for place in layout]).astype("float64")
    claimed = [
        sum(
            (_density(factor, block) for factor in factors if factor.term == term.name),
            start=pt.constant(0.0),
        )
        for term in terms
    ]
    model = [pt.sum(term.rows) for term in terms]
    points = _random_points(view)
    samples = _sampled([*model, *claimed], list(values.values()), points)
    expected, found = samples[:, : len(terms)], samples[:, len(terms) :]
    for index, term in enumerate(terms):
        is_finite = np.all(np.isfinite(expected[:, index]))
        if is_finite and _gap(term.name, expected[:, index], found[:, index]) is None:
            continue
        # As written the density may cancel or underflow in its tails: log(1 + erf(x)). Compiled, it
        # does not.
        stable = simplify([model[index]], "stabilize", "specialize")
        [again] = _sampled(stable, list(values.values()), points).T
        gap = _gap(term.name, again, found[:, index])
        if gap is not None:
            raise RecognitionError(
                f"The recognised factors of {term.name!r} differ from the model's log density by"
                f" {gap:.3g} between random points. A matcher is wrong for this spelling; please"
                " report the model, and exclude its variables from the block in the meantime."
            )


def _sampled(graphs: list, values: list, points: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Values of scalar graphs at each point, shape (points, graphs)."""
    evaluate = Evaluator(graphs, values)
    return np.array([evaluate(point) for point in points], dtype=float)


def _density(factor: Factor, block) -> pt.TensorVariable:
    """The factor's log density by its matrix, not by the graph the matrix was read from."""
    linear_map = factor.linear_map
    if isinstance(linear_map, OperatorMap):
        operator = linear_map.operator
        response = operator(block.reshape(operator.shape_in)).flatten() + factor.offset
        return _density_at(factor, response)
    # As constants at once: PyTensor looks at every entry of an index that is an array.
    rows, columns = pt.constant(linear_map.rows), pt.constant(linear_map.columns)
    products = linear_map.symbolic_values() * block[columns]
    response = pt.inc_subtensor(pt.zeros(factor.size)[rows], products) + factor.offset
    return _density_at(factor, response)


def _density_at(factor: Factor, response: pt.TensorVariable) -> pt.TensorVariable:
    """The factor's log density at given responses."""
    parameters = {name: pt.as_tensor(value) for name, value in factor.parameters.items()}
    total = pt.sum(factor.family.log_density(response, **parameters))
    return total if factor.correction is None else total + factor.correction


def _random_points(view: ModelView) -> list[dict[str, np.ndarray]]:
    """Points around the initial point, at several distances."""
    rng = np.random.default_rng(20250512)
    return [
        {
            name: value + spread * rng.normal(size=np.shape(value))
            if np.asarray(value).dtype.kind == "f"
            else value
            for name, value in view.initial_point.items()
        }
        for spread in SPREADS
    ]


def _gap(name: str, expected: np.ndarray, found: np.ndarray) -> float | None:
    """How far differences between points disagree; None where they agree."""
    usable = np.isfinite(expected)
    if np.count_nonzero(usable) < 3:
        raise RecognitionError(
            f"The log density of {name!r} is not finite at {np.count_nonzero(~usable)} of"
            f" {expected.size} points around the initial point. Check its data and parameters, or"
            " give the model a better initial point."
        )
    expected, found = expected[usable], found[usable]
    size = np.abs(expected).max() + np.abs(found).max() + 1.0
    gap = np.abs(np.diff(expected) - np.diff(found)).max()
    return None if gap <= TOLERANCE * size else float(gap)
