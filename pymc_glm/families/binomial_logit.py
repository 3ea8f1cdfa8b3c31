"""Binomial counts with a logit link."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes, as_float64
from pymc_glm.families.kernel_calls import draw_latent, evaluate
from pymc_glm.families.mixing_laws import polya_gamma_nodes
from pymc_glm.ops import KernelOp

__all__ = ["BinomialLogit"]

_KERNELS = "pymc_glm.families.logit_kernels"
_LOG_DENSITY_SUM = KernelOp(f"{_KERNELS}:binomial_logit_log_density_sum", (("float64", 0),))
_SLOPE = KernelOp(f"{_KERNELS}:binomial_logit_slope")
_LATENT = KernelOp(
    f"{_KERNELS}:binomial_logit_latent", (("float64", 1), ("float64", 1)), stochastic=True
)


@final
class BinomialLogit(AbstractFamily):
    r"""exp(successes t) / (1 + exp(t))**trials, as a function of the log odds t.

    The binomial coefficient, a constant of the data, is left out. Given the precision, Polya-Gamma
    of shape ``trials`` and tilt t, the log odds are normal with the information
    successes - trials / 2.

    References
    ----------
    Polson, Scott and Windle (2013), https://doi.org/10.1080/01621459.2013.829001

    Examples
    --------
    Draw the precisions of two binary outcomes::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import BinomialLogit

        rng, t = pt.random.rng(), pt.vector("t")
        latent = BinomialLogit().latent(rng, t, successes=np.array([0.0, 1.0]), trials=1.0)
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.precision, accept_inplace=True)
        draw(np.random.default_rng(1), [0.1, 4.0])
    """

    name: ClassVar[str] = "binomial logit"
    parameters: ClassVar[tuple[str, ...]] = ("successes", "trials")
    positive: ClassVar[tuple[str, ...]] = ()
    is_density: ClassVar[bool] = False
    has_location: ClassVar[bool] = True
    is_smooth: ClassVar[bool] = True

    def log_density(
        self, t: TensorVariable, *, successes: TensorVariable, trials: TensorVariable
    ) -> TensorVariable:
        """Log density of each response."""
        return as_float64(successes) * t - as_float64(trials) * pt.softplus(as_float64(t))

    def log_density_sum(
        self, t: TensorVariable, *, successes: TensorVariable, trials: TensorVariable
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(_LOG_DENSITY_SUM, t, successes, trials)

    def slope(
        self, t: TensorVariable, *, successes: TensorVariable, trials: TensorVariable
    ) -> TensorVariable:
        """Derivative of each log density by the response."""
        return evaluate(_SLOPE, t, successes, trials)

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        successes: TensorVariable,
        trials: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the precisions, shape (m,); their mean is at most trials / 4."""
        return draw_latent(_LATENT, rng, t, successes, trials)

    def mixing_nodes(self, *, successes: float, trials: float) -> MixingNodes:
        """Nodes of the Polya-Gamma law, tilted."""
        nodes, log_weight = polya_gamma_nodes(trials)
        log_weight = log_weight + 0.5 * np.log(2 * np.pi / nodes) - trials * np.log(2)
        untilted = MixingNodes(nodes, np.zeros(nodes.size), log_weight, discrete=False)
        return untilted.tilted(successes - 0.5 * trials)

    def surrogate(
        self, *, successes: np.ndarray, trials: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The empirical log odds, kept off infinity, and their standard deviation."""
        p = (successes + 0.5) / (trials + 1.0)
        return np.log(p / (1 - p)), 1.0 / np.sqrt((trials + 1.0) * p * (1 - p))
