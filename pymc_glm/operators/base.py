"""What a linear operator is: two products, the stages numba runs, and a name."""

from __future__ import annotations

import hashlib
import math

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from scipy import sparse

from pymc_glm.operators.stages import Stage, external_stage

if TYPE_CHECKING:
    from pytensor.tensor.variable import TensorVariable

__all__ = ["AbstractOperator"]

PROBES = 64


class AbstractOperator(ABC):
    """A linear operator between arrays of fixed shapes, usable in a PyMC model.

    Operators are immutable, compare by content and can be pickled. A subclass sets `shape_in`,
    `shape_out` and `name` and defines ``_forward``, ``_adjoint`` and ``_content``; where its
    products are built from gathers, sparse matrices or stencils it should define `stages` as well,
    so that compiled code need not call Python.

    Attributes
    ----------
    shape_in, shape_out : tuple of int
        Shapes of what the operator takes and returns.
    name : str
        The operator in words, for tables.

    References
    ----------
    Ravasi and Vasconcelos (2020), "PyLops: a linear-operator Python library for scalable algebra
    and optimization", doi:10.1016/j.softx.2019.100361, for operators known by their products.

    Examples
    --------
    Blur an image, and test the adjoint::

        import numpy as np
        from pymc_glm.operators import Convolution, gaussian_kernel

        blur = Convolution(gaussian_kernel(5, 1.0), shape=(16, 16))
        x, y = np.random.default_rng(0).normal(size=(2, 16, 16))
        np.vdot(y, blur.forward(x)) - np.vdot(blur.adjoint(y), x)  # zero, up to rounding
    """

    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    name: str

    # So that numpy scalars leave multiplication to the operator.
    __array_ufunc__ = None

    @abstractmethod
    def _forward(self, x: np.ndarray) -> np.ndarray:
        """Return A x for a float64 array of shape `shape_in`."""

    @abstractmethod
    def _adjoint(self, y: np.ndarray) -> np.ndarray:
        """Return A' y for a float64 array of shape `shape_out`."""

    @abstractmethod
    def _content(self) -> tuple[Any, ...]:
        """Return what tells the operator from others of its class: numbers, strings, arrays."""

    @property
    def size_in(self) -> int:
        """Number of entries of what the operator takes."""
        return math.prod(self.shape_in)

    @property
    def size_out(self) -> int:
        """Number of entries of what the operator returns."""
        return math.prod(self.shape_out)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return A x.

        Parameters
        ----------
        x : ndarray, shape `shape_in`
            What the operator is applied to.

        Returns
        -------
        y : ndarray, shape `shape_out`
            The product.

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        """
        return self._forward(self._checked(x, self.shape_in, "takes"))

    def adjoint(self, y: np.ndarray) -> np.ndarray:
        """Return A' y.

        Parameters
        ----------
        y : ndarray, shape `shape_out`
            What the transposed operator is applied to.

        Returns
        -------
        x : ndarray, shape `shape_in`
            The product.

        Raises
        ------
        ValueError
            If ``y`` has another shape.
        """
        return self._adjoint(self._checked(y, self.shape_out, "returns"))

    def _checked(self, value: np.ndarray, shape: tuple[int, ...], verb: str) -> np.ndarray:
        value = np.asarray(value, dtype="float64")
        if value.shape != shape:
            raise ValueError(
                f"{self.name} got an array of shape {value.shape}. It {verb} arrays of shape "
                f"{shape}."
            )
        return value

    def stages(self) -> tuple[Stage, ...]:
        """Return how compiled code applies the operator: by default it calls Python."""
        return (external_stage(self),)

    def matrix(self) -> sparse.csr_matrix | None:
        """Return the matrix between flattened arrays, or None where it is costly to have.

        Returns
        -------
        matrix : scipy.sparse.csr_matrix, shape (size_out, size_in), or None
            Rows and columns follow the C order of the arrays.
        """
        return None

    def gram_diagonal(self) -> np.ndarray:
        r"""Return the diagonal of A'A: the squared norm of each column.

        Returns
        -------
        diagonal : ndarray, shape (size_in,)
            Exact where the matrix is known or the operator has a closed form. Otherwise the mean of
            :math:`(A'v)_j^2` over 64 vectors v of random signs, drawn with a fixed seed: unbiased,
            positive, with a relative standard deviation of at most :math:`\sqrt{2/64}`.

        References
        ----------
        Bekas, Kokiopoulou and Saad (2007), "An estimator for the diagonal of a matrix",
        doi:10.1016/j.apnum.2007.01.003; for a Gram matrix this form of it cannot be negative.
        """
        matrix = self.matrix()
        if matrix is not None:
            return np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
        rng = np.random.default_rng(0)
        total = np.zeros(self.size_in)
        for _ in range(PROBES):
            signs = rng.choice((-1.0, 1.0), size=self.shape_out)
            total += self.adjoint(signs).ravel() ** 2
        mean = total / PROBES
        return np.maximum(mean, np.finfo(float).eps * mean.max() + np.finfo(float).tiny)

    def eigenvalues(self, basis: str) -> np.ndarray | None:
        """Return the eigenvalues of A'A in a named orthonormal basis, or None if it has others.

        Parameters
        ----------
        basis : {"fourier", "cosine"}
            ``"fourier"``: shape of ``numpy.fft.rfftn`` of an array of shape `shape_in`.
            ``"cosine"``: shape `shape_in`, the orthonormal type-II cosine transform.

        Returns
        -------
        eigenvalues : ndarray or None
            None where A'A is not diagonal in that basis, or not known to be.
        """
        if basis not in ("fourier", "cosine"):
            raise ValueError(
                f"The basis is {basis!r}. Eigenvalues are known in 'fourier' and 'cosine'."
            )
        return self._eigenvalues(basis)

    def _eigenvalues(self, basis: str) -> np.ndarray | None:
        return None

    @property
    def T(self) -> AbstractOperator:
        """The adjoint operator."""
        return _algebra().Adjoint(self)

    def __call__(self, x: Any) -> TensorVariable:
        """Apply the operator to a tensor in a graph.

        Parameters
        ----------
        x : tensor_like, shape `shape_in`
            A tensor, a random variable of a model, or an array.

        Returns
        -------
        y : TensorVariable, shape `shape_out`
            The product; its gradient is the adjoint.
        """
        apply = import_module("pymc_glm.operators.apply")
        return apply.ApplyOperator(self, transposed=False)(x)

    def __matmul__(self, other: Any) -> Any:
        """Compose with an operator, or apply to a tensor."""
        if isinstance(other, AbstractOperator):
            return _algebra().Composition(self, other)
        return self(other)

    def __add__(self, other: AbstractOperator) -> AbstractOperator:
        if not isinstance(other, AbstractOperator):
            return NotImplemented
        return _algebra().Sum(self, other)

    def __mul__(self, factor: float) -> AbstractOperator:
        if not np.isscalar(factor):
            return NotImplemented
        return _algebra().Scaled(self, factor)

    __rmul__ = __mul__

    def __neg__(self) -> AbstractOperator:
        return self * -1.0

    def __sub__(self, other: AbstractOperator) -> AbstractOperator:
        if not isinstance(other, AbstractOperator):
            return NotImplemented
        return self + -other

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the operator's class, shapes and content."""
        sha = hashlib.sha256(
            f"{type(self).__module__}.{type(self).__qualname__}{self.shape_in}{self.shape_out}".encode()
        )
        _update(sha, self._content())
        return sha.digest()

    @property
    def handle(self) -> int:
        """The number by which compiled code asks for the operator: 63 bits of `digest`."""
        return int.from_bytes(self.digest[:8], "little") >> 1

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(self) is type(other) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.shape_in} -> {self.shape_out}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, and make the operator known to compiled code if it was where it comes from."""
        self.__dict__.update(state)
        if state.get("_is_registered"):
            import_module("pymc_glm.operators.registry").register(self)


def _algebra() -> Any:
    """The operators made of operators; imported late, as they are operators themselves."""
    return import_module("pymc_glm.operators.algebra")


def _update(sha: Any, content: Iterable[Any]) -> None:
    """Feed numbers, strings, arrays, matrices and operators to a hash, each with its type."""
    for part in content:
        if isinstance(part, AbstractOperator):
            sha.update(part.digest)
        elif isinstance(part, tuple):
            sha.update(f"({len(part)}".encode())
            _update(sha, part)
        elif isinstance(part, np.ndarray):
            sha.update(f"{part.dtype}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        else:
            sha.update(f"{type(part).__name__}:{part!r};".encode())
