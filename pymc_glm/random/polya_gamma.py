"""The Polya-Gamma law of any shape and tilt."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["PolyaGammaRV", "polya_gamma"]


class PolyaGammaRV(AbstractKernelRandomVariable):
    r"""A Polya-Gamma random variable PG(b, c).

    .. math::

        \operatorname{E} e^{-s x} =
        \left(\frac{\cosh(c / 2)}{\cosh\sqrt{c^2 / 4 + s / 2}}\right)^{b}

    Draws are exact to rounding for every shape, whole or not, at a cost that grows with neither
    parameter. Of shapes below 0.05 some draws may be zero: they are below the smallest number.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001

    Marsaglia and Tsang (2000), https://doi.org/10.1145/358407.358414
    """

    name = "polya_gamma"
    signature = "(),()->()"
    kernel_module = "pymc_glm.random.polya_gamma_kernels"
    kernel_name = "polya_gamma"
    _print_name = ("PolyaGamma", "\\operatorname{PolyaGamma}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse a shape that is negative or infinite and a tilt that is not finite."""
        shape, tilt = parameters
        if not np.all((shape >= 0) & (shape < np.inf)):
            raise ValueError(
                f"polya_gamma got shape = {np.min(shape)}. It must be finite and not negative."
            )
        if not np.all(np.isfinite(tilt)):
            raise ValueError("polya_gamma got tilt that is NaN or infinite. It must be finite.")


_RV = PolyaGammaRV()


def polya_gamma(shape: Any, tilt: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw Polya-Gamma variates.

    Parameters
    ----------
    shape : tensor_like
        Shape b, not negative; draws of shape zero are zero.
    tilt : tensor_like
        Tilt c, any real number; its sign does not matter.
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
    Draw the latent precisions of three logistic responses::

        import pytensor.tensor as pt
        from pymc_glm.random import polya_gamma

        t = pt.as_tensor([0.0, 1.0, -20.0])
        rng = pt.random.shared_rng(seed=1)
        _, w = polya_gamma(1.0, t, rng=rng, return_next_rng=True)
        w.eval()
    """
    return _RV(shape, tilt, size=size, **kwargs)
