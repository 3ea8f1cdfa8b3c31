"""Random variables drawn by a numba kernel of this package, on every backend."""

from __future__ import annotations

from abc import abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from pytensor.graph.basic import Apply
from pytensor.tensor.random.op import RandomVariable

__all__ = ["AbstractKernelRandomVariable"]


class AbstractKernelRandomVariable(RandomVariable):
    """A scalar random variable whose draws come from a kernel module.

    The Python and the numba backend run the same kernel over the rows in C order, so one seed
    gives the same draws on both, up to rounding where PyTensor compiles with ``numba__fastmath``.
    """

    dtype = "floatX"
    kernel_module: ClassVar[str] = "pymc_glm.random.kernels"
    kernel_name: ClassVar[str]

    @staticmethod
    @abstractmethod
    def check_parameters(*parameters: np.ndarray) -> None:
        """Raise ValueError where the law does not exist; compiled draws are NaN there."""

    def make_node(self, *inputs: Any) -> Apply:
        """Make a node, and teach PyTensor's numba backend to draw it."""
        import_module("pymc_glm.random.numba_dispatch")
        return super().make_node(*inputs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, and register with numba: an unpickled graph never calls make_node."""
        self.__dict__.update(state)
        import_module("pymc_glm.random.numba_dispatch")

    def rng_fn(self, rng: np.random.Generator, *args: Any, **kwargs: Any) -> np.ndarray:
        """Draw, given the parameters and last the size."""
        *parameters, size = args
        values = [np.asarray(value, dtype="float64") for value in parameters]
        self.check_parameters(*values)
        shape = np.broadcast_shapes(*(value.shape for value in values), size or ())
        if size is not None and shape != tuple(size):
            raise ValueError(
                f"{self.name} was asked for size {tuple(size)}, but its parameters have shape "
                f"{shape}. The size must cover the shape of the parameters."
            )
        rows = [np.ascontiguousarray(np.broadcast_to(value, shape)).ravel() for value in values]
        kernels = import_module(self.kernel_module)
        return getattr(kernels, f"{self.kernel_name}_vector")(rng, *rows).reshape(shape)
