"""Vectors of entries independent given all else: local scales, group scales, indicators."""

from __future__ import annotations

import numpy as np

from pytensor.graph.basic import Variable, equal_computations
from pytensor.tensor.random.basic import BernoulliRV
from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import Factor, RowwiseTarget, ScaleDependence
from pymc_glm.recognize.conjugacy import positive_form
from pymc_glm.recognize.dependence import expand, value_ancestors
from pymc_glm.recognize.entries import FREE, entries_of
from pymc_glm.recognize.model_view import FreeVariable, Term
from pymc_glm.recognize.scaling import power_of

__all__ = ["entrywise_scales", "find_rowwise_target", "is_binary"]


def is_binary(variable: FreeVariable, terms: list[Term]) -> bool:
    """Whether a variable is declared as Bernoulli."""
    own = next(term for term in terms if term.name == variable.name)
    return own.distribution is not None and isinstance(own.distribution.op, BernoulliRV)


def find_rowwise_target(
    variable: FreeVariable,
    prior_terms: list[Term],
    factors: list[Factor],
    touched: list[int],
) -> RowwiseTarget | None:
    """Find the conditional of a vector as a product over its entries.

    Parameters
    ----------
    variable : FreeVariable
        The vector.
    prior_terms : list of Term
        Block-free terms that mention it.
    factors : list of Factor
        All factors.
    touched : list of int
        Those that mention it.

    Returns
    -------
    target : RowwiseTarget or None
        None where some row depends on several entries, or a response on any.
    """
    found = []
    for index in touched:
        entries = _entries_of_rows(factors[index], variable.value)
        if entries is None:
            return None
        found.append((index, entries))
    terms = []
    for term in prior_terms:
        entries = entries_of(term.rows, variable.value)
        if entries is None:
            return None
        [rows] = expand([term.rows])
        terms.append((rows.flatten(), entries.ravel()))
    return RowwiseTarget(tuple(found), tuple(terms), is_binary(variable, prior_terms))


def _entries_of_rows(factor: Factor, value: TensorVariable) -> np.ndarray | None:
    """The entry of a vector that each row depends on, through parameters alone."""
    fixed = [*factor.linear_map.graphs, factor.offset, factor.correction]
    if factor.family.group_size > 1 or any(_mentions(graph, value) for graph in fixed):
        return None
    total = np.full(factor.size, FREE, dtype=np.int64)
    for graph in factor.parameters.values():
        if not _mentions(graph, value):
            continue
        entries = entries_of(graph, value)
        if entries is None or entries.shape[:1] not in ((), (factor.size,)):
            return None
        entries = _same_in_each_row(entries)
        if entries is None:
            return None
        entries = np.broadcast_to(entries, (factor.size,))
        if np.any((total >= 0) & (entries >= 0) & (total != entries)):
            return None
        total = np.maximum(total, entries)
    return total


def _same_in_each_row(entries: np.ndarray) -> np.ndarray | None:
    """Entries by row, where parameters of a mixture have a component axis."""
    if entries.ndim <= 1:
        return entries
    largest = entries.max(axis=-1)
    agree = (entries == largest[..., None]) | (entries == FREE)
    return largest if bool(agree.all()) else None


def _mentions(graph: object, value: Variable) -> bool:
    return isinstance(graph, Variable) and value in value_ancestors(graph)


def entrywise_scales(
    variable: FreeVariable, factors: list[Factor], touched: list[int]
) -> tuple[ScaleDependence, ...]:
    """Factors whose row i is scaled by a power of one entry of a vector, proved from their graphs.

    Parameters
    ----------
    variable : FreeVariable
        The vector.
    factors : list of Factor
        All factors.
    touched : list of int
        Those that mention it.

    Returns
    -------
    scales : tuple of ScaleDependence
        Of the factors where that holds.
    """
    theta = positive_form(variable)
    found = []
    for index in touched:
        factor = factors[index]
        entries = _entries_of_rows(factor, variable.value)
        scale = factor.parameters.get("scale")
        if entries is None or np.any(entries == FREE) or not isinstance(scale, Variable):
            continue
        if any(
            _mentions(graph, variable.value)
            for name, graph in factor.parameters.items()
            if name != "scale"
        ):
            continue
        power = power_of(scale, variable.value, lambda node: _is_same(node, theta))
        if power:
            found.append(ScaleDependence(index, power, entries))
    return tuple(found)


def _is_same(node: Variable, theta: TensorVariable) -> bool:
    return node.type.ndim == theta.type.ndim and equal_computations([node], [theta])
