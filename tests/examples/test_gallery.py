"""The gallery's examples run as they are, are short, and print what they are about."""

import re
import subprocess
import sys

from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9][0-9]_*.py"))
SMALL = ["--side", "24", "--draws", "50"]
# What each prints, and the arguments that make it short.
FINDINGS = {
    "01_change_of_level": ("Most probable first year of the low level: 1899", []),
    "02_which_days_are_outliers": ("day 21: stack loss 15", []),
    "03_image_denoising": ("normal mixture differences", SMALL),
    "04_inpainting": ("mask 24 x 24", SMALL),
    "05_deblurring": ("convolution 7 x 7, reflect", SMALL),
    "06_coarse_striped_projected": ("20 projections", SMALL),
    "07_large_image": ("Peak memory: 0.", SMALL),
    "08_image_from_few_pixels": ("exact posterior: 0.9 intervals hold 92% of the pixels", []),
}
# These sample pictures under total variation.
PICTURES = [name for name, (_, arguments) in FINDINGS.items() if arguments]
# These print how close they come to pictures that are known, and write a figure.
FIGURES = [*PICTURES, "08_image_from_few_pixels"]


def test_every_example_says_what_it_finds():
    assert {path.stem for path in EXAMPLES} == set(FINDINGS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    finding, arguments = FINDINGS[path.stem]
    finished = run(path, arguments, tmp_path)
    assert finding in finished.stdout
    if path.stem in PICTURES:
        assert "Gaussian latent machine" in finished.stdout
    if path.stem in FIGURES:
        assert len(re.findall(r"posterior mean \d+\.\d dB", finished.stdout)) >= 1
        [figure] = tmp_path.glob("*.png")
        assert figure.stat().st_size > 10_000


@pytest.mark.slow
def test_the_large_image_goes_on_after_an_interrupt(tmp_path):
    """The first call ends early, and the second at the end."""
    path = next(path for path in EXAMPLES if path.stem == "07_large_image")
    arguments = ["--side", "32", "--draws", "3000", "--seconds", "0.2"]
    finished = run(path, arguments, tmp_path)
    made = re.search(r"first call ended after \[(\d+), (\d+)\] draws", finished.stdout)
    assert min(map(int, made.groups())) < 3000
    assert re.search(r"Peak memory: [01]\.\d\d GiB", finished.stdout)


def run(path, arguments, folder):
    finished = subprocess.run(
        [sys.executable, str(path), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return finished
