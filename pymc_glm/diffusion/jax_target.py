"""A model's log density in JAX, where every operation of the model has a JAX version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pymc.model import Model
from pytensor.compile.mode import Mode

from pymc_glm.diffusion.targets import Layout, layout_of
from pymc_glm.exceptions import SamplingError

__all__ = ["JaxDensity", "jax_log_density"]

# Batches are padded to a power of this, so that few shapes are compiled.
BASE = 4


def jax_log_density(model: Model) -> Callable[[Any], Any]:
    """The log density of one flat vector as a function for JAX to differentiate.

    Parameters
    ----------
    model : pymc.Model
        With continuous variables only.

    Returns
    -------
    log_density : callable

    Raises
    ------
    NotImplementedError
        If JAX does not know some operation of the model.
    SamplingError
        If its value at the model's initial point is not PyTensor's.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    from pymc.sampling.jax import get_jaxified_logp

    from pymc_glm.operators import jax_dispatch  # noqa: F401 teaches JAX the models' operators

    layout = layout_of(model)
    of_parts = get_jaxified_logp(model)
    ends = np.cumsum(layout.sizes)[:-1]

    def log_density(x: Any) -> Any:
        parts = jax.numpy.split(x.astype(float), ends)
        pairs = zip(parts, layout.shapes, strict=True)
        return of_parts([part.reshape(shape) for part, shape in pairs])

    _compare(model, layout, log_density)
    return log_density


def _compare(model: Model, layout: Layout, log_density: Callable[[Any], Any]) -> None:
    point = model.initial_point()
    ours = float(log_density(layout.flat(point)))
    # Compilation is not worth it for one point.
    theirs = float(model.compile_logp(mode=Mode(linker="py", optimizer="fast_compile"))(point))
    if not np.isclose(ours, theirs, rtol=1e-6, atol=1e-6):
        raise SamplingError(
            f"JAX gives the log density {ours:.8g} at the initial point, and PyTensor {theirs:.8g}."
            " Some operation of the model has a wrong JAX version; kernel='mixture' needs none."
        )


class JaxDensity:
    """The log density at many points at once.

    Parameters
    ----------
    log_density : callable
        Of one flat vector, as `jax_log_density` makes it.
    """

    def __init__(self, log_density: Callable[[Any], Any]) -> None:
        import jax

        self._values = jax.jit(jax.vmap(log_density))
        self._gradients = jax.jit(jax.vmap(jax.value_and_grad(log_density)))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log density of points of shape (n, d); -inf where there is none."""
        return _real(np.asarray(self._values(_padded(x)))[: len(x)])

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density, shape (n,), and its gradient, shape (n, d)."""
        value, gradient = self._gradients(_padded(x))
        gradient = np.asarray(gradient)[: len(x)]
        return _real(np.asarray(value)[: len(x)]), np.where(np.isfinite(gradient), gradient, 0.0)


def _padded(x: np.ndarray) -> np.ndarray:
    size = BASE ** int(np.ceil(np.log(max(len(x), 1)) / np.log(BASE) - 1e-12))
    return np.concatenate([x, np.broadcast_to(x[:1], (size - len(x), x.shape[1]))])


def _real(value: np.ndarray) -> np.ndarray:
    return np.where(value < np.inf, value, -np.inf)
