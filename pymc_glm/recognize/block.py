"""Find the largest set of free variables in which every term is a family of an affine response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import Refusal
from pymc_glm.recognize.affine import AffinityReport, NotAffineError, pullback_conflicts
from pymc_glm.recognize.dependence import value_ancestors
from pymc_glm.recognize.linearize import linearize
from pymc_glm.recognize.model_view import FreeVariable, ModelView, Term
from pymc_glm.recognize.potentials import match_potential
from pymc_glm.recognize.registry import Match, MatchRefusal, match_distribution

__all__ = ["Block", "find_block"]


class Block(NamedTuple):
    """The block, the matches of every term that touches it, and why others are not in it."""

    variables: list[FreeVariable]
    matches: list[tuple[Term, list[Match]]]
    refused: list[Refusal]


def find_block(
    view: ModelView,
    requested: set[str] | None = None,
    unreadable: Sequence[NotAffineError] = (),
) -> Block:
    """Find the block of a model.

    Starts from every continuous variable without a nonlinear transform and removes variables
    until each term that touches the rest is matched, no parameter depends on the block, and the
    responses are jointly affine. Of two variables that multiply each other, the smaller goes.

    Parameters
    ----------
    view : ModelView
        The model.
    requested : set of str, optional
        Names the user restricts the block to.
    unreadable : sequence of NotAffineError
        Terms whose responses passed as affine but have no matrix; their variables go.

    Returns
    -------
    block : Block
    """
    search = _Search(view, requested, unreadable)
    while search.remove_one_round():
        pass
    return search.result()


class _Search:
    """The shrinking candidate set, with the reason for each removal."""

    def __init__(
        self,
        view: ModelView,
        requested: set[str] | None,
        unreadable: Sequence[NotAffineError],
    ) -> None:
        self.view = view
        self.unreadable = {error.term: error.reason for error in unreadable}
        self.refused: list[Refusal] = []
        self.candidates: list[FreeVariable] = []
        self.found: dict[tuple, list[Match] | MatchRefusal] = {}
        for variable in view.variables:
            self._admit(variable, requested)

    def _admit(self, variable: FreeVariable, requested: set[str] | None) -> None:
        if variable.value.dtype not in ("float64", "float32"):
            return
        if not variable.is_linear:
            return
        if requested is not None and variable.name not in requested:
            self.refused.append(Refusal(variable.name, "vars=", "it was not asked for"))
            return
        self.candidates.append(variable)

    @property
    def values(self) -> list[TensorVariable]:
        return [variable.value for variable in self.candidates]

    def touching(self) -> list[Term]:
        """Terms that mention a candidate."""
        values = set(self.values)
        return [term for term in self.view.terms if values & term.touches]

    def remove(self, value: TensorVariable, term: str, reason: str) -> None:
        variable = self.view.variable_of(value)
        self.refused.append(Refusal(variable.name, term, reason))
        self.candidates = [other for other in self.candidates if other is not variable]

    def matches_of(self, term: Term) -> list[Match] | MatchRefusal:
        # What a potential is depends on which of its variables may be in the block.
        candidates = [value for value in self.values if value in term.touches]
        key = (term.name, frozenset(candidates) if term.distribution is None else None)
        if key not in self.found:
            if term.distribution is None:
                self.found[key] = match_potential(term.log_density, candidates)
            else:
                op, parameters, value = term.distribution
                self.found[key] = match_distribution(op, parameters, value)
        return self.found[key]

    def remove_one_round(self) -> bool:
        """Remove variables for one kind of reason; return whether anything was removed."""
        before = len(self.candidates)
        for step in (self._remove_unmatched, self._remove_in_parameters, self._remove_not_affine):
            step()
            if len(self.candidates) < before:
                return True
        return False

    def _remove_unmatched(self) -> None:
        for term in self.touching():
            found = self.matches_of(term)
            if not isinstance(found, MatchRefusal):
                continue
            for value in [value for value in self.values if value in term.touches]:
                self.remove(value, term.name, found.reason)

    def _remove_in_parameters(self) -> None:
        for term in self.touching():
            found = self.matches_of(term)
            if isinstance(found, MatchRefusal):
                return
            for match in found:
                for name, parameter in match.parameters.items():
                    for value in self._mentioned(parameter):
                        self.remove(value, term.name, f"it enters through the {name}")

    def _mentioned(self, graph: TensorVariable | np.ndarray) -> list[TensorVariable]:
        if isinstance(graph, np.ndarray):
            return []
        known = value_ancestors(graph)
        return [value for value in self.values if value in known]

    def _remove_not_affine(self) -> None:
        labelled = [
            (term.name, match.response)
            for term in self.touching()
            for match in self._matched(term)
            if self._mentioned(match.response)
        ]
        for name, response in labelled:
            for value in self._mentioned(response) if name in self.unreadable else ():
                reason = f"the response applies {self.unreadable[name]} to it"
                self.remove(value, name, reason)
        labelled = [(name, response) for name, response in labelled if self._mentioned(response)]
        if not labelled:
            return
        reports = pullback_conflicts([response for _, response in labelled], self.values)
        for (name, response), report in zip(labelled, reports, strict=True):
            self._remove_conflicts(name, response, report)

    def _matched(self, term: Term) -> list[Match]:
        found = self.matches_of(term)
        return [] if isinstance(found, MatchRefusal) else found

    def _remove_conflicts(
        self, name: str, response: TensorVariable, report: AffinityReport
    ) -> None:
        if report.reason is not None:
            for value in self._mentioned(response):
                self.remove(value, name, report.reason)
            return
        for value, others in report.conflicts.items():
            if value in others and value in self.values:
                self.remove(value, name, _why_not_affine(response, self.view.variable_of(value)))
        for value, others in report.conflicts.items():
            for other in others:
                if value is other or value not in self.values or other not in self.values:
                    continue
                self._remove_smaller(value, other, name)

    def _remove_smaller(self, first: TensorVariable, second: TensorVariable, term: str) -> None:
        one, two = self.view.variable_of(first), self.view.variable_of(second)
        loser, keeper = (one, two) if one.size < two.size else (two, one)
        self.remove(loser.value, term, f"it multiplies {keeper.name}, which is in the block")

    def result(self) -> Block:
        matches = [(term, self._matched(term)) for term in self.touching()]
        return Block(self.candidates, matches, self.refused)


def _why_not_affine(response: TensorVariable, variable: FreeVariable) -> str:
    """The operation that stands in the way, in words."""
    try:
        linearize(response, [(variable.value, slice(0, variable.size))], variable.size)
    except NotAffineError as error:
        return f"the response applies {error.reason} to it"
    return "the response is not affine in it"
