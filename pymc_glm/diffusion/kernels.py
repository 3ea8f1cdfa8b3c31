r"""Paths from a mixture to a target and back: what every sampler of this package has to do.

A path is a component k and states :math:`x_0, ..., x_N`. Forwards it is drawn from

.. math:: Q(k, x_{0:N}) = \alpha_k N(x_0; \mu_k, \Sigma_k) \prod_n F_n(x_{n+1} | x_n),

backwards, from its end, from

.. math:: B(k, x_{0:N-1} | x_N) = r(k | x_N) \prod_n B_n(x_n | x_{n+1}).

Both are densities of what is simulated, so that :math:`\log w = \log\rho(x_N) + \log B - \log Q`
is exact whatever the parameters: E_Q[w] = Z.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import Arrays
from pymc_glm.diffusion.prior import LOG_2PI, mixture

__all__ = ["AbstractKernel", "MixtureKernel", "Path", "Score", "log_normal"]

Score = Callable[[Any], Any]


class Path(NamedTuple):
    """The end of a path and the densities of both ways to draw it.

    Attributes
    ----------
    end : array, shape (n, d)
        x_N.
    log_forward : array, shape (n,)
        log Q of the path.
    log_backward : array, shape (n,)
        log B of the path given its end.
    """

    end: Any
    log_forward: Any
    log_backward: Any

    @property
    def log_ratio(self) -> Any:
        """Log Q/B: log w is log rho less this."""
        return self.log_forward - self.log_backward


class AbstractKernel(ABC):
    """How paths are drawn; it holds sizes, and its parameters are handed to it.

    Attributes
    ----------
    name : str
        What users call it.
    steps : int
        Number N of transitions.
    """

    name: str
    steps: int
    # Whether transitions read the target's gradient.
    needs_score = False

    @abstractmethod
    def new_parameters(self, rng: np.random.Generator, prior: dict[str, np.ndarray]) -> dict:
        """Untrained parameters, with those of a mixture under ``"prior"``."""

    def with_prior(self, parameters: dict, prior: dict[str, np.ndarray]) -> list[dict]:
        """Parameters with another mixture, of as many slots: some, of which one suits it best."""
        return [{**parameters, "prior": prior}]

    @abstractmethod
    def forward(
        self, xp: Arrays, parameters: dict, component: Any, noise: Any, score: Score | None = None
    ) -> Path:
        """Draw paths that begin in given components.

        Parameters
        ----------
        xp : Arrays
            Where arrays live.
        parameters : dict
            As of `new_parameters`.
        component : array of int, shape (n,)
            Where they begin.
        noise : array, shape (steps + 1, n, d)
            Standard normal.
        score : callable, optional
            Gradient of the target's log density at n points, where it is needed.
        """

    @abstractmethod
    def backward(
        self,
        xp: Arrays,
        parameters: dict,
        end: Any,
        component: Any,
        noise: Any,
        score: Score | None = None,
    ) -> Path:
        """Draw paths that end somewhere, with components drawn from `log_components`.

        Parameters
        ----------
        end : array, shape (n, d)
            Where they end.
        noise : array, shape (steps, n, d)
            Standard normal.
        """

    def log_components(self, xp: Arrays, parameters: dict, end: Any) -> Any:
        """Log probabilities r(k | x_N), shape (n, K)."""
        return mixture(xp, parameters["prior"]).log_responsibilities(xp, end)

    def settings(self) -> dict[str, Any]:
        """Arguments that make such a kernel again."""
        return {"steps": self.steps}


class MixtureKernel(AbstractKernel):
    """No transitions: paths are draws from the mixture."""

    name = "mixture"
    steps = 0

    def new_parameters(self, rng: np.random.Generator, prior: dict[str, np.ndarray]) -> dict:
        """The mixture's alone."""
        return {"prior": prior}

    def forward(
        self, xp: Arrays, parameters: dict, component: Any, noise: Any, score: Score | None = None
    ) -> Path:
        """Draw from given components."""
        prior = mixture(xp, parameters["prior"])
        end = xp.held(prior.start(xp, component, noise[0]))
        density = prior.log_density(xp, end)
        return Path(end, density, xp.np.zeros_like(density))

    def backward(
        self,
        xp: Arrays,
        parameters: dict,
        end: Any,
        component: Any,
        noise: Any,
        score: Score | None = None,
    ) -> Path:
        """Weigh the end: there is nothing to draw."""
        density = mixture(xp, parameters["prior"]).log_density(xp, end)
        return Path(end, density, xp.np.zeros_like(density))

    def settings(self) -> dict[str, Any]:
        """None."""
        return {}


def log_normal(xp: Arrays, x: Any, mean: Any, log_scale: Any) -> Any:
    """Log density of independent normals, summed over the last axis."""
    z = (x - mean) * xp.np.exp(-log_scale)
    return xp.np.sum(-0.5 * z * z - log_scale - 0.5 * LOG_2PI, axis=-1)
