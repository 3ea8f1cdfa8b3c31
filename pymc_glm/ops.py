"""One numba kernel as one PyTensor Op: the coarse building block of every sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.random.type import RandomGeneratorType, random_generator_type

__all__ = ["KernelOp"]


class KernelOp(Op):
    """A PyTensor Op that runs one numba kernel of this package.

    A sweep is a graph of a few such Ops. Each kernel has one fixed signature, so it is compiled
    once per machine and then read from PyTensor's numba cache, whatever the model.

    Parameters
    ----------
    kernel : str
        Where the kernel lives, ``"package.module:function"``. The module is imported, and numba
        with it, only when the Op is first used in a graph.
    outputs : tuple of (str, int)
        Type code and number of dimensions of each output, for example ``(("float64", 1),)``.
    stochastic : bool
        Whether the first input is a random generator. The kernel then advances it in place, and
        the Op returns it as an additional first output.

    Notes
    -----
    Scalars reach the kernel as vectors of length one, so that one compiled signature serves a
    parameter that is shared by all rows and one that differs by row. A kernel returns a plain
    float for an output of zero dimensions.

    Examples
    --------
    Sum of squares of a vector::

        import numpy as np
        import pytensor.tensor as pt
        from pymc_glm.ops import KernelOp

        sum_of_squares = KernelOp("pymc_glm.families.kernels:sum_squares", (("float64", 0),))
        sum_of_squares(pt.as_tensor(np.arange(3.0))).eval()  # 5.0
    """

    __props__ = ("kernel", "outputs", "stochastic")

    def __init__(
        self,
        kernel: str,
        outputs: tuple[tuple[str, int], ...] = (("float64", 1),),
        stochastic: bool = False,
    ) -> None:
        self.kernel = kernel
        self.outputs = outputs
        self.stochastic = stochastic
        if stochastic:
            # The generator is advanced, never copied: a copy costs more than most draws.
            self.destroy_map = {0: [0]}

    def function(self) -> Callable:
        """Return the compiled kernel."""
        module, name = self.kernel.split(":")
        return getattr(import_module(module), name)

    def __setstate__(self, state: dict) -> None:
        # An unpickled graph is compiled without make_node.
        self.__dict__.update(state)
        import_module("pymc_glm.numba_support")

    def make_node(self, *inputs: Variable) -> Apply:
        """Apply the kernel to inputs, cast to float64 or int64."""
        import_module("pymc_glm.numba_support")
        nodes = [self._as_input(value) for value in inputs]
        if self.stochastic and not isinstance(nodes[0].type, RandomGeneratorType):
            raise TypeError(
                f"{self.kernel} needs a random generator as its first input, got {nodes[0].type}. "
                "Pass the generator of the sweep."
            )
        outputs = [pt.TensorType(dtype, shape=(None,) * ndim)() for dtype, ndim in self.outputs]
        if self.stochastic:
            outputs = [random_generator_type(), *outputs]
        return Apply(self, nodes, outputs)

    @staticmethod
    def _as_input(value: Variable) -> Variable:
        if isinstance(getattr(value, "type", None), RandomGeneratorType):
            return value
        tensor = pt.as_tensor(value)
        wanted = "int64" if np.dtype(tensor.dtype).kind in "iub" else "float64"
        return tensor if tensor.dtype == wanted else tensor.astype(wanted)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Run the kernel."""
        arguments = [
            value
            if isinstance(value, np.random.Generator)
            else np.ascontiguousarray(np.atleast_1d(value))
            for value in inputs
        ]
        result = self.function()(*arguments)
        results = result if len(self.outputs) > 1 else (result,)
        if self.stochastic:
            output_storage[0][0] = inputs[0]
            output_storage = output_storage[1:]
        for storage, value, (dtype, _) in zip(output_storage, results, self.outputs, strict=True):
            storage[0] = np.asarray(value, dtype=dtype)

    def __str__(self) -> str:
        return self.kernel.rsplit(":", 1)[1]
