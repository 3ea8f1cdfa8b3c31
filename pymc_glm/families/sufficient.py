"""Sufficient statistics of the responses for a common scale, one Op each."""

from __future__ import annotations

from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily
from pymc_glm.families.kernel_calls import evaluate
from pymc_glm.ops import KernelOp

__all__ = ["sufficient_statistic", "sum_squares", "weighted_power_sum"]

_SUM_SQUARES = KernelOp("pymc_glm.families.kernels:sum_squares", (("float64", 0),))
_POWER_SUM = KernelOp("pymc_glm.families.kernels:power_sum", (("float64", 0),))


def sum_squares(t: TensorVariable) -> TensorVariable:
    """Sum of squares.

    Parameters
    ----------
    t : TensorVariable, shape (m,)
        Responses.

    Returns
    -------
    total : TensorVariable, shape ()
    """
    return evaluate(_SUM_SQUARES, t)


def weighted_power_sum(
    t: TensorVariable, scale: TensorVariable, q: float | TensorVariable
) -> TensorVariable:
    """Sum of ``|t / scale|**q``.

    Parameters
    ----------
    t : TensorVariable, shape (m,)
        Responses.
    scale : TensorVariable, shape () or (m,)
        In units of t.
    q : float or TensorVariable, shape ()
        Power.

    Returns
    -------
    total : TensorVariable, shape ()
    """
    return evaluate(_POWER_SUM, t, scale, q)


def sufficient_statistic(
    family: AbstractFamily, t: TensorVariable, scale: TensorVariable
) -> TensorVariable:
    """Sum of ``|t / scale|**q``, with q the family's `scale_power`.

    Parameters
    ----------
    family : AbstractFamily
        A family whose `scale_power` is not None.
    t : TensorVariable, shape (m,)
        Responses.
    scale : TensorVariable, shape () or (m,)
        In units of t; one where the sum of ``|t|**q`` is wanted.

    Returns
    -------
    total : TensorVariable, shape ()

    Raises
    ------
    ValueError
        If the family has no sufficient statistic for its scale.

    Examples
    --------
    The sum of absolute values of three jumps::

        import pytensor.tensor as pt
        from pymc_glm.families import Laplace
        from pymc_glm.families.sufficient import sufficient_statistic

        sufficient_statistic(Laplace(), pt.as_tensor([1.0, -2.0, 0.5]), scale=1.0).eval()  # 3.5
    """
    if family.scale_power is None:
        raise ValueError(
            f"The {family.name} family has no sufficient statistic for its scale. "
            "Evaluate its log_density_sum instead."
        )
    return weighted_power_sum(t, scale, float(family.scale_power))
