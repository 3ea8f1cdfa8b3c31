"""What `explain` says of the imaging examples' models: the structure it found, and the solver."""

from __future__ import annotations

import importlib.util

from pathlib import Path

import numpy as np
import pytest

import pymc_glm

EXAMPLES = Path(__file__).parents[2] / "examples"
SIDE = 24

SPARSE = "Gaussian draw: sparse: 576 unknowns, a Cholesky factor with"
EDGES = "jumps  Laplace   1104 x 576  differences"
ITERATIVE = "Gaussian draw: iterative: 576 unknowns linked by 1104 differences and products with"
SOLVED = "preconditioned conjugate gradients, without a factorisation"
EXPECTED = {
    "03_image_denoising": {
        "Gaussian differences": ["jumps  Gaussian  1104 x 576  differences", "identity", SPARSE],
        "Laplace differences": [EDGES, "identity", SPARSE],
        "Student t differences": ["jumps  StudentT  1104 x 576  differences", SPARSE],
        "normal mixture differences": ["NormalMixture  1104 x 576  differences", SPARSE],
    },
    "04_inpainting": {
        "without cosine coefficients": [
            EDGES,
            f"{ITERATIVE} cosine transform 24 x 24, then mask 24 x 24, 454 kept",
            SOLVED,
        ],
        "without a box": [EDGES, "y      Gaussian  558 x 576   selection", SPARSE],
        "without 60% of the pixels": [EDGES, "y      Gaussian  226 x 576   selection", SPARSE],
    },
    "05_deblurring": {
        "Laplace differences": [EDGES, f"{ITERATIVE} convolution 7 x 7, reflect", SOLVED],
        "Gaussian differences": [
            "convolution 7 x 7, reflect",
            "Gaussian draw: spectral: 576 unknowns whose precision is diagonal in the cosine basis",
        ],
    },
    "06_coarse_striped_projected": {
        "means of 3 x 3 pixels": [EDGES, "y      Gaussian  64 x 576    sparse", SPARSE],
        "stripes": [
            "offset    block  24",
            "600 unknowns in 2 block variables",
            "1104 x 600  differences",
            "sparse: 600 unknowns, a Cholesky factor with",
        ],
        "20 projections": ["dense: 256 unknowns have bandwidth 255 at best"],
    },
    "07_large_image": {"deblurring": [EDGES, f"{ITERATIVE} convolution 7 x 7, reflect", SOLVED]},
}


def problems(name, side=SIDE):
    """The problems of an example by title; its file is no module name."""
    spec = importlib.util.spec_from_file_location("example", EXAMPLES / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return {problem.title: problem for problem in example.problems(side)}


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_found_and_how_it_is_solved_is_said(name):
    found = problems(name)
    assert set(found) == set(EXPECTED[name])
    for title, problem in found.items():
        said = repr(pymc_glm.explain(problem.model))
        for words in EXPECTED[name][title]:
            assert words in said, title


def test_projections_of_more_pixels_are_applied():
    """A matrix of many entries is read off small pictures only."""
    found = problems("06_coarse_striped_projected", 96)["20 projections"]
    said = repr(pymc_glm.explain(found.model))
    assert "linked by 8064 differences and products with projections 64 x 64, 20 angles" in said


@pytest.mark.parametrize("name", EXPECTED)
def test_pictures_are_what_the_models_are_of(name):
    """The truth has grey values from 0 to 1, and the variable its shape."""
    for problem in problems(name).values():
        assert 0 <= problem.truth.min() < 0.2 < 0.4 < problem.truth.max() <= 1
        assert problem.model.initial_point()["x"].shape == problem.truth.shape
        assert np.isfinite(problem.shown).mean() >= 0.35
