"""Draw each unknown given all others, with the latents of Laplace factors integrated out.

Given its latent a response near zero is held there, and a jump crosses a pixel slowly. Without the
latent the density of one unknown given the others is known in closed form, kinks and all, and the
jump crosses in one move. The latents that were integrated out are stale then: the next sweep draws
them before it needs them.

Hans (2009), doi:10.1093/biomet/asp047, draws the coefficients of the lasso so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytensor.tensor as pt
import scipy.sparse as sp

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families import Laplace
from pymc_glm.gaussian import Rows
from pymc_glm.gaussian.constants import per_row
from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.collapsed import LatentRows
from pymc_glm.sweep.columns import columns_in_runs
from pymc_glm.sweep.state import SweepState

__all__ = ["draw_sites"]

_scan = KernelOp("pymc_glm.sweep.site_kernels:scan_sites", stochastic=True)


def draw_sites(
    state: SweepState, latent_rows: Sequence[LatentRows], rows: Sequence[Rows], scans: int
) -> None:
    """Draw every unknown of the block in turn.

    Parameters
    ----------
    state : SweepState
        Its block and generator are advanced.
    latent_rows : sequence of LatentRows
        The factors that involve the block.
    rows : sequence of Rows
        The same, Gaussian given their latents; not read for Laplace factors.
    scans : int
        How often.
    """
    pairs = list(zip(latent_rows, rows, strict=True))
    kinked = [one for one, _ in pairs if isinstance(state.factors[one.factor].family, Laplace)]
    smooth = [
        (one.factor, row.multiplied())
        for one, row in pairs
        if not isinstance(state.factors[one.factor].family, Laplace)
    ]
    kinks = _stacked([state.factors[one.factor].linear_map for one in kinked]).tocsc()
    kinks.sort_indices()
    steepness = [
        per_row(1.0 / _scale(state, one.factor), state.factors[one.factor].size) for one in kinked
    ]
    precision = [per_row(row.precision, row.linear_map.shape[0]) for _, row in smooth]
    columns = columns_in_runs(_stacked([row.linear_map for _, row in smooth]))
    next_rng, x = cast(
        list[Variable],
        _scan(
            state.rng,
            state.x,
            kinks.indptr.astype(np.int64),
            kinks.indices.astype(np.int64),
            kinks.data,
            _joined([state.response(one.factor) for one in kinked]),
            _joined(steepness),
            *columns,
            _joined([_pull(state.response(index), row) for index, row in smooth]),
            _joined(precision),
            np.array([scans], dtype=np.int64),
        ),
    )
    state.rng = next_rng
    state.set_block(cast(TensorVariable, x))


def _scale(state: SweepState, index: int) -> TensorVariable:
    return state.parameters(state.factors[index])["scale"]


def _pull(response: TensorVariable, row: Rows) -> TensorVariable:
    """The derivative of the negative log density of each row with respect to its response."""
    pull = row.precision * response
    return pull if row.information is None else pull - row.information


def _joined(parts: list[TensorVariable]) -> TensorVariable:
    if not parts:
        return pt.constant(np.zeros(0))
    return parts[0] if len(parts) == 1 else pt.concatenate(parts)


def _stacked(maps: Sequence[LinearMap | OperatorMap]) -> sp.csr_matrix:
    return sp.vstack([one.matrix() for one in maps], format="csr")
