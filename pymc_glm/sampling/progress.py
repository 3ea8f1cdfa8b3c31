"""PyMC's progress bars for compiled chains."""

from __future__ import annotations

from pymc.progress_bar import ProgressBarManager, ProgressBarOptions
from rich.progress import TextColumn
from rich.table import Column
from rich.theme import Theme

__all__ = ["ChainProgress"]


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
        self._done = [0] * (1 if self.combined_progress else chains)
        column = Column("Sweeps/s", min_width=8, no_wrap=True)
        self._backend = self._create_backend(
            total=self._total,
            progress_columns=[TextColumn("{task.fields[speed]}", table_column=column)],
            progress_stats={
                "speed": [""] * chains,
                "draw": [0] * chains,
                "marker_pos": [self._tune] * chains,
            },
        )

    def update(self, chain: int, sweeps: int, seconds: float) -> None:
        """Move a chain's bar by the sweeps it made in some seconds."""
        if not self._show_progress:
            return
        bar = 0 if self.combined_progress else chain
        self._done[bar] += sweeps
        done = self._done[bar]
        self._backend.update(
            task_id=bar,
            advance=sweeps,
            failing=False,
            stats={
                "speed": f"{sweeps / max(seconds, 1e-9):,.0f}",
                "draw": done - self._tune if done > self._tune else done,
            },
            is_last=done == self._total,
            total=self._total,
        )
