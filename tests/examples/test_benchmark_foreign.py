"""Samplers in environments of their own: what they are given, what comes back, how they fail."""

import sys

from pathlib import Path

import bridge
import foreign
import numpy as np
import pymc as pm
import pytest
import samplers
import ugla

from images import phantom
from models import build

from pymc_glm.operators import Convolution, gaussian_kernel

SEED = 20264

WORKER = """
import sys
import numpy as np
task, found, seed = sys.argv[1:]
with np.load(task) as arrays:
    shift, draws = arrays["shift"], int(arrays["draws"])
if draws == 0:
    sys.exit("There is nothing to draw.")
x = shift + np.random.default_rng(int(seed)).normal(size=(draws, shift.size))
np.savez(found, x=x, seconds=2.0)
"""


@pytest.fixture
def stranger(monkeypatch, tmp_path):
    """A sampler whose environment is this one."""
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    monkeypatch.setattr(foreign, "_python", lambda foreign: Path(sys.executable))
    return foreign.Foreign("stranger", (), worker, "nothing")


def test_chains_come_back_stacked_and_repeat(stranger):
    task = {"shift": np.array([0.0, 100.0]), "draws": 5, "tune": 0}
    drawn = foreign.draw_chains(stranger, task, 3, 2, SEED)
    assert drawn["x"].shape == (3, 5, 2)
    assert drawn["x"].mean((0, 1)) == pytest.approx([0.0, 100.0], abs=2.0)
    assert len(np.unique(drawn["x"])) == drawn["x"].size
    again = foreign.draw_chains(stranger, task, 3, 1, SEED)
    np.testing.assert_array_equal(drawn["x"], again["x"])
    # Three chains of two seconds, on two cores and on one, on average.
    assert foreign.elapsed(drawn["seconds"], 2) == 3.0
    assert foreign.elapsed(drawn["seconds"], 1) == 6.0
    assert foreign.elapsed(drawn["seconds"], 8) == 2.0


def test_failed_worker_is_quoted(stranger):
    task = {"shift": np.zeros(1), "draws": 0}
    with pytest.raises(RuntimeError, match=r"stranger ended with status 1\..*nothing to draw"):
        foreign.draw_chains(stranger, task, 1, 1, SEED)


@pytest.mark.parametrize("name", samplers.FOREIGN)
def test_sampler_without_uv_is_skipped(monkeypatch, tmp_path, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(foreign, "_uv", lambda: [str(tmp_path / "uv")])
    with pytest.raises(
        ImportError, match=rf"'{name}' needs .*cannot be made: .*No such file.*\. It takes uv, Py"
    ):
        samplers.sampler_named(name)
    stranger, _ = samplers.FOREIGN[name]
    assert tmp_path in foreign.folder(stranger).parents
    assert not foreign.folder(stranger).exists()
    assert stranger.worker.exists()


def test_bayesbridge_is_given_the_regression():
    for name, p in (("lasso_diabetes", 10), ("horseshoe_diabetes64", 64)):
        prior, X, y = bridge._regression(build(name))
        assert (X.shape, y.shape) == ((442, p), (442,))
        assert prior.exponent == (1.0 if name.startswith("lasso") else 0.5)
        np.testing.assert_allclose(X.mean(0), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "noise", "scale"),
    [("tv1d", 0.1, 0.02), ("tv2d_denoise:16", 0.1, 0.1), ("tv2d_deblur:16", 0.02, 0.05)],
)
def test_ugla_is_given_the_model(name, noise, scale):
    model = build(name)
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    found = ugla.total_variation(model)
    np.testing.assert_allclose(found.data, observed)
    assert (found.noise, found.scale) == pytest.approx((noise, scale))
    if name != "tv2d_deblur:16":
        assert found.transfer.size == 0
        return
    image = phantom(16)
    blurred = np.fft.irfft2(found.transfer * np.fft.rfft2(image), image.shape)
    expected = Convolution(gaussian_kernel(13, 1.5), image.shape).forward(image)
    np.testing.assert_allclose(blurred, expected, atol=1e-12)


def image_model(blur=None, scales=(0.1, 0.1), axes=(0, 1)):
    """An image of 6 x 6 pixels under total variation, in noise."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=(6, 6))
        for axis in axes:
            jumps = pm.math.abs(x[1:] - x[:-1] if axis == 0 else x[:, 1:] - x[:, :-1])
            pm.Potential(f"axis{axis}", -jumps.sum() / scales[axis])
        pm.Normal("y", x if blur is None else blur(x), 0.1, observed=np.eye(6))
    return model


def test_ugla_refuses_what_cuqipy_has_not():
    assert ugla.total_variation(image_model()).scale == 0.1
    with pytest.raises(NotImplementedError, match=r"variables mu, tau, theta: its unknowns are"):
        ugla.total_variation(build("eight_schools"))
    with pytest.raises(NotImplementedError, match=r"not the differences along every axis\. It sam"):
        ugla.total_variation(image_model(axes=(0,)))
    with pytest.raises(NotImplementedError, match="one known scale of noise and one of diff"):
        ugla.total_variation(image_model(scales=(0.1, 0.2)))
    edges = Convolution(gaussian_kernel(3, 1.0), (6, 6), boundary="reflect")
    with pytest.raises(NotImplementedError, match="nor a periodic blur"):
        ugla.total_variation(image_model(blur=edges))
