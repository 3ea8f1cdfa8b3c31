"""The random variables against exact distribution functions, on both backends."""

import pickle
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pytensor.compile.mode import Mode
from scipy import stats
from scipy.special import log_ndtr

from pymc_glm.random import generalized_inverse_gaussian, inverse_gaussian, laplace_latent

DRAWS = 20_000
FALSE_ALARM = 1e-4
MODES = {"numba": "NUMBA", "python": Mode(linker="py", optimizer="merge")}


@pytest.fixture(scope="module", params=MODES)
def sample(request):
    """Compile each law once: rows of parameters in, one draw for each row out."""
    compiled = {}

    def draw(law, seed, *parameters):
        if law not in compiled:
            rng = pt.random.rng()
            inputs = [pt.dvector() for _ in parameters]
            _, variate = law(*inputs, rng=rng, return_next_rng=True)
            compiled[law] = pytensor.function([rng, *inputs], variate, mode=MODES[request.param])
        rows = [np.full(DRAWS, value, dtype="float64") for value in parameters]
        return compiled[law](np.random.default_rng(seed), *rows)

    return draw


def ks_p_value(draws, cdf):
    assert np.all(np.isfinite(draws)) and np.all(draws > 0)
    return stats.kstest(draws, cdf).pvalue


def inverse_gaussian_cdf(mean, shape):
    def cdf(x):
        root = np.sqrt(shape / x)
        reflected = np.exp(2 * shape / mean + log_ndtr(-root * (x / mean + 1)))
        return stats.norm.cdf(root * (x / mean - 1)) + reflected

    return cdf


def gig_cdf(p, a, b):
    """CDF by the trapezoidal rule in log x, over the range that holds all but e**-45 of the mass.

    The law is log-concave in log x, so what falls below the threshold is negligible.
    """
    centre = 0.5 * (np.log(b) - np.log(a))

    def log_density(y):
        with np.errstate(over="ignore"):
            return p * y - 0.5 * (np.exp(np.log(a) + y + centre) + np.exp(np.log(b) - y - centre))

    wide = np.linspace(-1500, 1500, 300_001)
    values = log_density(wide)
    inside = wide[values > values.max() - 45]
    y = np.linspace(inside[0] - 0.01, inside[-1] + 0.01, 200_001)
    values = log_density(y)
    mass = np.exp(values - values.max())
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (mass[1:] + mass[:-1]))])
    cumulative /= cumulative[-1]
    return lambda x: np.interp(np.log(x) - centre, y, cumulative)


RATIOS = [1e-3, 1.0, 1e4, 1e8, 1e12, 1e16, 1e20, np.inf]


@pytest.mark.parametrize("mean", RATIOS)
def test_inverse_gaussian(sample, mean):
    draws = sample(inverse_gaussian, 201, mean, 1.0)
    assert ks_p_value(draws, inverse_gaussian_cdf(mean, 1.0)) > FALSE_ALARM / (2 * len(RATIOS))


def test_inverse_gaussian_limits(sample):
    # The relative spread sqrt(mean / shape) is below rounding.
    np.testing.assert_allclose(sample(inverse_gaussian, 202, 1e-200, 1e100), 1e-200, rtol=1e-14)
    np.testing.assert_allclose(sample(inverse_gaussian, 202, 2.0, np.inf), 2.0)
    levy = sample(inverse_gaussian, 203, 1e300, 1e-3)
    assert ks_p_value(levy, stats.levy(scale=1e-3).cdf) > FALSE_ALARM / 2


@pytest.mark.parametrize("mean", [1e16, 1e20])
def test_numpy_wald_fails_where_ours_passes(mean):
    draws = np.random.default_rng(204).wald(mean, 1.0, DRAWS)
    assert np.mean(draws == 0.0) > 0.1


GIG_PARAMETERS = [
    (0.5, 1.0, 1.0),
    (-1.0, 4.0, 0.3),
    (-0.3, 2.0, 1e-4),
    (1.4, 1.0, 1e-8),
    (0.0, 1.0, 1e-3),
    (0.0, 1e-250, 1e-50),
    (-4.5, 1.0, 2.0),
    (20.0, 3.0, 0.1),
    (-0.5, 0.25, 1e-6),
    (0.75, 1e-8, 1e-8),
    (100.0, 1.0, 1.0),
    (0.5, 1e6, 1e6),
    (1e-3, 1e-8, 1e-8),
    (0.05, 1e-160, 1e-150),
    (1e-3, 1e-150, 1e-155),
]


@pytest.mark.parametrize("parameters", GIG_PARAMETERS, ids=str)
def test_generalized_inverse_gaussian(sample, parameters):
    draws = sample(generalized_inverse_gaussian, 211, *parameters)
    assert ks_p_value(draws, gig_cdf(*parameters)) > FALSE_ALARM / (2 * len(GIG_PARAMETERS))


def test_generalized_inverse_gaussian_limits(sample):
    gamma = sample(generalized_inverse_gaussian, 212, 1.7, 3.0, 0.0)
    assert ks_p_value(gamma, stats.gamma(1.7, scale=2 / 3.0).cdf) > FALSE_ALARM / 4
    inverse_gamma = sample(generalized_inverse_gaussian, 213, -1.7, 0.0, 3.0)
    assert ks_p_value(inverse_gamma, stats.invgamma(1.7, scale=1.5).cdf) > FALSE_ALARM / 4


@pytest.mark.parametrize(
    "parameters",
    [
        (0.25, 1e-300, 1e-300),
        (0.25, 1e300, 1e-300),
        (0.25, 1e300, 1e300),
        (-0.5, 1.0, 1e300),
        (0.0, 1e-300, 1.0),
        (2.0, 1e-10, 1e-10),
        (1e6, 1.0, 1.0),
        (-1e6, 1.0, 1.0),
        (0.5, 1e12, 1e12),
    ],
    ids=str,
)
def test_generalized_inverse_gaussian_is_finite_at_extremes(sample, parameters):
    draws = sample(generalized_inverse_gaussian, 214, *parameters)
    assert np.all(np.isfinite(draws)) and np.all(draws > 0)


RESPONSES = [0.0, 1e-300, 1e-150, 1e-12, 1e-3, 1.0, 30.0, 1e8]


def laplace_latent_cdf(t, scale):
    """1 / v is inverse Gaussian of mean 1 / (scale t) and shape scale**-2."""
    mean = 1 / (scale * t) if t > 0 else np.inf

    def cdf(v):
        root = np.sqrt(v) / scale
        x = 1 / (v * mean)
        # The survival function of 1 / v: exp(2 shape / mean) is within range for t << scale only.
        reflected = np.exp(2 * t / scale + log_ndtr(-root * (x + 1)))
        return stats.norm.sf(root * (x - 1)) - reflected

    return cdf


@pytest.mark.parametrize("t", RESPONSES)
def test_laplace_latent(sample, t):
    scale = 0.3
    draws = sample(laplace_latent, 221, t, scale)
    assert ks_p_value(draws, laplace_latent_cdf(t, scale)) > FALSE_ALARM / (2 * len(RESPONSES))


@pytest.mark.parametrize("t", RESPONSES)
def test_laplace_latent_rejects_scale_for_its_square(sample, t):
    """A twin that scales the latent by b in place of b**2, which the same check must reject."""
    scale = 0.3
    draws = sample(laplace_latent, 222, t / scale, 1.0) * scale
    assert ks_p_value(draws, laplace_latent_cdf(t, scale)) < FALSE_ALARM / (2 * len(RESPONSES))


def test_laplace_latent_agrees_with_gig():
    p_values = []
    for t in (0.2, 1.0, 5.0):
        draws = laplace_latent(np.full(DRAWS, t), 0.7, rng=_rng(223), return_next_rng=True)[1]
        cdf = gig_cdf(0.5, 0.7**-2, t**2)
        p_values.append(ks_p_value(draws.eval(mode=MODES["python"]), cdf))
    assert min(p_values) > FALSE_ALARM / 3


def _rng(seed):
    return pt.random.shared_rng(np.random.default_rng(seed))


def test_backends_draw_the_same():
    t = np.linspace(-2, 2, 12).reshape(3, 4)
    draws = [
        laplace_latent(t, [[0.1], [1.0], [2.0]], rng=_rng(224), return_next_rng=True)[1].eval(
            mode=mode
        )
        for mode in MODES.values()
    ]
    np.testing.assert_allclose(*draws, rtol=1e-13)


def test_size_and_broadcasting():
    _, draw = inverse_gaussian(
        np.ones(3), np.ones((2, 1)), size=(4, 2, 3), rng=_rng(225), return_next_rng=True
    )
    values = draw.eval(mode=MODES["python"])
    assert values.shape == (4, 2, 3)
    assert np.unique(values).size == 24


@pytest.mark.parametrize(
    ("law", "parameters", "message"),
    [
        (inverse_gaussian, (-1.0, 1.0), r"mean = -1\.0\. It must be positive"),
        (inverse_gaussian, (1.0, 0.0), r"shape = 0\.0\. It must be positive"),
        (inverse_gaussian, (np.inf, np.inf), "Their ratio must be defined"),
        (generalized_inverse_gaussian, (np.inf, 1.0, 1.0), "p that is NaN or infinite"),
        (generalized_inverse_gaussian, (1.0, -2.0, 1.0), r"a = -2\.0"),
        (generalized_inverse_gaussian, (1.0, 1.0, np.inf), "b = inf"),
        (generalized_inverse_gaussian, (-1.0, 1.0, 0.0), "p > 0 and a > 0"),
        (generalized_inverse_gaussian, (1.0, 0.0, 1.0), "p < 0 only"),
        (laplace_latent, (np.nan, 1.0), "t that is NaN"),
        (laplace_latent, (1.0, 0.0), r"scale = 0\.0"),
    ],
)
def test_parameters_out_of_range(law, parameters, message):
    _, draw = law(*parameters, rng=_rng(226), return_next_rng=True)
    with pytest.raises(ValueError, match=message):
        draw.eval(mode=MODES["python"])


def test_compiled_draws_are_nan_out_of_range():
    from pymc_glm.random import kernels

    rng = np.random.default_rng(227)
    assert np.isnan(kernels.inverse_gaussian(rng, -1.0, 1.0))
    assert np.isnan(kernels.laplace_latent(rng, 1.0, 0.0))
    for parameters in ((1.0, -1.0, 1.0), (-1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (np.nan, 1.0, 1.0)):
        assert np.isnan(kernels.generalized_inverse_gaussian(rng, *parameters))


def test_size_must_cover_parameters():
    _, draw = inverse_gaussian(np.ones(3), 1.0, size=(1,), rng=_rng(228), return_next_rng=True)
    with pytest.raises(ValueError, match="must cover the shape of the parameters"):
        draw.eval(mode=MODES["python"])


def test_numba_is_imported_by_the_first_graph_only():
    """Importing is light; a process that only unpickles a graph still draws with the kernel."""
    t = pt.dvector("t")
    _, draw = laplace_latent(t, 0.5, rng=_rng(229), return_next_rng=True)
    code = (
        "import pickle, sys, pymc_glm.random, pymc_glm.families\n"
        "assert 'numba' not in sys.modules\n"
        "pickle.loads(sys.stdin.buffer.read())\n"
        "assert 'pymc_glm.random.numba_dispatch' in sys.modules\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps((t, draw)), check=False
    )
    assert finished.returncode == 0
