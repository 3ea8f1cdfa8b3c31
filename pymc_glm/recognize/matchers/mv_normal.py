"""Multivariate normal, by covariance, Cholesky factor or precision."""

import pytensor.tensor as pt

from pymc.distributions.multivariate import PrecisionMvNormalRV
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.linalg import Cholesky, MatrixInverse
from pytensor.tensor.random.basic import MvNormalRV

from pymc_glm.families import Gaussian
from pymc_glm.recognize.registry import Match, MatchRefusal, matcher


@matcher(MvNormalRV)
def match_mv_normal(value, parameters, op):
    """Match ``MvNormal(mu, cov=, chol= or tau=)``: response L^-1 (value - mu), cov = L L'."""
    mu, covariance = parameters
    if covariance.type.ndim != 2:
        return MatchRefusal("a batch of covariance matrices is not supported yet")
    precision = _inverted(covariance)
    if precision is not None:
        return _whiten(value - mu, pt.linalg.cholesky(precision).T)
    return _whiten(value - mu, pt.linalg.inv(_cholesky_factor(covariance)))


@matcher(PrecisionMvNormalRV)
def match_precision_mv_normal(value, parameters, op):
    """Match a multivariate normal given by its precision tau = C C': response C' (value - mu)."""
    mu, tau = parameters
    if tau.type.ndim != 2:
        return MatchRefusal("a batch of precision matrices is not supported yet")
    return _whiten(value - mu, pt.linalg.cholesky(tau).T)


def _whiten(centred, root):
    """Rows of ``root (value - mu)`` are standard normal; the root's determinant is left over."""
    log_determinant = pt.sum(pt.log(pt.diagonal(root)))
    draws = centred.size / root.shape[0]
    response = pt.dot(centred, root.T)
    return [Match(Gaussian(), response, {"scale": pt.constant(1.0)}, log_determinant * draws)]


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
