"""Values of graphs that hold no variable, found without compiling anything."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.variable import TensorConstant, TensorVariable

__all__ = ["constant_array", "per_row"]


def constant_array(value: np.ndarray | float | Variable) -> np.ndarray | None:
    """Find the numbers a variable stands for.

    Parameters
    ----------
    value : ndarray, float or TensorVariable
        A number, an array or a graph.

    Returns
    -------
    array : ndarray of float64 or None
        None where the graph depends on a variable.

    Examples
    --------
    A graph of constants::

        import pytensor.tensor as pt
        from pymc_glm.gaussian.constants import constant_array

        constant_array(1 / pt.constant(2.0) ** 2)  # array(0.25)
    """
    if not isinstance(value, Variable):
        return np.asarray(value, dtype=float)
    if isinstance(value, TensorConstant):
        return np.asarray(value.data, dtype=float)
    leaves = [variable for variable in ancestors([value]) if variable.owner is None]
    if not all(isinstance(leaf, Constant) for leaf in leaves):
        return None
    computed: dict[Variable, np.ndarray] = {
        leaf: leaf.data for leaf in leaves if isinstance(leaf, Constant)
    }
    for node in toposort([value]):
        storage: list[list] = [[None] for _ in node.outputs]
        node.op.perform(node, [computed[argument] for argument in node.inputs], storage)
        computed.update(zip(node.outputs, (cell[0] for cell in storage), strict=True))
    return np.asarray(computed[value], dtype=float)


def per_row(value: TensorVariable, rows: int) -> TensorVariable:
    """One entry for each row, of a variable that has one or is shared by all.

    Parameters
    ----------
    value : TensorVariable, shape () or (rows,)
        A precision or a scale.
    rows : int
        Number of rows.

    Returns
    -------
    entries : TensorVariable, shape (rows,)
        A constant where `value` is a graph of constants, so that the compiled chain takes it as an
        argument: numba caches no code into which PyTensor has folded a large array.
    """
    constant = constant_array(value)
    if constant is None:
        return pt.broadcast_to(value, (rows,))
    return pt.as_tensor(np.broadcast_to(constant, (rows,)).copy())
