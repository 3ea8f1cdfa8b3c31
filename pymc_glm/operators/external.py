"""Operators that somebody else wrote: scipy's LinearOperator, PyLops."""

from __future__ import annotations

import hashlib
import math
import pickle
import uuid

from collections.abc import Iterable
from typing import Any

import numpy as np

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_shape, check_size, dot_test, times

__all__ = ["External"]

TOLERANCE = 1e-8


class External(AbstractOperator):
    """Any object with ``shape``, ``matvec`` and ``rmatvec`` on flat vectors.

    `scipy.sparse.linalg.LinearOperator` and PyLops operators are such objects. Compiled code calls
    them in Python, one call at a time. Operators are equal if their pickles are; one that cannot be
    pickled equals itself only, and code compiled for it is not found again by another process.

    Parameters
    ----------
    operator : object
        The operator. It must be linear, real, and must not change.
    shape_in : int or tuple of int, optional
        Shape of what it takes. Default is its number of columns.
    shape_out : int or tuple of int, optional
        Shape of what it returns. Default is its number of rows.

    Raises
    ------
    TypeError
        If it lacks one of the three, or is complex.
    ValueError
        If a shape does not fit, a product fails or has another length, ``matvec`` is not linear, or
        ``rmatvec`` is not its adjoint.

    References
    ----------
    Claerbout (1992), "Earth Soundings Analysis", chapter 5, for the dot-product test of an adjoint.

    Examples
    --------
    A cumulative sum::

        import numpy as np
        from scipy.sparse.linalg import LinearOperator
        from pymc_glm.operators import External

        cumulative = External(
            LinearOperator(
                (4, 4),
                matvec=np.cumsum,
                rmatvec=lambda y: np.cumsum(y[::-1])[::-1],
                dtype="float64",
            )
        )
        cumulative.forward(np.ones(4))  # [1, 2, 3, 4]
    """

    def __init__(
        self,
        operator: Any,
        shape_in: int | Iterable[int] | None = None,
        shape_out: int | Iterable[int] | None = None,
    ) -> None:
        missing = [name for name in ("shape", "matvec", "rmatvec") if not hasattr(operator, name)]
        if missing:
            raise TypeError(
                f"{type(operator).__name__} has no {', '.join(missing)}. An operator needs its "
                "shape, matvec and rmatvec, as scipy.sparse.linalg.LinearOperator has them."
            )
        dtype = getattr(operator, "dtype", None)
        if dtype is not None and np.dtype(dtype).kind == "c":
            raise TypeError(
                f"{type(operator).__name__} has dtype {np.dtype(dtype)}. Only real operators can "
                "act on a model's variables: stack its real and imaginary parts."
            )
        m, n = operator.shape
        self.operator = operator
        self.shape_in = (n,) if shape_in is None else as_shape(shape_in, "shape_in")
        self.shape_out = (m,) if shape_out is None else as_shape(shape_out, "shape_out")
        check_size(self.shape_in, n, "shape_in")
        check_size(self.shape_out, m, "shape_out")
        self.name = f"{type(operator).__name__} {times((m, n))}"
        self._token = _token(operator)
        self._test()

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self._product("matvec", x, self.shape_out)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self._product("rmatvec", y, self.shape_in)

    def _product(self, product: str, vector: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        size = math.prod(shape)
        try:
            result = np.asarray(getattr(self.operator, product)(vector.ravel()))
        except NotImplementedError as error:
            raise TypeError(
                f"{self.name} does not implement {product}. Gradients and Gaussian draws need both"
                " matvec and rmatvec."
            ) from error
        except ValueError as error:
            # What scipy says of a result of the wrong length, with no word on which product it was.
            raise ValueError(
                f"{self.name}: {product} failed on a vector of {vector.size} numbers:"
                f" {str(error).rstrip('.')}. It must return {size} numbers."
            ) from error
        if result.size != size:
            raise ValueError(
                f"{self.name}: {product} returned an array of shape {result.shape} for a vector of"
                f" {vector.size} numbers. It must return {size} numbers."
            )
        if result.dtype.kind == "c":
            raise TypeError(
                f"{self.name}: {product} returned complex numbers ({result.dtype}). Only real "
                "operators can act on a model's variables: stack the real and imaginary parts."
            )
        return np.asarray(result, dtype="float64").reshape(shape)

    def _content(self) -> tuple[Any, ...]:
        return (self._token,)

    def _test(self) -> None:
        """Refuse what is not linear, or whose transposed product is no adjoint."""
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal(self.shape_in), rng.standard_normal(self.shape_out)
        ax, aty = self.forward(x), self.adjoint(y)
        if not (np.all(np.isfinite(ax)) and np.all(np.isfinite(aty))):
            raise ValueError(
                f"{self.name} returned NaN or infinite values for standard normal input. A linear "
                "operator is finite everywhere."
            )
        deviation = np.abs(self.forward(-2.0 * x) + 2.0 * ax).max()
        if deviation > TOLERANCE * np.abs(ax).max():
            raise ValueError(
                f"{self.name} is not linear: matvec of -2x differs from -2 times matvec of x by "
                f"{deviation:.3g}. An affine map needs its constant added outside."
            )
        products = dot_test(x, ax, y, aty)
        if not products.agrees(TOLERANCE):
            raise ValueError(
                f"{self.name}: rmatvec is not the adjoint of matvec, as <y, A x> = "
                f"{products.image:.10g} but <A' y, x> = {products.pullback:.10g}. Gradients and "
                "Gaussian draws need both products of one matrix."
            )


def _token(operator: Any) -> str:
    """A hash of the operator's pickle, or a number of its own where it has none."""
    try:
        return hashlib.sha256(pickle.dumps(operator)).hexdigest()
    except Exception:  # Whatever a pickle of foreign code raises.
        return uuid.uuid4().hex
