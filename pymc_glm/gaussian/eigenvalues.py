"""Whether K'K of a map is diagonal in an orthonormal basis of waves, and its eigenvalues there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pymc_glm.machine import LinearMap, OperatorMap, linear_operator
from pymc_glm.operators import DCT, AbstractOperator, Fourier, Reshaped, Scaled

__all__ = ["BASES", "Basis", "certified_eigenvalues"]

BASES = ("fourier", "cosine")
# Largest error of K'K x by the eigenvalues, in units of the root mean square of its entries.
TOLERANCE = 1e-12
PROBES = 2
# Eigenvalues found by products below this share of the largest are rounding.
ROUNDING = 1e-13
# Frequencies at which the polynomial is fitted.
FITTED = 400


class Basis(NamedTuple):
    """Waves on a grid, an orthonormal basis of arrays of its shape.

    Attributes
    ----------
    name : {"fourier", "cosine"}
        Which waves.
    transform : DCT or Fourier
        From arrays to coefficients; its adjoint is its inverse.
    """

    name: str
    transform: DCT | Fourier

    @classmethod
    def of(cls, name: str, shape: tuple[int, ...]) -> Basis:
        """The basis of a name for arrays of a shape."""
        return cls(name, DCT(shape) if name == "cosine" else Fourier(shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays."""
        return self.transform.shape_in

    def coefficients(self, x: np.ndarray) -> np.ndarray:
        """V'x of a flat array."""
        return self.transform.forward(np.reshape(x, self.shape)).ravel()

    def array(self, coefficients: np.ndarray) -> np.ndarray:
        """V c as a flat array."""
        return self.transform.adjoint(np.reshape(coefficients, self.transform.shape_out)).ravel()

    def ordered(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Eigenvalues as operators return them, in the order of the coefficients."""
        if isinstance(self.transform, Fourier):
            return self.transform.by_row(eigenvalues)
        return np.ravel(eigenvalues)

    def second_differences(self) -> list[np.ndarray]:
        """Eigenvalues of minus the second difference along each axis of more than one entry."""
        cosine, found = self.name == "cosine", []
        shape = self.shape
        for axis, length in enumerate(shape):
            if length == 1:
                continue
            angle = np.arange(length) * (np.pi if cosine else 2 * np.pi) / length
            places = [-1 if k == axis else 1 for k in range(len(shape))]
            grid = np.broadcast_to((4 * np.sin(angle / 2) ** 2).reshape(places), shape)
            half = grid if cosine else grid[..., : shape[-1] // 2 + 1]
            found.append(self.ordered(np.ascontiguousarray(half)))
        return found


def certified_eigenvalues(linear_map: LinearMap | OperatorMap, basis: Basis) -> np.ndarray | None:
    """The eigenvalues s with K'K = V diag(s) V', certified on random vectors.

    Candidates are what the operator says of itself, a polynomial of second differences fitted to
    the action of K'K, which is accurate relative to each eigenvalue, and that action itself.

    Parameters
    ----------
    linear_map : LinearMap or OperatorMap, shape (m, n)
        K, constant.
    basis : Basis
        V, for arrays of n entries.

    Returns
    -------
    eigenvalues : ndarray, shape (n,), or None
        Not negative, in the order of the coefficients. None where no candidate reproduces K'K of
        random vectors in every entry, to rounding.
    """
    product = linear_operator(linear_map)
    rng = np.random.default_rng(20180202)
    probes = [rng.standard_normal(product.shape[1]) for _ in range(PROBES)]
    images = [product.rmatvec(product.matvec(probe)) for probe in probes]
    # All coefficients of this vector are one or minus one, so that none is lost to rounding.
    signs = rng.choice((-1.0, 1.0), size=product.shape[1])
    seen = product.rmatvec(product.matvec(basis.array(signs)))
    found = np.maximum(signs * basis.coefficients(seen), 0.0)
    found[found < ROUNDING * found.max(initial=0.0)] = 0.0
    declared = None
    if isinstance(linear_map, OperatorMap):
        declared = _declared(linear_map.operator, basis)
    for candidate in (declared, _polynomial(found, basis), found):
        if candidate is not None and all(
            _reproduces(candidate, probe, image, basis)
            for probe, image in zip(probes, images, strict=True)
        ):
            return candidate
    return None


def _reproduces(eigenvalues: np.ndarray, x: np.ndarray, image: np.ndarray, basis: Basis) -> bool:
    error = basis.array(eigenvalues * basis.coefficients(x)) - image
    return bool(np.abs(error).max() <= TOLERANCE * np.sqrt(np.mean(image**2)))


def _declared(operator: AbstractOperator, basis: Basis) -> np.ndarray | None:
    """What an operator says of itself, behind changes of shape and multiples."""
    if isinstance(operator, Scaled):
        inner = _declared(operator.operator, basis)
        return None if inner is None else operator.factor**2 * inner
    if isinstance(operator, Reshaped):
        return _declared(operator.operator, basis)
    if operator.shape_in != basis.shape:
        return None
    eigenvalues = operator.eigenvalues(basis.name)
    return None if eigenvalues is None else basis.ordered(eigenvalues)


def _polynomial(found: np.ndarray, basis: Basis) -> np.ndarray | None:
    """A quadratic of the second differences along the axes that gives the eigenvalues found.

    Sums of squares of differences have small eigenvalues at low frequencies, which products with
    K'K give to a rounding error of the largest; the polynomial gives them to their own.
    """
    along = basis.second_differences()
    terms = [np.ones(found.size), *along]
    terms += [one * other for i, one in enumerate(along) for other in along[i:]]
    chosen = np.random.default_rng(0).choice(found.size, min(FITTED, found.size), replace=False)
    sizes = np.array([max(np.abs(term).max(), 1.0) for term in terms])
    columns = np.stack([term[chosen] for term in terms], axis=1) / sizes
    weights = np.linalg.lstsq(columns, found[chosen], rcond=None)[0]
    largest = np.abs(found).max(initial=0.0)
    weights[np.abs(weights) <= ROUNDING * largest] = 0.0
    fitted = np.zeros(found.size)
    for weight, size, term in zip(weights, sizes, terms, strict=True):
        fitted += weight / size * term
    fitted = np.maximum(fitted, 0.0)
    return fitted if np.abs(fitted - found).max() <= TOLERANCE * largest else None
