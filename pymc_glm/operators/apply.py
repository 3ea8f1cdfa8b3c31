"""An operator applied to a tensor of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytensor.tensor as pt

from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

from pymc_glm.operators.base import AbstractOperator

__all__ = ["ApplyOperator"]


class ApplyOperator(Op):
    """The product of a linear operator, or of its adjoint, and a tensor.

    Its second input is a constant by which compiled code finds the operator: the handle, whether it
    is transposed, and the shape of the result. So code compiled for one operator serves another.

    Parameters
    ----------
    operator : AbstractOperator
        The operator.
    transposed : bool
        Whether its adjoint is applied.

    Examples
    --------
    The product and its gradient::

        import pytensor
        import pytensor.tensor as pt
        from pymc_glm.operators import Differences
        from pymc_glm.operators.apply import ApplyOperator

        x = pt.vector("x", shape=(4,))
        y = ApplyOperator(Differences(4), transposed=False)(x)
        pytensor.grad(y.sum(), x).eval({x: [1.0, 2.0, 4.0, 8.0]})  # [-1, 0, 0, 1]
    """

    __props__ = ("operator", "transposed")

    def __init__(self, operator: AbstractOperator, transposed: bool) -> None:
        self.operator = operator
        self.transposed = transposed
        import_module("pymc_glm.operators.numba_dispatch")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, and register with numba: an unpickled graph never calls make_node."""
        self.__dict__.update(state)
        import_module("pymc_glm.operators.numba_dispatch")

    @property
    def shape_in(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.operator.shape_out if self.transposed else self.operator.shape_in

    @property
    def shape_out(self) -> tuple[int, ...]:
        """Shape of the product."""
        return self.operator.shape_in if self.transposed else self.operator.shape_out

    def make_node(self, x: Any, code: Variable | None = None) -> Apply:
        """Apply to a tensor, cast to float64; the code is made unless a node is rebuilt."""
        x = pt.as_tensor(x)
        static = x.type.shape
        if x.ndim != len(self.shape_in) or any(
            known is not None and known != extent
            for known, extent in zip(static, self.shape_in, strict=True)
        ):
            shape = tuple("?" if known is None else known for known in static)
            raise ValueError(
                f"{self} got {x.name or 'a tensor'} of shape ({', '.join(map(str, shape))}). "
                f"It takes shape {self.shape_in}."
            )
        if np.dtype(x.dtype).kind not in "biuf":
            raise TypeError(
                f"{self} got {x.name or 'a tensor'} of dtype {x.dtype}. It takes real numbers."
            )
        if x.dtype != "float64":
            x = x.astype("float64")
        if code is None:
            code = pt.constant(
                np.array(
                    [self.operator.handle, int(self.transposed), *self.shape_out], dtype="int64"
                )
            )
        return Apply(self, [x, code], [pt.TensorType("float64", shape=self.shape_out)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Multiply in Python."""
        multiply = self.operator.adjoint if self.transposed else self.operator.forward
        # Graphs may write into results in place, and an operator may return what it holds.
        output_storage[0][0] = np.array(multiply(inputs[0]), dtype="float64", order="C")

    def infer_shape(self, node: Apply, input_shapes: Sequence[Any]) -> list[tuple[Variable, ...]]:
        """Shapes are the operator's."""
        return [tuple(pt.constant(extent, dtype="int64") for extent in self.shape_out)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The product depends on the tensor; the code is no number."""
        return [[True], [False]]

    def pullback(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        cotangents: Sequence[Variable],
    ) -> list[Variable]:
        """The adjoint of the cotangent."""
        transpose = ApplyOperator(self.operator, not self.transposed)
        return [transpose(cotangents[0]), disconnected_type()]

    def pushforward(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], tangents: Sequence[Variable]
    ) -> list[Variable]:
        """The product of the tangent."""
        if isinstance(tangents[0].type, DisconnectedType):
            return [disconnected_type()]
        return [self(tangents[0])]

    def __str__(self) -> str:
        return f"adjoint of {self.operator.name}" if self.transposed else self.operator.name
