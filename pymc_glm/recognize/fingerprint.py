"""Identify a univariate log density, up to a constant, from its values at a few points."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import explicit_graph_inputs
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as ps
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.dependence import static_shape, value_ancestors
from pymc_glm.recognize.evaluate import Evaluator
from pymc_glm.recognize.penalties import CANDIDATES
from pymc_glm.recognize.registry import Match, MatchRefusal
from pymc_glm.recognize.scaling import is_zero, power_of

__all__ = ["fingerprint"]

PROBES = (-3.0, -1.5, -1.0, -0.25, 0.5, 1.0, 2.0, 4.0)
TOLERANCE = 1e-8
PLACEHOLDER = "_response"


def fingerprint(
    function: TensorVariable, probe: TensorVariable, response: TensorVariable
) -> Match | MatchRefusal:
    """Identify ``function(probe)`` as a family's log density of each entry.

    Parameters
    ----------
    function : TensorVariable
        Elementwise in ``probe``; may depend on other variables.
    probe : TensorVariable
        Placeholder for the response.
    response : TensorVariable
        What stands in the probe's place in the model.

    Returns
    -------
    match : Match or MatchRefusal
        The parameters are graphs made from ``function``, so they follow the other variables. The
        match's correction holds what the family's normaliser has and the function has not.
    """
    if not _is_smooth_but_for_absolute_values(function, probe):
        return MatchRefusal(
            "its univariate function is made of pieces, or of operations unknown here"
        )
    at = _Values(function, probe)
    for candidate in CANDIDATES:
        family, parameters, sign, shift = candidate(at)
        at_zero = family.log_density(-shift, **parameters)
        predicted = family.log_density(sign * at.placeholder - shift, **parameters) - at_zero
        if at.agrees(predicted):
            missing = at.zero - at_zero
            centred = (response if sign > 0 else -response) - shift
            return Match(family, centred, parameters, at.repeats(missing, response))
    return MatchRefusal("its univariate function is not one of the known families")


# Away from the kink of an absolute value these are analytic, so that a few values identify them.
ANALYTIC = (
    ps.Add,
    ps.Cast,
    ps.Cosh,
    ps.Exp,
    ps.Identity,
    ps.Log,
    ps.Log1p,
    ps.Mul,
    ps.Neg,
    ps.Pow,
    ps.Reciprocal,
    ps.Second,
    ps.Sqr,
    ps.Sqrt,
    ps.Sub,
    ps.TrueDiv,
)


def _is_smooth_but_for_absolute_values(function: Variable, probe: Variable) -> bool:
    """Whether the probe passes only through analytic functions and absolute multiples of itself.

    A function with other pieces, such as a Huber loss, may equal a known one near zero and differ
    beyond.
    """
    seen: set[Variable] = set()
    stack = [function]
    while stack:
        variable = stack.pop()
        if variable is probe or variable in seen or probe not in value_ancestors(variable):
            continue
        seen.add(variable)
        op, inputs = variable.owner.op, variable.owner.inputs
        if isinstance(op, DimShuffle | CheckAndRaise):
            stack.append(inputs[0])
            continue
        if not isinstance(op, Elemwise):
            return False
        if isinstance(op.scalar_op, ps.Abs):
            if power_of(inputs[0], probe, lambda node: node is probe) != 1.0:
                return False
            continue
        if isinstance(op.scalar_op, ps.ScalarMaximum | ps.ScalarMinimum):
            # Of multiples of the probe, and of zero: the kink is at zero.
            if any(_is_other_kink(operand, probe) for operand in inputs):
                return False
            continue
        if not isinstance(op.scalar_op, ANALYTIC) or _has_hidden_kink(op.scalar_op, inputs, probe):
            return False
        stack += inputs
    return True


def _is_other_kink(operand: Variable, probe: Variable) -> bool:
    power = power_of(operand, probe, lambda node: node is probe)
    return power != 1.0 and not (power == 0.0 and is_zero(operand))


def _has_hidden_kink(scalar_op: object, inputs: list[Variable], probe: Variable) -> bool:
    """Whether a root is taken of something else than a power: sqrt((t - 1)**2) is |t - 1|."""
    is_root = isinstance(scalar_op, ps.Sqrt)
    if isinstance(scalar_op, ps.Pow):
        exponent = inputs[1]
        is_root = not isinstance(exponent, Constant) or bool(np.any(exponent.data % 1))
    if not is_root or power_of(inputs[0], probe, lambda node: node is probe) is not None:
        return False
    return not _is_square_plus_constant(inputs[0], probe)


def _is_square_plus_constant(graph: Variable, probe: Variable) -> bool:
    """Whether a graph is a multiple of the squared probe plus what is free of it.

    Its root is smooth if that is positive, and not a number at some probe if it is negative.
    """
    if graph.owner is None or not isinstance(graph.owner.op, Elemwise):
        return False
    if not isinstance(graph.owner.op.scalar_op, ps.Add):
        return False
    powers = [power_of(part, probe, lambda node: node is probe) for part in graph.owner.inputs]
    free = [part for part, power in zip(graph.owner.inputs, powers, strict=True) if power == 0.0]
    return set(powers) == {0.0, 2.0} and not all(is_zero(part) for part in free)


class _Values:
    """The function at constant responses, as graphs of the other variables."""

    def __init__(self, function: TensorVariable, probe: TensorVariable) -> None:
        self.function, self.probe = function, probe
        # Length one: a parameter shared by all entries then stays a scalar.
        self.shape = (1,) * probe.type.ndim
        self.placeholder = pt.tensor(PLACEHOLDER, dtype=probe.dtype, shape=self.shape)
        self.zero = self(0.0)
        roots = explicit_graph_inputs([function])
        self.others = [
            root for root in roots if root is not probe and not isinstance(root, Constant)
        ]

    def __call__(self, value: float) -> TensorVariable:
        return self._filled(self.function, value)

    def slope(self, value: float) -> TensorVariable:
        return self._filled(pytensor.grad(self.function.sum(), self.probe), value)

    def _filled(self, graph: TensorVariable, value: float) -> TensorVariable:
        constant = pt.constant(np.full(self.shape, value))
        return clone_replace([graph], {self.probe: constant}, rebuild_strict=False)[0]

    def repeats(self, rows: TensorVariable, response: TensorVariable) -> TensorVariable:
        """The sum of a rowwise graph over all rows of the response."""
        return pt.sum(pt.broadcast_to(rows, static_shape(response)))

    def agrees(self, predicted: TensorVariable) -> bool:
        """Whether a predicted difference from zero equals the function's, at random points."""
        [here] = clone_replace(
            [self.function], {self.probe: self.placeholder}, rebuild_strict=False
        )
        evaluate = Evaluator([here - self.zero, predicted], [*self.others, self.placeholder])
        rng = np.random.default_rng(20250512)
        for _ in range(2):
            point = {
                other.name: rng.normal(scale=0.5, size=other.type.shape) for other in self.others
            }
            for value in PROBES:
                point[PLACEHOLDER] = np.full(self.shape, value)
                if not _close(*evaluate(point)):
                    return False
        return True


def _close(actual: np.ndarray, predicted: np.ndarray) -> bool:
    return bool(
        np.all(np.isfinite(predicted))
        and np.allclose(actual, predicted, rtol=TOLERANCE, atol=TOLERANCE)
    )
