"""Microcanonical Langevin dynamics of blackjax: fast, and biased, since it rejects nothing."""

from __future__ import annotations

import time

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymc import Model
    from xarray import DataTree

__all__ = ["mclmc"]

STEPS_PER_DRAW = 10
START_SPREAD = 0.1
# What is learned on the way from the start to the posterior is not what the posterior needs.
TUNINGS = 2


def mclmc(
    *,
    model: Model,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    random_seed: int,
    progressbar: bool,
) -> DataTree:
    """Sample by blackjax's microcanonical Langevin dynamics, without Metropolis adjustment.

    The draws are biased: the step size is tuned for an energy error of 5e-4 per dimension, and no
    step is rejected. The trajectory is thinned to every tenth step, or fewer in 400 dimensions
    and more. Step size, decoherence length and diagonal preconditioner are tuned in each chain by
    ``blackjax.mclmc_find_L_and_step_size``, twice, over three tenths of as many steps as are drawn
    each; the first tuning is discarded.

    Parameters
    ----------
    model, draws, tune, chains, cores, random_seed, progressbar
        As in `pymc_glm.compare.runners.Sampler`. ``tune`` and ``progressbar`` are not used.

    Returns
    -------
    tree : DataTree
        Compilation, tuning and sampling are timed apart. The attribute ``unadjusted`` of the
        posterior is 1.

    References
    ----------
    Robnik, De Luca, Silverstein, Seljak (2023), JMLR 24(311), arXiv:2212.08549.
    """
    import jax

    from jax.flatten_util import ravel_pytree
    from pymc.sampling.jax import get_jaxified_logp

    from pymc_glm.operators import jax_dispatch  # noqa: F401 teaches JAX the models' operators
    from pymc_glm.sampling.posterior import to_datatree

    jax.config.update("jax_enable_x64", True)
    began = time.perf_counter()
    model_logp = get_jaxified_logp(model)
    names = [value.name for value in model.value_vars]
    start = model.initial_point()
    center, unravel = ravel_pytree([np.asarray(start[name], dtype=float) for name in names])
    thin = max(STEPS_PER_DRAW, len(center) // 40)
    rng = np.random.default_rng(random_seed)
    positions = center + START_SPREAD * rng.standard_normal((chains, len(center)))

    start_chain, tune_chain, draw_chain = _stages(
        lambda position: model_logp(unravel(position)), draws, thin
    )
    keys = jax.random.split(jax.random.key(random_seed), (3, chains))
    states = [start_chain(*pair) for pair in zip(positions, keys[0], strict=True)]
    tuned_shapes = jax.eval_shape(tune_chain, states[0], keys[1][0])
    tune_compiled = jax.jit(tune_chain).lower(states[0], keys[1][0]).compile()
    draw_compiled = jax.jit(draw_chain).lower(*tuned_shapes, keys[2][0]).compile()
    compile_s = time.perf_counter() - began

    with ThreadPoolExecutor(cores) as pool:
        began = time.perf_counter()
        tuned = list(pool.map(_blocking(tune_compiled), states, keys[1]))
        tuning_s = time.perf_counter() - began
        began = time.perf_counter()
        drawn = list(pool.map(_blocking(draw_compiled), *zip(*tuned, strict=True), keys[2]))
        sampling_s = time.perf_counter() - began
    by_variable = jax.vmap(jax.vmap(unravel))(jax.numpy.stack(drawn))
    values = dict(zip(names, map(np.asarray, by_variable), strict=True))
    attributes: dict[str, object] = {
        "sampling_time": sampling_s,
        "tuning_time": tuning_s,
        "compile_time": compile_s,
        "unadjusted": 1,
    }
    statistics = {"n_steps": np.full((chains, draws), thin)}
    return to_datatree(model, values, statistics, attributes)


def _stages(logdensity: Callable, draws: int, thin: int) -> tuple[Callable, ...]:
    """Three functions for one chain: start it, tune it, draw from it."""
    import blackjax
    import jax

    kernel = blackjax.mcmc.mclmc.build_kernel()

    def start_chain(position, key):
        return blackjax.mcmc.mclmc.init(position, logdensity, key)

    def tune_chain(state, key):
        def tune_once(state, key):
            state, parameters, _ = blackjax.mclmc_find_L_and_step_size(
                kernel, draws * thin, state, key, logdensity_fn=logdensity
            )
            return state, parameters

        state, parameters = jax.lax.scan(tune_once, state, jax.random.split(key, TUNINGS))
        return state, jax.tree.map(lambda values: values[-1], parameters)

    def draw_chain(state, parameters, key):
        def step(state, key):
            state, _ = kernel(
                key,
                state,
                logdensity,
                parameters.inverse_mass_matrix,
                parameters.L,
                parameters.step_size,
            )
            return state, None

        def keep(state, key):
            state, _ = jax.lax.scan(step, state, jax.random.split(key, thin))
            return state, state.position

        return jax.lax.scan(keep, state, jax.random.split(key, draws))[1]

    return start_chain, tune_chain, draw_chain


def _blocking(function: Callable) -> Callable:
    """JAX returns before it has computed; a clock must wait."""
    import jax

    return lambda *arguments: jax.block_until_ready(function(*arguments))
