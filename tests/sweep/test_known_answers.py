"""The small products of experts of the paper, against their exact margins and measured mixing.

Kuric et al. (2025), arXiv:2505.12836, section 4.1.2: one factor, a product of five, a loop of four
pixels and a grid of six, each with one expert for every edge and for the sum.
"""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from scipy.signal import fftconvolve
from scipy.stats import kstest, laplace, norm
from scipy.stats import t as student_t

import pymc_glm

WEIGHTS = [0.1058, 0.0054, 0.0886, 0.0733, 0.0667, 0.0077, 0.0591, 0.3213, 0.2721]
VARIANCES = [2.5e-5, 4e-4, 6.25e-4, 4.9e-3, 5.625e-3, 0.0729, 0.075625, 0.0784, 0.081225]
WEIGHTS = np.array(WEIGHTS) / np.sum(WEIGHTS)


def edges(height, width):
    """Differences of neighbours on a grid, after a row of ones that ties its level."""
    index = np.arange(height * width).reshape(height, width)
    pairs = [*zip(index[:, :-1].ravel(), index[:, 1:].ravel(), strict=True)]
    pairs += [*zip(index[:-1].ravel(), index[1:].ravel(), strict=True)]
    rows = np.zeros((len(pairs) + 1, index.size))
    rows[0] = 1.0
    for row, (one, other) in enumerate(pairs, start=1):
        rows[row, one], rows[row, other] = 1.0, -1.0
    return rows


MAPS = {
    "factor": np.ones((1, 1)),
    "product": np.ones((5, 1)),
    "loop": edges(2, 2),
    "grid": edges(2, 3),
}
EXPERTS = {
    "normal": lambda: pm.Normal.dist(0, 0.4),
    "laplace": lambda: pm.Laplace.dist(0, 0.3),
    "student": lambda: pm.StudentT.dist(6, 0, sigma=1),
    "mixture": lambda: pm.NormalMixture.dist(WEIGHTS, np.zeros(9), np.sqrt(VARIANCES)),
}
# Half-width and number of cells of the grid of a density; the mixture is 0.005 wide at its top.
GRIDS = {
    "normal": (8.0, 2**15),
    "laplace": (16.0, 2**16),
    "student": (400.0, 2**18),
    "mixture": (8.0, 2**17),
}
# Effective draws of |(Kx)_last| and of log f(x) for each sweep, measured for an exact sampler in
# numpy.
MIXING = {
    ("factor", "laplace"): (0.58, 0.58),
    ("factor", "student"): (0.71, 0.70),
    ("factor", "mixture"): (0.40, 0.27),
    ("product", "laplace"): (0.57, 0.58),
    ("product", "student"): (0.95, 0.94),
    ("product", "mixture"): (0.35, 0.45),
    ("loop", "laplace"): (0.66, 0.58),
    ("loop", "student"): (0.86, 0.79),
    ("loop", "mixture"): (0.35, 0.20),
    ("grid", "laplace"): (0.66, 0.58),
    ("grid", "student"): (0.87, 0.80),
    ("grid", "mixture"): (0.35, 0.18),
}
# Two figures, each from some ten thousand effective draws.
MIXING_ERROR = 0.06
DRAWS, THIN = 160_000, 160
FALSE_ALARM = 1e-4


def log_density(expert, t):
    """The expert's log density, by SciPy."""
    if expert == "normal":
        return norm.logpdf(t, 0, 0.4)
    if expert == "laplace":
        return laplace.logpdf(t, 0, 0.3)
    if expert == "student":
        return student_t.logpdf(t, 6)
    heights = [
        np.log(w) + norm.logpdf(t, 0, np.sqrt(v)) for w, v in zip(WEIGHTS, VARIANCES, strict=True)
    ]
    return np.logaddexp.reduce(heights)


def exact_margin(topology, expert):
    """Grid and distribution function of one edge's response."""
    half, cells = GRIDS[expert]
    # An odd number of points around zero: convolutions then keep the grid.
    t = np.linspace(-half, half, cells + 1)
    phi = np.exp(log_density(expert, t))

    def convolved(one, other):
        return fftconvolve(one, other, mode="same") * (t[1] - t[0])

    if topology == "factor":
        density = phi
    elif topology == "product":
        density = phi**5
    elif topology == "loop":
        density = phi * convolved(convolved(phi, phi), phi)
    else:
        # An outer edge: around its square, one way is the inner edge or what goes around that.
        around = convolved(convolved(phi, phi), phi)
        density = phi * convolved(convolved(phi * around, phi), phi)
    mass = np.cumsum(np.maximum(density, 0.0))
    return t, (mass - 0.5 * density) / mass[-1]


def sampled(topology, expert, sweeps=DRAWS):
    """Responses of all rows in two chains, shape (chains, sweeps, rows)."""
    K = MAPS[topology]
    with pm.Model() as model:
        x = pm.Flat("x", shape=K.shape[1])
        pymc_glm.expert("phi", EXPERTS[expert](), K @ x)
    tree = pymc_glm.sample(
        draws=sweeps,
        tune=200,
        chains=2,
        random_seed=41,
        model=model,
        progressbar=False,
        compute_convergence_checks=False,
    )
    return tree["posterior"]["x"].to_numpy() @ K.T


def effective_share(values):
    """Effective draws per draw, from autocorrelations averaged over chains."""
    centred = values - values.mean()
    size = centred.shape[1]
    spectrum = np.abs(np.fft.rfft(centred, 2 * size, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=1)[:, :size].mean(axis=0)
    correlation = covariance / covariance[0]
    # Geyer's initial positive sequence.
    pairs = correlation[0 : size - 1 : 2] + correlation[1:size:2]
    last = int(np.argmax(pairs <= 0)) if np.any(pairs <= 0) else pairs.size
    return 1.0 / (2.0 * pairs[:last].sum() - 1.0)


def check(topology, expert):
    responses = sampled(topology, expert)
    # On the grid the first edge after the sum is an outer one.
    edge = responses[:, THIN - 1 :: THIN, min(1, responses.shape[2] - 1)].ravel()
    t, cdf = exact_margin(topology, expert)
    assert kstest(edge, lambda value: np.interp(value, t, cdf)).pvalue > FALSE_ALARM
    # The margin of another expert is told apart.
    other = "student" if expert != "student" else "normal"
    t, cdf = exact_margin(topology, other)
    assert kstest(edge, lambda value: np.interp(value, t, cdf)).pvalue < FALSE_ALARM
    if expert == "normal":
        return
    last = np.abs(responses[:, :, -1])
    height = log_density(expert, responses).sum(axis=-1)
    found = [effective_share(last), effective_share(height)]
    np.testing.assert_allclose(found, MIXING[topology, expert], atol=MIXING_ERROR)
    # Linear functions of zero-mean mixtures are uncorrelated between sweeps; the estimate has a
    # standard error of about 0.05 where few of the draws are large.
    assert effective_share(responses[:, :, -1]) > 0.8


def test_margin_and_mixing_of_a_loop():
    check("loop", "laplace")


@pytest.mark.slow
@pytest.mark.parametrize("expert", EXPERTS)
@pytest.mark.parametrize("topology", MAPS)
def test_margin_and_mixing(topology, expert):
    check(topology, expert)
