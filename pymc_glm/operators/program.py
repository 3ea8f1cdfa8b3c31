"""An operator as two arrays that one compiled function runs, whatever the operator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.operators.base import AbstractOperator

__all__ = ["HEADER", "Program", "program"]

# Entries of each stage in the table at the start of the integers.
HEADER = 7


class Program(NamedTuple):
    """The stages of an operator, flattened.

    Attributes
    ----------
    integers : ndarray of int64
        Number of stages; for each stage its kind, size_in, size_out, and where its data start and
        stop among the integers and among the floats; then the data.
    floats : ndarray of float64
        The stages' values.
    """

    integers: np.ndarray
    floats: np.ndarray


def program(operator: AbstractOperator) -> Program:
    """Flatten an operator for `apply_program` and `apply_program_adjoint`.

    Operators that compiled code calls back are registered for the life of the process. A program
    does not hold them: pickle it along with its operator.

    Parameters
    ----------
    operator : AbstractOperator
        The operator.

    Returns
    -------
    program : Program
        Fresh arrays.

    Examples
    --------
    Apply an operator to a flat vector by compiled code::

        import numpy as np
        from pymc_glm.operators import Differences
        from pymc_glm.operators.program import program
        from pymc_glm.operators.program_kernels import apply_program

        integers, floats = program(Differences((4,)))
        apply_program(integers, floats, np.array([1.0, 2.0, 4.0, 8.0]))  # [1, 2, 4]
    """
    stages = operator.stages()
    table = [len(stages)]
    integer, number = 1 + HEADER * len(stages), 0
    for stage in stages:
        integer_stop, number_stop = integer + stage.integers.size, number + stage.floats.size
        table += [stage.kind, stage.size_in, stage.size_out]
        table += [integer, integer_stop, number, number_stop]
        integer, number = integer_stop, number_stop
    return Program(
        np.concatenate([np.array(table), *(stage.integers for stage in stages)]).astype("int64"),
        np.concatenate([np.empty(0), *(stage.floats for stage in stages)]),
    )
