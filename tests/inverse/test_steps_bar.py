"""The bar of steps, shown as it is by default."""

from pymc_glm.inverse.progress import StepProgress


def test_the_bar_can_be_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with StepProgress(progressbar=True, steps=250) as bar:
        for _ in range(250):
            bar.advance()
    shown = capsys.readouterr().out
    assert "Step" in shown and "250" in shown
