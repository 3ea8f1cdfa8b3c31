"""Coordinates in which a target has unit scale, and mixtures of Gaussians fitted there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pymc.model import Model

from pymc_glm.diffusion.arrays import NUMPY
from pymc_glm.diffusion.components import Moments, fit_mixture, shrunk_factor
from pymc_glm.diffusion.kernels import AbstractKernel, MixtureKernel
from pymc_glm.diffusion.metrics import score
from pymc_glm.diffusion.modes import by_modes, mode_of_components, shares_of_modes
from pymc_glm.diffusion.prior import mixture
from pymc_glm.diffusion.proposal import Proposal
from pymc_glm.diffusion.refine import CandidateGaussians, covering_mixture, nearest_weights
from pymc_glm.diffusion.refresh import refreshed
from pymc_glm.diffusion.targets import Density, Whitened, layout_of
from pymc_glm.diffusion.visited import VisitedGaussians
from pymc_glm.diffusion.warmup import Warmup, spread_of

__all__ = ["SCORED", "Chart"]

# Draws that a mixture is fitted to, in the end.
DRAWS_PER_UNKNOWN = 200
FEWEST_DRAWS = 2000
MOST_DRAWS = 20_000
ROUNDS = 2
# Paths that mixtures are compared by.
SCORED = 1000


class Chart:
    """Coordinates in which warm-up draws have unit scale, and mixtures fitted there.

    Parameters
    ----------
    model : pymc.Model
        With continuous variables only.
    density : Density
        Its posterior.
    warmup : Warmup
        Draws of it, about.
    components : int
        Mixtures have at most so many.
    visited : VisitedGaussians or None
        Those of a latent machine.
    rng : numpy.random.Generator
        It is advanced.

    Attributes
    ----------
    y : ndarray, shape (n, d)
        Draws in these coordinates.
    mixture, modes_alone, gaussian : Moments
        The best mixture of them; one Gaussian for each of its modes; and one for all.
    """

    def __init__(
        self,
        model: Model,
        density: Density,
        warmup: Warmup,
        components: int,
        visited: VisitedGaussians | None,
        rng: np.random.Generator,
    ) -> None:
        self.layout = layout_of(model)
        self.center = np.quantile(warmup.x, 0.5, axis=0)
        least = 1e-8 * (1.0 + np.abs(self.center))
        spread = spread_of(warmup.x)
        # Most draws may be equal in a coordinate.
        spread = np.maximum(np.where(spread > least, spread, warmup.x.std(axis=0)), least)
        self.factor = np.diag(spread)
        self.white = Whitened(density, self.center, self.factor)
        self.y = self.white.inside(warmup.x)
        warm = self.y
        mixtures = self._mixtures(components, visited, rng)
        self.mixture: Moments = self._best(mixtures, rng)
        # Moves from the mixture make more draws than the warm-up did, for a better mixture.
        count = int(np.clip(DRAWS_PER_UNKNOWN * self.layout.size, FEWEST_DRAWS, MOST_DRAWS))
        for _ in range(ROUNDS):
            picked = np.arange(max(count, len(self.y))) % len(self.y)
            x = self.white.outside(self.y[picked])
            for moments in mixtures:
                x = refreshed(self._plain(moments), density, x, rng)
            self.y = self.white.inside(x)
            mixtures = [self.mixture, *self._mixtures(components, visited, rng)]
            self.mixture = self._best(mixtures, rng)
        mode = mode_of_components(self.mixture, self.white)
        one = np.ones(len(self.y))
        mean = self.y.mean(axis=0)
        self.gaussian = Moments(np.ones(1), mean[None], shrunk_factor(self.y, one, mean)[None])
        self.modes_alone, self.labels = by_modes(self.mixture, mode, self.y)
        of_warmup = np.argmax(shares_of_modes(self.mixture, mode, warm), axis=1)
        count = len(self.modes_alone.weights)
        self.fed = [len(np.unique(warmup.start[of_warmup == k])) for k in range(count)]

    def _mixtures(
        self, components: int, visited: VisitedGaussians | None, rng: np.random.Generator
    ) -> list[Moments]:
        """Mixtures of the present draws, and of the Gaussians that a latent machine visits."""
        found = [fit_mixture(self.y, rng, components)]
        if visited is not None:
            covering = covering_mixture(self.visited(visited))
            prior = mixture(NUMPY, covering.parameters())
            weights = nearest_weights(prior, self.white, rng)
            found.append(covering._replace(weights=weights / weights.sum()))
        return found

    def _best(self, mixtures: list[Moments], rng: np.random.Generator) -> Moments:
        """The mixture that is accepted most often."""
        if len(mixtures) == 1:
            return mixtures[0]

        x = self.white.outside(self.y)

        def acceptance(moments: Moments) -> float:
            return score(self._plain(moments), self.white.density, x, rng, SCORED).acceptance

        return max(mixtures, key=acceptance)

    def visited(self, gaussians: VisitedGaussians) -> CandidateGaussians:
        """Visited Gaussians in these coordinates."""
        means = self.white.inside(gaussians.means)
        inverse = np.linalg.inv(self.factor)
        factors = np.linalg.cholesky(inverse @ gaussians.covariances @ inverse.T)
        value = self.white.log_density(means)
        kept = np.isfinite(value)
        return CandidateGaussians(means[kept], factors[kept], value[kept])

    @property
    def plain(self) -> Proposal:
        """The mixture as a proposal."""
        return self._plain(self.mixture)

    def _plain(self, moments: Moments) -> Proposal:
        return self.with_parameters(MixtureKernel(), {"prior": moments.parameters()})

    def whitened(self, log_density: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The JAX density of y."""
        center, factor, shift = self.center, self.factor, self.white.log_determinant
        return lambda y: log_density(center + factor @ y) + shift

    def with_parameters(self, kernel: AbstractKernel, parameters: dict) -> Proposal:
        """A proposal in these coordinates."""
        return Proposal(kernel, parameters, self.layout, self.center, self.factor)
