"""Spellings of scales, covariances and structured priors."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from spelling import Spelling, spelling
from spellings_linear import X, Y, beta, observe

__all__ = ["SCALE"]

SCALE: list[Spelling] = []

TIMES = np.linspace(0, 1, 4)
DISTANCE = (TIMES[:, None] - TIMES[None, :]) ** 2
COVARIANCE = np.exp(-DISTANCE) + 0.1 * np.eye(4)


@spelling(SCALE, "b")
def precision():
    """tau= instead of sigma=."""
    pm.Normal("y", X @ beta(), tau=pm.Gamma("prec", 2, 1), observed=Y)


@spelling(SCALE, "b")
def exponential_of_log():
    """sigma = exp(log_sigma), log_sigma flat or normal."""
    b = pm.Normal("b", 0, pt.exp(pm.Normal("log_tau")), shape=3)
    log_sigma = pm.Flat("log_sigma")
    pm.Normal("y", X @ b, pm.math.exp(log_sigma), observed=Y)


@spelling(SCALE, "b")
def root_of_variance():
    """sigma = sqrt(v)."""
    pm.Normal("y", X @ beta(), pt.sqrt(pm.InverseGamma("v", 3, 2)), observed=Y)


@spelling(SCALE, "b")
def reciprocals():
    """sigma = 1 / kappa and 1 / sqrt(prec)."""
    b = pm.Normal("b", 0, 1 / pt.sqrt(pm.Gamma("prec", 2, 1)), shape=3)
    pm.Normal("y", X @ b, 1 / pm.Gamma("kappa", 3, 1), observed=Y)


@spelling(SCALE, "b")
def scale_per_row():
    """Known and unknown scales, one for each row."""
    local = pm.HalfNormal("local", 1, shape=3)
    b = pm.Normal("b", 0, local * pm.HalfNormal("tau", 2), shape=3)
    pm.Normal("y", X @ b, np.linspace(0.5, 2, 7), observed=Y)


@spelling(SCALE, "b")
def two_scales_added():
    """sigma = sqrt(s1**2 + s2**2)."""
    s1, s2 = pm.HalfNormal("s1", 1), pm.HalfNormal("s2", 1)
    pm.Normal("y", X @ beta(), pt.sqrt(s1**2 + s2**2), observed=Y)


@spelling(SCALE, "b")
def lkj_correlation():
    """A covariance of several columns, its factor from other variables."""
    chol, *_ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.HalfNormal.dist(1, shape=2))
    b = pm.MvNormal("b", np.zeros(2), chol=chol, shape=(3, 2))
    observe(X @ b[:, 0] + X**2 @ b[:, 1])


@spelling(SCALE, "walk")
def gaussian_random_walk():
    """pm.GaussianRandomWalk with unknown innovation scale."""
    scale = pm.HalfNormal("scale", 1)
    start = pm.Normal.dist(1, 2)
    observe(pm.GaussianRandomWalk("walk", 0.1, scale, init_dist=start, shape=7))


@spelling(SCALE, "walk")
def random_walk_steps_and_batch():
    """A batch of random walks whose length is given by steps=."""
    start = pm.Normal.dist(0, 2, shape=2)
    walk = pm.GaussianRandomWalk("walk", [0.1, -0.1], 0.5, init_dist=start, steps=6, shape=(2, 7))
    observe(walk[0] + walk[1])


@spelling(SCALE, "walk", is_gaussian=False)
def laplace_random_walk():
    """pm.RandomWalk with Laplace innovations."""
    walk = pm.RandomWalk(
        "walk",
        init_dist=pm.Normal.dist(0, 10),
        innovation_dist=pm.Laplace.dist(0, pm.HalfNormal("scale", 1)),
        steps=6,
    )
    observe(walk)


@spelling(SCALE, "path")
def autoregression():
    """pm.AR without constant, coefficients known."""
    start = pm.Normal.dist(0, 2, shape=2)
    observe(pm.AR("path", [0.6, -0.2], sigma=0.5, init_dist=start, shape=7))


@spelling(SCALE, "path")
def autoregression_with_constant():
    """pm.AR with constant and unknown coefficients, which stay outside the block."""
    rho = pm.Uniform("rho", -1, 1, shape=2)
    start = pm.Normal.dist(0, 2, shape=1)
    path = pm.AR("path", rho, sigma=pm.HalfNormal("s", 1), constant=True, init_dist=start, shape=7)
    observe(path)


@spelling(SCALE, "f")
def mv_normal_covariance():
    """pm.MvNormal(cov=)."""
    observe(pm.MvNormal("f", np.ones(4), cov=COVARIANCE), Y[:4])


@spelling(SCALE, "f")
def mv_normal_cholesky():
    """pm.MvNormal(chol=)."""
    observe(pm.MvNormal("f", np.ones(4), chol=np.linalg.cholesky(COVARIANCE)), Y[:4])


@spelling(SCALE, "f")
def mv_normal_precision():
    """pm.MvNormal(tau=)."""
    observe(pm.MvNormal("f", np.ones(4), tau=np.linalg.inv(COVARIANCE)), Y[:4])


@spelling(SCALE, "f")
def mv_normal_rows():
    """A batch of rows with one covariance."""
    f = pm.MvNormal("f", np.arange(4.0), cov=COVARIANCE, shape=(3, 4))
    observe(f, np.outer(np.ones(3), Y[:4]))


@spelling(SCALE, "f")
def mv_normal_two_batch_axes():
    """Two batch axes with one covariance."""
    f = pm.MvNormal("f", np.arange(4.0), cov=COVARIANCE, shape=(2, 3, 4))
    observe(f.reshape((6, 4)), np.outer(np.ones(6), Y[:4]))


@spelling(SCALE, "f")
def mv_normal_batch_of_covariances():
    """A covariance for each row, as scales depend on it."""
    scales = pm.HalfNormal("s", 1, shape=3)
    f = pm.MvNormal("f", np.ones(4), cov=COVARIANCE * scales[:, None, None] ** 2)
    g = pm.MvNormal.dist(f, tau=np.stack([np.linalg.inv(COVARIANCE), np.eye(4), COVARIANCE]))
    pm.Potential("g", pm.logp(g, np.outer([1, 2, 3], Y[:4])))


@spelling(SCALE, "b")
def mv_normal_likelihood():
    """pm.MvNormal as likelihood, one covariance for all rows."""
    b = beta((4,))
    pm.MvNormal("y", b, cov=COVARIANCE, observed=np.outer(np.ones(3), Y[:4]))


@spelling(SCALE, "mu", "f")
def gaussian_process():
    """A covariance that depends on a length scale, and a mean in the block."""
    mu = pm.Normal("mu", 0, 3)
    length = pm.Gamma("length", 3, 2)
    covariance = pm.HalfNormal("eta", 2) ** 2 * pt.exp(-DISTANCE / (2 * length**2))
    observe(pm.MvNormal("f", mu, cov=covariance + 0.01 * np.eye(4), shape=4), Y[:4])


@spelling(SCALE, "f_rotated_")
def latent_gp():
    """pm.gp.Latent, which PyMC writes non-centred."""
    covariance = pm.gp.cov.ExpQuad(1, ls=pm.Gamma("length", 3, 2))
    observe(pm.gp.Latent(cov_func=covariance).prior("f", TIMES[:, None], jitter=1e-4), Y[:4])


@spelling(SCALE, "a")
def zero_sum_normal():
    """pm.ZeroSumNormal over one axis."""
    a = pm.ZeroSumNormal("a", sigma=pm.HalfNormal("tau", 1), shape=4)
    observe(a[[0, 1, 2, 3, 3, 2, 1]] + 0.5)


@spelling(SCALE, "a")
def zero_sum_normal_two_axes():
    """pm.ZeroSumNormal over two axes."""
    a = pm.ZeroSumNormal("a", sigma=0.8, n_zerosum_axes=2, shape=(3, 4))
    observe(a[:2].flatten()[:7])


@spelling(SCALE, "a")
def zero_sum_normal_batch():
    """pm.ZeroSumNormal, a batch of vectors."""
    observe(pm.ZeroSumNormal("a", sigma=0.8, shape=(2, 3)), X[:2])
