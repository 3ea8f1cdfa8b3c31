"""The structure of a Q that is diagonal in a Fourier or a cosine basis.

Where all rows of a factor share one precision w, it adds ``w K'K`` to Q. Periodic convolutions and
differences have a K'K that is diagonal in the Fourier basis, differences with free ends and
reflected symmetric blurs in the cosine basis, the identity in both. If every factor has, in the
same basis V, then ``Q = V diag(sum of w s) V'``: unknowns do not interact in their coefficients,
and a draw takes one fast transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pymc_glm.gaussian.costs import spectral_operations, spectral_time
from pymc_glm.gaussian.eigenvalues import BASES, Basis, certified_eigenvalues
from pymc_glm.gaussian.structures import Structure, count_unknowns
from pymc_glm.machine import LinearMap, OperatorMap, linear_operator
from pymc_glm.operators import AbstractOperator, Composition, Reshaped, Scaled
from pymc_glm.operators.program import program

__all__ = ["Image", "Spectrum", "spectral_structure"]

# Of two K'K of one vector that are those of the same map but for rounding.
SAME = 1e-9


class Image(NamedTuple):
    """What a plan has to know besides the maps, to see whether Q is diagonal in a basis of waves.

    Attributes
    ----------
    shape : tuple of int or None
        Shape of the only variable of the block; None where it has several.
    terms : tuple of str
        The model term of each factor.
    shared : tuple of bool
        Whether all rows of a factor have the same precision, whatever it is.
    """

    shape: tuple[int, ...] | None
    terms: tuple[str, ...]
    shared: tuple[bool, ...]


class Moments(NamedTuple):
    """A precision and an information vector in coefficients.

    Attributes
    ----------
    precision : ndarray, shape (n,)
        Eigenvalues of Q.
    information : ndarray, shape (n,)
        V'h.
    """

    precision: np.ndarray
    information: np.ndarray


class Spectrum(NamedTuple):
    """The n eigenvalues of Q in a known basis: a storage of Q.

    Attributes
    ----------
    basis : Basis
        V.
    eigenvalues : tuple of ndarray, each of shape (n,)
        Of K'K, for each map that is not empty.
    images : tuple of ndarray, each of shape (n,)
        K'K of a fixed random vector, by which a map is found again.
    """

    basis: Basis
    eigenvalues: tuple[np.ndarray, ...]
    images: tuple[np.ndarray, ...]

    @property
    def size(self) -> int:
        """Numbers that are stored."""
        return self.basis.transform.size_in

    @property
    def layout(self) -> np.ndarray:
        """The program of the transform, which has no floats."""
        return program(self.basis.transform).integers

    def places(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Nowhere: entries of Q between unknowns are not stored."""
        raise TypeError(
            "The entries of Q were asked for by unknowns, and a spectrum has its eigenvalues only. "
            "Add those of each factor."
        )

    def eigenvalues_of(self, linear_map: LinearMap | OperatorMap) -> np.ndarray:
        """The eigenvalues of K'K of a map.

        Parameters
        ----------
        linear_map : LinearMap or OperatorMap, shape (m, n)
            One of the maps that the structure was made for, or one with the same K'K.

        Returns
        -------
        eigenvalues : ndarray, shape (n,)

        Raises
        ------
        ValueError
            If it is none of them.
        """
        image = _gram(linear_map, _probe(self.size))
        size = np.sqrt(np.mean(image**2))
        errors = [np.abs(known - image).max() for known in self.images]
        closest = int(np.argmin(errors))
        if not errors[closest] <= SAME * size:
            raise ValueError(
                f"K'K of a map ({linear_map.structure()}) is that of none of the maps the plan was "
                "made for. Make a plan with it."
            )
        return self.eigenvalues[closest]

    def moments(
        self, factors: Iterable[tuple[LinearMap | OperatorMap, float, np.ndarray]]
    ) -> Moments:
        """Q and h of factors that are numbers, in coefficients.

        Parameters
        ----------
        factors : iterable of (LinearMap or OperatorMap, float, ndarray of shape (m,))
            Map, the precision of each row, and the target of each row, weighted by it.

        Returns
        -------
        moments : Moments
        """
        precision, information = np.zeros(self.size), np.zeros(self.size)
        for linear_map, weight, target in factors:
            if not linear_map.is_empty:
                precision += weight * self.eigenvalues_of(linear_map)
                information += linear_operator(linear_map).rmatvec(target)
        return Moments(precision, self.basis.coefficients(information))


def spectral_structure(
    maps: Sequence[LinearMap | OperatorMap], image: Image | None
) -> Structure | Exception:
    """The structure of a Q that is diagonal in the Fourier or the cosine basis.

    Parameters
    ----------
    maps : sequence of LinearMap or OperatorMap, each of shape (m, n)
        The maps of all factors.
    image : Image or None
        The shape of the block, and which factors have one precision.

    Returns
    -------
    structure : Structure or ValueError
        The error where it is not, or is not known to be; it names the factor.
    """
    n = maps[0].shape[1]
    refusal = _refusal(maps, image)
    if image is None or refusal is not None:
        return refusal or ValueError("")
    used = [(one, term) for one, term in zip(maps, image.terms, strict=True) if not one.is_empty]
    for shape in _shapes([one for one, _ in used], image):
        for name in BASES:
            basis = Basis.of(name, shape)
            found = _all_eigenvalues([one for one, _ in used], basis)
            if found is not None:
                probe = _probe(n)
                images = tuple(_gram(one, probe) for one, _ in used)
                return _structure(Spectrum(basis, tuple(found), images))
    return ValueError(_no_basis(used, image))


def _structure(spectrum: Spectrum) -> Structure:
    n, basis = spectrum.size, spectrum.basis
    operations = spectral_operations(n)
    shape = " x ".join(map(str, basis.shape))
    name = basis.name.capitalize() if basis.name == "fourier" else basis.name
    words = (
        f"{count_unknowns(n)} whose precision is diagonal in the {name} basis {shape}, one fast "
        f"transform and about {operations:,.0f} operations per draw"
    )
    position = np.arange(n, dtype=np.int64)
    time = spectral_time(n)
    return Structure("spectral", position, max(n - 1, 0), spectrum, operations, time, words)


def _refusal(maps: Sequence[LinearMap | OperatorMap], image: Image | None) -> ValueError | None:
    """Why there is no need to look for a basis."""
    if image is None:
        return ValueError(
            "Got structure='spectral' without an image. It needs the shape of the block, and which "
            "factors have one precision for all rows."
        )
    if image.shape is None:
        return ValueError(
            "The block holds several variables, which no transform of one array covers. "
            "structure='spectral' needs a block of one variable."
        )
    for one, term, shared in zip(maps, image.terms, image.shared, strict=True):
        if one.is_empty:
            continue
        if not shared:
            return ValueError(
                f"The rows of {term!r} have precisions of their own, by latents or by their scales."
                " structure='spectral' needs Gaussian factors, each with one scale for all rows."
            )
        if not one.is_constant:
            return ValueError(
                f"The map of {term!r} depends on other variables. structure='spectral' needs maps "
                "that are known before the first sweep."
            )
    if all(one.is_empty for one in maps):
        return ValueError(
            "No factor involves the block, so that its precision is zero. structure='spectral' "
            "needs at least one that does."
        )
    return None


def _all_eigenvalues(
    maps: Sequence[LinearMap | OperatorMap], basis: Basis
) -> list[np.ndarray] | None:
    found = []
    for one in maps:
        eigenvalues = certified_eigenvalues(one, basis)
        if eigenvalues is None:
            return None
        found.append(eigenvalues)
    return found


def _no_basis(used: Sequence[tuple[LinearMap | OperatorMap, str]], image: Image) -> str:
    """Which factor is in the way."""
    assert image.shape is not None
    bases = [Basis.of(name, image.shape or (1,)) for name in BASES]
    only = {}
    for one, term in used:
        known = [basis.name for basis in bases if certified_eigenvalues(one, basis) is not None]
        if not known:
            return (
                f"K'K of {term!r} ({one.structure()}) is diagonal neither in the Fourier nor in the"
                " cosine basis of the block. structure='spectral' needs periodic convolutions or"
                " differences, or differences with free ends."
            )
        if len(known) == 1:
            only[known[0]] = term
    return (
        f"K'K of {only['fourier']!r} is diagonal in the Fourier basis alone and that of"
        f" {only['cosine']!r} in the cosine basis alone. structure='spectral' needs one basis for"
        " all: give their operators the same boundary."
    )


def _shapes(maps: Sequence[LinearMap | OperatorMap], image: Image) -> list[tuple[int, ...]]:
    """Shapes the block may be an array of: its variable's, and those that operators take."""
    shapes = [image.shape or (1,)]
    for one in maps:
        if isinstance(one, OperatorMap):
            inner = _innermost(one.operator).shape_in
            if inner not in shapes and int(np.prod(inner)) == one.shape[1]:
                shapes.append(inner)
    return shapes


def _innermost(operator: AbstractOperator) -> AbstractOperator:
    """What is applied first."""
    while isinstance(operator, Reshaped | Scaled | Composition):
        operator = operator.inner if isinstance(operator, Composition) else operator.operator
    return operator


def _probe(n: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal(n)


def _gram(linear_map: LinearMap | OperatorMap, x: np.ndarray) -> np.ndarray:
    product = linear_operator(linear_map)
    return product.rmatvec(product.matvec(x))
