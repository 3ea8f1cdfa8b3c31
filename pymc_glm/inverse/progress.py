"""PyMC's progress bar for a number of steps."""

from __future__ import annotations

from typing import Any

from pymc.progress_bar import ProgressBarManager, ProgressBarOptions

__all__ = ["StepProgress"]

# Updates in all: more of them are not seen, and cost time.
UPDATES = 100


class StepProgress(ProgressBarManager):
    """One bar for the reverse steps.

    Parameters
    ----------
    progressbar : bool or str
        As in `pymc.sample`.
    steps : int
        How many there are.
    """

    step_name = "Step"

    def __init__(self, progressbar: bool | ProgressBarOptions, steps: int) -> None:
        super().__init__(n_bars=1, progressbar=progressbar)
        self._steps = steps
        self._taken = 0
        self._shown = 0
        self._backend = self._create_backend(
            total=steps, progress_columns=[], progress_stats={"step": [0], "marker_pos": [0]}
        )

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Move the bar, as `advance` does."""
        self.advance(*args, **kwargs)

    def advance(self) -> None:
        """Count one step."""
        self._taken += 1
        due = (self._taken - self._shown) * UPDATES >= self._steps
        if not self._show_progress or not (due or self._taken == self._steps):
            return
        self._backend.update(
            task_id=0,
            advance=self._taken - self._shown,
            failing=False,
            stats={"step": self._taken},
            is_last=self._taken == self._steps,
            total=self._steps,
        )
        self._shown = self._taken
