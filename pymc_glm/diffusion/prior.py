r"""A learnable Gaussian mixture, where paths begin.

.. math:: p_0(x) = \sum_k \alpha_k N(x; \mu_k, L_k L_k')

Its parameters are a dictionary of arrays: ``logits`` (K,), ``means`` (K, d), ``log_diagonal``
(K, d), and ``lower`` (K, d, d), of which the part below the diagonal counts, for full covariances.
Slots that are not used have a logit of `MASKED`.

Blessing et al. (2025), arXiv:2503.00524, learn such a prior along with the diffusion.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import Arrays, log_sum_exp

__all__ = ["MASKED", "Mixture", "from_moments", "in_use", "mixture"]

MASKED = -1e9
LOG_2PI = float(np.log(2.0 * np.pi))


class Mixture(NamedTuple):
    """A Gaussian mixture as densities and draws need it.

    Attributes
    ----------
    log_weights : array, shape (K,)
        Normalised.
    means : array, shape (K, d)
        Of the components.
    factors, inverses : array, shape (K, d, d)
        Lower triangular L of each covariance LL', and its inverse.
    log_determinants : array, shape (K,)
        Of L.
    """

    log_weights: Any
    means: Any
    factors: Any
    inverses: Any
    log_determinants: Any

    @property
    def size(self) -> int:
        """Number of slots, used or not."""
        return self.means.shape[0]

    def of(self, index: Any) -> Mixture:
        """The mixture of some of its components, whose weights are not normalised again."""
        return Mixture(*(part[index] for part in self))

    def standardised(self, xp: Arrays, x: Any) -> Any:
        """L^-1 (x - mean) of each component, shape (n, K, d)."""
        # Component by component: products of whole matrices.
        centred = x[None, :, :] - self.means[:, None, :]
        return xp.np.swapaxes(xp.np.matmul(centred, xp.np.swapaxes(self.inverses, 1, 2)), 0, 1)

    def log_components(self, xp: Arrays, x: Any) -> Any:
        """Log of weight times density of each component, shape (n, K)."""
        return self._log_components_at(xp, self.standardised(xp, x))

    def log_density(self, xp: Arrays, x: Any) -> Any:
        """Log density, shape (n,)."""
        return log_sum_exp(xp, self.log_components(xp, x))

    def log_responsibilities(self, xp: Arrays, x: Any) -> Any:
        """Log probability of each component given x, shape (n, K)."""
        joint = self.log_components(xp, x)
        return joint - log_sum_exp(xp, joint)[:, None]

    def score(self, xp: Arrays, x: Any) -> Any:
        """Gradient of the log density, shape (n, d)."""
        z = self.standardised(xp, x)
        joint = self._log_components_at(xp, z)
        share = xp.np.exp(joint - log_sum_exp(xp, joint)[:, None])
        weighed = xp.np.swapaxes(share[:, :, None] * z, 0, 1)
        return -xp.np.sum(xp.np.matmul(weighed, self.inverses), axis=0)

    def start(self, xp: Arrays, component: Any, noise: Any) -> Any:
        """Draws of given components from standard normal noise, shape (n, d)."""
        moved = xp.np.einsum("nij,nj->ni", self.factors[component], noise)
        return self.means[component] + moved

    def _log_components_at(self, xp: Arrays, z: Any) -> Any:
        d = self.means.shape[1]
        log_density = -0.5 * xp.np.sum(z * z, axis=-1) - self.log_determinants - 0.5 * d * LOG_2PI
        return self.log_weights + log_density


def in_use(parameters: dict[str, Any]) -> Any:
    """Which slots have a component, shape (K,), of NumPy's arrays or JAX's."""
    return parameters["logits"] > 0.5 * MASKED


def mixture(xp: Arrays, parameters: dict[str, Any] | Mixture) -> Mixture:
    """The mixture of some parameters.

    Parameters
    ----------
    xp : Arrays
        Where they live.
    parameters : dict of str to array, or Mixture
        As at the head of this module; a mixture is returned as it is.

    Returns
    -------
    mixture : Mixture
    """
    if isinstance(parameters, Mixture):
        return parameters
    logits = parameters["logits"]
    d = parameters["means"].shape[1]
    log_diagonal = parameters["log_diagonal"]
    identity = xp.np.eye(d, dtype=log_diagonal.dtype)
    factors = xp.np.exp(log_diagonal)[:, :, None] * identity
    if "lower" in parameters:
        factors = factors + xp.np.tril(parameters["lower"], -1)
        inverses = xp.np.linalg.inv(factors)
    else:
        inverses = xp.np.exp(-log_diagonal)[:, :, None] * identity
    log_weights = logits - log_sum_exp(xp, logits)
    return Mixture(
        log_weights, parameters["means"], factors, inverses, xp.np.sum(log_diagonal, axis=-1)
    )


def from_moments(
    weights: np.ndarray, means: np.ndarray, factors: np.ndarray, slots: int | None = None
) -> dict[str, np.ndarray]:
    """Parameters of a mixture with full covariances.

    Parameters
    ----------
    weights : ndarray, shape (K,)
        Positive; they need not sum to one.
    means : ndarray, shape (K, d)
        Of the components.
    factors : ndarray, shape (K, d, d)
        Cholesky factors of their covariances, lower triangular.
    slots : int, optional
        Room for so many components, those after the K given ones not used.

    Returns
    -------
    parameters : dict of str to ndarray

    Examples
    --------
    Two standard normals, four apart::

        import numpy as np
        from pymc_glm.diffusion.prior import from_moments

        means = np.array([[-2.0], [2.0]])
        parameters = from_moments(np.ones(2), means, np.ones((2, 1, 1)))
    """
    count, d = means.shape
    slots = count if slots is None else slots
    if slots < count:
        raise ValueError(f"Got {slots} slots for {count} components. Each needs one.")
    logits = np.full(slots, MASKED)
    logits[:count] = np.log(weights / np.sum(weights))
    all_means = np.broadcast_to(means[0], (slots, d)).copy()
    all_means[:count] = means
    all_factors = np.broadcast_to(np.eye(d), (slots, d, d)).copy()
    all_factors[:count] = factors
    diagonal = np.diagonal(all_factors, axis1=1, axis2=2)
    return {
        "logits": logits,
        "means": all_means,
        "log_diagonal": np.log(diagonal),
        "lower": np.tril(all_factors, -1),
    }
