"""The exponentially tilted positive stable law."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["TiltedStableRV", "tilted_stable"]


class TiltedStableRV(AbstractKernelRandomVariable):
    r"""An exponentially tilted positive stable random variable.

    .. math::

        \operatorname{E} e^{-s x} = \exp\left(c^\alpha - (c + s)^\alpha\right)

    Its density is proportional to :math:`e^{-c x}` times that of the positive stable law of index
    :math:`\alpha`. Draws are exact for every tilt, at a bounded cost. Of small indices with a small
    tilt, some may be zero or infinite: they are out of the range of numbers.

    References
    ----------
    Devroye (2009), https://doi.org/10.1145/1596519.1596523

    Kanter (1975), https://doi.org/10.1214/aop/1176996309
    """

    name = "tilted_stable"
    signature = "(),()->()"
    kernel_module = "pymc_glm.random.tilted_stable_kernels"
    kernel_name = "tilted_stable"
    _print_name = ("TiltedStable", "\\operatorname{TiltedStable}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse an index outside of (0, 1] and a tilt that is negative or infinite."""
        index, tilt = parameters
        if not np.all((index > 0) & (index <= 1)):
            raise ValueError(
                f"tilted_stable got index from {np.min(index)} to {np.max(index)}. It must be "
                "positive and at most 1."
            )
        if not np.all((tilt >= 0) & (tilt < np.inf)):
            raise ValueError(
                f"tilted_stable got tilt = {np.min(tilt)}. It must be finite and not negative."
            )


_RV = TiltedStableRV()


def tilted_stable(index: Any, tilt: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw exponentially tilted positive stable variates.

    Parameters
    ----------
    index : tensor_like
        Index alpha, positive and at most 1; draws of index 1 are 1.
    tilt : tensor_like
        Tilt c, not negative, in units of one over the variate.
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
    Draw the mixing variable of a response under the prior exp(-abs(t)**0.5)::

        import pytensor.tensor as pt
        from pymc_glm.random import tilted_stable

        t = pt.as_tensor([0.1, 3.0])
        rng = pt.random.shared_rng(seed=1)
        _, s = tilted_stable(0.25, t**2, rng=rng, return_next_rng=True)
        s.eval()
    """
    return _RV(index, tilt, size=size, **kwargs)
