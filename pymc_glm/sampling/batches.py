"""Evaluate graphs of value variables at all draws, in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.graph.basic import Variable
from pytensor.graph.replace import vectorize_graph

from pymc_glm.recognize.dependence import PYTHON_MODE

__all__ = ["BatchedGraphs"]

# Bytes of value variables handed to one evaluation.
BATCH_BYTES = 2**25


class BatchedGraphs:
    """Graphs of value variables, evaluated at many draws at once.

    Parameters
    ----------
    graphs : sequence of Variable
        What to evaluate.
    inputs : sequence of TensorVariable
        The value variables they may mention, of static shape.
    scalars : int
        Numbers that one draw needs besides the inputs; it makes batches smaller.
    """

    def __init__(
        self, graphs: Sequence[Variable], inputs: Sequence[Variable], scalars: int = 0
    ) -> None:
        batched = {
            value: pt.tensor(value.name, dtype=value.dtype, shape=(None, *value.type.shape))
            for value in inputs
        }
        self._names = [value.name for value in inputs]
        self._bytes = 8 * scalars
        outputs = vectorize_graph(list(graphs), replace=batched)
        # A graph of constants has no axis of draws yet.
        self._is_batched = [
            output.type.ndim > graph.type.ndim
            for output, graph in zip(outputs, graphs, strict=True)
        ]
        self._function = pytensor.function(
            list(batched.values()),
            outputs,
            mode=PYTHON_MODE,
            on_unused_input="ignore",
        )

    def __call__(self, values: Mapping[str, np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Yield the graphs' values batch by batch.

        Parameters
        ----------
        values : mapping of str to ndarray, shape (draws, ...)
            Draws of each value variable.

        Yields
        ------
        results : list of ndarray
            One per graph, with the draws of the batch along the first axis.
        """
        flat = [values[name] for name in self._names]
        draws = len(flat[0])
        per_draw = self._bytes + sum(array[:1].nbytes for array in flat)
        size = max(1, int(BATCH_BYTES / max(1, per_draw)))
        for start in range(0, draws, size):
            results = self._function(*(array[start : start + size] for array in flat))
            length = min(size, draws - start)
            yield [
                result if is_batched else np.broadcast_to(result, (length, *np.shape(result)))
                for result, is_batched in zip(results, self._is_batched, strict=True)
            ]
