"""How a linear operator acts on a sparse Jacobian: by its matrix, or as what it is."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pymc_glm.exceptions import RecognitionError
from pymc_glm.operators import AbstractOperator
from pymc_glm.operators.apply import ApplyOperator
from pymc_glm.operators.checks import dot_test
from pymc_glm.operators.stages import SCALE, SELECT, SPARSE
from pymc_glm.recognize.jacobian import apply_matrix
from pymc_glm.recognize.linear_rules import linear_rule

__all__: list[str] = []

# Up to this many unknowns any operator is read as a matrix, column by column where it has none.
SMALL = 500
MOST_PRODUCTS = 4_000_000
# A matrix is read off where it has few entries, or where a matrix as large can be factorised.
FEW_PER_ROW = 8
FACTORIZABLE = 4000
TOLERANCE = 1e-8


@linear_rule.register(ApplyOperator)
def _apply(op, node, context):
    source = context.tracked(node.inputs[0])
    operator = op.operator.T if op.transposed else op.operator
    _refuse_wrong_adjoint(operator)
    matrix = _matrix_to_read(operator)
    if matrix is None:
        return [context.monomials.image(operator, source)]
    return [apply_matrix(matrix, source, operator.shape_out)]


def _refuse_wrong_adjoint(operator: AbstractOperator) -> None:
    """Refuse an operator whose adjoint is that of another: the draws would be wrong."""
    rng = np.random.default_rng(20250512)
    x, y = rng.normal(size=operator.shape_in), rng.normal(size=operator.shape_out)
    products = dot_test(x, operator.forward(x), y, operator.adjoint(y))
    if not products.agrees(TOLERANCE):
        raise RecognitionError(
            f"The adjoint of {operator.name} is wrong: <A x, y> is {products.image:.10g}, and"
            f" <x, A' y> is {products.pullback:.10g} at a random x and y. Correct its adjoint;"
            " pymc_glm.testing.check_linear_operator tests it."
        )


def _matrix_to_read(operator: AbstractOperator) -> sp.csr_matrix | None:
    m, n = operator.size_out, operator.size_in
    if all(stage.kind in (SPARSE, SELECT, SCALE) for stage in operator.stages()):
        matrix = operator.matrix()
        if matrix is not None and (matrix.nnz <= FEW_PER_ROW * max(m, n) or n <= FACTORIZABLE):
            return matrix
    if n > SMALL or m * n > MOST_PRODUCTS:
        return None
    matrix = operator.matrix()
    return _by_columns(operator) if matrix is None else matrix


def _by_columns(operator: AbstractOperator) -> sp.csr_matrix:
    """The matrix, from the images of unit vectors."""
    units = np.eye(operator.size_in).reshape((-1, *operator.shape_in))
    return sp.csr_matrix(np.stack([operator.forward(unit).ravel() for unit in units], axis=1))
