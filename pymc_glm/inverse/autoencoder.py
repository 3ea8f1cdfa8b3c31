"""Fit a small variational autoencoder to images, with JAX in a process of its own.

Kingma, Welling (2014), arXiv:1312.6114; the variance of pixels around decoded codes is fitted along
with the networks, after Rybkin, Daniilidis, Levine (2021), arXiv:2006.13202.
"""

from __future__ import annotations

import warnings

from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pymc.progress_bar import ProgressBarOptions

from pymc_glm.checks import check_counts, check_positive
from pymc_glm.diffusion.child import Channel, run_apart
from pymc_glm.exceptions import InvalidDataError, SamplingError
from pymc_glm.inverse.checks import finite_array
from pymc_glm.inverse.decoders import NetworkDecoder
from pymc_glm.inverse.progress import StepProgress

__all__ = ["fit_autoencoder"]

# One in so many images is held out, for the variance around decoded codes.
HELD_OUT = 10
# Error of a decoder that is useless, over that of the mean image.
DIVERGED = 4.0
NORM = 10.0

Layers = list[tuple[np.ndarray, np.ndarray]]


class _Job(NamedTuple):
    images: np.ndarray
    latent: int
    hidden: int
    epochs: int
    batch: int
    learning_rate: float
    seed: int


class _Trained(NamedTuple):
    encoder: Layers
    decoder: Layers
    stopped: bool


def fit_autoencoder(
    images: np.ndarray,
    latent: int = 10,
    *,
    hidden: int = 64,
    epochs: int = 60,
    batch: int = 100,
    learning_rate: float = 2e-3,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool | ProgressBarOptions = True,
) -> NetworkDecoder:
    """Fit a variational autoencoder with two hidden layers on each side.

    Coding and decoding lose something: this is a decoder whose codes do not return, as those of
    large image models.

    Parameters
    ----------
    images : ndarray, shape (n, ...)
        Training images with pixels of order one. A tenth of them is held out.
    latent : int
        Length of a code, whose law is near the standard normal.
    hidden : int
        Width of the hidden layers.
    epochs, batch, learning_rate
        Of Adam; the rate falls to a hundredth along a cosine.
    random_seed : int or Generator, optional
        Same seed, same decoder.
    progressbar : bool or str
        As in `pymc.sample`.

    Returns
    -------
    decoder : NetworkDecoder
        Its encoder gives means of codes. Its residual variance is the mean squared error of
        held-out images.

    Raises
    ------
    ImportError
        If JAX or optax is missing.
    InvalidDataError
        If images have values that are NaN or infinite, or are too few.
    SamplingError
        If training diverges.
    ValueError
        If an argument is not positive.

    Warns
    -----
    UserWarning
        If the user interrupts: the decoder is the one so far.

    References
    ----------
    Kingma, Welling (2014), arXiv:1312.6114

    Examples
    --------
    Codes of length two for images of four pixels::

        import numpy as np
        from pymc_glm.inverse import LatentMixturePrior, fit_autoencoder

        images = np.random.default_rng(0).normal(size=(200, 2, 2))
        decoder = fit_autoencoder(images, 2, hidden=8, epochs=2, random_seed=1, progressbar=False)
        prior = LatentMixturePrior.fit(images, decoder, components=2)
    """
    _check_installed()
    images = finite_array(images, "The images", "Leave these images out.")
    if images.ndim < 2 or len(images) < 2 * HELD_OUT:
        raise InvalidDataError(
            f"Got images of shape {images.shape}. The first axis counts them, and"
            f" {2 * HELD_OUT} are the least."
        )
    check_counts(latent=latent, hidden=hidden, epochs=epochs, batch=batch)
    check_positive(learning_rate=learning_rate)
    rng = np.random.default_rng(random_seed)
    x = images.reshape(len(images), -1)[rng.permutation(len(images))]
    held_out, training = x[: len(x) // HELD_OUT], x[len(x) // HELD_OUT :]
    seed = int(rng.integers(2**31))
    job = _Job(training, latent, hidden, epochs, min(batch, len(training)), learning_rate, seed)
    with StepProgress(progressbar, epochs) as bar:
        encoder, decoder, stopped = run_apart(_trained, job, lambda epoch: bar.advance())
    if stopped:
        warnings.warn(
            "Training was interrupted. The decoder is the one so far, and its codes lose more.",
            stacklevel=2,
        )
    network = NetworkDecoder(encoder, decoder, images.shape[1:])
    gap = network.decode(network.encode(held_out)) - held_out
    network.residual_variance = float(np.mean(gap**2))
    spread = float(np.mean((held_out - training.mean(axis=0)) ** 2))
    if not network.residual_variance < np.inf or network.residual_variance > DIVERGED * spread > 0:
        raise SamplingError(
            f"Training has diverged: the mean squared error is {network.residual_variance}. Make"
            f" learning_rate={learning_rate} smaller, or scale images to pixels of order one."
        )
    return network


def _check_installed() -> None:
    missing = [name for name in ("jax", "optax") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"Training needs {' and '.join(missing)}, which cannot be imported. Install"
            ' "pymc-glm[diffusion]", or pass weights to NetworkDecoder, which needs neither.'
        )


def _trained(job: _Job, channel: Channel) -> _Trained:
    import jax
    import jax.numpy as jnp
    import optax

    n, pixels = job.images.shape
    rng = np.random.default_rng(job.seed)
    parameters = {
        # Means and logarithms of standard deviations of codes.
        "encoder": _layers(rng, (pixels, job.hidden, job.hidden, 2 * job.latent)),
        "decoder": _layers(rng, (job.latent, job.hidden, job.hidden, pixels)),
    }
    # Images begin at their mean.
    weight, _ = parameters["decoder"][-1]
    parameters["decoder"][-1] = (weight, job.images.mean(axis=0).astype(np.float32))
    per_epoch = n // job.batch
    rate = optax.cosine_decay_schedule(job.learning_rate, job.epochs * per_epoch, 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(NORM), optax.adam(rate))

    def network(layers: Layers, x: Any) -> Any:
        for weight, bias in layers[:-1]:
            x = jnp.tanh(x @ weight + bias)
        weight, bias = layers[-1]
        return x @ weight + bias

    def loss(parameters: dict[str, Layers], x: Any, noise: Any) -> Any:
        mean, log_spread = jnp.split(network(parameters["encoder"], x), 2, axis=1)
        decoded = network(parameters["decoder"], mean + jnp.exp(log_spread) * noise)
        divergence = 0.5 * (mean**2 + jnp.exp(2.0 * log_spread) - 1.0) - log_spread
        # With the best variance of pixels, whose log-likelihood is this up to a constant.
        return 0.5 * pixels * jnp.log(jnp.mean((decoded - x) ** 2)) + divergence.sum(axis=1).mean()

    def one_step(carry: tuple, batch: tuple) -> tuple:
        parameters, state = carry
        slope = jax.grad(loss)(parameters, *batch)
        updates, state = optimiser.update(slope, state, parameters)
        return (optax.apply_updates(parameters, updates), state), None

    epoch = jax.jit(lambda carry, batches: jax.lax.scan(one_step, carry, batches)[0])
    carry, stopped = (parameters, optimiser.init(parameters)), False
    for done in range(job.epochs):
        order = rng.permutation(n)[: per_epoch * job.batch].reshape(per_epoch, job.batch)
        noise = rng.standard_normal((per_epoch, job.batch, job.latent), dtype=np.float32)
        carry = epoch(carry, (job.images[order].astype(np.float32), noise))
        channel.send(done)
        stopped = channel.is_stopped()
        if stopped:
            break
    found = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float64), carry[0])
    weight, bias = found["encoder"][-1]
    means = (weight[:, : job.latent], bias[: job.latent])
    return _Trained([*found["encoder"][:-1], means], found["decoder"], stopped)


def _layers(rng: np.random.Generator, sizes: tuple[int, ...]) -> Layers:
    return [
        (
            (rng.standard_normal((before, after)) / np.sqrt(before)).astype(np.float32),
            np.zeros(after, dtype=np.float32),
        )
        for before, after in pairwise(sizes)
    ]
