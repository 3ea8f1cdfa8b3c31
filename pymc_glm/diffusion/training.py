"""Train the parameters of a path sampler by stochastic gradients, in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pymc_glm.diffusion.arrays import jax_arrays
from pymc_glm.diffusion.kernels import AbstractKernel
from pymc_glm.diffusion.objectives import LOSSES, Setting, loss
from pymc_glm.diffusion.prior import in_use

__all__ = ["CHUNK", "Schedule", "State", "Trainer"]

# Iterations of one call of compiled code: progress is shown, and an interrupt heard, in between.
CHUNK = 50
# Gradients are shortened to this length.
NORM = 10.0


class Schedule(NamedTuple):
    """How training proceeds.

    Attributes
    ----------
    loss : {"elbo", "jeffreys", "log_derivative"}
        What is minimised.
    iterations : int
        Number of gradient steps.
    batch : int
        Paths of each, each way.
    learning_rate : float
        Of Adam at the start; it falls to a hundredth by a cosine.
    alone : int
        So many first iterations use the ELBO alone, whatever the loss.
    learn_prior : bool
        Whether the mixture is trained along.
    """

    loss: str = "jeffreys"
    iterations: int = 2500
    batch: int = 256
    learning_rate: float = 2e-3
    alone: int = 0
    learn_prior: bool = True


class State(NamedTuple):
    """Where training is, in NumPy: what a checkpoint holds.

    Attributes
    ----------
    iteration : int
        Gradient steps taken.
    parameters : dict
        Of the kernel.
    leaves : list of ndarray
        The optimiser's state.
    draws : ndarray, shape (n, d)
        Of y, about of the target.
    """

    iteration: int
    parameters: dict
    leaves: list[np.ndarray]
    draws: np.ndarray


class Trainer:
    """Compiled gradient steps for one kernel and one target.

    Parameters
    ----------
    kernel : AbstractKernel
        How paths are drawn.
    log_density : callable
        Log density of one point y, in JAX.
    schedule : Schedule
        How training proceeds.
    seed : int
        Of all randomness: an iteration's noise depends on it and on nothing else.

    Raises
    ------
    ValueError
        If the loss is unknown.
    """

    def __init__(
        self,
        kernel: AbstractKernel,
        log_density: Callable[[Any], Any],
        schedule: Schedule,
        seed: int,
    ) -> None:
        import jax
        import optax

        if schedule.loss not in LOSSES:
            names = ", ".join(map(repr, LOSSES))
            raise ValueError(f"Got loss={schedule.loss!r}. Choose one of {names}.")
        self.schedule = schedule
        self._jax = jax
        rate = optax.cosine_decay_schedule(schedule.learning_rate, schedule.iterations, 0.01)
        self._optimiser = optax.chain(
            optax.zero_nans(), optax.clip_by_global_norm(NORM), optax.adam(rate)
        )
        batched = jax.vmap(log_density)
        score = jax.vmap(jax.grad(log_density)) if kernel.needs_score else None
        setting = Setting(
            kernel,
            lambda y: batched(y).astype(np.float32),
            None if score is None else lambda y: score(y).astype(np.float32),
            schedule.loss,
        )
        self._chunk = jax.jit(_make_chunk(jax, optax, self._optimiser, setting, schedule, seed))

    def start(self, parameters: dict, draws: np.ndarray) -> State:
        """The state before the first step, with warm-up draws of y."""
        single = self._single(parameters)
        return State(0, self._numpy(single), self._leaves(self._optimiser.init(single)), draws)

    def changed(self, state: State, parameters: dict) -> State:
        """The same place with other parameters, of whose gradients the optimiser knows nothing.

        Moments of Adam that begin at zero long after the first step take steps that are several
        times too long, unless their count begins anew with them.
        """
        single = self._single(parameters)
        fresh = self._optimiser.init(single)
        *clipping, (_, schedule) = self._unflattened(fresh, state.leaves)
        leaves = self._leaves((*clipping, (fresh[-1][0], schedule)))
        return state._replace(parameters=self._numpy(single), leaves=leaves)

    def advance(self, state: State) -> tuple[State, dict[str, float]]:
        """Take some steps.

        Parameters
        ----------
        state : State
            Where training is.

        Returns
        -------
        state : State
            Where it is then.
        progress : dict of str to float
            Mean ``elbo`` and ``eubo`` over the steps.
        """
        parameters = self._single(state.parameters)
        optimiser = self._unflattened(self._optimiser.init(parameters), state.leaves)
        parameters, optimiser, losses = self._chunk(
            parameters, optimiser, state.iteration, np.float32(state.draws)
        )
        leaves = self._leaves(optimiser)
        elbo, eubo = (float(np.mean(np.asarray(part))) for part in losses[1:])
        following = State(state.iteration + CHUNK, self._numpy(parameters), leaves, state.draws)
        return following, {"elbo": elbo, "eubo": eubo}

    def _unflattened(self, like: Any, leaves: list[np.ndarray]) -> Any:
        arrays = [self._jax.numpy.asarray(leaf) for leaf in leaves]
        return self._jax.tree.unflatten(self._jax.tree.structure(like), arrays)

    def _leaves(self, tree: Any) -> list[np.ndarray]:
        return [np.asarray(leaf) for leaf in self._jax.tree.leaves(tree)]

    def _single(self, parameters: dict) -> dict:
        return self._jax.tree.map(lambda x: np.asarray(x, dtype=np.float32), parameters)

    def _numpy(self, parameters: dict) -> dict:
        return self._jax.tree.map(lambda x: np.asarray(x, dtype=np.float64), parameters)


def _make_chunk(
    jax: Any,
    optax: Any,
    optimiser: Any,
    setting: Setting,
    schedule: Schedule,
    seed: int,
) -> Callable:
    """A function that takes `CHUNK` steps."""
    xp = jax_arrays()
    jnp = jax.numpy
    steps = setting.kernel.steps
    root = jax.random.key(seed)
    alone = setting._replace(name="elbo")

    def one(parameters: dict, iteration: Any, draws: Any) -> Any:
        d = draws.shape[1]
        keys = jax.random.split(jax.random.fold_in(root, iteration), 5)
        used = in_use(parameters["prior"])
        # Each component that is used gets as many paths, whatever its weight.
        order = jnp.argsort(~used, stable=True)
        component = order[jnp.arange(schedule.batch) % jnp.sum(used)]
        noise = jax.random.normal(keys[0], (steps + 1, schedule.batch, d), dtype=jnp.float32)
        picked = draws[jax.random.randint(keys[1], (schedule.batch,), 0, len(draws))]
        log_probability = setting.kernel.log_components(xp, parameters, picked)
        back_component = jax.random.categorical(keys[2], log_probability)
        back_noise = jax.random.normal(keys[3], (steps, schedule.batch, d), dtype=jnp.float32)

        def value(parameters: dict) -> Any:
            arguments = (parameters, component, noise, picked, back_component, back_noise)
            if setting.name != "jeffreys" or schedule.alone == 0:
                return _with_parts(loss(xp, setting, *arguments))
            return jax.lax.cond(
                iteration < schedule.alone,
                lambda: _with_parts(loss(xp, alone, *arguments)),
                lambda: _with_parts(loss(xp, setting, *arguments)),
            )

        def _with_parts(losses: Any) -> Any:
            parts = tuple(jnp.asarray(part, dtype=jnp.float32) for part in losses)
            return parts[0], parts

        return jax.grad(value, has_aux=True)(parameters)

    def step(carry: Any, iteration: Any, draws: Any) -> Any:
        parameters, state = carry
        gradient, parts = one(parameters, iteration, draws)
        if not schedule.learn_prior:
            gradient["prior"] = jax.tree.map(jnp.zeros_like, gradient["prior"])
        updates, state = optimiser.update(gradient, state, parameters)
        updates["prior"]["logits"] = jnp.where(
            in_use(parameters["prior"]), updates["prior"]["logits"], 0.0
        )
        return (optax.apply_updates(parameters, updates), state), parts

    def chunk(parameters: dict, state: Any, iteration: Any, draws: Any) -> Any:
        carry, parts = jax.lax.scan(
            lambda carry, index: step(carry, index, draws),
            (parameters, state),
            iteration + jnp.arange(CHUNK, dtype=jnp.int32),
        )
        return *carry, parts

    return chunk
