"""The Cauchy family: Student's law with one degree of freedom."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64
from pymc_glm.families.student_t import StudentT

__all__ = ["Cauchy"]

_STUDENT_T = StudentT()


@final
class Cauchy(AbstractFamily):
    """1 / (pi scale (1 + (t / scale)**2)).

    The precision given t is exponential of mean ``2 / (scale**2 + t**2)``; ``cap`` is not needed
    and is ignored.

    Examples
    --------
    Draw the precisions of a residual and of an outlier::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import Cauchy

        rng, t = pt.random.rng(), pt.vector("t")
        latent = Cauchy().latent(rng, t, scale=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 40.0])
    """

    name: ClassVar[str] = "Cauchy"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        scale = as_float64(scale)
        return -pt.log1p((t / scale) ** 2) - pt.log(scale) - np.log(np.pi)

    def log_density_sum(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return _STUDENT_T.log_density_sum(t, nu=pt.constant(1.0), scale=scale)

    def latent(
        self, rng: Variable, t: TensorVariable, *, scale: TensorVariable, cap: Any = np.inf
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return _STUDENT_T.latent(rng, t, nu=pt.constant(1.0), scale=scale)

    def mixing_nodes(self, *, scale: float) -> MixingNodes:
        """Trapezoidal rule in the log of the precision."""
        return _STUDENT_T.mixing_nodes(nu=1.0, scale=scale)
