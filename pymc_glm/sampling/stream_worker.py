"""A chain whose draws are summarised and dropped."""

from __future__ import annotations

import queue
import threading
import time

from collections.abc import Callable, Sequence

import numpy as np

from pymc_glm.machine import LatentMachine
from pymc_glm.sampling.accumulators import Accumulators
from pymc_glm.sampling.chains import ChainWorker
from pymc_glm.sampling.checkpoint import Checkpoints, Snapshot
from pymc_glm.sampling.kept import KeptVariable, Sink, Variable
from pymc_glm.sampling.posterior import UserScale, value_draws

__all__ = ["StreamWorker", "chunk_rows"]

# Numbers of one chunk: it should stay in the cache until it is summarised.
CHUNK_SCALARS = 2**17
LEAST_ROWS = 4
MOST_ROWS = 1024


def chunk_rows(entries: int) -> int:
    """Most draws of one chunk."""
    return max(LEAST_ROWS, min(MOST_ROWS, CHUNK_SCALARS // max(1, entries)))


class StreamWorker(ChainWorker):
    """One chain, its accumulators and its buffers; nothing of it is shared with other chains.

    Parameters
    ----------
    index, chain, start, rng, constants, draws, tune
        As in `ChainWorker`.
    machine : LatentMachine
        The machine that is sampled.
    user_scale : UserScale
        From value variables to the variables that are summarised.
    variables : sequence of Variable
        Their places.
    kept : sequence of KeptVariable
        Draws to keep.
    sink : Sink
        Where they go.
    quantiles : sequence of float
        Probabilities.
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
        *,
        machine: LatentMachine,
        user_scale: UserScale,
        variables: Sequence[Variable],
        kept: Sequence[KeptVariable],
        sink: Sink,
        quantiles: Sequence[float],
    ) -> None:
        super().__init__(index, chain, start, rng, constants, draws, tune)
        self._machine, self._user_scale = machine, user_scale
        self._variables, self._kept, self._sink = variables, kept, sink
        size = max(variable.entries.stop for variable in variables)
        self.accumulators = Accumulators(size, draws, quantiles)
        self._rows = chunk_rows(size)
        self._buffers = [np.empty((self._rows, *v.shape), v.dtype) for v in self.state]
        self._flat = np.empty((self._rows, size))
        # No draws: this call compiles, here rather than in a thread.
        self.accumulators.take(self._flat[:0])
        self.chunk = min(self.chunk, self._rows)
        self._checkpoints: Checkpoints | None = None
        self._every = np.inf
        self._saved = time.monotonic()
        self._mark = self._now()

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot."""
        self.tuned, self.done = snapshot.tuned, snapshot.done
        self.state = [np.array(value, order="C") for value in snapshot.state]
        self.rng.bit_generator.state = snapshot.generator
        self.sweep_seconds[: self.done] = snapshot.sweep_seconds
        self.seconds = dict(snapshot.seconds)
        self.accumulators.restore(self.done, snapshot.accumulators)
        self._mark = self._now()

    def save_to(self, checkpoints: Checkpoints, every: float) -> None:
        """Write a checkpoint every so many seconds, and at the end."""
        self._checkpoints, self._every = checkpoints, every

    def most(self) -> int:
        """As many sweeps as the buffers have rows."""
        return self._rows

    def discarded(self, size: int) -> list[np.ndarray]:
        """The chain's buffers."""
        return [buffer[:size] for buffer in self._buffers]

    def kept(self, size: int) -> list[np.ndarray]:
        """The chain's buffers."""
        return self.discarded(size)

    def take(self, size: int) -> None:
        """Summarise draws, and keep those that are to be kept."""
        values = self._user_scale(value_draws(self._machine, self.discarded(size)))
        flat = self._flat[:size]
        for variable in self._variables:
            flat[:, variable.entries] = values[variable.name].reshape((size, -1))
        for one in self._kept:
            row, rows = one.of(self.done, flat)
            self._sink.put(one, self.index, row, rows)
        self.accumulators.take(flat)

    def finish_chunk(self) -> None:
        """Remember where the chain is, and write it down now and then."""
        self._mark = self._now()
        if time.monotonic() - self._saved > self._every:
            self._save()

    def run(self, stop: threading.Event, reports: queue.SimpleQueue) -> None:
        """As any chain; at the end, whatever the reason, it is written down where it is."""
        try:
            super().run(stop, reports)
        finally:
            self._save()

    def _now(self) -> Snapshot:
        """Where the chain is; arrays of the state are never written to, accumulators are."""
        return Snapshot(
            self.tuned,
            self.done,
            dict(self.rng.bit_generator.state),
            self.state,
            self.accumulators.arrays,
            self.sweep_seconds[: self.done],
            dict(self.seconds),
        )

    def _save(self) -> None:
        if self._checkpoints is None:
            return
        self._sink.flush(self.index)
        self._checkpoints.save(self.index, self._mark)
        self._saved = time.monotonic()
