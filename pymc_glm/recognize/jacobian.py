"""Sparse Jacobians whose entries are numbers or graphs of other model variables.

An entry of the Jacobian is a sum of constants times factors, where a factor is 1 or one entry of a
symbolic vector. A *monomial* is an unknown times a factor. Every tensor computed from the block
is then a constant sparse matrix over the monomials, so that constant operations on it (indexing,
sums, products with data) are numeric, and only products with other model variables create new
monomials. The symbolic graph is written once, at the end.

What an operator without a matrix gives counts as further unknowns, each a monomial: the matrix of
what follows is found as ever, and the operator is put in its place at the end.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple, cast

import numpy as np
import pytensor.tensor as pt
import scipy.sparse as sp

from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.operators import AbstractOperator, Reshaped, Sparse
from pymc_glm.ops import KernelOp
from pymc_glm.recognize.affine import NotAffineError
from pymc_glm.recognize.dependence import static_shape

__all__ = ["Monomials", "Tracked", "apply_matrix", "broadcast_rows", "scale_rows", "take_rows"]

_csr_matvec = KernelOp("pymc_glm.recognize.jacobian_kernels:csr_matvec")


class Tracked(NamedTuple):
    """A tensor computed from the block, up to its value at zero.

    Attributes
    ----------
    matrix : csr_matrix, shape (size, monomials)
        Each entry of the flattened tensor as a combination of monomials. Matrices made before
        new monomials appeared have fewer columns.
    shape : tuple of int
        Shape of the tensor.
    """

    matrix: sp.csr_matrix
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.matrix.shape[0]

    @property
    def labels(self) -> np.ndarray:
        """Position of each entry in the flattened tensor, in the tensor's shape."""
        return np.arange(self.size).reshape(self.shape)


def take_rows(tracked: Tracked, positions: np.ndarray) -> Tracked:
    """The tensor whose entry i is the entry ``positions[i]``; its shape is that of positions."""
    flat = np.asarray(positions).ravel()
    same = flat.size == tracked.size and bool(np.array_equal(flat, np.arange(flat.size)))
    return Tracked(tracked.matrix if same else tracked.matrix[flat], np.shape(positions))


def broadcast_rows(tracked: Tracked, shape: tuple[int, ...]) -> Tracked:
    """The tensor broadcast to a shape."""
    if tracked.shape == shape:
        return tracked
    return take_rows(tracked, np.broadcast_to(tracked.labels, shape))


def scale_rows(tracked: Tracked, weights: np.ndarray) -> Tracked:
    """The tensor times numbers of its shape, or broadcast to it."""
    matrix = tracked.matrix
    if np.size(weights) == 1:
        data = matrix.data * float(np.reshape(weights, ()))
    else:
        flat = np.broadcast_to(weights, tracked.shape).ravel()
        data = matrix.data * np.repeat(flat, np.diff(matrix.indptr))
    return Tracked(
        sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape), tracked.shape
    )


def apply_matrix(matrix: sp.spmatrix, tracked: Tracked, shape: tuple[int, ...]) -> Tracked:
    """A constant matrix times the flattened tensor, in a new shape."""
    return Tracked(sp.csr_matrix(matrix, dtype=float) @ tracked.matrix, shape)


class Image(NamedTuple):
    """An operator without a matrix, what it is applied to, and the first unknown it gives."""

    operator: AbstractOperator
    source: Tracked
    start: int


class Monomials:
    """The unknowns times the symbolic factors met so far.

    Parameters
    ----------
    n : int
        Number of unknowns. The first n monomials are the unknowns themselves.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.unknowns = n
        self.images: list[Image] = []
        self.columns = np.arange(n)
        # A factor is an entry of a vector: vectors[group][position]. Group 0 is the number one.
        self.groups = np.zeros(n, dtype=np.int64)
        self.positions = np.zeros(n, dtype=np.int64)
        self.vectors: list[TensorVariable] = [pt.constant(np.ones(1))]
        self._flattened: dict[TensorVariable, TensorVariable] = {}

    def block(self, start: int, shape: tuple[int, ...]) -> Tracked:
        """A variable of the block, whose entries start at a place in the block."""
        size = int(np.prod(shape, dtype=int))
        indptr = np.arange(size + 1)
        matrix = sp.csr_matrix(
            (np.ones(size), np.arange(start, start + size), indptr), shape=(size, self.n)
        )
        return Tracked(matrix, shape)

    def stack(self, parts: list[Tracked]) -> sp.csr_matrix:
        """Matrices of several tensors under one another, or one matrix per tensor to be added."""
        return sp.vstack([self._widened(part.matrix) for part in parts], format="csr")

    def image(self, operator: AbstractOperator, source: Tracked) -> Tracked:
        """What an operator makes of a tensor, as new unknowns."""
        size = operator.size_out
        first = self.columns.size
        self.images.append(Image(operator, source, self.unknowns))
        self.columns = np.append(self.columns, self.unknowns + np.arange(size))
        self.groups = np.append(self.groups, np.zeros(size, dtype=np.int64))
        self.positions = np.append(self.positions, np.zeros(size, dtype=np.int64))
        self.unknowns += size
        matrix = sp.csr_matrix(
            (np.ones(size), first + np.arange(size), np.arange(size + 1)),
            shape=(size, self.columns.size),
        )
        return Tracked(matrix, operator.shape_out)

    def add(self, first: Tracked, second: Tracked) -> Tracked:
        """Sum of two tensors of the same shape."""
        return Tracked(self._widened(first.matrix) + self._widened(second.matrix), first.shape)

    def empty(self, shape: tuple[int, ...]) -> Tracked:
        """A tensor that does not vary with the block."""
        size = int(np.prod(shape, dtype=int))
        return Tracked(sp.csr_matrix((size, self.columns.size)), shape)

    def _widened(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        return sp.csr_matrix(
            (matrix.data, matrix.indices, matrix.indptr),
            shape=(matrix.shape[0], self.columns.size),
        )

    def multiply(self, tracked: Tracked, weight: TensorVariable, places: np.ndarray) -> Tracked:
        """The tensor times a symbolic one.

        Parameters
        ----------
        tracked : Tracked
        weight : TensorVariable
            A graph of other model variables.
        places : ndarray of int, of the shape of `tracked`
            Which entry of the flattened weight multiplies each entry.

        Returns
        -------
        product : Tracked
            Over new monomials.
        """
        matrix = tracked.matrix
        rows = np.repeat(np.arange(tracked.size), np.diff(matrix.indptr))
        place = np.ravel(places)[rows]
        old = matrix.indices
        group_of_entry = self.groups[old]
        vector = self._flat(weight)
        new = np.empty(old.size, dtype=np.int64)
        for group in np.unique(group_of_entry):
            chosen = np.flatnonzero(group_of_entry == group)
            factor, column = self.positions[old[chosen]], self.columns[old[chosen]]
            if group == 0:
                new_group, position = self._group(vector), place[chosen]
            else:
                # Only the pairs of factors that occur are multiplied.
                width = int(place.max()) + 1
                pairs, position = np.unique(factor * width + place[chosen], return_inverse=True)
                product = _gathered(self.vectors[group], pairs // width) * _gathered(
                    vector, pairs % width
                )
                new_group = self._group(pt.specify_shape(product, (pairs.size,)))
            new[chosen] = self._append(new_group, position, column)
        shape = (tracked.size, self.columns.size)
        return Tracked(sp.csr_matrix((matrix.data, new, matrix.indptr), shape=shape), tracked.shape)

    def _flat(self, weight: TensorVariable) -> TensorVariable:
        """The weight as a float64 vector, without the dimensions that broadcasting added."""
        while (
            weight.owner
            and isinstance(weight.owner.op, DimShuffle)
            and weight.owner.op.is_expand_dims
        ):
            weight = weight.owner.inputs[0]
        if weight not in self._flattened:
            size = int(np.prod(static_shape(weight), dtype=int))
            vector = weight if weight.dtype == "float64" else weight.astype("float64")
            if vector.ndim == 0:
                vector = pt.expand_dims(vector, 0)
            elif vector.ndim > 1:
                vector = vector.reshape((size,))
            self._flattened[weight] = pt.specify_shape(vector, (size,))
        return self._flattened[weight]

    def _group(self, vector: TensorVariable) -> int:
        for number, known in enumerate(self.vectors):
            if known is vector:
                return number
        self.vectors.append(vector)
        return len(self.vectors) - 1

    def _append(self, group: int, position: np.ndarray, column: np.ndarray) -> np.ndarray:
        keys, inverse = np.unique(position * self.unknowns + column, return_inverse=True)
        first = self.columns.size
        self.columns = np.concatenate([self.columns, keys % self.unknowns])
        self.positions = np.concatenate([self.positions, keys // self.unknowns])
        self.groups = np.concatenate([self.groups, np.full(keys.size, group)])
        return first + inverse

    def linear_map(self, tracked: Tracked) -> LinearMap | OperatorMap:
        """The Jacobian of a tensor with respect to the unknowns."""
        # A copy, because matrices of several tensors share their index arrays.
        matrix = tracked.matrix.copy()
        matrix.eliminate_zeros()
        size = tracked.size
        if np.any(self.columns[matrix.indices] >= self.n):
            return OperatorMap(self._operator(matrix))
        if not np.any(self.groups[matrix.indices]):
            columns = self.columns[matrix.indices]
            return LinearMap.from_matrix(
                sp.csr_matrix((matrix.data, columns, matrix.indptr), shape=(size, self.n))
            )
        # Sort by column within rows, then give one entry to each run of equal positions.
        order = sp.csr_matrix(
            (np.arange(matrix.nnz), self.columns[matrix.indices], matrix.indptr),
            shape=(size, self.n),
        )
        order.sort_indices()
        rows = np.repeat(np.arange(size), np.diff(matrix.indptr))
        columns = order.indices.astype(np.int64)
        is_first = np.ones(columns.size, dtype=bool)
        is_first[1:] = (np.diff(rows) != 0) | (np.diff(columns) != 0)
        starts = np.flatnonzero(is_first)
        data, monomials = matrix.data[order.data], matrix.indices[order.data]
        values = self._values(data, monomials, np.append(starts, columns.size))
        return LinearMap(rows[starts], columns[starts], values, (size, self.n))

    def _operator(self, matrix: sp.csr_matrix) -> AbstractOperator:
        """A matrix over the monomials as an operator on the unknowns of the block."""
        if np.any(self.groups[matrix.indices]):
            raise NotAffineError("a product of an operator with another model variable")
        rows = sp.csr_matrix(
            (matrix.data, self.columns[matrix.indices], matrix.indptr),
            shape=(matrix.shape[0], self.unknowns),
        ).tocsc()
        terms: list[AbstractOperator] = []
        direct = rows[:, : self.n]
        if direct.nnz:
            terms.append(Sparse(direct))
        for image in self.images:
            part = rows[:, image.start : image.start + image.operator.size_out]
            if part.nnz:
                inner = self._operator(image.source.matrix)
                terms.append(_chained(part, image.operator, inner))
        return reduce(lambda one, other: one + other, terms)

    def _values(
        self, data: np.ndarray, monomials: np.ndarray, bounds: np.ndarray
    ) -> TensorVariable:
        """Sums of data times factors between the bounds: the entries of the map, as one vector."""
        groups = self.groups[monomials]
        used = np.unique(groups)
        vectors = [self.vectors[group] for group in used]
        lengths = [_length(vector) for vector in vectors]
        starts = np.zeros(len(self.vectors), dtype=np.int64)
        starts[used] = np.cumsum([0, *lengths[:-1]])
        source = starts[groups] + self.positions[monomials]
        factors = vectors[0] if len(vectors) == 1 else pt.join(0, *vectors)
        summed = sp.csr_matrix((data, source, bounds), shape=(bounds.size - 1, sum(lengths)))
        summed.sum_duplicates()
        if np.all(np.diff(summed.indptr) == 1):
            return _weighted(factors, sum(lengths), summed.data, summed.indices)
        rows, columns = summed.indptr.astype(np.int64), summed.indices.astype(np.int64)
        return cast(TensorVariable, _csr_matvec(rows, columns, summed.data, factors))


def _chained(
    matrix: sp.spmatrix, operator: AbstractOperator, inner: AbstractOperator
) -> AbstractOperator:
    """One after the other, from the last, on flat vectors; multiples of the identity as such."""
    flat: AbstractOperator = Reshaped(operator, operator.size_in, operator.size_out)
    if _multiple(inner.matrix()) != 1.0:
        flat = flat @ inner
    factor = _multiple(matrix)
    if factor is None:
        return Sparse(matrix) @ flat
    return flat if factor == 1.0 else factor * flat


def _multiple(matrix: sp.spmatrix | None) -> float | None:
    """The number whose product with the identity a matrix is; None where it is not."""
    if matrix is None or matrix.shape[0] != matrix.shape[1]:
        return None
    diagonal = matrix.diagonal()
    if np.ptp(diagonal) != 0.0 or diagonal[0] == 0.0:
        return None
    is_diagonal = matrix.count_nonzero() == diagonal.size
    return float(diagonal[0]) if is_diagonal else None


def _length(vector: TensorVariable) -> int:
    [length] = vector.type.shape
    if length is None:
        raise ValueError("A symbolic factor has no static length. This is a bug of the linearizer.")
    return length


def _scalar(vector: TensorVariable) -> TensorVariable:
    """The entry of a vector of length one, without undoing an expansion by another node."""
    if vector.owner and isinstance(vector.owner.op, DimShuffle) and vector.owner.op.is_expand_dims:
        return cast(TensorVariable, vector.owner.inputs[0])
    return vector[0]


def _gathered(vector: TensorVariable, positions: np.ndarray) -> TensorVariable:
    if _length(vector) == 1:
        return vector
    if np.array_equal(positions, np.arange(_length(vector))):
        return vector
    # As a constant at once: PyTensor looks at every entry of an index that is an array.
    return vector[pt.constant(positions, dtype="int64")]


def _weighted(
    factors: TensorVariable, length: int, data: np.ndarray, positions: np.ndarray
) -> TensorVariable:
    """``data * factors[positions]`` in as few nodes as the numbers allow."""
    if length == 1 and np.all(data == data[0]):
        scalar = _scalar(factors)
        scaled = scalar if data[0] == 1.0 else data[0] * scalar
        return cast(TensorVariable, pt.alloc(scaled, data.size))
    gathered = _gathered(factors, positions)
    if not np.all(data == 1.0):
        return pt.mul(data, gathered)
    return gathered
