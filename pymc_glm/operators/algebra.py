"""Operators made of operators: composition, adjoint, sum, multiple, identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_finite, as_shape, times
from pymc_glm.operators.stages import Stage, scale_stage, sparse_stage

__all__ = ["Adjoint", "Composition", "Identity", "Scaled", "Sum"]


class Composition(AbstractOperator):
    """One operator after another, ``outer @ inner``.

    Parameters
    ----------
    outer : AbstractOperator
        Applied last.
    inner : AbstractOperator
        Applied first.

    Raises
    ------
    ValueError
        If the outer one does not take what the inner one returns.

    Examples
    --------
    Blur, then keep every other pixel::

        import numpy as np
        from pymc_glm.operators import Convolution, Subsample

        observe = Subsample((8, 8), 2) @ Convolution(np.full((3, 3), 1 / 9), (8, 8))
        observe.forward(np.ones((8, 8))).shape  # (4, 4)
    """

    def __init__(self, outer: AbstractOperator, inner: AbstractOperator) -> None:
        if outer.shape_in != inner.shape_out:
            raise ValueError(
                f"{outer.name} takes shape {outer.shape_in}, but {inner.name} returns shape "
                f"{inner.shape_out}. Operators that are composed must agree."
            )
        self.outer, self.inner = outer, inner
        self.shape_in, self.shape_out = inner.shape_in, outer.shape_out
        self.name = f"{outer.name} @ {inner.name}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.outer.forward(self.inner.forward(x))

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.inner.adjoint(self.outer.adjoint(y))

    def _content(self) -> tuple[Any, ...]:
        return self.outer, self.inner

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages of the inner operator, then those of the outer one."""
        return self.inner.stages() + self.outer.stages()

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the product of the matrices, if both are known."""
        outer, inner = self.outer.matrix(), self.inner.matrix()
        return None if outer is None or inner is None else sparse.csr_matrix(outer @ inner)


class Adjoint(AbstractOperator):
    """The adjoint of an operator, ``operator.T``.

    Parameters
    ----------
    operator : AbstractOperator
        What is transposed.
    """

    def __init__(self, operator: AbstractOperator) -> None:
        self.operator = operator
        self.shape_in, self.shape_out = operator.shape_out, operator.shape_in
        self.name = f"adjoint of {operator.name}"

    @property
    def T(self) -> AbstractOperator:
        """The operator itself."""
        return self.operator

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.operator.adjoint(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.operator.forward(y)

    def _content(self) -> tuple[Any, ...]:
        return (self.operator,)

    def stages(self) -> tuple[Stage, ...]:
        """Return the transposed stages, last first."""
        return tuple(stage.transposed for stage in reversed(self.operator.stages()))

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the transposed matrix, if it is known."""
        matrix = self.operator.matrix()
        return None if matrix is None else sparse.csr_matrix(matrix.T)


class Sum(AbstractOperator):
    """The sum of two operators, ``first + second``.

    Compiled code multiplies by the sum of the matrices where both are known, and calls Python
    otherwise.

    Parameters
    ----------
    first, second : AbstractOperator
        Operators of the same shapes.

    Raises
    ------
    ValueError
        If the shapes differ.
    """

    def __init__(self, first: AbstractOperator, second: AbstractOperator) -> None:
        shapes = [(term.shape_in, term.shape_out) for term in (first, second)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{first.name} goes from shape {shapes[0][0]} to {shapes[0][1]}, and {second.name} "
                f"from {shapes[1][0]} to {shapes[1][1]}. Operators that are added must agree."
            )
        self.first, self.second = first, second
        self.shape_in, self.shape_out = shapes[0]
        self.name = f"{first.name} + {second.name}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.first.forward(x) + self.second.forward(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.first.adjoint(y) + self.second.adjoint(y)

    def _content(self) -> tuple[Any, ...]:
        return self.first, self.second

    def stages(self) -> tuple[Stage, ...]:
        """Return the product by the sum of the matrices, or a call of Python."""
        matrix = self.matrix()
        return super().stages() if matrix is None else (sparse_stage(matrix),)

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the sum of the matrices, if both are known."""
        first, second = self.first.matrix(), self.second.matrix()
        return None if first is None or second is None else sparse.csr_matrix(first + second)


class Scaled(AbstractOperator):
    """A multiple of an operator, ``factor * operator``.

    Parameters
    ----------
    operator : AbstractOperator
        What is multiplied.
    factor : float
        A finite number. What depends on other variables of a model multiplies the tensor instead.
    """

    def __init__(self, operator: AbstractOperator, factor: float) -> None:
        self.operator, self.factor = operator, float(as_finite(factor, "factor"))
        self.shape_in, self.shape_out = operator.shape_in, operator.shape_out
        self.name = f"{self.factor:g} * {operator.name}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.factor * self.operator.forward(x)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.factor * self.operator.adjoint(y)

    def _content(self) -> tuple[Any, ...]:
        return self.operator, self.factor

    def stages(self) -> tuple[Stage, ...]:
        """Return the operator's stages, then a multiplication."""
        return (*self.operator.stages(), scale_stage(np.full(self.size_out, self.factor)))

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the multiple of the matrix, if it is known."""
        matrix = self.operator.matrix()
        return None if matrix is None else sparse.csr_matrix(self.factor * matrix)

    def gram_diagonal(self) -> np.ndarray:
        """Return the operator's, times the factor squared."""
        return self.factor**2 * self.operator.gram_diagonal()

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        eigenvalues = self.operator.eigenvalues(basis)
        return None if eigenvalues is None else self.factor**2 * eigenvalues


class Identity(AbstractOperator):
    """The identity: denoising.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of what it takes and returns.

    Examples
    --------
    One plus a multiple of the discrete Laplacian::

        import numpy as np
        from pymc_glm.operators import Differences, Identity

        d = Differences((8, 8))
        smoother = Identity((8, 8)) + 0.5 * (d.T @ d)
        smoother.forward(np.ones((8, 8)))  # ones
    """

    def __init__(self, shape: int | Iterable[int]) -> None:
        self.shape_in = self.shape_out = as_shape(shape, "shape")
        self.name = f"identity {times(self.shape_in)}"

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return x.copy()

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return y.copy()

    def _content(self) -> tuple[Any, ...]:
        return ()

    def stages(self) -> tuple[Stage, ...]:
        """Return none."""
        return ()

    def matrix(self) -> sparse.csr_matrix:
        """Return the identity matrix."""
        return sparse.identity(self.size_in, format="csr")

    def _eigenvalues(self, basis: str) -> np.ndarray:
        if basis == "cosine":
            return np.ones(self.shape_in)
        return np.ones((*self.shape_in[:-1], self.shape_in[-1] // 2 + 1))
