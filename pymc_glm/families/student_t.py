"""The Student family: a gamma mixture of precisions."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from scipy.special import gammaln

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, draw_latent, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["StudentT"]

_LOG_DENSITY_SUM = KernelOp(
    "pymc_glm.families.kernels:student_t_log_density_sum", (("float64", 0),)
)
_PRECISION = KernelOp("pymc_glm.families.kernels:student_t_precision", stochastic=True)


@final
class StudentT(AbstractFamily):
    """Student's t with nu degrees of freedom and a scale.

    The precision is ``omega / scale**2`` with omega gamma of shape and rate nu / 2. Given t, omega
    is gamma of shape (nu + 1) / 2 and rate ``(nu + (t / scale)**2) / 2``.

    Notes
    -----
    The mean of the precision given t is at most ``(nu + 1) / (nu scale**2)``, so ``cap`` is not
    needed and is ignored.

    References
    ----------
    Geweke (1993), https://doi.org/10.1002/jae.3950080504

    Examples
    --------
    Draw the precisions of a residual and of an outlier::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import StudentT

        rng, t = pt.random.rng(), pt.vector("t")
        latent = StudentT().latent(rng, t, nu=4.0, scale=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 40.0])
    """

    name: ClassVar[str] = "StudentT"
    parameters: ClassVar[tuple[str, ...]] = ("nu", "scale")
    positive: ClassVar[tuple[str, ...]] = ("nu", "scale")

    def log_density(
        self, t: TensorVariable, *, nu: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        nu, scale = as_float64(nu), as_float64(scale)
        # The two log gammas cancel for large nu; the series of their difference does not.
        u = 2 / nu
        series = u * (-1 / 8 + u**2 * (1 / 192 + u**2 * (-1 / 640 + u**2 * 17 / 14336)))
        log_height = pt.switch(
            nu < 100,
            pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - 0.5 * pt.log(nu * np.pi),
            series - 0.5 * np.log(2 * np.pi),
        )
        return log_height - pt.log(scale) - (nu + 1) / 2 * pt.log1p((t / scale) ** 2 / nu)

    def log_density_sum(
        self, t: TensorVariable, *, nu: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, nu, scale)

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
        return draw_latent(_PRECISION, rng, t, nu, scale)

    def mixing_nodes(self, *, nu: float, scale: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        # The lower end is where the mass exp(nu x / 2) below it is negligible even without t.
        x = np.linspace(-80.0 / min(nu, 1.0), 8.0, 60_001)
        shape = 0.5 * nu
        log_weight = shape * (np.log(shape) + x - np.exp(x)) - gammaln(shape)
        log_weight += np.log(x[1] - x[0])
        return MixingNodes(np.exp(x) / scale**2, np.zeros(x.size), log_weight, discrete=False)
