"""Multivariate normal and Student laws, by covariance, Cholesky factor or precision."""

import pytensor.tensor as pt

from pymc.distributions.multivariate import MvStudentTRV, PrecisionMvNormalRV
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.linalg import Cholesky, MatrixInverse
from pytensor.tensor.random.basic import MvNormalRV

from pymc_glm.families import Gaussian, GroupStudentT
from pymc_glm.recognize.dependence import static_shape
from pymc_glm.recognize.registry import Match, matcher


@matcher(MvNormalRV)
def match_mv_normal(value, parameters, op):
    """Match ``MvNormal(mu, cov=, chol= or tau=)``: response L^-1 (value - mu), cov = L L'."""
    mu, covariance = parameters
    return _standard_normal(*_whiten(value - mu, _whitening(covariance)))


@matcher(MvStudentTRV)
def match_mv_student_t(value, parameters, op):
    """Match ``MvStudentT(nu, mu, scale)``: groups of responses that share a precision."""
    nu, mu, covariance = parameters
    response, correction = _whiten(value - mu, _whitening(covariance))
    family = GroupStudentT(static_shape(response)[-1])
    nu = nu[..., None] if nu.type.ndim else nu
    return [Match(family, response, {"nu": nu, "scale": pt.constant(1.0)}, correction)]


@matcher(PrecisionMvNormalRV)
def match_precision_mv_normal(value, parameters, op):
    """Match a multivariate normal given by its precision tau = C C': response C' (value - mu)."""
    mu, tau = parameters
    root = _transposed(pt.linalg.cholesky(_without_batch(tau)))
    return _standard_normal(*_whiten(value - mu, root))


def _whitening(covariance):
    """A root of the inverse of a covariance."""
    covariance = _without_batch(covariance)
    precision = _inverted(covariance)
    if precision is not None:
        return _transposed(pt.linalg.cholesky(precision))
    return pt.linalg.inv(_cholesky_factor(covariance))


def _standard_normal(response, correction):
    return [Match(Gaussian(), response, {"scale": pt.constant(1.0)}, correction)]


def _whiten(centred, root):
    """``root (value - mu)``, and the logarithm of the root's determinant for all of them."""
    log_determinant = pt.sum(pt.log(pt.diagonal(root, axis1=-2, axis2=-1)), axis=-1)
    if root.type.ndim == 2:
        response = pt.matmul(centred, root.T)
    else:
        response = pt.sum(root * centred[..., None, :], axis=-1)
    batch = static_shape(response)[:-1]
    return response, pt.sum(pt.broadcast_to(log_determinant, batch))


def _without_batch(matrix):
    """One matrix where PyMC has added batch axes of length one."""
    while matrix.owner is not None and isinstance(matrix.owner.op, DimShuffle):
        [inner] = matrix.owner.inputs
        if not matrix.owner.op.is_left_expand_dims or inner.type.ndim < 2:
            break
        matrix = inner
    leading = range(matrix.type.ndim - 2)
    if matrix.type.ndim > 2 and all(matrix.type.broadcastable[axis] for axis in leading):
        return matrix.squeeze(axis=tuple(leading))
    return matrix


def _transposed(matrix):
    return pt.swapaxes(matrix, -1, -2)


def _core_op(variable):
    op = variable.owner.op if variable.owner is not None else None
    return op.core_op if isinstance(op, Blockwise) else op


def _inverted(covariance):
    """tau, where the covariance is spelled as its inverse."""
    if isinstance(_core_op(covariance), MatrixInverse):
        return covariance.owner.inputs[0]
    return None


def _cholesky_factor(covariance):
    """L, where the covariance is spelled as L L'; its Cholesky factor elsewhere."""
    if covariance.owner is not None and len(covariance.owner.inputs) == 2:
        left, right = covariance.owner.inputs
        transposed = right.owner is not None and right.owner.inputs[0] is left
        if transposed and isinstance(_core_op(left), Cholesky):
            return left
    return pt.linalg.cholesky(covariance)
