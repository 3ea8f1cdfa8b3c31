"""Certificate of affinity: a response is affine where its pullback does not mention the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from pytensor.gradient import DisconnectedInputError, NullTypeGradError, pullback
from pytensor.tensor.type import continuous_dtypes
from pytensor.tensor.variable import TensorVariable

from pymc_glm.exceptions import RecognitionError
from pymc_glm.recognize.dependence import expand, simplify, value_ancestors

__all__ = ["AffinityReport", "NotAffineError", "pullback_conflicts"]


class NotAffineError(RecognitionError):
    """A response is no affine function of the block, or its matrix cannot be read.

    Parameters
    ----------
    reason : str
        What the response does to the block, in words: ``"exp(...)"``.
    term : str, optional
        Name of the model term the response belongs to.

    Attributes
    ----------
    reason, term : str
        As given.
    """

    def __init__(self, reason: str, term: str | None = None) -> None:
        self.reason = reason
        self.term = term
        subject = f"The response of {term!r}" if term else "A response"
        super().__init__(
            f"{subject} applies {reason} to the block. The block is Gaussian given its latents "
            "only where it enters through sums, selections and products with other variables."
        )


class AffinityReport(NamedTuple):
    """What the pullback of one response says about a block.

    Attributes
    ----------
    conflicts : dict of TensorVariable to set of TensorVariable
        For each block variable the response depends on: the block variables its derivative
        depends on. The response is affine in a subset of the block where no member of the
        subset is in conflict with a member.
    reason : str or None
        Why there is no derivative to look at; None where there is one.
    """

    conflicts: dict[TensorVariable, set[TensorVariable]]
    reason: str | None = None

    @property
    def is_affine(self) -> bool:
        """Whether the response is affine in all of the block, jointly."""
        return self.reason is None and not any(self.conflicts.values())


def pullback_conflicts(
    responses: Sequence[TensorVariable], block: Sequence[TensorVariable]
) -> list[AffinityReport]:
    """Find where responses are not jointly affine in the variables of a block.

    The derivative of an affine function is constant: after canonicalisation, the graph of its
    pullback does not mention the block. No list of blessed spellings is involved. Functions whose
    derivative PyTensor takes as zero pass by mistake: rounding, steps (a comparison with the block
    that selects between constants) and disconnected gradients.
    `pymc_glm.recognize.linearize.linearize` refuses the first two and reads the third correctly.

    Parameters
    ----------
    responses : sequence of TensorVariable, any shapes
        Graphs of value variables.
    block : sequence of TensorVariable
        Value variables.

    Returns
    -------
    reports : list of AffinityReport
        One for each response.

    Examples
    --------
    A product of two variables is affine in each, not in both::

        import pytensor.tensor as pt
        from pymc_glm.recognize.affine import pullback_conflicts

        x, y = pt.dvector("x"), pt.dvector("y")
        pullback_conflicts([x * y], [x, y])[0].conflicts  # {x: {y}, y: {x}}
    """
    expanded = expand(responses)
    reports: list[AffinityReport] = []
    pullbacks: list[TensorVariable] = []
    owners: list[tuple[int, TensorVariable]] = []
    for position, response in enumerate(expanded):
        reached = value_ancestors(response)
        members = [v for v in block if v in reached]
        reports.append(AffinityReport({v: set() for v in members}))
        if not members:
            continue
        if response.dtype not in continuous_dtypes:
            reports[position] = AffinityReport({}, f"values of type {response.dtype}")
            continue
        cotangent = response.type("cotangent")
        try:
            gradients = pullback([response], members, [cotangent], disconnected_inputs="ignore")
        except (NullTypeGradError, DisconnectedInputError, NotImplementedError, TypeError) as error:
            first_line = str(error).strip().splitlines()[0]
            reports[position] = AffinityReport({}, f"an Op without a derivative ({first_line})")
            continue
        pullbacks += cast(list[TensorVariable], gradients)
        owners += [(position, v) for v in members]
    if not pullbacks:
        return reports
    # One graph for all: responses share most of their nodes, and a rewrite has a fixed cost.
    rewritten = simplify(pullbacks, "stabilize")
    for (position, variable), gradient in zip(owners, rewritten, strict=True):
        reached = value_ancestors(gradient)
        reports[position].conflicts[variable].update(v for v in block if v in reached)
    return reports
