"""The command line, and the data and models behind it."""

import io
import re

import numpy as np
import pytest

from rich.console import Console

from pymc_glm import explain
from pymc_glm.cli import main
from pymc_glm.demo import DEMOS, load_data, run_demo
from pymc_glm.version import __version__


def test_nile_is_the_published_series():
    nile = load_data("nile")
    flow = nile["flow"].to_numpy()
    assert nile["year"].tolist() == list(range(1871, 1971))
    assert flow[:10].tolist() == [1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140]
    assert flow[-1] == 740
    np.testing.assert_allclose([flow.mean(), flow.std(ddof=1)], [919.35, 169.2275], rtol=1e-6)


def test_stack_loss_gives_the_published_least_squares_fit():
    data = load_data("stackloss").to_numpy(float)
    design = np.column_stack([np.ones(21), data[:, :3]])
    coefficients, residual, *_ = np.linalg.lstsq(design, data[:, 3])
    np.testing.assert_allclose(coefficients, [-39.9197, 0.7156, 1.2953, -0.1521], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(residual / 17), 3.243, atol=5e-4)


def test_unknown_data_are_refused():
    with pytest.raises(ValueError, match=r"no data set 'titanic'.*Choose 'nile' or 'stackloss'"):
        load_data("titanic")


@pytest.mark.parametrize(
    ("number", "size", "hyperparameters", "families"),
    [
        (0, 100, ["jump_scale", "sigma"], ["Gaussian", "Laplace"]),
        (1, 4, ["nu", "sigma"], ["Gaussian", "Gaussian", "StudentT"]),
    ],
)
def test_models_of_the_demo_are_recognised_in_full(number, size, hyperparameters, families):
    machine = explain(DEMOS[number].build())
    assert machine.size == size
    assert sorted(hyper.rv_name for hyper in machine.hyperparameters) == hyperparameters
    assert sorted(factor.family.name for factor in machine.factors) == families
    assert not machine.guests
    assert not machine.refused


def test_demo_prints_and_writes_one_offline_page(tmp_path):
    console = Console(record=True, width=120, file=io.StringIO())
    out = run_demo(
        tmp_path / "report.html",
        console=console,
        samplers=["gibbs"],
        draws=300,
        tune=100,
        random_seed=3,
        progressbar=False,
    )
    printed = console.export_text()
    page = out.read_text(encoding="utf-8")
    assert len(page) < 2_000_000
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    for demo in DEMOS:
        assert demo.title in printed
        assert f">{demo.title}</h1>" in page
    for word in ("joint Gaussian draw", "StudentT", "differences", "ESS per second of sampling"):
        assert word in printed
    assert page.count('<h1 id="model-') == len(DEMOS)
    assert page.count("What was recognised") == len(DEMOS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--draws", "3"], "3 draws are too few"),
        (["demo", "--draws", "many"], "invalid"),
        (["demos"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_a_missing_folder_is_noticed_before_sampling(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "nowhere" / "report.html")]) == 2
    assert "does not exist. Create it" in capsys.readouterr().err


def test_missing_matplotlib_is_noticed_before_sampling(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pymc_glm.cli.find_spec", lambda name: None)
    assert main(["demo", "--out", str(tmp_path / "report.html")]) == 2
    assert 'pip install "pymc-glm[plots]"' in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"pymc-glm {__version__}"
