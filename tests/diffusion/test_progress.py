"""The bar of a fit: its stages in order, and what it says of training."""

from __future__ import annotations

import numpy as np
import pytest

from pymc_glm.diffusion.progress import STAGES, TOTAL, FitProgress


class Backend:
    """Keeps what a bar is told."""

    def __init__(self) -> None:
        self.told = []

    def update(self, **message):
        self.told.append(message)


@pytest.fixture
def bar(monkeypatch):
    bar = FitProgress(progressbar=True)
    monkeypatch.setattr(bar, "_backend", Backend())
    return bar


def test_stages_fill_the_bar_in_order(bar):
    for stage in STAGES:
        for done in (0, 1, 2):
            bar.show({"stage": stage, "done": done, "total": 2})
    done = [message["stats"]["percent"] for message in bar._backend.told]
    assert done[0] == 0 and done[-1] == TOTAL and np.all(np.diff(done) >= 0)
    assert sum(message["advance"] for message in bar._backend.told) == TOTAL
    assert [message["is_last"] for message in bar._backend.told].index(True) > 3 * len(STAGES) - 6
    begins, ends = zip(*STAGES.values(), strict=True)
    assert begins[1:] == ends[:-1]


def test_jumps_are_bounded_below_by_both_bounds_of_the_evidence(bar):
    figures = {"stage": "training", "done": 1, "total": 2}
    bar.show({**figures, "elbo": -0.08, "eubo": 0.0})
    bar.show({**figures, "elbo": -8.0, "eubo": 9.0})
    bounds = [message["stats"]["bound"] for message in bar._backend.told]
    assert bounds == [f"{1 - np.sqrt(0.04):.2f}", "-"]


def test_the_bar_can_be_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with FitProgress(progressbar=True) as bar:
        bar.show({"stage": "training", "done": 1, "total": 2, "elbo": -0.08, "eubo": 0.0})
        bar.finish()
    assert "percents/s" in capsys.readouterr().out
