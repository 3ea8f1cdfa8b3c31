r"""Few transitions with learned contraction, shift and scale, both ways.

In the coordinates z of the component in which a path begins, one transition draws from

.. math:: N(a z \, 2\sigma(g(z)) + s(z) c(z), s(z)^2), \quad
          s = \sqrt{2\eta} \exp(7 \tanh(l(z) / 7)), \quad a = \sqrt{1 - 2\eta},

with g, l and c of a small network, another one for each way. Untrained, all outputs are zero: both
ways are then moves reversible for the component, and a path weighs what its end weighs under the
mixture alone. Scales that depend on the state follow a funnel's neck, and gates contract into it,
which no additive drift of fixed noise does in few steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pymc_glm.checks import check_counts
from pymc_glm.diffusion.arrays import Arrays, sigmoid
from pymc_glm.diffusion.kernels import AbstractKernel, Path, Score, log_normal
from pymc_glm.diffusion.networks import network, new_network
from pymc_glm.diffusion.prior import Mixture, mixture

__all__ = ["GatedKernel"]

# Scales stay within e^7 of the untrained one.
RANGE = 7.0
# Of the variance that a transition renews, 2 eta, at the start.
RENEWED = 0.2


class GatedKernel(AbstractKernel):
    """Gated affine transitions in the coordinates of a component.

    Parameters
    ----------
    steps : int
        Number of transitions.
    width : int
        Hidden units of each layer of both networks.
    """

    name = "gated"

    def __init__(self, steps: int = 4, width: int = 64) -> None:
        check_counts(steps=steps, width=width)
        self.steps = steps
        self.width = width

    def settings(self) -> dict[str, Any]:
        """Steps and width."""
        return {"steps": self.steps, "width": self.width}

    def new_parameters(self, rng: np.random.Generator, prior: dict[str, np.ndarray]) -> dict:
        """Untrained parameters: paths weigh what the mixture alone gives."""
        slots, d = prior["means"].shape
        sizes = (d, 3 * d, self.steps, slots, self.width)
        return {
            "prior": prior,
            "forward": new_network(rng, *sizes),
            "backward": new_network(rng, *sizes),
            "renewed": np.full((self.steps, d), np.log(RENEWED / (1.0 - RENEWED))),
        }

    def forward(
        self, xp: Arrays, parameters: dict, component: Any, noise: Any, score: Score | None = None
    ) -> Path:
        """Draw paths that begin in given components."""
        prior = mixture(xp, parameters["prior"])
        z = noise[0]
        zero = xp.np.zeros_like(z)
        log_forward = (
            prior.log_weights[component]
            - prior.log_determinants[component]
            + log_normal(xp, z, zero, zero)
        )

        def step(carry: tuple, n: Any) -> tuple:
            z, log_forward, log_backward = carry
            there = _transition(xp, parameters, "forward", z, n, n, component)
            following = there.mean + xp.np.exp(there.log_scale) * noise[n + 1]
            back = _transition(xp, parameters, "backward", following, n + 1, n, component)
            log_forward = log_forward + log_normal(xp, following, *there)
            return following, log_forward, log_backward + log_normal(xp, z, *back)

        start = (z, log_forward, xp.np.zeros_like(log_forward))
        z, log_forward, log_backward = xp.loop(step, start, self.steps)
        end = prior.start(xp, component, z)
        log_component = _of(xp, prior.log_responsibilities(xp, end), component)
        return Path(end, log_forward, log_backward + log_component)

    def backward(
        self,
        xp: Arrays,
        parameters: dict,
        end: Any,
        component: Any,
        noise: Any,
        score: Score | None = None,
    ) -> Path:
        """Draw paths that end somewhere, in given components."""
        prior = mixture(xp, parameters["prior"])
        z = _standardised(xp, prior, end, component)
        log_backward = _of(xp, prior.log_responsibilities(xp, end), component)

        def step(carry: tuple, i: Any) -> tuple:
            z, log_forward, log_backward = carry
            n = self.steps - 1 - i
            back = _transition(xp, parameters, "backward", z, n + 1, n, component)
            earlier = back.mean + xp.np.exp(back.log_scale) * noise[n]
            there = _transition(xp, parameters, "forward", earlier, n, n, component)
            log_backward = log_backward + log_normal(xp, earlier, *back)
            return earlier, log_forward + log_normal(xp, z, *there), log_backward

        start = (z, xp.np.zeros_like(log_backward), log_backward)
        z, log_forward, log_backward = xp.loop(step, start, self.steps)
        zero = xp.np.zeros_like(z)
        log_start = (
            prior.log_weights[component]
            - prior.log_determinants[component]
            + log_normal(xp, z, zero, zero)
        )
        return Path(end, log_start + log_forward, log_backward)


class _Transition(NamedTuple):
    mean: Any
    log_scale: Any


def _transition(
    xp: Arrays, parameters: dict, way: str, z: Any, place: Any, n: Any, component: Any
) -> _Transition:
    """Mean and log scale of the transition over step n from a state at some place of the path."""
    gate, log_scale, shift = xp.np.split(
        network(xp, parameters[way], z, place, component), 3, axis=-1
    )
    renewed = sigmoid(xp, parameters["renewed"][n])
    log_scale = 0.5 * xp.np.log(renewed) + RANGE * xp.np.tanh(log_scale / RANGE)
    kept = xp.np.sqrt(1.0 - renewed) * 2.0 * sigmoid(xp, gate)
    return _Transition(kept * z + xp.np.exp(log_scale) * shift, log_scale)


def _standardised(xp: Arrays, prior: Mixture, x: Any, component: Any) -> Any:
    centred = x - prior.means[component]
    return xp.np.einsum("nij,nj->ni", prior.inverses[component], centred)


def _of(xp: Arrays, log_probability: Any, component: Any) -> Any:
    return xp.np.take_along_axis(log_probability, component[:, None], axis=1)[:, 0]
