"""The rule that picks a structure for the precision Q of the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pymc_glm.exceptions import RecognitionError
from pymc_glm.gaussian.by_products import iterative_structure
from pymc_glm.gaussian.conjugate_gradients import ConjugateGradients
from pymc_glm.gaussian.costs import banded_operations, dense_operations, diagonal_operations
from pymc_glm.gaussian.edges import is_far
from pymc_glm.gaussian.pattern import Pattern, find_pattern
from pymc_glm.gaussian.spectral import Image, spectral_structure
from pymc_glm.gaussian.storage import Diagonal, Storage
from pymc_glm.gaussian.structures import BUILDERS, LARGEST_DENSE, Structure
from pymc_glm.machine import LinearMap, OperatorMap

__all__ = ["STRUCTURES", "GaussianPlan", "diagonal_plan", "plan_gaussian"]

STRUCTURES = (*BUILDERS, "spectral", "iterative")

# A band is chosen where it takes this many times fewer operations than a dense factor.
_BAND_GAIN = 4.0
# Iteration gives up the determinant, without which scales cannot move with the block integrated
# out: it has to take this many times less, and twice that where its iterations are hard to foresee.
_ITERATIVE_GAIN = 1.5
# Fewer unknowns are never worth an iteration.
_FEWEST_ITERATIVE = 1000
# Fewer unknowns are drawn at least as fast by any other structure.
_FEWEST_SPECTRAL = 300
# What may be faster than a transform of more unknowns than this, for which a sparse factor is no
# longer worth its analysis.
_BESIDES_SPECTRAL = ("diagonal", "chain", "banded", "low rank")
_MOST_ANALYSED = 4000
# Any other structure is worth its detour where it takes this many times less.
_DETOUR_GAIN = 1.5
# A sparse factor is not looked for where the others take less: ten microseconds.
_WORTH_ANALYSIS = 1e5


class GaussianPlan(NamedTuple):
    """How the block is ordered and its precision stored and factored.

    Attributes
    ----------
    structure : str
        One of `STRUCTURES`.
    reason : str
        One sentence for the user: why this structure, with the size and the cost of one draw.
    position : ndarray of int64, shape (n,)
        Unknown j of the flat block sits at ``position[j]`` of the drawn vector.
    bandwidth : int
        Largest distance between two unknowns that may interact, in the drawn order.
    storage : Storage
        Where the entries of Q are kept.
    operations : float
        Operations of one factorisation, about.
    time : float
        Time of one draw, about, in tenths of a nanosecond.
    solution : ConjugateGradients
        How an iterative structure is solved; others do not need it.
    """

    structure: str
    reason: str
    position: np.ndarray
    bandwidth: int
    storage: Storage
    operations: float
    time: float = 0.0
    solution: ConjugateGradients = ConjugateGradients()

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.position.size

    @property
    def has_determinant(self) -> bool:
        """Whether Q is factorised, so that the density without the block is known."""
        return self.structure != "iterative"

    @property
    def layout(self) -> np.ndarray:
        """What the kernels need to find their way in the storage."""
        return self.storage.layout


def plan_gaussian(
    maps: Sequence[LinearMap | OperatorMap],
    structure: str | None = None,
    image: Image | None = None,
) -> GaussianPlan:
    """Pick the order and the structure of Q = sum of K' diag(w) K over the factors.

    The rule looks at the union of the patterns of K'K:

    1. no two unknowns interact: ``diagonal``;
    2. in the natural or the reverse Cuthill-McKee order only neighbours interact, all maps are
       constant, and each row has one entry or is ``a (x[i] - x[j])``: ``chain``, which never
       subtracts and so is accurate for precisions of any size;
    3. the cheapest of these, where it takes two thirds of the time of a band or a dense factor at
       most: ``arrow``, rows stored from their first entry and unknowns that interact with many
       last; ``low rank``, a matrix as large as the number of rows, where each unknown has a row of
       its own and the other rows are constant; ``sparse``, a sparse Cholesky factor of at most
       fifty million nonzeros, its pattern found once;
    4. a band takes at least four times fewer operations than a dense factor, or there are more
       than 8000 unknowns: ``banded``, up to 64 million stored numbers;
    5. otherwise ``dense``;
    6. in place of any but a diagonal or a chain, ``spectral``: all rows of each factor share one
       precision and every K'K is diagonal in the Fourier basis, or every one in the cosine basis,
       which products with random vectors certify. There are 300 unknowns or more and no other
       structure takes less time, or an operator has no matrix;
    7. in place of any other, ``iterative``: perturbation and conjugate gradients, where there
       are 1000 unknowns or more and it takes two thirds of the time at most, a third where some
       rows have several entries and are no differences. It is the only structure where an operator
       has no matrix.

    Parameters
    ----------
    maps : sequence of LinearMap or OperatorMap, each of shape (m, n)
        The maps of all factors, over the same block. At least one.
    structure : str, optional
        A structure to use instead, where it can represent Q. By default the rule decides.
    image : Image, optional
        The shape of the block and which factors have one precision, without which no plan is
        ``spectral``.

    Returns
    -------
    plan : GaussianPlan
        Maps must be permuted with ``linear_map.permuted(plan.position)`` before the draw.

    Raises
    ------
    ValueError
        If there is no map, maps differ in their number of unknowns, or Q has not the structure
        asked for.
    RecognitionError
        If Q is too large for every structure.

    Examples
    --------
    A random walk seen through noise::

        import numpy as np
        from pymc_glm.gaussian import plan_gaussian
        from pymc_glm.machine import LinearMap

        walk = LinearMap.from_matrix(np.diff(np.eye(50), axis=0))
        data = LinearMap.from_matrix(np.eye(50))
        print(plan_gaussian([walk, data]).reason)
    """
    if not maps:
        raise ValueError("Got 0 linear maps. A Gaussian draw needs at least one factor.")
    sizes = sorted({linear_map.shape[1] for linear_map in maps})
    if len(sizes) > 1:
        raise ValueError(
            f"The linear maps have {sizes} unknowns. All factors must share one block."
        )
    if structure is not None and structure not in STRUCTURES:
        raise ValueError(
            f"Got structure={structure!r}. Choose one of {', '.join(map(repr, STRUCTURES))}."
        )
    chosen = _built(maps, structure, image)
    if isinstance(chosen, Exception):
        raise chosen
    name = chosen.name if structure is None else f"{chosen.name} (as asked)"
    return GaussianPlan(
        structure=chosen.name,
        reason=f"{name}: {chosen.words}.",
        position=chosen.position,
        bandwidth=chosen.bandwidth,
        storage=chosen.storage,
        operations=chosen.operations,
        time=chosen.time,
    )


def diagonal_plan(n: int) -> GaussianPlan:
    """The plan of unknowns that do not interact."""
    position = np.arange(n, dtype=np.int64)
    return GaussianPlan("diagonal", "", position, 0, Diagonal(n), diagonal_operations(n))


def _built(
    maps: Sequence[LinearMap | OperatorMap], structure: str | None, image: Image | None
) -> Structure | Exception:
    """The structure that was asked for, or the best one."""
    if structure == "spectral":
        return spectral_structure(maps, image)
    stored = [one for one in maps if isinstance(one, LinearMap)]
    by_products = len(stored) < len(maps)
    if structure is None and (by_products or maps[0].shape[1] >= _FEWEST_SPECTRAL):
        spectral = spectral_structure(maps, image)
        if isinstance(spectral, Structure):
            return spectral if by_products else _fastest_besides(stored, spectral)
    if structure == "iterative" or (by_products and structure is None):
        return iterative_structure(maps)
    if by_products:
        return ValueError(
            f"Got structure={structure!r}, and an operator without a matrix among the maps. "
            "structure='iterative' needs products with it only."
        )
    pattern = find_pattern(stored)
    if structure is not None:
        return BUILDERS[structure](pattern)
    return _cheaper_by_iteration(stored, _choose(pattern))


def _fastest_besides(maps: Sequence[LinearMap], spectral: Structure) -> Structure:
    """The spectral structure, or one that takes less time."""
    pattern = find_pattern(maps)
    if pattern.size <= _MOST_ANALYSED:
        found = [_choose(pattern)]
    else:
        found = [BUILDERS[name](pattern) for name in _BESIDES_SPECTRAL]
    possible = [one for one in found if isinstance(one, Structure)]
    return min([*possible, spectral], key=lambda one: one.time)


def _cheaper_by_iteration(
    maps: Sequence[LinearMap], direct: Structure | Exception
) -> Structure | Exception:
    """The direct structure, or that of an iteration where it takes much less time."""
    if maps[0].shape[1] < _FEWEST_ITERATIVE:
        return direct
    iterative = iterative_structure(maps)
    if isinstance(direct, Exception):
        return direct if isinstance(iterative, Exception) else iterative
    if isinstance(iterative, Exception):
        return direct
    gain = _ITERATIVE_GAIN if not any(map(is_far, maps)) else 2 * _ITERATIVE_GAIN
    return iterative if gain * iterative.time <= direct.time else direct


def _choose(pattern: Pattern) -> Structure | Exception:
    if pattern.bandwidth == 0:
        return BUILDERS["diagonal"](pattern)
    if pattern.bandwidth == 1 and pattern.is_chain:
        return BUILDERS["chain"](pattern)
    general = [BUILDERS[name](pattern) for name in ("banded", "dense")]
    limit = min((one.time for one in general if isinstance(one, Structure)), default=np.inf)
    detours = [BUILDERS[name](pattern) for name in _detours(pattern, limit)]
    possible = [one for one in detours if isinstance(one, Structure)]
    cheapest = min(possible, key=lambda one: one.time, default=None)
    if cheapest is not None and _DETOUR_GAIN * cheapest.time <= limit:
        return cheapest
    if not any(isinstance(one, Structure) for one in general):
        return next((one for one in detours if isinstance(one, RecognitionError)), general[0])
    banded, dense = general
    gain = dense_operations(pattern.size) / banded_operations(pattern.size, pattern.bandwidth)
    return banded if gain >= _BAND_GAIN or pattern.size > LARGEST_DENSE else dense


def _detours(pattern: Pattern, limit: float) -> list[str]:
    """The structures that it is worth looking at where others take some time at least."""
    found = []
    # More than neighbours interact, but few pairs do.
    if pattern.interactions is not None and pattern.bandwidth > 1:
        if 2 * pattern.interactions.nnz <= pattern.size**2:
            found.append("arrow")
            if limit >= _WORTH_ANALYSIS:
                found.append("sparse")
    if pattern.data_rows is not None:
        found.append("low rank")
    return found
