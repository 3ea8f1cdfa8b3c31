r"""Losses of a path sampler, in JAX.

``elbo``
    :math:`-E_Q \log w`, component by component, so that the weights of the mixture have exact
    gradients of low variance.
``jeffreys``
    The same and :math:`E_{\pi B} \log w` over warm-up draws. Their sum J bounds the acceptance of
    independence Metropolis-Hastings on paths from below by :math:`1 - \sqrt{J / 2}`.
``log_derivative``
    The first by the score function, with paths held: no derivative of the target is taken
    (arXiv:2506.10982).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pymc_glm.diffusion.arrays import Arrays
from pymc_glm.diffusion.kernels import AbstractKernel, Path

__all__ = ["LOSSES", "Losses", "Setting", "loss"]

LOSSES = ("elbo", "jeffreys", "log_derivative")
# Backward paths this far above the median of their batch enter by a logarithm.
FAR = 20.0


class Setting(NamedTuple):
    """What a loss is made of.

    Attributes
    ----------
    kernel : AbstractKernel
        How paths are drawn.
    log_density : callable
        Of n points y, in JAX.
    score : callable or None
        Its gradient, where the kernel needs it.
    name : str
        One of `LOSSES`.
    """

    kernel: AbstractKernel
    log_density: Callable[[Any], Any]
    score: Callable[[Any], Any] | None
    name: str


class Losses(NamedTuple):
    """The loss and the two bounds that it is made of.

    Attributes
    ----------
    value : scalar
        To be minimised.
    elbo, eubo : scalar
        Lower and upper bound of log Z; the latter is NaN where draws are not used.
    """

    value: Any
    elbo: Any
    eubo: Any


def loss(
    xp: Arrays,
    setting: Setting,
    parameters: dict,
    component: Any,
    noise: Any,
    draws: Any,
    draws_component: Any,
    draws_noise: Any,
) -> Losses:
    """The loss of some parameters at given noise.

    Parameters
    ----------
    xp : Arrays
        JAX's.
    setting : Setting
        Which loss of what.
    parameters : dict
        Of the kernel.
    component, noise
        Of forward paths, as many of each component.
    draws, draws_component, draws_noise
        Ends and noise of backward paths; components drawn from the kernel's current ones.

    Returns
    -------
    losses : Losses
    """
    held = setting.name == "log_derivative"
    space = xp._replace(held=xp.detached) if held else xp
    path = setting.kernel.forward(space, parameters, component, noise, setting.score)
    log_weight = setting.log_density(path.end) - path.log_ratio
    log_weight = xp.np.where(xp.np.isfinite(log_weight), log_weight, -1e6)
    share = _share(xp, parameters, component)
    elbo = xp.np.sum(share * log_weight)
    if held:
        return Losses(_by_score(xp, path, log_weight, share), elbo, xp.np.nan)
    if setting.name == "elbo":
        return Losses(-elbo, elbo, xp.np.nan)
    back = setting.kernel.backward(
        xp, parameters, draws, draws_component, draws_noise, setting.score
    )
    upper = setting.log_density(draws) - back.log_ratio
    median = xp.detached(xp.np.median(upper))
    excess = xp.np.maximum(upper - median - FAR, 0.0)
    guarded = xp.np.minimum(upper, median + FAR) + xp.np.log1p(excess)
    probability = setting.kernel.log_components(xp, parameters, draws)
    chosen = xp.np.take_along_axis(probability, draws_component[:, None], axis=1)[:, 0]
    eubo = xp.np.mean(guarded)
    # Components were drawn with probabilities that depend on the parameters.
    drawn = xp.np.mean(xp.detached(guarded - eubo) * chosen)
    return Losses(eubo - elbo + drawn - xp.detached(drawn), elbo, eubo)


def _share(xp: Arrays, parameters: dict, component: Any) -> Any:
    """Weight of each path: that of its component over the number of paths which began there."""
    logits = parameters["prior"]["logits"]
    weights = xp.np.exp(logits - xp.np.max(logits))
    weights = weights / xp.np.sum(weights)
    counts = xp.np.sum(component[:, None] == xp.np.arange(logits.shape[0]), axis=0)
    return (weights / xp.np.maximum(counts, 1))[component]


def _by_score(xp: Arrays, path: Path, log_weight: Any, share: Any) -> Any:
    held = xp.detached(share)
    centred = xp.detached(log_weight - xp.np.sum(held * log_weight))
    return -xp.np.sum(held * (centred * path.log_forward + path.log_backward))
