"""The asymmetric Laplace family: the check loss of quantile regression."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import evaluate
from pymc_glm.families.laplace import Laplace
from pymc_glm.ops import KernelOp

__all__ = ["AsymmetricLaplace"]

_LOG_DENSITY_SUM = KernelOp(
    "pymc_glm.families.mixture_kernels:asymmetric_laplace_log_density_sum", (("float64", 0),)
)


@final
class AsymmetricLaplace(AbstractFamily):
    r"""q (1 - q) / scale exp(-rho(t) / scale) with the check loss rho(t) = t (q - [t < 0]).

    It is exp((1 - 2 q) t / (2 scale)) times a multiple of the Laplace density of scale
    ``2 scale``. So the precision given t is that of the Laplace family, and the information
    (1 - 2 q) / (2 scale) is a constant: no location is formed that could overflow.

    References
    ----------
    Kozumi and Kobayashi (2011), https://doi.org/10.1080/00949655.2010.496117

    Examples
    --------
    Draw the precisions of two residuals of a regression for the upper quartile::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import AsymmetricLaplace

        rng, t = pt.random.rng(), pt.vector("t")
        latent = AsymmetricLaplace().latent(rng, t, quantile=0.75, scale=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 4.0])
    """

    name: ClassVar[str] = "asymmetric Laplace"
    parameters: ClassVar[tuple[str, ...]] = ("quantile", "scale")
    positive: ClassVar[tuple[str, ...]] = ("quantile", "scale")
    largest: ClassVar[dict[str, float]] = {"quantile": 1.0}
    has_location: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, quantile: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        q, scale = as_float64(quantile), as_float64(scale)
        loss = t * pt.switch(t > 0, q, q - 1)
        return pt.log(q) + pt.log1p(-q) - pt.log(scale) - loss / scale

    def log_density_sum(
        self, t: TensorVariable, *, quantile: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, quantile, scale)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        quantile: TensorVariable,
        scale: TensorVariable,
        cap: float | TensorVariable = np.inf,
    ) -> Latent:
        """Draw the precisions, at most ``cap / scale**2``, shape (m,)."""
        scale = as_float64(scale)
        # The cap is in units of the Laplace scale, which is twice as large.
        latent = Laplace().latent(rng, t, scale=2.0 * scale, cap=4.0 * as_float64(cap))
        information = (0.5 - as_float64(quantile)) / scale + pt.zeros_like(as_float64(t))
        return latent._replace(information=information)

    def mixing_nodes(self, *, quantile: float, scale: float) -> MixingNodes:
        """The nodes of the Laplace law, tilted."""
        nodes = Laplace().mixing_nodes(scale=2.0 * scale)
        return nodes.tilted((0.5 - quantile) / scale, np.log(4 * quantile * (1 - quantile)))
