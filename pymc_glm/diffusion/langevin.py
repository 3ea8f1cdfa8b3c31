r"""The four samplers of Blessing et al. (2025), arXiv:2503.00524, as choices of drift and controls.

One transition, forwards and backwards,

.. math:: F_n(y | x) = N(x + \eta_n (f_n(x) + u_n(x)), 2 \eta_n), \quad
          B_n(x | y) = N(y + \eta_n (f_{n+1}(y) + v_{n+1}(y)), 2 \eta_n),

=====  =================================  ======  ======
name   drift f                            u       v
=====  =================================  ======  ======
dis    score of the prior                 net     0
mcd    annealed from prior to target      0       net
cmcd   annealed                           net     -net
dbs    annealed                           net     another
=====  =================================  ======  ======
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.checks import check_counts, check_positive
from pymc_glm.diffusion.arrays import NUMPY, Arrays, softplus
from pymc_glm.diffusion.kernels import AbstractKernel, Path, Score, log_normal
from pymc_glm.diffusion.networks import network, new_network
from pymc_glm.diffusion.prior import Mixture, in_use, mixture

__all__ = ["LANGEVIN", "LangevinKernel"]

LANGEVIN = ("dis", "mcd", "cmcd", "dbs")
# Step sizes fall to this share of the first one, by a squared cosine with this offset.
LAST_STEP = 0.01
OFFSET = 0.008
# Longest first step over the smallest variance of the mixture.
OVERSHOOT = 0.5
# Scores are shortened to this length, the same way in both directions.
LONGEST_SCORE = 1e3


class LangevinKernel(AbstractKernel):
    """Discretised diffusions from a mixture to the target.

    Parameters
    ----------
    name : {"dis", "mcd", "cmcd", "dbs"}
        Which controls are learned.
    steps : int
        Number of transitions.
    width : int
        Hidden units of each layer of each network.
    step_size : float
        Of the first transition, before training; at most half the smallest variance of the mixture,
        as longer steps down its score overshoot.
    """

    def __init__(
        self, name: str, steps: int = 32, width: int = 64, step_size: float = 0.05
    ) -> None:
        if name not in LANGEVIN:
            raise ValueError(f"Got name={name!r}. Choose one of {', '.join(map(repr, LANGEVIN))}.")
        check_positive(step_size=step_size)
        self.name = name
        check_counts(steps=steps, width=width)
        self.steps = steps
        self.width = width
        self.step_size = step_size
        self.needs_score = name != "dis"

    def settings(self) -> dict[str, Any]:
        """Steps, width and first step size."""
        return {"steps": self.steps, "width": self.width, "step_size": self.step_size}

    def new_parameters(self, rng: np.random.Generator, prior: dict[str, np.ndarray]) -> dict:
        """Untrained parameters: no control."""
        d = prior["means"].shape[1]
        parameters: dict[str, Any] = {
            "prior": prior,
            "step_size": _step_parameter(self.step_size, prior, 1.0),
            "friction": np.full(d, _inverse_softplus(1.0)),
        }
        if self.name != "mcd":
            parameters["control"] = new_network(rng, d, d, self.steps, 1, self.width)
        if self.name in ("mcd", "dbs"):
            parameters["reverse"] = new_network(rng, d, d, self.steps, 1, self.width)
        if self.needs_score:
            parameters["annealing"] = np.full(self.steps, _inverse_softplus(1.0))
        return parameters

    def with_prior(self, parameters: dict, prior: dict[str, np.ndarray]) -> list[dict]:
        """The same with another mixture, and with steps that suit its narrowest component.

        Such steps are too short for wide components, and controls may have learned to bear others.
        """
        friction = float(softplus(NUMPY, parameters["friction"]).min())
        step_size = float(softplus(NUMPY, parameters["step_size"]))
        shorter = _step_parameter(step_size, prior, friction)
        (same,) = super().with_prior(parameters, prior)
        return [same, {**same, "step_size": shorter}]

    def forward(
        self, xp: Arrays, parameters: dict, component: Any, noise: Any, score: Score | None = None
    ) -> Path:
        """Draw paths that begin in given components; weighed by the density of the mixture."""
        prior = mixture(xp, parameters["prior"])
        x = xp.held(prior.start(xp, component, noise[0]))
        there, back = self._drifts(xp, parameters, prior, score)

        def step(carry: tuple, n: Any) -> tuple:
            x, log_forward, log_backward = carry
            size, log_scale = self._step(xp, parameters, n)
            mean = x + size * there(x, n)
            following = xp.held(mean + xp.np.exp(log_scale) * noise[n + 1])
            reverse = following + size * back(following, n + 1)
            log_forward = log_forward + log_normal(xp, following, mean, log_scale)
            return following, log_forward, log_backward + log_normal(xp, x, reverse, log_scale)

        log_start = prior.log_density(xp, x)
        start = (x, log_start, xp.np.zeros_like(log_start))
        return Path(*xp.loop(step, start, self.steps))

    def backward(
        self,
        xp: Arrays,
        parameters: dict,
        end: Any,
        component: Any,
        noise: Any,
        score: Score | None = None,
    ) -> Path:
        """Draw paths that end somewhere; components play no part."""
        prior = mixture(xp, parameters["prior"])
        there, back = self._drifts(xp, parameters, prior, score)

        def step(carry: tuple, i: Any) -> tuple:
            x, log_forward, log_backward = carry
            n = self.steps - 1 - i
            size, log_scale = self._step(xp, parameters, n)
            mean = x + size * back(x, n + 1)
            earlier = xp.held(mean + xp.np.exp(log_scale) * noise[n])
            ahead = earlier + size * there(earlier, n)
            log_backward = log_backward + log_normal(xp, earlier, mean, log_scale)
            return earlier, log_forward + log_normal(xp, x, ahead, log_scale), log_backward

        nothing = xp.np.zeros_like(end[:, 0])
        x, log_forward, log_backward = xp.loop(step, (end, nothing, nothing), self.steps)
        return Path(end, log_forward + prior.log_density(xp, x), log_backward)

    def log_components(self, xp: Arrays, parameters: dict, end: Any) -> Any:
        """The first component: paths are weighed without theirs."""
        slots = mixture(xp, parameters["prior"]).size
        row = xp.np.where(xp.np.arange(slots) == 0, 0.0, -xp.np.inf)
        return xp.np.broadcast_to(row, (end.shape[0], slots))

    def _step(self, xp: Arrays, parameters: dict, n: Any) -> tuple[Any, Any]:
        """Step size of each coordinate, and the log standard deviation of its noise."""
        # In the precision of the parameters, whatever that of a counter.
        left = xp.np.asarray((self.steps - n) / self.steps, dtype=parameters["step_size"].dtype)
        angle = 0.5 * np.pi * (1.0 + OFFSET - left) / (1.0 + OFFSET)
        schedule = (1.0 - LAST_STEP) * xp.np.cos(angle) ** 2 + LAST_STEP
        size = softplus(xp, parameters["step_size"]) * schedule
        size = size / softplus(xp, parameters["friction"])
        return size, 0.5 * xp.np.log(2.0 * size)

    def _drifts(
        self, xp: Arrays, parameters: dict, prior: Mixture, score: Score | None
    ) -> tuple[Any, Any]:
        """Drift with control of each way, as functions of a state and its place."""
        base = self._base(xp, parameters, prior, score)

        def control(which: str, x: Any, n: Any) -> Any:
            first = xp.np.zeros(x.shape[0], dtype=int)
            return network(xp, parameters[which], x, n, first)

        def there(x: Any, n: Any) -> Any:
            return base(x, n) if self.name == "mcd" else base(x, n) + control("control", x, n)

        def back(x: Any, n: Any) -> Any:
            if self.name == "dis":
                return base(x, n)
            if self.name == "cmcd":
                return base(x, n) - control("control", x, n)
            return base(x, n) + control("reverse", x, n)

        return there, back

    def _base(self, xp: Arrays, parameters: dict, prior: Mixture, score: Score | None) -> Any:
        if not self.needs_score:
            return lambda x, n: prior.score(xp, x)
        if score is None:
            raise ValueError(
                f"The sampler {self.name!r} got no score. Its drift is the gradient of the target."
            )
        gains = softplus(xp, parameters["annealing"])
        path = xp.np.concatenate(
            [xp.np.zeros_like(gains[:1]), xp.np.cumsum(gains) / xp.np.sum(gains)]
        )

        def base(x: Any, n: Any) -> Any:
            target = score(x)
            length = xp.np.sqrt(xp.np.sum(target * target, axis=-1, keepdims=True) + 1e-30)
            target = target * xp.np.minimum(1.0, LONGEST_SCORE / length)
            return path[n] * target + (1.0 - path[n]) * prior.score(xp, x)

        return base


def _step_parameter(step_size: float, prior: dict[str, np.ndarray], friction: float) -> np.ndarray:
    """Parameter of a first step that does not overshoot the narrowest component."""
    longest = OVERSHOOT * _smallest_variance(prior) * friction
    return np.array(_inverse_softplus(min(step_size, longest)))


def _inverse_softplus(value: float) -> float:
    return float(np.log(np.expm1(value)))


def _smallest_variance(prior: dict[str, np.ndarray]) -> float:
    """Of any component in use, in any direction."""
    factors = mixture(NUMPY, prior).factors[in_use(prior)]
    return float(np.linalg.svd(factors, compute_uv=False).min()) ** 2
