"""Read the matrix and the offset of an affine response off its graph, in one walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.tensor.variable import TensorVariable

# Importing the modules registers their rules.
import pymc_glm.recognize.operator_rule
import pymc_glm.recognize.product_rules  # noqa: F401

from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.dependence import (
    dependent_variables,
    evaluate,
    expand,
    simplify,
    static_shape,
    value_ancestors,
    zeros_for,
)
from pymc_glm.recognize.jacobian import Monomials, Tracked
from pymc_glm.recognize.linear_rules import linear_rule
from pymc_glm.recognize.probe import probe

__all__ = ["Linearization", "linearize"]


class Linearization(NamedTuple):
    """A response as K x + c.

    Attributes
    ----------
    linear_map : LinearMap or OperatorMap
        K, symbolic where it depends on other model variables; an operator where it has no matrix.
    offset : ndarray or TensorVariable, shape (m,)
        c, symbolic where it depends on other model variables.
    """

    linear_map: LinearMap | OperatorMap
    offset: np.ndarray | TensorVariable


def linearize(
    response: TensorVariable, block: Sequence[tuple[TensorVariable, slice]], n: int
) -> Linearization:
    """Write a response that is affine in the block as K x + c.

    Sparse forward accumulation: each node of the graph is visited once, and its Jacobian is made
    from those of its inputs by a rule of its Op. The cost is that of the entries of K.

    Parameters
    ----------
    response : TensorVariable, any shape
        A graph of value variables, of static shapes. Flattened in C order to m rows.
    block : sequence of (TensorVariable, slice)
        Value variables, and the place of each, flattened, in the block.
    n : int
        Number of unknowns of the block.

    Returns
    -------
    linearization : Linearization

    Raises
    ------
    NotAffineError
        If an Op on the way is not linear, or has no rule and cannot be probed.

    References
    ----------
    Griewank and Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapter 7,
    doi:10.1137/1.9780898717761.

    Examples
    --------
    Differences of a trend::

        import pytensor.tensor as pt
        from pymc_glm.recognize.linearize import linearize

        x = pt.tensor("x", shape=(4,))
        linearize(pt.diff(x), [(x, slice(0, 4))], 4).linear_map.structure()  # "differences"
    """
    [expanded] = expand([response])
    walk = _Walk(expanded, block, n)
    try:
        tracked = walk.run()
    except NotAffineError as error:
        raise NotAffineError(error.reason, response.name) from None
    linear_map = walk.monomials.linear_map(tracked)
    zeros: dict[Variable, Variable] = {variable: zeros_for(variable) for variable, _ in block}
    if isinstance(linear_map, LinearMap) and isinstance(linear_map.values, TensorVariable):
        values = _without_block(linear_map.values, zeros)
        linear_map = linear_map._replace(values=values)
    return Linearization(linear_map, _offset(expanded, zeros, walk))


class _Walk:
    """One forward pass over the nodes that depend on the block; the context of the rules."""

    def __init__(
        self, response: Variable, block: Sequence[tuple[TensorVariable, slice]], n: int
    ) -> None:
        self.response = response
        self.monomials = Monomials(n)
        self.jacobians: dict[Variable, Tracked] = {}
        for variable, place in block:
            shape = static_shape(variable)
            self.jacobians[variable] = self.monomials.block(place.start, shape)
        roots = {variable for variable, _ in block}
        self.nodes, self.dependent = dependent_variables([response], roots)
        self.varying_nodes = [v for v in self.nodes if any(o in self.dependent for o in v.outputs)]
        self._constancy: dict[Variable, bool] = {}
        frontier = [
            v for node in self.varying_nodes for v in node.inputs if v not in self.dependent
        ]
        known = [v for v in dict.fromkeys(frontier) if self.is_constant(v)]
        self.numbers = dict(zip(known, evaluate(known), strict=True))

    def run(self) -> Tracked:
        """The Jacobian of the response."""
        for node in self.varying_nodes:
            outputs = linear_rule(node.op, node, self)
            if outputs is None:
                outputs = probe(node, self)
            self.jacobians.update(zip(node.outputs, outputs, strict=True))
        return self.jacobians.get(self.response) or self.monomials.empty(
            static_shape(self.response)
        )

    def tracked(self, variable: Variable) -> Tracked | None:
        return self.jacobians.get(variable)

    def is_constant(self, variable: Variable) -> bool:
        if variable not in self._constancy:
            self._constancy[variable] = isinstance(variable, Constant) or all(
                v.owner is not None or isinstance(v, Constant) for v in value_ancestors(variable)
            )
        return self._constancy[variable]

    def constant(self, variable: Variable):
        if variable not in self.numbers:
            if not self.is_constant(variable):
                raise NotAffineError("indexing or reshaping by another model variable")
            [self.numbers[variable]] = evaluate([variable])
        return self.numbers[variable]

    def shape(self, variable: Variable) -> tuple[int, ...]:
        if variable in self.jacobians:
            return self.jacobians[variable].shape
        if variable in self.numbers:
            return np.shape(self.numbers[variable])
        return static_shape(variable)


def _without_block(graph: TensorVariable, zeros: dict[Variable, Variable]) -> TensorVariable:
    """The graph at a block of zeros, which it depends on through shapes only, or not at all."""
    [replaced] = graph_replace([graph], zeros, strict=False)
    return cast(TensorVariable, replaced)


def _offset(
    response: TensorVariable, zeros: dict[Variable, Variable], walk: _Walk
) -> np.ndarray | TensorVariable:
    """The response at a block of zeros, flattened."""
    at_zero = _without_block(response, zeros)
    if not walk.is_constant(at_zero):
        flat = at_zero.astype("float64").flatten()
        [at_zero] = simplify([flat])
    if not walk.is_constant(at_zero):
        return at_zero
    [value] = evaluate([at_zero])
    return np.asarray(value, dtype=float).ravel()
