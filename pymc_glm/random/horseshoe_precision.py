"""The local precision of a horseshoe response."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["HorseshoePrecisionRV", "horseshoe_precision"]


class HorseshoePrecisionRV(AbstractKernelRandomVariable):
    r"""The precision w of a horseshoe response t, given t.

    A horseshoe variable of scale s is normal with standard deviation :math:`s \lambda`, where
    :math:`\lambda` is half-Cauchy. Given t the relative precision :math:`\eta = \lambda^{-2}` has
    the density below, and :math:`w = \eta / s^2`:

    .. math::

        f(\eta; t, s) \propto \frac{1}{1 + \eta} \exp\left(-\frac{t^2 \eta}{2 s^2}\right)

    It is drawn by rejection, with an acceptance of at least 0.59. At t = 0 there is no such law.

    References
    ----------
    Carvalho, Polson and Scott (2010), https://doi.org/10.1093/biomet/asq017
    """

    name = "horseshoe_precision"
    signature = "(),()->()"
    kernel_module = "pymc_glm.random.horseshoe_kernels"
    kernel_name = "horseshoe_precision"
    _print_name = ("HorseshoePrecision", "\\operatorname{HorseshoePrecision}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse a response that is zero or not finite and a scale that is not positive."""
        t, scale = parameters
        if not np.all(np.isfinite(t) & (t != 0)):
            raise ValueError(
                "horseshoe_precision got t that is zero, NaN or infinite. It must be finite, and "
                "at zero the law does not exist."
            )
        if not np.all((scale > 0) & (scale < np.inf)):
            raise ValueError(
                f"horseshoe_precision got scale = {np.min(scale)}. It must be positive and finite."
            )


_RV = HorseshoePrecisionRV()


def horseshoe_precision(t: Any, scale: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw precisions of horseshoe responses.

    Parameters
    ----------
    t : tensor_like
        Response, any real number but zero.
    scale : tensor_like
        Scale s of the horseshoe law, positive, in units of t.
    size : int or tuple of int, optional
        Shape of the result. Default is the broadcast shape of the parameters.
    **kwargs
        ``rng``, ``return_next_rng`` and ``name``, as for any PyTensor random variable.

    Returns
    -------
    draw : TensorVariable
        The precision, in units of t**-2, or the pair of advanced generator and precision if
        ``return_next_rng``.

    Raises
    ------
    ValueError
        On the Python backend, when a parameter is out of range; compiled draws are NaN there.

    Examples
    --------
    Draw the precisions of a response that is nearly zero and of one that is not::

        import pytensor.tensor as pt
        from pymc_glm.random import horseshoe_precision

        rng = pt.random.shared_rng(seed=1)
        _, w = horseshoe_precision([1e-6, 3.0], 0.5, rng=rng, return_next_rng=True)
        w.eval()
    """
    return _RV(t, scale, size=size, **kwargs)
