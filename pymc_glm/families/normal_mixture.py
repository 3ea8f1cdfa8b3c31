"""Finite mixtures of normals."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.base import AbstractFamily, Latent, MixingNodes
from pymc_glm.families.kernel_calls import as_float64, draw_latent, evaluate
from pymc_glm.ops import KernelOp

__all__ = ["NormalMixture"]

_LOG_DENSITY_SUM = KernelOp(
    "pymc_glm.families.kernels:normal_mixture_log_density_sum", (("float64", 0),)
)
_LATENT = KernelOp(
    "pymc_glm.families.kernels:normal_mixture_latent",
    (("float64", 1), ("float64", 1)),
    stochastic=True,
)


def _as_rows(name: str, value: TensorVariable) -> TensorVariable:
    """Return a parameter as a matrix of one row, or one for each response."""
    tensor = as_float64(value)
    if tensor.type.ndim not in (1, 2):
        raise ValueError(
            f"NormalMixture got {name} of {tensor.type.ndim} dimensions. "
            "Its shape must be (C,), or (m, C) with one row for each response."
        )
    return pt.atleast_2d(tensor)


@final
class NormalMixture(AbstractFamily):
    """Finite mixture of normals of an uncentred response.

    The latent is the component. ``weights``, ``means`` and ``scales`` have shape (C,), or (m, C)
    with one row for each response; the weights of a row are not negative and sum to one.

    Notes
    -----
    The precision is one of the components', so ``cap`` is not needed and is ignored.

    Examples
    --------
    Draw the components of three values::

        import numpy as np
        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.families import NormalMixture

        rng, t = pt.random.rng(), pt.vector("t")
        latent = NormalMixture().latent(
            rng, t, weights=[0.3, 0.7], means=[0.0, 4.0], scales=[1.0, 0.5]
        )
        generator = pytensor.In(rng, borrow=True, mutable=True)
        draw = pytensor.function([generator, t], latent.information, accept_inplace=True)
        draw(np.random.default_rng(1), [-1.0, 0.0, 5.0])
    """

    name: ClassVar[str] = "NormalMixture"
    parameters: ClassVar[tuple[str, ...]] = ("weights", "means", "scales")
    positive: ClassVar[tuple[str, ...]] = ("scales",)
    has_location: ClassVar[bool] = True

    def log_density(
        self,
        t: TensorVariable,
        *,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
    ) -> TensorVariable:
        """Log density of each response."""
        weights, scales = as_float64(weights), as_float64(scales)
        z = (as_float64(t)[..., None] - means) / scales
        terms = pt.log(weights) - pt.log(scales) - 0.5 * z**2 - 0.5 * np.log(2 * np.pi)
        return pt.logsumexp(terms, axis=-1)

    def log_density_sum(
        self,
        t: TensorVariable,
        *,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
    ) -> TensorVariable:
        """Sum of the log densities, one Op."""
        return evaluate(
            _LOG_DENSITY_SUM,
            t,
            _as_rows("weights", weights),
            _as_rows("means", means),
            _as_rows("scales", scales),
        )

    def latent(
        self,
        rng: Variable,
        t: TensorVariable,
        *,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
        cap: Any = np.inf,
    ) -> Latent:
        """Draw the components; precision and information have shape (m,)."""
        return draw_latent(
            _LATENT,
            rng,
            t,
            _as_rows("weights", weights),
            _as_rows("means", means),
            _as_rows("scales", scales),
        )

    def mixing_nodes(
        self, *, weights: np.ndarray, means: np.ndarray, scales: np.ndarray
    ) -> MixingNodes:
        """One atom for each component."""
        precision = 1.0 / np.asarray(scales) ** 2
        return MixingNodes(precision, np.asarray(means), np.log(weights), discrete=True)

    def surrogate(
        self, *, weights: np.ndarray, means: np.ndarray, scales: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the mixture."""
        mean = np.sum(weights * means, axis=-1)
        square = np.sum(weights * (scales**2 + means**2), axis=-1)
        return mean, np.sqrt(square - mean**2)
