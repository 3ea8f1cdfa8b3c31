"""The contract of a linear operator, as a check."""

from __future__ import annotations

import copy

from importlib import import_module

import numpy as np
import pytensor
import pytensor.tensor as pt

from pytensor.compile.mode import Mode

from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.checks import dot_test
from pymc_glm.operators.program import program

__all__ = ["check_linear_operator"]

# Without compilation: the kernels are compared by themselves.
_MODE = Mode(linker="py", optimizer="merge")


def check_linear_operator(
    operator: AbstractOperator,
    *,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-10,
) -> None:
    r"""Check that an operator is linear and that all its products are those of one matrix.

    Checked at random arrays: shapes and finiteness; linearity; the adjoint, by the dot-product test
    :math:`\langle y, A x\rangle = \langle A' y, x\rangle`; the compiled program, forward and
    transposed, against the products in Python; the matrix, where there is one; the product and its
    pullback in a graph; and that a copy is equal and has the same products. The diagonal of
    A'A must be exact for a matrix-backed operator and positive where it is estimated.

    Parameters
    ----------
    operator : AbstractOperator
        The operator.
    rng : numpy.random.Generator, optional
        Source of the arrays. Default is a generator seeded with 0.
    tolerance : float, optional
        Largest deviation, relative to the largest entries. Default is 1e-10.

    Raises
    ------
    AssertionError
        If a check fails, naming it.

    References
    ----------
    Claerbout (1992), "Earth Soundings Analysis", chapter 5, for the dot-product test.

    Examples
    --------
    Check a mask::

        import numpy as np
        from pymc_glm.operators import Mask
        from pymc_glm.testing import check_linear_operator

        check_linear_operator(Mask(np.eye(4, dtype=bool)))
    """
    rng = rng or np.random.default_rng(0)
    x, y = rng.standard_normal(operator.shape_in), rng.standard_normal(operator.shape_out)
    image, back = operator.forward(x), operator.adjoint(y)
    _check_result(operator, "forward", image, operator.shape_out)
    _check_result(operator, "adjoint", back, operator.shape_in)

    def agree(actual: np.ndarray, expected: np.ndarray, what: str) -> None:
        scale = np.abs(expected).max(initial=0.0)
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=tolerance * scale, err_msg=f"{operator.name}: {what}"
        )

    other = rng.standard_normal(operator.shape_in)
    agree(operator.forward(2.5 * x - other), 2.5 * image - operator.forward(other), "linearity")
    products = dot_test(x, image, y, back)
    assert products.agrees(tolerance), (
        f"{operator.name}: <y, A x> is {products.image:.10g}, but <A' y, x> is "
        f"{products.pullback:.10g}. The adjoint is not that of the operator."
    )

    kernels = import_module("pymc_glm.operators.program_kernels")
    integers, floats = program(operator)
    flat_image = kernels.apply_program(integers, floats, x.ravel())
    flat_back = kernels.apply_program_adjoint(integers, floats, y.ravel())
    agree(flat_image, image.ravel(), "compiled program")
    agree(flat_back, back.ravel(), "compiled program of the adjoint")

    matrix = operator.matrix()
    if matrix is not None:
        agree(matrix @ x.ravel(), image.ravel(), "matrix")
        squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
        agree(operator.gram_diagonal(), squares, "diagonal of the Gram matrix")
    else:
        diagonal = operator.gram_diagonal()
        assert diagonal.shape == (operator.size_in,), f"{operator.name}: shape of gram_diagonal"
        assert np.all(diagonal > 0), f"{operator.name}: gram_diagonal has entries of at most zero"

    variable = pt.tensor("x", shape=operator.shape_in, dtype="float64")
    product = operator(variable)
    gradient = pytensor.grad((product * y).sum(), variable)
    values = pytensor.function([variable], [product, gradient], mode=_MODE)(x)
    agree(values[0], image, "product in a graph")
    agree(values[1], back, "pullback")

    # By the same methods as a pickle, but also for classes that are defined in a function.
    twin = copy.deepcopy(operator)
    assert twin == operator and hash(twin) == hash(operator), f"{operator.name}: equality of a copy"
    agree(twin.forward(x), image, "product of a copy")


def _check_result(
    operator: AbstractOperator, product: str, result: np.ndarray, shape: tuple[int, ...]
) -> None:
    assert result.shape == shape, f"{operator.name}: {product} returned shape {result.shape}"
    assert result.dtype == np.float64, f"{operator.name}: {product} returned {result.dtype}"
    assert np.all(np.isfinite(result)), f"{operator.name}: {product} returned NaN or infinity"
