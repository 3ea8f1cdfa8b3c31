"""Further Gaussian blocks: variables that multiply the block, as loadings multiply factors."""

from __future__ import annotations

from typing import NamedTuple

from pymc_glm.machine import AlternateBlock, BlockVariable, Factor, Refusal
from pymc_glm.recognize.block import Block, find_block
from pymc_glm.recognize.certify import certify
from pymc_glm.recognize.factors import block_layout, build_factors
from pymc_glm.recognize.hyperparameters import LARGEST_COLLAPSED
from pymc_glm.recognize.model_view import ModelView
from pymc_glm.recognize.planning import plan_block

__all__ = ["Alternation", "find_alternates"]


class Alternation(NamedTuple):
    """The first block joined by the terms of the others, its factors, and the other blocks."""

    block: Block
    factors: list[Factor]
    alternates: tuple[AlternateBlock, ...]


def find_alternates(
    view: ModelView,
    block: Block,
    layout: list[BlockVariable],
    factors: list[Factor],
    requested: set[str] | None,
) -> Alternation:
    """Find blocks among the variables that the first one had to leave out.

    Given the first block, the variables that multiply it may be jointly Gaussian themselves. A few
    entries are better moved one by one with the first block integrated out, so only larger blocks
    are formed.

    Parameters
    ----------
    view : ModelView
        The model.
    block : Block
        Its first block.
    layout : list of BlockVariable
        Where each variable of the first block sits.
    factors : list of Factor
        The factors of the first block.
    requested : set of str, optional
        Names of the variables to update. By default all that can be.

    Returns
    -------
    alternation : Alternation

    Raises
    ------
    RecognitionError
        If a certificate fails.
    """
    joined, found = block, []
    while True:
        taken = {variable.name for variable in joined.variables}
        left = {r.variable for r in block.refused if "multiplies" in r.reason} - taken
        left = left if requested is None else left & requested
        second = find_block(view, left)
        if not left or sum(v.size for v in second.variables) <= LARGEST_COLLAPSED:
            break
        second_layout = block_layout(view, second)
        second_factors = build_factors(view, second, second_layout)
        certify(view, second_factors, second_layout)
        plan = plan_block(second_layout, second_factors)
        found.append(AlternateBlock(second_layout, second_factors, plan))
        known = {term.name for term, _ in joined.matches}
        own = [(term, matches) for term, matches in second.matches if term.name not in known]
        factors = factors + build_factors(view, block, layout, own)
        joined = Block(
            joined.variables + second.variables,
            joined.matches + own,
            _still_refused(joined, second),
        )
    return Alternation(joined, factors, tuple(found))


def _still_refused(joined: Block, second: Block) -> list[Refusal]:
    taken = {variable.name for variable in second.variables}
    return [refusal for refusal in joined.refused if refusal.variable not in taken]
