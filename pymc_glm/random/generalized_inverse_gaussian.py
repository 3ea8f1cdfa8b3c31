"""The generalized inverse Gaussian law, by Devroye's rejection sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.random.base import AbstractKernelRandomVariable

__all__ = ["GeneralizedInverseGaussianRV", "generalized_inverse_gaussian"]


class GeneralizedInverseGaussianRV(AbstractKernelRandomVariable):
    r"""A generalized inverse Gaussian random variable.

    .. math::

        f(x; p, a, b) \propto x^{p-1} \exp\left(-\frac{a x + b / x}{2}\right)

    The acceptance rate of the sampler is bounded below uniformly in the parameters. With b = 0 the
    law is Gamma(p, rate a / 2), with a = 0 it is InverseGamma(-p, scale b / 2).

    References
    ----------
    Devroye (2014), https://doi.org/10.1007/s11222-012-9367-z
    """

    name = "generalized_inverse_gaussian"
    signature = "(),(),()->()"
    kernel_name = "generalized_inverse_gaussian"
    _print_name = ("GIG", "\\operatorname{GIG}")

    @staticmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Refuse infinite or negative parameters and laws that cannot be normalised."""
        p, a, b = parameters
        if not np.all(np.isfinite(p)):
            raise ValueError(
                "generalized_inverse_gaussian got p that is NaN or infinite. It must be finite."
            )
        for name, value in (("a", a), ("b", b)):
            if not np.all((value >= 0) & (value < np.inf)):
                raise ValueError(
                    f"generalized_inverse_gaussian got {name} = {np.min(value)}. "
                    "It must be finite and not negative."
                )
        if np.any((b == 0) & ((p <= 0) | (a == 0))):
            raise ValueError(
                "generalized_inverse_gaussian got b = 0. The law then exists for p > 0 and a > 0 "
                "only."
            )
        if np.any((a == 0) & (p >= 0)):
            raise ValueError(
                "generalized_inverse_gaussian got a = 0. The law then exists for p < 0 only."
            )


_RV = GeneralizedInverseGaussianRV()


def generalized_inverse_gaussian(p: Any, a: Any, b: Any, size: Any = None, **kwargs: Any) -> Any:
    """Draw generalized inverse Gaussian variates.

    Parameters
    ----------
    p : tensor_like
        Order, any real number; positive where b = 0, negative where a = 0.
    a : tensor_like
        Not negative, in units of one over the variate.
    b : tensor_like
        Not negative, in units of the variate.
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
        On the Python backend, when the law does not exist; compiled draws are NaN there.

    Examples
    --------
    Draw the variances of three Laplace responses of scale 1::

        import pytensor.tensor as pt
        from pymc_glm.random import generalized_inverse_gaussian

        t = pt.as_tensor([0.1, 1.0, -2.0])
        rng = pt.random.shared_rng(seed=1)
        _, v = generalized_inverse_gaussian(0.5, 1.0, t**2, rng=rng, return_next_rng=True)
        v.eval()
    """
    return _RV(p, a, b, size=size, **kwargs)
