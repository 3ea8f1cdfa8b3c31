"""PyMC's progress bar for a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc.progress_bar import ProgressBarManager, ProgressBarOptions
from rich.progress import TextColumn
from rich.table import Column

__all__ = ["FitProgress"]

COLUMNS = {"stage": "Stage", "elbo": "ELBO", "eubo": "EUBO", "bound": "Jumps >"}
TOTAL = 100
# Where each stage begins and ends, in shares of the bar.
STAGES = {
    "warm-up": (0.0, 0.08),
    "search": (0.08, 0.1),
    "mixture": (0.1, 0.12),
    "compiling": (0.12, 0.13),
    "training": (0.13, 1.0),
    "done": (1.0, 1.0),
}


class FitProgress(ProgressBarManager):
    """One bar for all stages.

    Parameters
    ----------
    progressbar : bool or str
        As in `pymc.sample`.
    """

    step_name = "Percent"

    def __init__(self, progressbar: bool | ProgressBarOptions = True) -> None:
        super().__init__(n_bars=1, progressbar=progressbar)
        self._done = 0
        self._backend = self._create_backend(
            total=TOTAL,
            progress_columns=[
                TextColumn(f"{{task.fields[{name}]}}", table_column=Column(title, ratio=1))
                for name, title in COLUMNS.items()
            ],
            progress_stats={"percent": [0], "marker_pos": [0], **{name: ["-"] for name in COLUMNS}},
        )

    def finish(self) -> None:
        """Fill the bar: training is not always needed."""
        self.show({"stage": "done", "done": 1, "total": 1})

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Move the bar, as `show` does."""
        self.show(*args, **kwargs)

    def show(self, progress: dict[str, Any]) -> None:
        """Move the bar.

        Parameters
        ----------
        progress : dict
            What `pymc_glm.diffusion.fitting.fit` sends.
        """
        if not self._show_progress:
            return
        begin, end = STAGES[progress["stage"]]
        done = int(TOTAL * (begin + (end - begin) * progress["done"] / progress["total"]))
        self._backend.update(
            task_id=0,
            advance=max(done - self._done, 0),
            failing=False,
            stats={"percent": done, **_figures(progress)},
            is_last=done == TOTAL,
            total=TOTAL,
        )
        self._done = max(done, self._done)


def _figures(progress: dict[str, Any]) -> dict[str, str]:
    elbo, eubo = progress.get("elbo", np.nan), progress.get("eubo", np.nan)
    # Pinsker's inequality, for acceptance in equilibrium.
    bound = 1.0 - np.sqrt(max(eubo - elbo, 0.0) / 2.0)
    return {
        "stage": progress["stage"],
        "elbo": f"{elbo:.3f}" if np.isfinite(elbo) else "-",
        "eubo": f"{eubo:.3f}" if np.isfinite(eubo) else "-",
        "bound": f"{bound:.2f}" if bound > 0 else "-",
    }
