"""Diagnostics of every coordinate of a posterior."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from pymc_glm.compare.draws import Layout
from pymc_glm.diagnostics import Diagnostics, block_rows, diagnose_array

if TYPE_CHECKING:
    from xarray import DataTree

__all__ = ["diagnose"]


def diagnose(tree: DataTree, layout: Layout) -> Diagnostics:
    """Diagnose every coordinate of one sampler's posterior.

    Parameters
    ----------
    tree : DataTree
        Draws of one sampler.
    layout : Layout
        The coordinates and their order.

    Returns
    -------
    diagnostics : Diagnostics
    """
    sizes = tree["posterior"].sizes
    rows = block_rows(sizes["chain"] * sizes["draw"])
    parts = [diagnose_array(block) for block in layout.blocks(tree, rows)]
    merged = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Diagnostics)
    }
    return Diagnostics(**merged)
