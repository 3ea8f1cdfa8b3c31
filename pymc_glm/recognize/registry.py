"""The registry of matchers: which distribution is which family of an affine response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily

__all__ = ["Match", "MatchRefusal", "match_distribution", "matcher"]


class Match(NamedTuple):
    """A term, or a part of it, as a family of a response.

    Attributes
    ----------
    family : AbstractFamily
        The expert.
    response : TensorVariable
        t, of any shape; affine in the block if the block can hold the variables it mentions.
    parameters : dict of str to TensorVariable or ndarray
        Parameters of the family, broadcastable to the response's shape.
    correction : TensorVariable or None, shape ()
        What the term has and the family's normalised density has not, where that depends on other
        variables.
    """

    family: AbstractFamily
    response: TensorVariable
    parameters: dict[str, TensorVariable | np.ndarray]
    correction: TensorVariable | None = None


class MatchRefusal(NamedTuple):
    """Why a distribution is not matched; one clause that completes "because ..."."""

    reason: str


Matcher = Callable[[TensorVariable, Sequence[TensorVariable], object], "list[Match] | MatchRefusal"]

_MATCHERS: dict[type, Matcher] = {}


def matcher(*op_types: type) -> Callable[[Matcher], Matcher]:
    """Register a function that matches distributions with one of the given Op types.

    The function takes the value, the distribution's parameters and its Op, and returns the
    matches whose log densities add up to the term, or a `MatchRefusal`. A block-free constant may
    be missing only where it does not depend on other variables.
    """

    def register(function: Matcher) -> Matcher:
        for op_type in op_types:
            _MATCHERS[op_type] = function
        return function

    return register


def match_distribution(
    op: object, parameters: Sequence[TensorVariable], value: TensorVariable
) -> list[Match] | MatchRefusal:
    """Match one distribution, evaluated at ``value``.

    Parameters
    ----------
    op : Op
        The distribution's Op.
    parameters : sequence of TensorVariable
        Its parameters, over value variables.
    value : TensorVariable
        Where it is evaluated, over value variables.

    Returns
    -------
    matches : list of Match or MatchRefusal
    """
    for op_type in type(op).__mro__:
        if op_type in _MATCHERS:
            return _MATCHERS[op_type](value, parameters, op)
    return MatchRefusal(
        f"no Gaussian mixture representation is known here for {_readable_name(op)}"
    )


def _readable_name(op: object) -> str:
    printed = getattr(op, "_print_name", None)
    return printed[0] if printed else type(op).__name__.removesuffix("RV")
