"""Whether the block's posterior is proper and, if not, which variables no factor informs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from pymc_glm.exceptions import ImproperPosteriorError, InvalidDataError
from pymc_glm.gaussian.null_direction import null_direction_by_products
from pymc_glm.gaussian.spectral import Spectrum
from pymc_glm.machine import LinearMap, OperatorMap

__all__ = ["check_proper", "check_proper_in_basis"]

# Singular values below this share of the largest count as zero.
_TOLERANCE = 1e-13
# Up to this many unknowns a singular value decomposition is affordable.
_SMALL = 1000
# Added to K'K for the inverse iteration, which would divide by zero without it.
_SHIFT = 1e-20
_BLOCK = 3
_ITERATIONS = 5
_MOST_NAMED = 4


def check_proper(
    maps_values: Sequence[tuple[LinearMap | OperatorMap, np.ndarray, np.ndarray]],
    names: Sequence[tuple[str, slice]],
) -> None:
    """Check that Q = sum of K' diag(w) K is positive definite.

    Whether it is depends on which weights are positive, not on how large they are. So the null
    space is that of the rows of positive weight, rows and columns brought to a common scale, and
    precisions and regressors of any size can be judged.

    Parameters
    ----------
    maps_values : sequence of (LinearMap or OperatorMap, ndarray, ndarray of shape (m,) or ())
        Map, values (of shape (nnz,), not read for an operator) and precisions of each factor at one
        point.
    names : sequence of (str, slice)
        Variables of the block and their places in it.

    Raises
    ------
    InvalidDataError
        If a value is not finite, or a precision is negative or not finite.
    ImproperPosteriorError
        If some direction is informed by no factor. The message names its variables.

    Examples
    --------
    Differences alone leave the level open::

        import numpy as np
        from pymc_glm.gaussian import check_proper
        from pymc_glm.machine import LinearMap

        walk = LinearMap.from_matrix(np.diff(np.eye(3), axis=0))
        anchor = LinearMap.from_matrix(np.eye(1, 3))
        weights = [(walk, walk.values, np.ones(2)), (anchor, anchor.values, np.ones(1))]
        check_proper(weights, [("level", slice(0, 3))])  # without the anchor: an error
    """
    n = maps_values[0][0].shape[1]
    parts = [
        _informative_rows(one, values, weights, names)
        for one, values, weights in maps_values
        if isinstance(one, LinearMap)
    ]
    matrix = sp.vstack([sp.csr_matrix((0, n)), *parts], format="csr")
    open_columns = _not_determined(matrix)
    if open_columns.size == 0:
        return
    operators = [one[0].operator for one in maps_values if isinstance(one[0], OperatorMap)]
    if operators:
        null = null_direction_by_products(matrix, operators)
        if null is not None:
            raise _improper(null, names)
        return
    core = matrix[:, open_columns]
    core, scale = _equilibrated(core[np.diff(core.indptr) > 0])
    null = _null_direction(core)
    if null is None:
        return
    direction = np.zeros(n)
    direction[open_columns] = null / scale
    raise _improper(direction, names)


def check_proper_in_basis(
    spectrum: Spectrum,
    maps_weights: Sequence[tuple[LinearMap | OperatorMap, float]],
    names: Sequence[tuple[str, slice]],
) -> None:
    """Check that Q = sum of w K'K is positive definite, by its eigenvalues.

    Parameters
    ----------
    spectrum : Spectrum
        The basis in which each K'K is diagonal.
    maps_weights : sequence of (LinearMap or OperatorMap, float)
        Map of each factor, and the precision of its rows at one point.
    names : sequence of (str, slice)
        Variables of the block and their places in it.

    Raises
    ------
    InvalidDataError
        If a precision is negative or not finite.
    ImproperPosteriorError
        If some wave is informed by no factor. The message names its variables.
    """
    informed = np.zeros(spectrum.size)
    for linear_map, weight in maps_weights:
        if not (np.isfinite(weight) and weight >= 0):
            raise InvalidDataError(
                f"The precision of the rows of a factor on {', '.join(name for name, _ in names)}"
                f" is {weight}. Precisions must be finite and not negative."
            )
        if linear_map.is_empty or weight == 0:
            continue
        eigenvalues = spectrum.eigenvalues_of(linear_map)
        informed += eigenvalues / eigenvalues.max()
    # Eigenvalues are squares of singular values.
    lowest = int(np.argmin(informed))
    if informed[lowest] <= _TOLERANCE**2:
        wave = np.zeros(spectrum.size)
        wave[lowest] = 1.0
        direction = spectrum.basis.array(wave)
        direction[np.abs(direction) < 1e-6 * np.abs(direction).max()] = 0.0
        raise _improper(direction, names)


def _improper(direction: np.ndarray, names: Sequence[tuple[str, slice]]) -> ImproperPosteriorError:
    return ImproperPosteriorError(
        f"The posterior is improper: no factor informs {_describe(direction, names)}. "
        "Give one of these variables a proper prior, or remove it from the model."
    )


def _informative_rows(
    linear_map: LinearMap,
    values: np.ndarray,
    weights: np.ndarray,
    names: Sequence[tuple[str, slice]],
) -> sp.csr_matrix:
    """Rows of positive weight that are not zero."""
    m = linear_map.shape[0]
    weights = np.broadcast_to(np.asarray(weights, dtype=float), (m,))
    block = ", ".join(name for name, _ in names)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise InvalidDataError(
            f"The precision of row {bad[0]} of a factor on {block} is {weights[bad[0]]}. "
            "Precisions must be finite and not negative."
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InvalidDataError(
            f"Row {linear_map.rows[bad[0]]} of a factor on {block} has the coefficient "
            f"{values[bad[0]]}. Coefficients must be finite."
        )
    matrix = linear_map.matrix(np.asarray(values, dtype=float))
    matrix.eliminate_zeros()
    return matrix[(weights > 0) & (np.diff(matrix.indptr) > 0)]


def _equilibrated(matrix: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray]:
    """Scale all columns and rows, the columns to length one; return the columns' divisors."""
    # First by the largest entries: the square of a tiny or huge one would not be a number.
    largest = _positive(_largest(matrix, axis=0))
    matrix = matrix @ sp.diags(1.0 / largest)
    matrix = sp.diags(1.0 / _positive(_largest(matrix, axis=1))) @ matrix
    length = _positive(np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()))
    return (matrix @ sp.diags(1.0 / length)).tocsr(), largest * length


def _largest(matrix: sp.csr_matrix, axis: int) -> np.ndarray:
    if 0 in matrix.shape:
        return np.zeros(matrix.shape[1 - axis])
    return abs(matrix).max(axis=axis).toarray().ravel()


def _positive(scale: np.ndarray) -> np.ndarray:
    return np.where(scale > 0, scale, 1.0)


def _not_determined(matrix: sp.csr_matrix) -> np.ndarray:
    """Columns that stay open after solving, one by one, rows with a single open column.

    A null direction is zero on every column so determined. Chains and anything with proper priors
    are settled here, without arithmetic.
    """
    if (
        np.unique(matrix.indices[matrix.indptr[:-1][np.diff(matrix.indptr) == 1]]).size
        == (matrix.shape[1])
    ):
        return np.empty(0, dtype=np.int64)
    # numba stays unimported where it is not needed.
    from pymc_glm.gaussian.propriety_kernels import open_columns

    columns = matrix.tocsc()
    arrays = (matrix.indptr, matrix.indices, columns.indptr, columns.indices)
    return open_columns(*(array.astype(np.int64) for array in arrays))


def _null_direction(matrix: sp.csr_matrix) -> np.ndarray | None:
    """Find a null vector, as sparse as elimination makes it; columns have length 1 or 0."""
    n = matrix.shape[1]
    null = _null_space(matrix.toarray()) if n <= _SMALL else _null_space_by_iteration(matrix)
    if null.shape[1] == 0:
        return None
    _, _, pivots = scipy.linalg.qr(null.T, pivoting=True, mode="economic")
    echelon = scipy.linalg.solve(null[pivots[: null.shape[1]]].T, null.T).T
    echelon /= np.abs(echelon).max(axis=0)
    echelon[np.abs(echelon) < 1e-6] = 0.0
    return echelon[:, np.argmin(np.count_nonzero(echelon, axis=0))]


def _null_space(matrix: np.ndarray) -> np.ndarray:
    """Null space by singular values, columns orthonormal."""
    n = matrix.shape[1]
    if matrix.shape[0] == 0:
        return np.eye(n)
    reduced = scipy.linalg.qr(matrix, mode="r")[0][:n] if matrix.shape[0] > n else matrix
    _, singular, vectors = scipy.linalg.svd(reduced, full_matrices=True)
    rank = int(np.sum(singular > _TOLERANCE * max(singular[0], 1.0) * np.sqrt(n)))
    return vectors[rank:].T


def _null_space_by_iteration(matrix: sp.csr_matrix) -> np.ndarray:
    """Null vectors found by inverse iteration: of a large null space, a few directions.

    What is returned is checked by multiplication with the matrix itself, whose smallest singular
    value bounds it from below: a proper posterior is never refused for lack of convergence.
    """
    n = matrix.shape[1]
    solve = _normal_equations(matrix)
    block = np.random.default_rng(0).standard_normal((n, _BLOCK))
    for _ in range(_ITERATIONS):
        block = np.linalg.qr(solve(block))[0]
    _, singular, vectors = scipy.linalg.svd(matrix @ block, full_matrices=False)
    return (block @ vectors.T)[:, singular <= _TOLERANCE * np.sqrt(n)]


def _normal_equations(matrix: sp.csr_matrix) -> Callable[[np.ndarray], np.ndarray]:
    """Solve (K'K + shift) y = v without forming K'K, which would square the condition number."""
    m, n = matrix.shape
    if matrix.nnz > 0.1 * m * n:
        shift = np.sqrt(_SHIFT) * np.eye(n)
        triangle = scipy.linalg.qr(np.vstack([matrix.toarray(), shift]), mode="r")[0][:n]

        def solve_dense(block: np.ndarray) -> np.ndarray:
            half = scipy.linalg.solve_triangular(triangle, block, trans=1)
            return scipy.linalg.solve_triangular(triangle, half)

        return solve_dense
    augmented = sp.bmat(
        [[sp.identity(m), matrix], [matrix.T, -_SHIFT * sp.identity(n)]], format="csc"
    )
    factor = scipy.sparse.linalg.splu(augmented)

    def solve_sparse(block: np.ndarray) -> np.ndarray:
        return factor.solve(np.vstack([np.zeros((m, block.shape[1])), -block]))[m:]

    return solve_sparse


def _describe(direction: np.ndarray, names: Sequence[tuple[str, slice]]) -> str:
    """Word the combination in terms of the model: entries where few, else whole variables."""
    places = np.flatnonzero(direction)
    direction = direction / direction[places[0]]
    if places.size <= _MOST_NAMED:
        return " ".join(_term(int(p), direction[p], names, p == places[0]) for p in places)
    parts = []
    for name, where in names:
        inside = direction[where]
        used = inside[inside != 0]
        if used.size == 0:
            continue
        whole = "all" if used.size == inside.size else f"{used.size} of"
        shift = ", moved together" if used.size > 1 and np.ptp(used) < 1e-6 else ""
        parts.append(f"{name} ({whole} {inside.size} entries{shift})")
    return "a combination of " + " and ".join(parts)


def _term(place: int, coefficient: float, names: Sequence[tuple[str, slice]], first: bool) -> str:
    name, where = next((n, w) for n, w in names if w.start <= place < w.stop)
    size = where.stop - where.start
    entry = name if size == 1 else f"{name}[{place - where.start}]"
    sign = "-" if coefficient < 0 else ("" if first else "+")
    size_of = "" if abs(abs(coefficient) - 1) < 1e-6 else f"{abs(coefficient):.3g} "
    spacer = "" if first or not sign else " "
    return f"{sign}{spacer}{size_of}{entry}"
