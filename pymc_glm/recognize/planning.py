"""The plan of a block's Gaussian draw, from its layout and its factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_glm.gaussian import GaussianPlan, Image, plan_gaussian
from pymc_glm.machine import BlockVariable, Factor

__all__ = ["plan_block"]


def plan_block(
    layout: Sequence[BlockVariable], factors: Sequence[Factor], structure: str | None = None
) -> GaussianPlan:
    """Plan the draw of a block; see `pymc_glm.gaussian.plan_gaussian`.

    Parameters
    ----------
    layout : sequence of BlockVariable
        The variables of the block.
    factors : sequence of Factor
        Every term that mentions them.
    structure : str, optional
        A structure to use instead of the one that is best.

    Returns
    -------
    plan : GaussianPlan
    """
    image = Image(
        layout[0].shape if len(layout) == 1 else None,
        tuple(factor.term for factor in factors),
        tuple(_has_one_precision(factor) for factor in factors),
    )
    return plan_gaussian([factor.linear_map for factor in factors], structure, image)


def _has_one_precision(factor: Factor) -> bool:
    """Whether all rows are Gaussian with one scale: a number, or one of other variables."""
    return not factor.family.has_latent and np.ndim(factor.parameters["scale"]) == 0
