"""The latent variance of a Laplace response."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["LaplaceLatentRV", "laplace_latent"]


class LaplaceLatentRV(AbstractKernelRandomVariable):
    r"""The variance v of a Laplace response t, given t.

    A Laplace variable of scale b is Gaussian given its variance, an exponential variable of mean
    :math:`2 b^2`. Given t the variance is GIG(1/2, :math:`b^{-2}`, :math:`t^2`):

    .. math::

        f(v; t, b) \propto v^{-1/2} \exp\left(-\frac{v / b^2 + t^2 / v}{2}\right)

    It is drawn as one over an inverse Gaussian variable, in a form that also holds at t = 0, where
    v is :math:`b^2` times a squared standard normal.

    References
    ----------
    Park and Casella (2008), https://doi.org/10.1198/016214508000000337
    """

    name = "laplace_latent"
    signature = "(),()->()"
    kernel_name = "laplace_latent"
    _print_name = ("LaplaceLatent", "\\operatorname{LaplaceLatent}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse a response that is not finite and a scale that is not positive."""
        t, scale = parameters
        if not np.all(np.isfinite(t)):
            raise ValueError("laplace_latent got t that is NaN or infinite. It must be finite.")
        if not np.all((scale > 0) & (scale < np.inf)):
            raise ValueError(
                f"laplace_latent got scale = {np.min(scale)}. It must be positive and finite."
            )


_RV = LaplaceLatentRV()


def laplace_latent(t: Any, scale: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw latent variances.

    Parameters
    ----------
    t : tensor_like
        Response, any real number.
    scale : tensor_like
        Scale b of the Laplace law, positive, in units of t.
    size : int or tuple of int, optional
        Shape of the result. Default is the broadcast shape of the parameters.
    **kwargs
        ``rng``, ``return_next_rng`` and ``name``, as for any PyTensor random variable.

    Returns
    -------
    draw : TensorVariable
        The variance, in squared units of t, or the pair of advanced generator and variance if
        ``return_next_rng``.

    Raises
    ------
    ValueError
        On the Python backend, when a parameter is out of range; compiled draws are NaN there.

    Examples
    --------
    Draw the variances of a response on the plateau and of one off it::

        import pytensor.tensor as pt
        from pymc_glm.random import laplace_latent

        rng = pt.random.shared_rng(seed=1)
        _, v = laplace_latent(pt.as_tensor([0.0, 3.0]), 0.5, rng=rng, return_next_rng=True)
        v.eval()
    """
    return _RV(t, scale, size=size, **kwargs)
