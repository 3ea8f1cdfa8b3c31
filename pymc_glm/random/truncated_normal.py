"""The truncated normal law, exact however far in the tail."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["TruncatedNormalRV", "truncated_normal"]


class TruncatedNormalRV(AbstractKernelRandomVariable):
    r"""A normal random variable, given that it lies between two bounds.

    .. math::

        f(x; \mu, \sigma, a, b) \propto
        \exp\left(-\frac{(x - \mu)^2}{2 \sigma^2}\right), \quad a \le x \le b

    Draws are made by rejection, at a bounded cost: nothing is lost where the probability of the
    interval is below the smallest number, and no draw is out of bounds.

    References
    ----------
    Robert (1995), https://doi.org/10.1007/BF00143942
    """

    name = "truncated_normal"
    signature = "(),(),(),()->()"
    kernel_module = "pymc_glm.random.truncated_normal_kernels"
    kernel_name = "truncated_normal"
    _print_name = ("TruncatedNormal", "\\operatorname{TruncatedNormal}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse a mean or sd that is not finite, an sd of zero, and bounds out of order."""
        mean, sd, lower, upper = parameters
        if not np.all(np.isfinite(mean)):
            raise ValueError(
                "truncated_normal got mean that is NaN or infinite. It must be finite."
            )
        if not np.all((sd > 0) & (sd < np.inf)):
            raise ValueError(
                f"truncated_normal got sd = {np.min(sd)}. It must be positive and finite."
            )
        if not np.all((lower <= upper) & (lower < np.inf) & (upper > -np.inf)):
            raise ValueError(
                "truncated_normal got lower above upper, or a bound that leaves no number. The "
                "interval must not be empty."
            )


_RV = TruncatedNormalRV()


def truncated_normal(
    mean: Any, sd: Any, lower: Any, upper: Any, size: Any = None, **kwargs: Any
) -> Any:
    """Draw truncated normal variates.

    Parameters
    ----------
    mean : tensor_like
        Mean before truncation, any real number.
    sd : tensor_like
        Standard deviation before truncation, positive.
    lower : tensor_like
        Lower bound, minus infinity for none.
    upper : tensor_like
        Upper bound, infinity for none; a law between equal bounds is a point.
    size : int or tuple of int, optional
        Shape of the result. Default is the broadcast shape of the parameters.
    **kwargs
        ``rng``, ``return_next_rng`` and ``name``, as for any PyTensor random variable.

    Returns
    -------
    draw : TensorVariable
        The draw, or the pair of advanced generator and draw if ``return_next_rng``.

    Raises
    ------
    ValueError
        On the Python backend, when a parameter is out of range; compiled draws are NaN there.

    Examples
    --------
    Draw far in the tail, and in a narrow interval::

        import numpy as np
        import pytensor.tensor as pt
        from pymc_glm.random import truncated_normal

        rng = pt.random.shared_rng(seed=1)
        _, x = truncated_normal(
            0.0, 1.0, [40.0, -1.0], [np.inf, -0.9999], rng=rng, return_next_rng=True
        )
        x.eval()
    """
    return _RV(mean, sd, lower, upper, size=size, **kwargs)
