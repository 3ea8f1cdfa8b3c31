"""A dense Gaussian reference of the block, and coordinates in which it is standard normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.plan import GaussianPlan
from pymc_glm.gaussian.rows import Rows
from pymc_glm.ops import KernelOp

__all__ = ["GaussianReference", "gaussian_reference"]

_KERNELS = "pymc_glm.gaussian.reference_kernels"
_factor = KernelOp(f"{_KERNELS}:reference_factor")
_log_marginal = KernelOp(f"{_KERNELS}:reference_log_marginal", (("float64", 0),))
_coordinates = KernelOp(f"{_KERNELS}:coordinates_of")
_block = KernelOp(f"{_KERNELS}:block_at")
_gradient = KernelOp(f"{_KERNELS}:gradient_of_coordinates")


class GaussianReference(NamedTuple):
    """N(Q^-1 h, Q^-1) by the factor of Q.

    Attributes
    ----------
    factor : TensorVariable, shape (n * (n + 1),)
        The upper factor U of Q = U'U and a of U'a = h, by rows.
    size : int
        n.
    """

    factor: TensorVariable
    size: int

    def log_marginal(self) -> TensorVariable:
        """Log of the integral of exp(h'x - x'Q x / 2), without its power of 2 pi."""
        layout = pt.constant([self.size], dtype="int64")
        return cast(TensorVariable, _log_marginal(self.factor, layout))

    def coordinates(self, x: TensorVariable) -> TensorVariable:
        """The standard normal coordinates of a block; raises where Q is singular."""
        return cast(TensorVariable, _coordinates(self.factor, x))

    def block(self, z: TensorVariable) -> TensorVariable:
        """The block at given coordinates."""
        return cast(TensorVariable, _block(self.factor, z))

    def gradient(self, by_block: TensorVariable) -> TensorVariable:
        """The gradient by the coordinates from the one by the block."""
        return cast(TensorVariable, _gradient(self.factor, by_block))


def gaussian_reference(plan: GaussianPlan, rows: Sequence[Rows]) -> GaussianReference:
    """Factorise Q = sum of K' diag(w) K, with h = sum of K' (eta - w c).

    Parameters
    ----------
    plan : GaussianPlan
        A dense one.
    rows : sequence of Rows
        The factors, their maps in the drawn order.

    Returns
    -------
    reference : GaussianReference
    """
    factor = cast(TensorVariable, _factor(assemble(plan, rows), plan.layout))
    return GaussianReference(factor, plan.size)
