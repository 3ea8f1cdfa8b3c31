"""PyMC's progress bars for compiled chains."""

from __future__ import annotations

from pymc.progress_bar import ProgressBarManager, ProgressBarOptions
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
        bars = 1 if self.combined_progress else chains
        self._done = [0] * bars
        self._seconds = [0.0] * bars
        self._backend = self._create_backend(
            total=self._total,
            progress_columns=[],
            progress_stats={"draw": [0] * chains, "marker_pos": [self._tune] * chains},
        )

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
            stats=stats,
            is_last=done == self._total,
            total=self._total,
        )
