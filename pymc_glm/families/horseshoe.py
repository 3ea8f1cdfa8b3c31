"""The horseshoe family: a normal whose standard deviation is half-Cauchy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, draw_latent, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["Horseshoe"]

_KERNELS = "pymc_glm.families.horseshoe_kernels"
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:horseshoe_log_density_sum", (("float64", 0),))
_TERMS = KernelOp(f"{_KERNELS}:horseshoe_terms", (("float64", 2),))
_PRECISION = KernelOp(f"{_KERNELS}:horseshoe_precision", stochastic=True)

# As in the kernels: -log(2 pi**3) / 2, and what half the square of a response is held above.
_LOG_HEIGHT = -0.5 * np.log(2.0 * np.pi**3)
_SMALLEST = 1e-300
# Beyond it the slope of log(exp(u) E1(u)) is a series in 1 / u; the closed form loses digits.
_LARGE = 1e3
# The number of indecomposable permutations of n, from n = 1.
_SERIES = (1.0, 1.0, 3.0, 13.0, 71.0, 461.0)


class _LogScaledExponentialIntegrals(KernelOp):
    """log(exp(u) E1(u)) of each entry of a vector, with a gradient."""

    def pullback(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        output_grads: Sequence[Variable],
    ) -> list[Any]:
        """The slope is one minus one over u exp(u) E1(u)."""
        [u], [value], [gradient] = inputs, outputs, output_grads
        u = pt.maximum(u, _SMALLEST)
        inverse = 1.0 / pt.maximum(u, _LARGE)
        series = pt.zeros_like(u)
        for coefficient in reversed(_SERIES):
            series = (coefficient + series) * -inverse
        near = 1.0 - pt.exp(-value) / u
        return [gradient * pt.switch(u < _LARGE, near, series)]


_LOG_INTEGRALS = _LogScaledExponentialIntegrals(f"{_KERNELS}:log_scaled_exponential_integrals")


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
        scale = as_float64(scale)
        u = pt.maximum(0.5 * (as_float64(t) / scale) ** 2, _SMALLEST)
        integrals = evaluate(_LOG_INTEGRALS, u.flatten()).reshape(u.shape, ndim=u.type.ndim)
        return _LOG_HEIGHT - pt.log(scale) + integrals

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
