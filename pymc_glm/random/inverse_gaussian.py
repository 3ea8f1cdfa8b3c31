"""The inverse Gaussian law, exact at any ratio of mean to shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["InverseGaussianRV", "inverse_gaussian"]


class InverseGaussianRV(AbstractKernelRandomVariable):
    r"""An inverse Gaussian random variable.

    .. math::

        f(x; \mu, \lambda) =
        \sqrt{\frac{\lambda}{2 \pi x^3}} \exp\left(-\frac{\lambda (x-\mu)^2}{2 \mu^2 x}\right)

    PyTensor's and numpy's ``wald`` lose all digits once mean / shape reaches about 1e8 (numba) or
    1e15 (numpy); this form is exact for every ratio, and takes an infinite mean (the Levy law).

    References
    ----------
    Michael, Schucany and Haas (1976), https://doi.org/10.1080/00031305.1976.10479147
    """

    name = "inverse_gaussian"
    signature = "(),()->()"
    kernel_name = "inverse_gaussian"
    _print_name = ("InverseGaussian", "\\operatorname{InverseGaussian}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse a mean or a shape that is not positive, and two infinite ones."""
        for name, value in zip(("mean", "shape"), parameters, strict=True):
            if not np.all(value > 0):
                raise ValueError(
                    f"inverse_gaussian got {name} = {np.min(value)}. It must be positive."
                )
        if np.any(np.isinf(parameters[0]) & np.isinf(parameters[1])):
            raise ValueError(
                "inverse_gaussian got mean = inf and shape = inf. Their ratio must be defined."
            )


_RV = InverseGaussianRV()


def inverse_gaussian(mean: Any, shape: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw inverse Gaussian variates.

    Parameters
    ----------
    mean : tensor_like
        Positive; infinity is allowed.
    shape : tensor_like
        Positive, finite where the mean is infinite.
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
    Draw the precision of a nearly flat Laplace response::

        import pytensor.tensor as pt
        from pymc_glm.random import inverse_gaussian

        rng = pt.random.shared_rng(seed=1)
        _, draw = inverse_gaussian(1e20, 1.0, size=3, rng=rng, return_next_rng=True)
        draw.eval()
    """
    return _RV(mean, shape, size=size, **kwargs)
