"""Gaussian mixtures as targets whose draws, marginals and evidence are known exactly."""

from __future__ import annotations

import numpy as np

from scipy import stats

from pymc_glm.diffusion import Layout, Proposal, from_moments, make_kernel

KERNELS = ("mixture", "gated", "dis", "mcd", "cmcd", "dbs")
PATHS = tuple(name for name in KERNELS if name != "mixture")


class Target:
    """A Gaussian mixture with diagonal covariances, of any evidence."""

    def __init__(self, weights, means, scales, log_z=0.0):
        self.weights, self.means, self.scales = (np.array(a) for a in (weights, means, scales))
        self.log_z = log_z
        self.size = self.means.shape[1]

    def draw(self, rng, n):
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        return self.means[component] + self.scales[component] * rng.standard_normal((n, self.size))

    def _joint(self, x, xp=np):
        z = (x[..., None, :] - self.means) / self.scales
        constant = np.log(self.weights) - np.sum(np.log(self.scales), axis=1)
        constant = constant - 0.5 * self.size * np.log(2 * np.pi) + self.log_z
        return constant - 0.5 * xp.sum(z * z, axis=-1)

    def log_density(self, x):
        return np.logaddexp.reduce(self._joint(x), axis=-1)

    def gradient(self, x):
        joint = self._joint(x)
        share = np.exp(joint - np.logaddexp.reduce(joint, axis=-1)[:, None])
        slopes = -(x[:, None, :] - self.means) / self.scales**2
        return np.einsum("nk,nkj->nj", share, slopes)

    def with_gradient(self, x):
        return self.log_density(x), self.gradient(x)

    def one_in_jax(self, x):
        """Log density of one point, for JAX."""
        import jax

        return jax.nn.logsumexp(self._joint(x, jax.numpy))

    def projected(self, x, direction):
        """Probability integral transforms of a projection: uniform for draws of the target."""
        means = self.means @ direction
        scales = np.sqrt(self.scales**2 @ direction**2)
        return stats.norm.cdf((x @ direction)[:, None], means, scales) @ self.weights


PLANE = Target([0.3, 0.7], [[-2.0, 1.0], [2.0, -0.5]], [[0.7, 1.1], [1.0, 0.6]], log_z=1.5)
LINE = Target([0.4, 0.6], [[-1.5], [2.0]], [[0.6], [1.0]], log_z=-0.7)


def crude_prior(target):
    """A mixture that is too wide in the plane and too narrow on the line; one slot is not used."""
    rng = np.random.default_rng(17)
    means = 0.7 * target.means + 0.4 * rng.standard_normal(target.means.shape)
    scale = (1.5 if target.size > 1 else 0.1) + rng.random(target.size)
    factors = np.stack([np.diag(scale)] * 2)
    if target.size > 1:
        factors[:, 1, 0] = [0.4, -0.3]
    return from_moments(np.array([0.6, 0.4]), means, factors, slots=3)


def small_kernel(name, steps=3):
    """A kernel whose paths are cheap."""
    if name == "mixture":
        return make_kernel(name)
    settings = {"steps": steps, "width": 8}
    return make_kernel(name, **settings, **({} if name == "gated" else {"step_size": 0.3}))


def perturbed(rng, parameters, size):
    """The same with noise on everything but the mixture."""
    if isinstance(parameters, dict):
        return {
            key: value if key == "prior" else perturbed(rng, value, size)
            for key, value in parameters.items()
        }
    return parameters + size * rng.standard_normal(np.shape(parameters))


def as_proposal(kernel, parameters, target):
    """In coordinates that are not the target's own."""
    d = target.size
    factor = np.eye(d) + 0.2 * np.tril(np.ones((d, d)))
    return Proposal(kernel, parameters, Layout(("x",), ((d,),)), np.full(d, 0.1), factor)
