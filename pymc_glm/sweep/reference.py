"""A point near which the block lies, from which responses are measured when it is integrated out.

The integral is a difference of two sums of squares. Data of a large mean and a small spread would
make both as large as the mean, and their difference would be rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import scipy.sparse as sp

from scipy.sparse.linalg import lsqr

from pymc_glm.gaussian import GaussianPlan, Spectrum
from pymc_glm.machine import Factor

__all__ = ["reference_point"]

LARGEST_DENSE = 1000
ITERATIONS = 200
SMALLEST_SHARE = 1e-12


def reference_point(factors: Sequence[Factor], plan: GaussianPlan) -> np.ndarray:
    """The least squares solution of all constant rows.

    Parameters
    ----------
    factors : sequence of Factor
        The factors of the block.
    plan : GaussianPlan
        Order and structure of its precision.

    Returns
    -------
    point : ndarray, shape (n,)
        Zero where no row is constant. Any point gives the same integrals, but for rounding.
    """
    n = factors[0].linear_map.shape[1]
    constant = [
        factor
        for factor in factors
        if factor.linear_map.is_constant and isinstance(factor.offset, np.ndarray)
    ]
    targets = [np.broadcast_to(-np.asarray(f.offset, dtype=float), (f.size,)) for f in constant]
    if not any(target.any() for target in targets):
        return np.zeros(n)
    if plan.structure == "spectral":
        return _by_coefficients(constant, targets, cast(Spectrum, plan.storage))
    matrix = sp.vstack([factor.stored_map.matrix() for factor in constant]).tocsr()
    target = np.concatenate(targets)
    if n <= LARGEST_DENSE and matrix.shape[0] <= 10 * LARGEST_DENSE:
        return np.linalg.lstsq(matrix.toarray(), target, rcond=None)[0]
    return lsqr(matrix, target, atol=1e-12, btol=1e-12, iter_lim=ITERATIONS)[0]


def _by_coefficients(
    factors: Sequence[Factor], targets: Sequence[np.ndarray], spectrum: Spectrum
) -> np.ndarray:
    maps = [factor.linear_map for factor in factors]
    precision, information = spectrum.moments(
        (one, 1.0, target) for one, target in zip(maps, targets, strict=True)
    )
    # Waves that no constant row informs stay at zero.
    is_informed = precision > SMALLEST_SHARE * precision.max()
    information[~is_informed] = 0.0
    return spectrum.basis.array(information / np.where(is_informed, precision, 1.0))
