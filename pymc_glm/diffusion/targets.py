"""A model's log density as a function of one flat vector, at many points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytensor

from pymc.distributions.transforms import CircularTransform
from pymc.model import Model
from pymc.pytensorf import compile as compile_function
from pymc.pytensorf import join_nonshared_inputs
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError

from pymc_glm.exceptions import RecognitionError

__all__ = ["CompiledDensity", "Density", "Layout", "Whitened", "fingerprint", "layout_of"]


class Density(Protocol):
    """A log density on R^d, of many points at once."""

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log density, not normalised, of points of shape (n, d); -inf where there is none."""

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density, shape (n,), and its gradient, shape (n, d)."""


class Layout(NamedTuple):
    """Where the value variables of a model sit in a flat vector.

    Attributes
    ----------
    names : tuple of str
        Value variables in the model's order.
    shapes : tuple of tuple of int
        Their shapes.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Coordinates of each variable."""
        return tuple(int(np.prod(shape)) for shape in self.shapes)

    def flat(self, point: dict[str, Any]) -> np.ndarray:
        """The vector of a point."""
        parts = [np.ravel(np.asarray(point[name], dtype=float)) for name in self.names]
        return np.concatenate(parts) if parts else np.empty(0)

    def point(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The point of a vector, or points of vectors along leading axes."""
        ends = np.cumsum(self.sizes)[:-1]
        parts = np.split(flat, ends, axis=-1)
        lead = flat.shape[:-1]
        return {
            name: part.reshape(lead + shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }


def layout_of(model: Model) -> Layout:
    """The layout of a model whose free variables are all continuous.

    Raises
    ------
    RecognitionError
        If it has discrete variables, angles, or no variables.
    """
    discrete = [value.name for value in model.value_vars if value.dtype not in ("float64",)]
    if discrete:
        raise RecognitionError(
            f"{discrete[0]!r} is not of float64, and diffusions move real numbers. Marginalise"
            " discrete variables, as by pm.NormalMixture, and leave floatX at its default."
        )
    for rv, transform in model.rvs_to_transforms.items():
        if isinstance(transform, CircularTransform):
            raise RecognitionError(
                f"{rv.name!r} is an angle, whose density repeats without end on the line. Give it"
                " transform=pm.distributions.transforms.Interval(-np.pi, np.pi)."
            )
    start = model.initial_point()
    names = tuple(value.name for value in model.value_vars)
    layout = Layout(names, tuple(np.shape(start[name]) for name in names))
    if not layout.size:
        raise RecognitionError("The model has no free variables. There is nothing to sample.")
    return layout


class CompiledDensity:
    """A model's log density through PyTensor's compiled functions, one point after the other.

    Parameters
    ----------
    model : pymc.Model
        With continuous variables only.
    compile_kwargs : dict, optional
        Passed to the compilation, which happens at the first use of each function.
    """

    def __init__(self, model: Model, compile_kwargs: dict[str, Any] | None = None) -> None:
        self.layout = layout_of(model)
        self._model: Model | None = model
        self._kwargs = compile_kwargs or {}
        self._value: Callable[[np.ndarray], np.ndarray] | None = None
        self._gradient: Callable[[np.ndarray], Any] | None = None

    def compile(self, gradient: bool) -> CompiledDensity:
        """Compile the log density, or it and its gradient, and forget the model.

        Raises
        ------
        RecognitionError
            If some operation of the model has no gradient.
        """
        assert self._model is not None
        # Reassociated sums differ in their last digits between code that was just compiled and the
        # same code from PyTensor's cache, and a population magnifies them.
        with pytensor.config.change_flags(numba__fastmath=False):
            start = self._model.initial_point()
            self._compile(self._model, start, gradient)
            point = self.layout.flat(start)
            # Some code is generated at the first call.
            for function in (self._value, self._gradient):
                if function is not None:
                    function(point)
        self._model = None
        return self

    def _compile(self, model: Model, start: dict[str, np.ndarray], gradient: bool) -> None:
        if gradient:
            try:
                function = model.logp_dlogp_function(
                    model.value_vars, ravel_inputs=True, initial_point=start, **self._kwargs
                )
            except (NotImplementedError, NullTypeGradError) as error:
                raise RecognitionError(
                    f"The log density has no gradient: {str(error).splitlines()[0]}. Write its"
                    " pullback, or give draws as warmup=... with kernel='mixture', which needs no"
                    " gradient."
                ) from error
            function.trust_input = True
            self._gradient = function
        [logp], joined = join_nonshared_inputs(start, [model.logp()], model.value_vars)
        self._value = compile_function([joined], logp, **self._kwargs)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log density of points of shape (n, d); -inf where there is none."""
        assert self._value is not None
        return np.array([_real(self._value(point)) for point in x]).reshape(len(x))

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density, shape (n,), and its gradient, shape (n, d)."""
        assert self._gradient is not None
        value, gradient = np.empty(len(x)), np.empty(x.shape)
        for index, point in enumerate(x):
            logp, gradient[index] = self._gradient(point)
            value[index] = _real(logp)
        return value, np.where(np.isfinite(gradient), gradient, 0.0)


def _real(logp: Any) -> float:
    """A log density; where overflow makes it NaN or +inf the density counts as zero."""
    value = float(logp)
    return value if value < np.inf else -np.inf


class Whitened:
    r"""A density in coordinates y of x = center + factor y.

    Parameters
    ----------
    density : Density
        Of x.
    center : ndarray, shape (d,)
        Where y is zero.
    factor : ndarray, shape (d, d)
        Lower triangular.
    """

    def __init__(self, density: Density, center: np.ndarray, factor: np.ndarray) -> None:
        self.density = density
        self.center = center
        self.factor = factor
        self.log_determinant = float(np.sum(np.log(np.diagonal(factor))))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Log density of y, shape (n,)."""
        return self.density.log_density(self.outside(y)) + self.log_determinant

    def with_gradient(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density of y, shape (n,), and its gradient, shape (n, d)."""
        value, gradient = self.density.with_gradient(self.outside(y))
        return value + self.log_determinant, gradient @ self.factor

    def outside(self, y: np.ndarray) -> np.ndarray:
        """X of y."""
        return self.center + y @ self.factor.T

    def inside(self, x: np.ndarray) -> np.ndarray:
        """Y of x."""
        return np.linalg.solve(self.factor, (x - self.center).T).T


def fingerprint(model: Model, layout: Layout) -> tuple[float, float]:
    """Log densities at the initial point and beside it, which tell models of other data apart.

    Parameters
    ----------
    model : pymc.Model
        The model.
    layout : Layout
        Of its value variables.

    Returns
    -------
    log_densities : tuple of float
    """
    # Compilation is not worth it for two points.
    mode = Mode(linker="py", optimizer="fast_compile")
    density = model.compile_logp(mode=mode)
    start = layout.flat(model.initial_point())
    # Where coefficients are zero, as they are at most initial points, predictors do not count.
    beside = start + np.random.default_rng(0).normal(scale=0.1, size=layout.size)
    there, near = (float(density(layout.point(x))) for x in (start, beside))
    return there, near
