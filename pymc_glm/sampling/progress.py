"""PyMC's progress bars for compiled chains."""

from __future__ import annotations

import math
import time

from collections.abc import Callable, Sequence
from typing import Self

from pymc.progress_bar import ProgressBarManager, ProgressBarOptions
from rich.progress import ProgressColumn, TextColumn
from rich.table import Column
from rich.theme import Theme

__all__ = ["ChainProgress", "StreamProgress"]


class ChainProgress(ProgressBarManager):
    """One bar per chain, moved in chunks of draws.

    Parameters
    ----------
    chains, draws, tune : int
        Numbers of chains, and of kept and discarded draws in each.
    progressbar : bool or str
        As in `pymc.sample`.
    theme : rich.theme.Theme, optional
        As in `pymc.sample`.
    """

    step_name: str = "Draw"

    def __init__(
        self,
        chains: int,
        draws: int,
        tune: int,
        progressbar: bool | ProgressBarOptions = True,
        theme: Theme | str | None = None,
    ) -> None:
        super().__init__(n_bars=chains, progressbar=progressbar, progressbar_theme=theme)
        repeats = chains if self.combined_progress else 1
        self._tune, self._total = tune * repeats, (draws + tune) * repeats
        bars = 1 if self.combined_progress else chains
        self._done = [0] * bars
        self._seconds = [0.0] * bars
        self._backend = self._create_backend(
            total=self._total,
            progress_columns=self._columns(),
            progress_stats=self._stats(chains)
            | {"draw": [0] * chains, "marker_pos": [self._tune] * chains},
        )

    def _columns(self) -> list[ProgressColumn]:
        """Further columns of the bars."""
        return []

    def _stats(self, chains: int) -> dict[str, list]:
        """What these columns show at first."""
        return {}

    def _latest(self) -> dict[str, object]:
        """What they show now."""
        return {}

    def update(self, chain: int, sweeps: int, seconds: float) -> None:
        """Move a chain's bar by the sweeps it made in some seconds."""
        if not self._show_progress:
            return
        bar = 0 if self.combined_progress else chain
        self._done[bar] += sweeps
        self._seconds[bar] += seconds
        done = self._done[bar]
        stats: dict[str, object] = {"draw": done - self._tune if done > self._tune else done}
        if done == self._total:
            # The bar measures no speed in a run shorter than a quarter of a second.
            speed = done / max(self._seconds[bar], 1e-9)
            stats |= {"sampling_speed": speed, "speed_unit": "draws/s"}
        self._backend.update(
            task_id=bar,
            advance=sweeps,
            failing=False,
            stats=stats | self._latest(),
            is_last=done == self._total,
            total=self._total,
        )


class StreamProgress(ChainProgress):
    """Bars with the largest R-hat among all entries, looked up now and then.

    Parameters
    ----------
    worst_rhat : callable
        Computes it, NaN where it is not defined yet.
    chains, draws, tune, progressbar, theme
        As in `ChainProgress`.
    done : sequence of int, optional
        Sweeps that each chain has made already.
    """

    # Share of the time that may go into looking it up.
    SHARE = 0.02
    LEAST_SECONDS = 1.0

    def __init__(
        self,
        worst_rhat: Callable[[], float],
        chains: int,
        draws: int,
        tune: int,
        progressbar: bool | ProgressBarOptions = True,
        theme: Theme | str | None = None,
        done: Sequence[int] = (),
    ) -> None:
        super().__init__(chains, draws, tune, progressbar, theme)
        self._worst_rhat = worst_rhat
        self._shown = "-"
        self._next = 0.0
        self._before = done

    def __enter__(self) -> Self:
        super().__enter__()
        for chain, sweeps in enumerate(self._before):
            if sweeps:
                self.update(chain, sweeps, 0.0)
        return self

    def _columns(self) -> list[ProgressColumn]:
        return [
            TextColumn("{task.fields[worst_rhat]}", table_column=Column("Worst R-hat", ratio=1))
        ]

    def _stats(self, chains: int) -> dict[str, list]:
        return {"worst_rhat": ["-"] * chains}

    def _latest(self) -> dict[str, object]:
        began = time.perf_counter()
        if self.full_stats and began >= self._next:
            worst = self._worst_rhat()
            self._shown = "-" if math.isnan(worst) else f"{worst:.3f}"
            ended = time.perf_counter()
            self._next = ended + max(self.LEAST_SECONDS, (ended - began) / self.SHARE)
        return {"worst_rhat": self._shown}
