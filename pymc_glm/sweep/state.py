"""The symbolic state that a sweep passes from one update to the next."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian import response
from pymc_glm.machine import Factor, OperatorMap

__all__ = ["SweepState"]


class SweepState:
    """Current values of the block, of the other variables, and of the generator, as graphs.

    Parameters
    ----------
    factors : list of Factor
        Factors whose maps are in the drawn order.
    rng : Variable
        Random generator.
    x : TensorVariable, shape (n,)
        The block, in the drawn order.
    values : dict of TensorVariable to TensorVariable
        Value variable of the machine to its current value.
    """

    def __init__(
        self,
        factors: list[Factor],
        rng: Variable,
        x: TensorVariable,
        values: dict[TensorVariable, TensorVariable],
    ) -> None:
        self.factors = factors
        self.rng = rng
        self.x = x
        self.values = values
        self._responses: dict[int, TensorVariable] = {}

    def at_current(self, graph: np.ndarray | TensorVariable) -> TensorVariable:
        """A graph of value variables, at their current values."""
        return self.substituted(graph, {})

    def substituted(
        self,
        graph: np.ndarray | TensorVariable,
        changed: dict[TensorVariable, TensorVariable],
    ) -> TensorVariable:
        """A graph of value variables, some of them changed, the others at their current values."""
        tensor = pt.as_tensor(graph)
        if isinstance(graph, np.ndarray):
            return tensor
        known = set(ancestors([tensor]))
        replacements = {
            variable: changed.get(variable, current)
            for variable, current in self.values.items()
            if variable in known
        }
        if not replacements:
            return tensor
        return graph_replace([tensor], replacements, strict=False)[0]

    def parameters(
        self, factor: Factor, changed: dict[TensorVariable, TensorVariable] | None = None
    ) -> dict[str, TensorVariable]:
        """Parameters of a factor at current, or changed, values."""
        changed = changed or {}
        return {name: self.substituted(value, changed) for name, value in factor.parameters.items()}

    def linear_map(self, factor: Factor, changed=None):
        """The factor's map at current, or changed, values."""
        linear_map = factor.linear_map
        if isinstance(linear_map, OperatorMap) or linear_map.is_constant:
            return linear_map
        return linear_map._replace(values=self.substituted(linear_map.values, changed or {}))

    def offset(self, factor: Factor, changed=None):
        """The factor's offset at current, or changed, values."""
        if isinstance(factor.offset, np.ndarray):
            return factor.offset
        return self.substituted(factor.offset, changed or {})

    def response(self, index: int) -> TensorVariable:
        """Responses of a factor at the current state, computed once."""
        if index not in self._responses:
            self._responses[index] = self.response_at(index, {})
        return self._responses[index]

    def response_at(
        self, index: int, changed: dict[TensorVariable, TensorVariable]
    ) -> TensorVariable:
        """Responses of a factor with some variables changed."""
        return self.response_of(index, self.x, changed)

    def response_of(
        self,
        index: int,
        x: TensorVariable,
        changed: dict[TensorVariable, TensorVariable],
    ) -> TensorVariable:
        """Responses of a factor at another block, with some variables changed."""
        factor = self.factors[index]
        return response(self.linear_map(factor, changed), x, self.offset(factor, changed))

    def set_value(self, variable: TensorVariable, value: TensorVariable) -> None:
        """Change a variable; responses that depend on it are forgotten."""
        self.values[variable] = value
        for index in list(self._responses):
            if self.depends(self.factors[index], variable):
                del self._responses[index]

    def set_block(
        self, x: TensorVariable, responses: dict[int, TensorVariable] | None = None
    ) -> None:
        """Change the block, with the responses that are known at its new value."""
        self.x = x
        self._responses = dict(responses or {})

    def log_density_sum(
        self, index: int, changed: dict[TensorVariable, TensorVariable]
    ) -> TensorVariable:
        """Log density of a factor, summed over its responses, with some variables changed."""
        factor = self.factors[index]
        moves = any(self.depends(factor, variable) for variable in changed)
        t = self.response_at(index, changed) if moves else self.response(index)
        parameters = self.parameters(factor, changed)
        total = factor.family.log_density_sum(t, **parameters)
        total = self.within_bounds(factor, parameters, total)
        if factor.merged:
            # Of responses that were merged into others, only the normaliser is left.
            total = total - factor.merged * pt.log(parameters["scale"])
        return total

    @staticmethod
    def within_bounds(
        factor: Factor, parameters: dict[str, TensorVariable], log_density: TensorVariable
    ) -> TensorVariable:
        """A log density that is minus infinity where a parameter is beyond what the family allows.

        A prior may allow more: the model's own density is then minus infinity there.
        """
        for name, largest in factor.family.largest.items():
            if isinstance(factor.parameters[name], np.ndarray):
                continue
            value = parameters[name]
            is_allowed = (value > 0) & (value <= largest)
            if log_density.type.ndim == 0:
                is_allowed = pt.all(is_allowed)
            log_density = pt.switch(is_allowed, log_density, -np.inf)
        return log_density

    @staticmethod
    def depends(factor: Factor, variable: TensorVariable) -> bool:
        """Whether a factor's responses, not only its parameters, mention a variable."""
        graphs = [
            graph
            for graph in (*factor.linear_map.graphs, factor.offset)
            if not isinstance(graph, np.ndarray)
        ]
        return variable in set(ancestors(graphs))
