"""The Laplace family: an exponential mixture of variances."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, draw_latent, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["Laplace"]

_LOG_DENSITY_SUM = KernelOp("pymc_glm.families.kernels:laplace_log_density_sum", (("float64", 0),))
_PRECISION = KernelOp("pymc_glm.families.kernels:laplace_precision", stochastic=True)


@final
class Laplace(AbstractFamily):
    """exp(-abs(t) / scale) / (2 scale).

    The variance v is exponential of mean ``2 scale**2``. Given t its inverse, the precision, is
    inverse Gaussian of mean ``1 / (scale |t|)`` and shape ``scale**-2``.

    Notes
    -----
    At t = 0 the precision is finite but has no finite mean. A Gaussian draw that cannot take a
    wide range of precisions passes ``cap``, and then samples a slightly rounded density.

    References
    ----------
    Andrews and Mallows (1974), https://doi.org/10.1111/j.2517-6161.1974.tb00989.x

    Park and Casella (2008), https://doi.org/10.1198/016214508000000337

    Examples
    --------
    Draw the precisions of three jumps::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import Laplace

        rng, t = pt.random.rng(), pt.vector("t")
        latent = Laplace().latent(rng, t, scale=0.5)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.0, 0.1, -2.0])
    """

    name: ClassVar[str] = "Laplace"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        scale = as_float64(scale)
        return -pt.abs(t) / scale - pt.log(scale) - np.log(2)

    def log_density_sum(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, scale)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, scale, cap)

    def mixing_nodes(self, *, scale: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        x = np.linspace(-6.0, 90.0, 60_001)
        # Relative to scale**2 the variance exp(-x) is exponential of mean 2.
        log_weight = -0.5 * np.exp(-x) - x + np.log(0.5 * (x[1] - x[0]))
        return MixingNodes(np.exp(x) / scale**2, np.zeros(x.size), log_weight, discrete=False)

    @property
    def scale_power(self) -> int:
        """One: the sum of absolute values is sufficient for the scale."""
        return 1

    @property
    def rate_constant(self) -> float:
        """One."""
        return 1.0
