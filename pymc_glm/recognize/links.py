"""The linear predictor behind a link: logarithms, log odds and probits of graphs."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.compile.ops import ViewOp
from pytensor.graph.basic import Variable, equal_computations
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar import basic as ps
from pytensor.scalar import math as special
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.variable import TensorVariable

from pymc_glm.recognize.scaling import number_of

__all__ = ["log_odds_of", "log_of", "normal_quantile_of", "unwrapped"]


def unwrapped(graph: Variable) -> Variable:
    """A graph without assertions and the names of deterministics around it."""
    while graph.owner is not None and isinstance(graph.owner.op, CheckAndRaise | ViewOp):
        graph = graph.owner.inputs[0]
    return graph


def log_of(graph: TensorVariable) -> TensorVariable:
    """log(graph), without the exponentials that it undoes.

    Parameters
    ----------
    graph : TensorVariable
        Positive.

    Returns
    -------
    value : TensorVariable
        Of products and quotients the sum of the logarithms of their parts, so that a rate
        ``exposure * exp(eta)`` has the affine logarithm ``log(exposure) + eta``.
    """
    op, inputs = _node(graph)
    if isinstance(op, DimShuffle):
        return op(log_of(inputs[0]))
    if isinstance(op, ps.Exp):
        return _without_logs(inputs[0])
    if isinstance(op, ps.Mul):
        return _sum([log_of(factor) for factor in inputs])
    if isinstance(op, ps.TrueDiv):
        return log_of(inputs[0]) - log_of(inputs[1])
    if isinstance(op, ps.Reciprocal):
        return -log_of(inputs[0])
    return pt.log(graph)


def log_odds_of(p: TensorVariable) -> TensorVariable | None:
    """log(p / (1 - p)) of a probability that is a logistic function, however it is written.

    Parameters
    ----------
    p : TensorVariable
        A probability.

    Returns
    -------
    value : TensorVariable or None
        None where no logistic function is found.
    """
    op, inputs = _node(p)
    if isinstance(op, DimShuffle):
        inner = log_odds_of(inputs[0])
        return None if inner is None else op(inner)
    if isinstance(op, special.Sigmoid):
        return _without_logs(inputs[0])
    complement = _complement(p)
    if complement is not None:
        inner = log_odds_of(complement)
        return None if inner is None else -inner
    if isinstance(op, ps.Reciprocal):
        rest = _rest_of_sum(inputs[0], pt.constant(1.0))
        return None if rest is None else -log_of(rest)
    if isinstance(op, ps.TrueDiv):
        rest = _rest_of_sum(inputs[1], inputs[0])
        return None if rest is None else log_of(inputs[0]) - log_of(rest)
    return None


def normal_quantile_of(p: TensorVariable) -> TensorVariable | None:
    """The x of a probability that is the normal distribution function of x.

    Parameters
    ----------
    p : TensorVariable
        A probability.

    Returns
    -------
    value : TensorVariable or None
        None where no such function is found.
    """
    op, inputs = _node(p)
    if isinstance(op, DimShuffle):
        inner = normal_quantile_of(inputs[0])
        return None if inner is None else op(inner)
    complement = _complement(p)
    if complement is not None:
        inner = normal_quantile_of(complement)
        return None if inner is None else -inner
    half = _half_of(op, inputs)
    return None if half is None else _twice_normal_quantile(half)


def _node(graph: Variable) -> tuple[object, list]:
    """Operation (the scalar one where it is elementwise) and inputs."""
    graph = unwrapped(graph)
    if graph.owner is None:
        return None, []
    op = graph.owner.op
    return (op.scalar_op if isinstance(op, Elemwise) else op), list(graph.owner.inputs)


def _without_logs(graph: TensorVariable) -> TensorVariable:
    """A predictor in which logarithms of exponentials are undone: log(exp(eta)) - log(alpha)."""
    op, inputs = _node(graph)
    if isinstance(op, DimShuffle):
        return op(_without_logs(inputs[0]))
    if isinstance(op, ps.Log):
        return log_of(inputs[0])
    if isinstance(op, ps.Neg):
        return -_without_logs(inputs[0])
    if isinstance(op, ps.Add):
        return _sum([_without_logs(part) for part in inputs])
    if isinstance(op, ps.Sub):
        return _without_logs(inputs[0]) - _without_logs(inputs[1])
    return graph


def _sum(parts: list) -> TensorVariable:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _complement(p: Variable) -> TensorVariable | None:
    """The q of 1 - q, or of 1 + (-q)."""
    op, inputs = _node(p)
    if isinstance(op, ps.Sub) and number_of(inputs[0]) == 1.0:
        return inputs[1]
    return None


def _rest_of_sum(total: Variable, part: Variable) -> TensorVariable | None:
    """What is left of a sum of two without one of them."""
    op, inputs = _node(total)
    if not isinstance(op, ps.Add) or len(inputs) != 2:
        return None
    for one, other in (inputs, inputs[::-1]):
        number = number_of(one)
        if number is not None and number == number_of(part):
            return other
        if equal_computations([one], [part]):
            return other
    return None


def _half_of(op: object, inputs: list) -> Variable | None:
    """The y of 0.5 * y or y / 2."""
    if isinstance(op, ps.TrueDiv) and number_of(inputs[1]) == 2.0:
        return inputs[0]
    if not isinstance(op, ps.Mul) or len(inputs) != 2:
        return None
    for one, other in (inputs, inputs[::-1]):
        if number_of(one) == 0.5:
            return other
    return None


def _twice_normal_quantile(graph: Variable) -> TensorVariable | None:
    """The x of erfc(-x / sqrt(2)) or 1 + erf(x / sqrt(2))."""
    root = np.sqrt(2.0)
    op, inputs = _node(graph)
    if isinstance(op, DimShuffle):
        inner = _twice_normal_quantile(inputs[0])
        return None if inner is None else op(inner)
    if isinstance(op, special.Erfc):
        return -root * inputs[0]
    rest = _rest_of_sum(graph, pt.constant(1.0))
    if rest is None:
        # 1 - erf(x) is erfc(x).
        lower = _complement(graph)
        return None if lower is None else _scaled_argument(lower, -root)
    return _scaled_argument(rest, root)


def _scaled_argument(graph: Variable, factor: float) -> TensorVariable | None:
    op, inputs = _node(graph)
    return factor * inputs[0] if isinstance(op, special.Erf) else None
