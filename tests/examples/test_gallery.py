"""The gallery's examples run as they are, are short, and print what they are about."""

import subprocess
import sys

from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9][0-9]_*.py"))
FINDINGS = {
    "01_change_of_level": "Most probable first year of the low level: 1899",
    "02_which_days_are_outliers": "day 21: stack loss 15",
}


def test_every_example_says_what_it_finds():
    assert {path.stem for path in EXAMPLES} == set(FINDINGS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    finished = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    assert FINDINGS[path.stem] in finished.stdout
