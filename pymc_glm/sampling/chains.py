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

__all__ = ["ChainRun", "ChainWorker", "run_chains", "run_workers"]

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
    buffers = [
        empty_draws((len(starts), draws, *np.shape(value)), np.asarray(value).dtype)
        for value in starts[0]
    ]
    workers = [
        _StoringWorker(index, chain, start, rng, constants, draws, tune, buffers)
        for index, (start, rng) in enumerate(zip(starts, rngs, strict=True))
    ]
    seconds, interruption = run_workers(workers, cores, progress)
    return _gather(workers, buffers, seconds, interruption)


def run_workers(
    workers: Sequence[ChainWorker], cores: int, progress: ChainProgress
) -> tuple[float, BaseException | None]:
    """Run workers in threads until all have finished, or one has failed, or the user interrupts.

    Parameters
    ----------
    workers : sequence of ChainWorker
        One for each chain.
    cores : int
        Number of chains that run at once.
    progress : ChainProgress
        Bars to move.

    Returns
    -------
    seconds : float
        Wall time.
    interruption : BaseException or None
        What ended the run early, if anything did.
    """
    stop = threading.Event()
    reports: queue.SimpleQueue = queue.SimpleQueue()
    interruption: BaseException | None = None
    began = time.perf_counter()
    # One BLAS thread for each chain: more would fight over the cores.
    with threadpool_limits(1, "blas"), progress, ThreadPoolExecutor(cores) as executor:
        futures = [executor.submit(worker.run, stop, reports) for worker in workers]
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
    return seconds, interruption


def _gather(
    workers: Sequence[ChainWorker],
    buffers: list[np.ndarray],
    seconds: float,
    interruption: BaseException | None,
) -> ChainRun:
    done = min(worker.done for worker in workers)
    share = tuning_share(workers)
    return ChainRun(
        states=[buffer[:, :done] for buffer in buffers],
        sweep_seconds=np.stack([worker.sweep_seconds[:done] for worker in workers]),
        done=done,
        tuning_seconds=seconds * share,
        sampling_seconds=seconds * (1.0 - share),
        interruption=interruption,
    )


def tuning_share(workers: Sequence[ChainWorker]) -> float:
    """Share of the workers' time that went into sweeps that are discarded."""
    tuning = sum(worker.seconds["tune"] for worker in workers)
    busy = tuning + sum(worker.seconds["draw"] for worker in workers)
    return tuning / max(busy, 1e-12)


def _show_until_finished(reports: queue.SimpleQueue, progress: ChainProgress) -> None:
    """Move the bars until one more worker has finished."""
    while True:
        report = reports.get()
        if report is None:
            return
        progress.update(*report)


class ChainWorker:
    """One chain: its state, its generator and its clock. A subclass says where its draws go.

    Parameters
    ----------
    index : int
        Number of the chain.
    chain : callable
        A compiled chain.
    start : list of ndarray
        The starting state.
    rng : numpy.random.Generator
        The chain's generator.
    constants : tuple of ndarray
        Arrays that every sweep reads.
    draws, tune : int
        Numbers of kept and discarded sweeps.
    """

    def __init__(
        self,
        index: int,
        chain: Callable,
        start: list[np.ndarray],
        rng: np.random.Generator,
        constants: tuple[np.ndarray, ...],
        draws: int,
        tune: int,
    ) -> None:
        self.index, self.chain, self.rng, self.constants = index, chain, rng, constants
        self.state = [np.array(value, order="C") for value in start]
        self.draws, self.tune = draws, tune
        self.done = self.tuned = 0
        self.sweep_seconds = np.zeros(draws)
        self.seconds = {"tune": 0.0, "draw": 0.0}
        self.chunk = FIRST_CHUNK

    def discarded(self, size: int) -> list[np.ndarray]:
        """Buffers for sweeps that are not kept."""
        return [np.empty((size, *value.shape), value.dtype) for value in self.state]

    def kept(self, size: int) -> list[np.ndarray]:
        """Buffers for the next draws."""
        raise NotImplementedError

    def take(self, size: int) -> None:
        """Do something with draws that were made; `done` does not count them yet."""

    def finish_chunk(self) -> None:
        """Do something between chunks."""

    def run(self, stop: threading.Event, reports: queue.SimpleQueue) -> None:
        """Make all sweeps that are left, or as many as there is time for."""
        try:
            while self.tuned < self.tune and not stop.is_set():
                size = min(self.chunk, self.tune - self.tuned)
                self._sweep(self.discarded(size), "tune", reports)
                self.tuned += size
                self.finish_chunk()
            while self.done < self.draws and not stop.is_set():
                size = min(self.chunk, self.draws - self.done)
                seconds = self._sweep(self.kept(size), "draw", reports)
                self.sweep_seconds[self.done : self.done + size] = seconds / size
                self.take(size)
                self.done += size
                self.finish_chunk()
        except BaseException:
            stop.set()
            raise
        finally:
            reports.put(None)

    def _sweep(self, buffers: list[np.ndarray], phase: str, reports: queue.SimpleQueue) -> float:
        began = time.perf_counter()
        self.state = list(self.chain(self.rng, *self.state, *buffers, *self.constants))
        seconds = time.perf_counter() - began
        size = len(buffers[0])
        self.seconds[phase] += seconds
        self.chunk = max(1, min(self.most(), int(size * CHUNK_SECONDS / max(seconds, 1e-9))))
        reports.put((self.index, size, seconds))
        return seconds

    def most(self) -> int:
        """Most sweeps of one chunk."""
        return 100_000


class _StoringWorker(ChainWorker):
    """A chain whose draws all stay in memory."""

    def __init__(self, index, chain, start, rng, constants, draws, tune, buffers) -> None:
        super().__init__(index, chain, start, rng, constants, draws, tune)
        self.buffers = [buffer[index] for buffer in buffers]

    def kept(self, size: int) -> list[np.ndarray]:
        return [buffer[self.done : self.done + size] for buffer in self.buffers]
