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

from pymc_glm.sampling.progress import ChainProgress

__all__ = ["ChainDraws", "ChainRun", "run_chains"]

# Long enough that the loop around chunks costs nothing, short enough for a lively bar.
CHUNK_SECONDS = 0.15
FIRST_CHUNK = 10


class ChainDraws(NamedTuple):
    """What one chain drew.

    Attributes
    ----------
    states : list of ndarray, each of shape (draws, ...)
        The block in the drawn order, then the hyperparameters.
    sweep_seconds : ndarray, shape (draws,)
        Seconds per sweep, averaged over the chunk a draw belongs to.
    done : int
        Number of draws made.
    tuning_seconds, sampling_seconds : float
        Time spent in each phase.
    """

    states: list[np.ndarray]
    sweep_seconds: np.ndarray
    done: int
    tuning_seconds: float
    sampling_seconds: float


class ChainRun(NamedTuple):
    """What all chains drew, the wall time, and what ended the run early, if anything did."""

    chains: list[ChainDraws]
    seconds: float
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
    workers = [
        _Worker(index, chain, start, rng, constants, draws, tune, stop, reports)
        for index, (start, rng) in enumerate(zip(starts, rngs, strict=True))
    ]
    began = time.perf_counter()
    interruption: BaseException | None = None
    # One BLAS thread for each chain: more would fight over the cores.
    with threadpool_limits(1, "blas"), progress, ThreadPoolExecutor(cores) as executor:
        futures = [executor.submit(worker.run) for worker in workers]
        try:
            for _ in workers:
                _show_until_finished(reports, progress)
        except KeyboardInterrupt as interrupt:
            interruption = interrupt
        stop.set()
    for future in futures:
        interruption = interruption or future.exception()
    return ChainRun([worker.result() for worker in workers], time.perf_counter() - began, interruption)


def _show_until_finished(reports: queue.SimpleQueue, progress: ChainProgress) -> None:
    """Move the bars until one more worker has finished."""
    while True:
        report = reports.get()
        if report is None:
            return
        progress.update(*report)


class _Worker:
    """One chain: its buffers, its state and its clock."""

    def __init__(self, index, chain, start, rng, constants, draws, tune, stop, reports) -> None:
        self.index, self.chain, self.rng, self.constants = index, chain, rng, constants
        self.state = [np.array(value, dtype=float, order="C") for value in start]
        self.draws, self.tune = draws, tune
        self.stop, self.reports = stop, reports
        self.buffers = [np.empty((draws, *value.shape)) for value in self.state]
        self.sweep_seconds = np.zeros(draws)
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
            scratch = [np.empty((size, *value.shape)) for value in self.state]
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

    def result(self) -> ChainDraws:
        return ChainDraws(
            [buffer[: self.done] for buffer in self.buffers],
            self.sweep_seconds[: self.done],
            self.done,
            self.seconds["tune"],
            self.seconds["draw"],
        )
