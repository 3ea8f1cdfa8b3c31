"""Coverage of signals with independent increments: what is measured, and that it can fail."""

import json

import levy_coverage
import numpy as np
import pymc as pm
import pytest

from levy_coverage import OPERATORS, PRIORS, SIZE

SEED = 20264


@pytest.mark.parametrize(
    "name, rows", {"identity": 64, "convolution": 64, "sample": 32, "fourier": 37}.items()
)
def test_operators(name, rows):
    matrix = OPERATORS[name]()
    assert matrix.shape == (rows, SIZE)
    if name == "convolution":
        np.testing.assert_allclose(matrix.sum(axis=0), 1.0)
        assert (np.count_nonzero(matrix, axis=1) == 13).all()
    else:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(rows), atol=1e-12)


@pytest.mark.parametrize("name", PRIORS)
def test_increments_are_those_of_the_model(name):
    prior, t = PRIORS[name], np.array([-3.0, 0.2, 1.0])
    expected = pm.logp(prior.declare(), t).eval(mode="FAST_COMPILE")
    offset = np.log(levy_coverage.JUMP_PROBABILITY) if prior.has_spike else 0.0
    np.testing.assert_allclose(prior.log_density(t), expected + offset, rtol=1e-7)
    drawn = prior.increments(np.random.default_rng(SEED), (100, 100))
    zeros = np.mean(drawn == 0.0)
    # Four standard errors of ten thousand.
    assert zeros == (pytest.approx(0.9, abs=0.012) if prior.has_spike else 0.0)


def test_unknown_prior_is_refused(capsys):
    with pytest.raises(SystemExit):
        levy_coverage.main(["uniform"])
    assert "There is no prior 'uniform'. Choose out of gauss" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name, signals", {"student2": 100, "bernoulli-laplace": 5}.items())
def test_coverage_is_exact(name, signals, capsys):
    assert levy_coverage.main([name, "--operators", "convolution", "--quick", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["signals"] == signals
    assert found["jumps"] == pytest.approx(0.9, abs=4 * found["jumps_se"] + 0.01)
    assert found["signal"] == pytest.approx(0.9, abs=4 * found["signal_se"] + 0.01)


@pytest.mark.slow
def test_a_wrong_noise_is_told(monkeypatch, capsys):
    right = levy_coverage._in_batches

    def wrong(prior, matrix, noise, data, draws, rng):
        return right(prior, matrix, 0.7 * noise, data, draws, rng)

    monkeypatch.setattr(levy_coverage, "_in_batches", wrong)
    assert levy_coverage.main(["laplace", "--operators", "identity", "--quick"]) == 1
    assert "0 of 1 within" in capsys.readouterr().out
