"""The horseshoe family: a normal whose standard deviation is half-Cauchy."""

from __future__ import annotations

from typing import Any, ClassVar, cast, final

import numpy as np

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, draw_latent, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["Horseshoe"]

_KERNELS = "pymc_glm.families.horseshoe_kernels"
_LOG_DENSITY = KernelOp(f"{_KERNELS}:horseshoe_log_density")
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:horseshoe_log_density_sum", (("float64", 0),))
_TERMS = KernelOp(f"{_KERNELS}:horseshoe_terms", (("float64", 2),))
_PRECISION = KernelOp(f"{_KERNELS}:horseshoe_precision", stochastic=True)


@final
class Horseshoe(AbstractFamily):
    r"""N(0, (scale lambda)**2) with lambda half-Cauchy of scale one, integrated out.

    With u = t**2 / (2 scale**2) the density is
    :math:`(2 \pi^3)^{-1/2} e^u E_1(u) / \mathrm{scale}`. It has a pole at t = 0, where u is taken
    as 1e-300. The relative precision 1 / lambda**2 given t has a density proportional to
    :math:`e^{-u \eta} / (1 + \eta)` and is drawn by rejection; the mixing is then as good as
    independent draws, where the usual auxiliary inverse-gamma variables crawl for small u.

    References
    ----------
    Carvalho, Polson and Scott (2010), doi:10.1093/biomet/asq017; Makalic and Schmidt (2016),
    doi:10.1109/LSP.2015.2503725.

    Examples
    --------
    Draw the precisions of a null coefficient and of a large one::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import Horseshoe

        rng, t = pt.random.rng(), pt.vector("t")
        latent = Horseshoe().latent(rng, t, scale=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.01, 5.0])
    """

    name: ClassVar[str] = "horseshoe"
    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def log_density(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Log density of each response."""
        shape = t.shape
        return cast(TensorVariable, _LOG_DENSITY(t.flatten(), as_float64(scale)).reshape(shape))

    def log_density_sum(self, t: TensorVariable, *, scale: TensorVariable) -> TensorVariable:
        """Sum of the log densities; what does not depend on the scale is an Op of its own."""
        return evaluate(_LOG_DENSITY_SUM, _TERMS(as_float64(t)), scale)

    def latent(
        self, rng: Variable, t: TensorVariable, *, scale: TensorVariable, cap: Any = np.inf
    ) -> Latent:
        """Draw the precisions, shape (m,)."""
        return draw_latent(_PRECISION, rng, t, scale, cap)

    def mixing_nodes(self, *, scale: float) -> MixingNodes:
        """Trapezoidal rule in the log of the local scale."""
        x = np.linspace(-60.0, 60.0, 60_001)
        log_weight = np.log(2.0 / np.pi) - np.logaddexp(x, -x) + np.log(x[1] - x[0])
        order = slice(None, None, -1)
        precision = np.exp(-2.0 * x[order]) / scale**2
        return MixingNodes(precision, np.zeros(x.size), log_weight[order], discrete=False)
