"""Turn matches into factors: read off the linear maps, flatten offsets and parameters."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.exceptions import RecognitionError
from pymc_glm.families import AbstractFamily
from pymc_glm.machine import BlockVariable, Factor, LinearMap
from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.block import Block
from pymc_glm.recognize.dependence import evaluate, static_shape
from pymc_glm.recognize.evaluate import depends_on, scalar
from pymc_glm.recognize.linearize import linearize
from pymc_glm.recognize.model_view import ModelView, Term
from pymc_glm.recognize.registry import Match
from pymc_glm.recognize.scaling import is_uniform

__all__ = ["block_layout", "build_factors"]


def block_layout(view: ModelView, block: Block) -> list[BlockVariable]:
    """Lay the block's variables out in one flat vector, in model order."""
    layout, start = [], 0
    for variable in block.variables:
        multiple = view.multiples.get(variable.name)
        layout.append(
            BlockVariable(
                variable.value.name,
                variable.name,
                variable.shape,
                start,
                multiple,
                variable.value,
            )
        )
        start += variable.size
    return layout


def build_factors(
    view: ModelView,
    block: Block,
    layout: list[BlockVariable],
    matches: list[tuple[Term, list[Match]]] | None = None,
) -> list[Factor]:
    """Build the factors of matched terms.

    Parameters
    ----------
    view : ModelView
        The model.
    block : Block
        The block and its matches.
    layout : list of BlockVariable
        Where each variable of the block sits.
    matches : list of (Term, list of Match), optional
        Terms to build, those of the block by default. A term without the block becomes a factor
        with an empty map.

    Returns
    -------
    factors : list of Factor

    Raises
    ------
    NotAffineError
        If the matrix of an affine response cannot be read off its graph.
    """
    places = [
        (variable.value, place.positions)
        for variable, place in zip(block.variables, layout, strict=True)
    ]
    size = sum(place.size for place in layout)
    others = [variable.value for variable in view.variables if variable not in block.variables]
    return [
        _build(term.name, match, places, size, others)
        for term, found in (block.matches if matches is None else matches)
        for match in found
    ]


def _build(term: str, match: Match, places, size: int, others) -> Factor:
    shape = static_shape(match.response)
    if depends_on(match.response, [value for value, _ in places]):
        try:
            linear_map, offset = linearize(match.response, places, size)
        except NotAffineError as error:
            raise NotAffineError(error.reason, term) from error
    else:
        # A part of the term without the block, such as the first values of an observed series.
        linear_map = LinearMap.from_matrix(np.zeros((int(np.prod(shape, dtype=int)), size)))
        offset = _numbers_where_possible(match.response.flatten(), others)
    parameters = {
        name: _flatten(parameter, name, shape, others, term, match.family)
        for name, parameter in match.parameters.items()
    }
    correction = match.correction
    if correction is not None and not depends_on(correction, others):
        correction = None
    return Factor(term, match.family, linear_map, offset, parameters, correction)


# Parameters of a mixture carry a component axis after the axes of the response.
COMPONENT_PARAMETERS = ("weights", "means", "scales")


def _flatten(
    parameter, name: str, shape: tuple[int, ...], others, term: str, family: AbstractFamily
):
    """A parameter as a scalar or a vector over the flattened response; numbers where possible."""
    graph = pt.as_tensor(parameter).astype("float64")
    core = 1 if name in COMPONENT_PARAMETERS else 0
    batch = graph.type.ndim - core
    known = static_shape(graph)
    tail = known[batch:]
    if batch > len(shape):
        raise RecognitionError(
            f"The {name} of {term!r} has shape {known}, more dimensions than its value of shape"
            f" {shape}. Broadcast the value to the full shape in the model."
        )
    if int(np.prod(known[:batch], dtype=int)) == 1:
        flat = graph.reshape(tail) if tail else scalar(graph)
    elif not tail and is_uniform(graph):
        flat = graph.flatten()[0]
    else:
        flat = pt.broadcast_to(graph, (*shape, *tail)).reshape((-1, *tail))
    value = _numbers_where_possible(flat, others)
    if isinstance(value, np.ndarray):
        _refuse_bad_parameter(value, name, term, family)
    return value


def _numbers_where_possible(graph: TensorVariable, others) -> np.ndarray | TensorVariable:
    if depends_on(graph, others):
        return graph
    # Other variables may still enter through their shapes.
    [value] = evaluate([graph.astype("float64")])
    return np.asarray(value)


def _refuse_bad_parameter(value: np.ndarray, name: str, term: str, family: AbstractFamily) -> None:
    bad = np.isnan(value) if name in family.infinite else ~np.isfinite(value)
    if bad.any():
        raise RecognitionError(
            f"The {name} of {term!r} is NaN or infinite at {int(bad.sum())} of"
            f" {value.size} entries. Give every row of the model a finite {name}."
        )
    if name in family.positive and np.any(value <= 0):
        raise RecognitionError(
            f"The {name} of {term!r} is {value.min()} somewhere, and it must be positive. A row of"
            " zero scale is a hard constraint, which no Gaussian draw represents."
        )
    if name in family.largest and np.any(value > family.largest[name]):
        raise RecognitionError(
            f"The {name} of {term!r} is {value.max()} somewhere, and its {family.name} law is a"
            f" Gaussian mixture only up to {family.largest[name]}. Use pm.sample() for this model."
        )
