"""An operator between arrays of other shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import as_shape, check_size
from pymc_glm.operators.stages import Stage

__all__ = ["Reshaped"]


class Reshaped(AbstractOperator):
    """The same products, between arrays that are reshaped in C order.

    Parameters
    ----------
    operator : AbstractOperator
        What is applied.
    shape_in, shape_out : int or tuple of int
        Shapes of as many entries as those of the operator.

    Raises
    ------
    ValueError
        If a shape has another number of entries.

    Examples
    --------
    A blur of flat images::

        import numpy as np
        from pymc_glm.operators import Convolution, Reshaped

        blur = Reshaped(Convolution(np.full((3, 3), 1 / 9), (8, 8)), 64, 64)
        blur.forward(np.ones(64)).shape  # (64,)
    """

    def __init__(
        self,
        operator: AbstractOperator,
        shape_in: int | Iterable[int],
        shape_out: int | Iterable[int],
    ) -> None:
        self.operator = operator
        self.shape_in = as_shape(shape_in, "shape_in")
        self.shape_out = as_shape(shape_out, "shape_out")
        check_size(self.shape_in, operator.size_in, "shape_in")
        check_size(self.shape_out, operator.size_out, "shape_out")
        self.name = operator.name

    def _forward(self, x: np.ndarray) -> np.ndarray:
        return self.operator.forward(x.reshape(self.operator.shape_in)).reshape(self.shape_out)

    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        return self.operator.adjoint(y.reshape(self.operator.shape_out)).reshape(self.shape_in)

    def _content(self) -> tuple[Any, ...]:
        return (self.operator,)

    def stages(self) -> tuple[Stage, ...]:
        """Return those of the operator."""
        return self.operator.stages()

    def matrix(self) -> sparse.csr_matrix | None:
        """Return that of the operator, if it is known."""
        return self.operator.matrix()

    def gram_diagonal(self) -> np.ndarray:
        """Return that of the operator."""
        return self.operator.gram_diagonal()
