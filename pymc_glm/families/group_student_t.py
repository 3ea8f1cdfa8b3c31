"""The multivariate t family: Student laws of groups of responses."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, as_float64
from pymc_glm.families.group_laplace import of_group
from pymc_glm.families.kernel_calls import draw_latent
from pymc_glm.ops import KernelOp

__all__ = ["GroupStudentT"]

_PRECISION = KernelOp(
    "pymc_glm.families.mixture_kernels:group_student_t_precision", stochastic=True
)


@final
class GroupStudentT(AbstractFamily):
    r"""The multivariate t law of identity shape, of groups of neighbouring responses.

    A group shares one precision ``omega / scale**2``, omega gamma of shape and rate nu / 2. Given t
    omega is gamma of shape (nu + size) / 2 and rate (nu + ||t_g / scale||**2) / 2.

    Parameters
    ----------
    size : int
        Number of responses in a group.

    References
    ----------
    Lange, Little and Taylor (1989), https://doi.org/10.1080/01621459.1989.10478852
    """

    name: ClassVar[str] = "group Student-t"
    parameters: ClassVar[tuple[str, ...]] = ("nu", "scale")
    positive: ClassVar[tuple[str, ...]] = ("nu", "scale")

    def __init__(self, size: int) -> None:
        self.group_size = size

    def log_density(
        self, t: TensorVariable, *, nu: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each group, shape (m / size,)."""
        d = self.group_size
        nu, scale = of_group(nu, d), of_group(scale, d)
        squares = pt.sum((as_float64(t).reshape((-1, d)) / scale[..., None]) ** 2, axis=1)
        log_height = pt.gammaln((nu + d) / 2) - pt.gammaln(nu / 2) - 0.5 * d * pt.log(nu * np.pi)
        return log_height - d * pt.log(scale) - 0.5 * (nu + d) * pt.log1p(squares / nu)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        nu: TensorVariable,
        scale: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        size = pt.constant(np.array([self.group_size], dtype=np.int64))
        return draw_latent(_PRECISION, rng, t, nu, scale, size=size)

    def mixing_nodes(self, **parameters: float) -> NoReturn:
        """A group has more than one response: its tests compare it with the Student family."""
        raise NotImplementedError("The mixing law of one response does not describe a group.")
