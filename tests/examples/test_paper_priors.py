"""The priors of the paper: what the models are, and how fast they are sampled."""

import json

import numpy as np
import paper_models
import paper_priors
import pymc as pm
import pytest

from paper_models import EXPERTS, STEPS, TOPOLOGIES

import pymc_glm

from pymc_glm.operators import Differences


@pytest.mark.parametrize("name", EXPERTS)
def test_log_densities_are_those_of_the_models(name):
    expert, t = EXPERTS[name], np.array([-2.0, -0.01, 0.0, 0.3, 5.0])
    np.testing.assert_allclose(
        pm.logp(expert.declare(1.0), t).eval(mode="FAST_COMPILE"), expert.log_density(t), rtol=1e-7
    )
    # A multiple of the response, up to the logarithm of the multiple.
    scaled = pm.logp(expert.declare(3.0), t).eval(mode="FAST_COMPILE") - expert.log_density(3.0 * t)
    np.testing.assert_allclose(scaled, np.log(3.0), rtol=1e-7)


def test_small_graphs():
    """One unknown, one with five factors, a cycle of four, and two cycles that share an edge."""
    assert {name: matrix.shape for name, matrix in TOPOLOGIES.items()} == {
        "factor": (1, 1),
        "product": (5, 1),
        "loop": (5, 4),
        "grid": (8, 6),
    }
    for name in ("loop", "grid"):
        matrix = TOPOLOGIES[name]
        assert np.all(matrix[0] == 1.0)
        assert np.all(np.sort(matrix[1:], axis=1)[:, [0, -1]] == [-1.0, 1.0])
        assert np.linalg.matrix_rank(matrix) == matrix.shape[1]


def test_slowest_direction():
    """An eigenvector of the smallest eigenvalue but zero."""
    wave = paper_models.slowest_direction(8)
    differences = Differences((8, 8), boundary="periodic")
    values = np.linalg.eigvalsh((differences.T @ differences).matrix().toarray())
    moved = differences.adjoint(differences.forward(wave))
    np.testing.assert_allclose(moved, values[1] * wave, atol=1e-12)
    assert np.sum(wave**2) == pytest.approx(1.0)


def test_checkerboard():
    board = paper_models.checkerboard(12)
    assert board[0, 0] == board[5, 5] == 0.2
    assert board[0, 4] == board[7, 8] == 0.8


def test_images_are_drawn_by_a_factorisation():
    said = repr(pymc_glm.explain(paper_models.on_image("Laplace", 24)))
    assert "1152 x 576" in said
    assert "Cholesky factor" in said


def test_every_reference_has_a_model():
    models = {name for name, _ in paper_priors.REFERENCE}
    assert models == set(TOPOLOGIES) | {"prior 12", "prior 32", "denoising 12", "denoising 32"}
    assert all(set(steps) == set(EXPERTS) for steps in STEPS.values())


@pytest.mark.slow
def test_shares_agree_and_langevin_is_left_behind(capsys, tmp_path):
    figure = tmp_path / "figure.png"
    arguments = ["--quick", "--json", "--sides", "12", "24", "--figure", str(figure)]
    assert paper_priors.main(arguments) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figure.stat().st_size > 10_000

    shares = found["shares"]
    assert len(shares) == 48
    # Short chains and the noise of the reference leave a few of them outside.
    assert sum(row["within"] for row in shares) >= 40
    assert all(abs(row["share"] - 1.0) < 0.15 for row in shares if row["functional"] == "linear")

    rates = {(row["expert"], row["side"], row["sampler"]): row["per_s"] for row in found["race"]}
    assert len(rates) == 16
    for expert in EXPERTS:
        gibbs, mala = ([rates[expert, side, one] for side in (12, 24)] for one in ("gibbs", "mala"))
        assert gibbs[0] > 20 * mala[0]
        # The gap widens with the side.
        assert gibbs[1] / mala[1] > gibbs[0] / mala[0] or expert == "mixture"
