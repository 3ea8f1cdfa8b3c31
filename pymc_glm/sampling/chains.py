"""Run compiled chains in threads, in chunks, so that bars move and an interrupt loses nothing."""

from __future__ import annotations

import queue
import threading
import time

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from threadpoolctl import threadpool_limits

from pymc_glm.sampling.memory import empty_draws
from pymc_glm.sampling.progress import ChainProgress

__all__ = ["ChainRun", "run_chains"]

# Long enough that the loop around chunks costs nothing, short enough for a lively bar.
CHUNK_SECONDS = 0.15
FIRST_CHUNK = 10


class ChainRun(NamedTuple):
    """What all chains drew.

    Attributes
    ----------
    states : list of ndarray, each of shape (chains, done, ...)
        The block in the drawn order, then the hyperparameters.
    sweep_seconds : ndarray, shape (chains, done)
        Seconds per sweep, averaged over the chunk a draw belongs to.
    done : int
        Number of draws made in every chain.
    tuning_seconds, sampling_seconds : float
        Wall time of each phase.
    interruption : BaseException or None
        What ended the run early, if anything did.
    """

    states: list[np.ndarray]
    sweep_seconds: np.ndarray
    done: int
    tuning_seconds: float
    sampling_seconds: float
    interruption: BaseException | None


def run_chains(
    chain: Callable,
    starts: Sequence[list[np.ndarray]],
    rngs: Sequence[np.random.Generator],
    constants: tuple[np.ndarray, ...],
    draws: int,
    tune: int,
    cores: int,
    progress: ChainProgress,
) -> ChainRun:
    """Run chains in threads; each has its own generator, so the number of cores changes nothing.

    Parameters
    ----------
    chain : callable
        A compiled chain, which runs without the GIL.
    starts : sequence of list of ndarray
        The starting state of each chain.
    rngs : sequence of numpy.random.Generator
        The generator of each chain.
    constants : tuple of ndarray
        Arrays that every sweep reads.
    draws, tune : int
        Numbers of kept and discarded sweeps.
    cores : int
        Number of chains that run at once.
    progress : ChainProgress
        Bars to move.

    Returns
    -------
    run : ChainRun
        Complete, or as far as it got before an interrupt or an error.
    """
    stop = threading.Event()
    reports: queue.SimpleQueue = queue.SimpleQueue()
    interruption: BaseException | None = None
    began = time.perf_counter()
    buffers = [
        empty_draws((len(starts), draws, *np.shape(value)), np.asarray(value).dtype)
        for value in starts[0]
    ]
    workers = [
        _Worker(index, chain, start, rng, constants, tune, buffers, stop, reports)
        for index, (start, rng) in enumerate(zip(starts, rngs, strict=True))
    ]
    # One BLAS thread for each chain: more would fight over the cores.
    with threadpool_limits(1, "blas"), progress, ThreadPoolExecutor(cores) as executor:
        futures = [executor.submit(worker.run) for worker in workers]
        try:
            for _ in workers:
                _show_until_finished(reports, progress)
        except KeyboardInterrupt as interrupt:
            interruption = interrupt
        finally:
            stop.set()
    seconds = time.perf_counter() - began
    for future in futures:
        interruption = interruption or future.exception()
    return _gather(workers, buffers, seconds, interruption)


def _gather(
    workers: list[_Worker],
    buffers: list[np.ndarray],
    seconds: float,
    interruption: BaseException | None,
) -> ChainRun:
    done = min(worker.done for worker in workers)
    tuning = sum(worker.seconds["tune"] for worker in workers)
    busy = tuning + sum(worker.seconds["draw"] for worker in workers)
    tuning_share = tuning / max(busy, 1e-12)
    return ChainRun(
        states=[buffer[:, :done] for buffer in buffers],
        sweep_seconds=np.stack([worker.sweep_seconds[:done] for worker in workers]),
        done=done,
        tuning_seconds=seconds * tuning_share,
        sampling_seconds=seconds * (1.0 - tuning_share),
        interruption=interruption,
    )


def _show_until_finished(reports: queue.SimpleQueue, progress: ChainProgress) -> None:
    """Move the bars until one more worker has finished."""
    while True:
        report = reports.get()
        if report is None:
            return
        progress.update(*report)


class _Worker:
    """One chain: its buffers, its state and its clock."""

    def __init__(
        self,
        index: int,
        chain: Callable,
        start: list[np.ndarray],
        rng: np.random.Generator,
        constants: tuple[np.ndarray, ...],
        tune: int,
        buffers: list[np.ndarray],
        stop: threading.Event,
        reports: queue.SimpleQueue,
    ) -> None:
        self.index, self.chain, self.rng, self.constants = index, chain, rng, constants
        self.state = [np.array(value, order="C") for value in start]
        self.tune = tune
        self.buffers = [buffer[index] for buffer in buffers]
        self.draws = len(self.buffers[0])
        self.stop, self.reports = stop, reports
        self.sweep_seconds = np.zeros(self.draws)
        self.done = 0
        self.seconds = {"tune": 0.0, "draw": 0.0}
        self.chunk = FIRST_CHUNK

    def run(self) -> None:
        try:
            self._tune()
            self._draw()
        except BaseException:
            self.stop.set()
            raise
        finally:
            self.reports.put(None)

    def _tune(self) -> None:
        left = self.tune
        while left and not self.stop.is_set():
            size = min(self.chunk, left)
            scratch = [np.empty((size, *value.shape), value.dtype) for value in self.state]
            self._sweep(scratch, "tune")
            left -= size

    def _draw(self) -> None:
        while self.done < self.draws and not self.stop.is_set():
            size = min(self.chunk, self.draws - self.done)
            rows = slice(self.done, self.done + size)
            seconds = self._sweep([buffer[rows] for buffer in self.buffers], "draw")
            self.sweep_seconds[rows] = seconds / size
            self.done += size

    def _sweep(self, buffers: list[np.ndarray], phase: str) -> float:
        began = time.perf_counter()
        self.state = list(self.chain(self.rng, *self.state, *buffers, *self.constants))
        seconds = time.perf_counter() - began
        size = len(buffers[0])
        self.seconds[phase] += seconds
        self.chunk = max(1, min(100_000, int(size * CHUNK_SECONDS / max(seconds, 1e-9))))
        self.reports.put((self.index, size, seconds))
        return seconds
