"""Where arrays live: one text of each kernel runs on NumPy for draws and on JAX for training.

What is simulated and what is weighed are then the same numbers, whichever of the two is at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["NUMPY", "Arrays", "gelu", "jax_arrays", "log_sum_exp", "sigmoid", "softplus"]

# Longer loops are rolled up for JAX, whose compilation unrolls them.
MOST_UNROLLED = 8


class Arrays(NamedTuple):
    """A namespace of array functions and what namespaces do not share.

    Attributes
    ----------
    np : module
        `numpy` or `jax.numpy`.
    loop : callable
        ``loop(step, carry, count)`` gives ``step(carry, i)`` for i = 0, 1, ... in turn.
    detached : callable
        Its argument, as a constant to derivatives.
    held : callable
        The same for states of a path: the identity where derivatives pass through them.
    """

    np: Any
    loop: Callable[[Callable, Any, int], Any]
    detached: Callable[[Any], Any]
    held: Callable[[Any], Any]


def _python_loop(step: Callable, carry: Any, count: int) -> Any:
    for index in range(count):
        carry = step(carry, index)
    return carry


def _same(x: Any) -> Any:
    return x


NUMPY = Arrays(np, _python_loop, _same, _same)


def jax_arrays() -> Arrays:
    """JAX's namespace. Importing it is left to the process that trains."""
    import jax

    def loop(step: Callable, carry: Any, count: int) -> Any:
        if count <= MOST_UNROLLED:
            return _python_loop(step, carry, count)
        return jax.lax.fori_loop(0, count, lambda index, state: step(state, index), carry)

    return Arrays(jax.numpy, loop, jax.lax.stop_gradient, _same)


def softplus(xp: Arrays, x: Any) -> Any:
    """log(1 + exp(x))."""
    return xp.np.logaddexp(x, 0.0)


def sigmoid(xp: Arrays, x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 0.5 * (1.0 + xp.np.tanh(0.5 * x))


def gelu(xp: Arrays, x: Any) -> Any:
    """The Gaussian error linear unit in its form with a hyperbolic tangent."""
    return 0.5 * x * (1.0 + xp.np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def log_sum_exp(xp: Arrays, x: Any, axis: int = -1) -> Any:
    """Log sum exp(x) along an axis."""
    top = xp.detached(xp.np.max(x, axis=axis, keepdims=True))
    top = xp.np.where(xp.np.isfinite(top), top, 0.0)
    return xp.np.squeeze(top, axis) + xp.np.log(xp.np.sum(xp.np.exp(x - top), axis=axis))
