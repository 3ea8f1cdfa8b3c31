"""Small networks with a bias for each step of a path and each component of the mixture."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_glm.diffusion.arrays import Arrays, gelu

__all__ = ["network", "new_network"]

CLIP = 5.0


def new_network(
    rng: np.random.Generator, d: int, outputs: int, steps: int, components: int, width: int
) -> dict[str, np.ndarray]:
    """Parameters of a network whose outputs are zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        It is advanced.
    d, outputs : int
        Numbers of inputs and outputs.
    steps, components : int
        Numbers of steps and of components that have biases of their own.
    width : int
        Units of each of two hidden layers.

    Returns
    -------
    parameters : dict of str to ndarray
    """
    return {
        "first": rng.normal(size=(2 * d, width)) / np.sqrt(2 * d),
        "step": 0.3 * rng.normal(size=(steps + 1, width)),
        "component": 0.3 * rng.normal(size=(components, width)),
        "second": rng.normal(size=(width, width)) / np.sqrt(width),
        "second_bias": np.zeros(width),
        "last": np.zeros((width, outputs)),
        "last_bias": np.zeros((steps + 1, outputs)),
    }


def network(xp: Arrays, parameters: dict[str, Any], z: Any, step: Any, component: Any) -> Any:
    """Outputs at standardised inputs.

    Inputs enter clipped, which resolves the bulk, and as inverse hyperbolic sines, which tell far
    points apart.

    Parameters
    ----------
    xp : Arrays
        Where arrays live.
    parameters : dict of str to array
        As of `new_network`.
    z : array, shape (n, d)
        Inputs, about of unit scale.
    step : int
        Place on the path.
    component : array of int, shape (n,)
        Component of the mixture in which each path began.

    Returns
    -------
    outputs : array, shape (n, outputs)
    """
    features = xp.np.concatenate([xp.np.clip(z, -CLIP, CLIP), xp.np.arcsinh(z)], axis=-1)
    bias = parameters["step"][step] + parameters["component"][component]
    hidden = gelu(xp, features @ parameters["first"] + bias)
    hidden = gelu(xp, hidden @ parameters["second"] + parameters["second_bias"])
    return hidden @ parameters["last"] + parameters["last_bias"][step]
