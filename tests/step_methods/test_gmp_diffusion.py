"""GMPDiffusion: exact shares of modes, and the contract of a PyMC step method."""

from __future__ import annotations

import pickle

import arviz as az
import numpy as np
import pymc as pm
import pytest

from pymc.exceptions import SamplingError
from pymc.step_methods.compound import Competence, CompoundStep
from pymc.step_methods.state import equal_dataclass_values
from scipy import stats
from scipy.integrate import trapezoid

import pymc_glm

from pymc_glm.compare.runners import SAMPLERS
from pymc_glm.diffusion import Layout, Proposal, from_moments, make_kernel
from pymc_glm.diffusion.targets import CompiledDensity
from pymc_glm.exceptions import RecognitionError
from pymc_glm.step_methods import MALA, GaussianLatentGibbs, GMPDiffusion

FAST = {"mode": "FAST_COMPILE"}
GRID = np.linspace(-10.0, 10.0, 20_001)
DENSITY = stats.norm.pdf(GRID, 0.5, 2.0) * stats.norm.pdf(4.0, GRID**2, 0.8)
POSITIVE = trapezoid(DENSITY * (GRID > 0), GRID) / trapezoid(DENSITY, GRID)


@pytest.fixture(scope="module")
def model():
    """The first of x may have either sign; the second and s are as their priors say."""
    with pm.Model(coords={"side": ["left", "right"]}) as model:
        pm.HalfNormal("s", 1.0)
        x = pm.Normal("x", [0.5, 0.0], 2.0, dims="side")
        pm.Normal("y", x[0] ** 2, 0.8, observed=4.0)
    return model


LAYOUT = Layout(("s_log__", "x"), ((), (2,)))


def proposal_of(name="mixture", layout=LAYOUT):
    """Two components of equal weights, though the modes' are not equal."""
    means = np.array([[-0.6, -1.9, 0.0], [-0.6, 1.9, 0.0]])[:, : layout.size]
    factor = np.diag([1.2, 0.3, 2.2][: layout.size])
    prior = from_moments(np.ones(2), means, np.stack([factor, factor]))
    settings = {} if name == "mixture" else {"steps": 2, "width": 8}
    if name not in ("mixture", "gated"):
        settings["step_size"] = 0.02
    kernel = make_kernel(name, **settings)
    parameters = kernel.new_parameters(np.random.default_rng(71), prior)
    return Proposal(kernel, parameters, layout, np.zeros(layout.size), np.eye(layout.size))


def make_step(model, name="mixture", **options):
    defaults = {"proposal": proposal_of(name), "local": "none", "compile_kwargs": FAST}
    with model:
        return GMPDiffusion(**(defaults | options))


def run_chain(step, point, seed, draws):
    step.setup_chain(np.random.default_rng(seed), 0, draws)
    points, statistics = [], []
    for _ in range(draws):
        point, [stat] = step.step(point)
        points.append(point)
        statistics.append(stat)
    return points, {key: np.array([stat[key] for stat in statistics]) for key in statistics[0]}


def share_error(points):
    """Error of the positive share, in Monte Carlo standard errors."""
    positive = np.array([[point["x"][0] > 0 for point in chain] for chain in points], dtype=float)
    return abs(positive.mean() - POSITIVE) / az.mcse(positive, method="mean")


@pytest.mark.parametrize(
    "name, options",
    [
        ("mixture", {}),
        ("mixture", {"form": "resampling", "candidates": 4}),
        ("gated", {"paths": 2}),
        pytest.param("mcd", {"paths": 1}, marks=pytest.mark.slow),
    ],
    ids=["mixture", "resampling", "gated", "mcd"],
)
def test_modes_have_their_shares(model, name, options):
    step = make_step(model, name, **options)
    start = model.initial_point()
    chains = [run_chain(step, start, [72, chain], 800) for chain in range(2)]
    assert share_error([points for points, _ in chains]) < stats.norm.isf(1e-4 / 2)
    accepted = np.mean([statistics["jumped"].mean() for _, statistics in chains])
    assert accepted > 0.3


def test_a_step_that_forgets_the_weights_is_told(model, monkeypatch):
    proposal = proposal_of()
    monkeypatch.setattr(proposal, "weigh", lambda rng, x, *args: np.full(len(x), 0.0))
    step = make_step(model, proposal=proposal)
    points = [run_chain(step, model.initial_point(), [72, k], 800)[0] for k in range(2)]
    second = np.array([[point["x"][1] for point in chain] for chain in points])
    error = abs(np.mean(second**2) - 4.0) / az.mcse(second**2, method="mean")
    assert max(error, share_error(points)) > stats.norm.isf(1e-4 / 2)


def test_statistics_say_what_happened(model):
    density = model.compile_logp(**FAST)
    step = make_step(model)
    points, statistics = run_chain(step, model.initial_point(), seed=73, draws=200)
    assert set(statistics) == set(GMPDiffusion.stats_dtypes_shapes)
    before = [model.initial_point(), *points[:-1]]
    moved = [not np.array_equal(a["x"], b["x"]) for a, b in zip(before, points, strict=True)]
    np.testing.assert_array_equal(statistics["jumped"], moved)
    runs = np.where(statistics["jumped"] == 1, 0, statistics["rejections"])
    np.testing.assert_array_equal(statistics["rejections"], runs)
    np.testing.assert_array_equal(np.diff(statistics["rejections"])[~np.array(moved[1:])], 1)
    longest = np.maximum.accumulate(statistics["rejections"])
    np.testing.assert_array_equal(statistics["longest_rejection"], longest)
    np.testing.assert_allclose(statistics["model_logp"], [density(point) for point in points])
    ratio = statistics["log_weight_proposed"] - statistics["log_weight"]
    np.testing.assert_allclose(statistics["jump_probability"], np.exp(np.minimum(ratio, 0.0)))
    assert set(statistics["component"]) == {0, 1} and set(statistics["n_logp"]) == {2}


def test_points_are_not_written_to(model):
    step = make_step(model)
    point = {**model.initial_point(), "other": np.ones(2)}
    before = {name: np.array(value) for name, value in point.items()}
    for _ in range(20):
        moved, _ = step.step(point)
        assert list(moved) == list(point) and moved["other"] is point["other"]
        assert equal_dataclass_values({k: np.array(v) for k, v in point.items()}, before)
        assert [np.shape(moved[k]) for k in point] == [np.shape(point[k]) for k in point]


def sample(model, **options):
    defaults = {"draws": 50, "tune": 10, "chains": 2, "random_seed": 74, "progressbar": False}
    with model:
        return pm.sample(compute_convergence_checks=False, **(defaults | options))


@pytest.fixture(scope="module")
def tree(model):
    return sample(model, step=make_step(model), cores=1)


def test_groups_dims_and_statistics(tree):
    posterior = tree["posterior"]
    assert posterior["x"].dims == ("chain", "draw", "side")
    assert list(posterior["side"].values) == ["left", "right"]
    assert np.all(posterior["s"] > 0)
    # PyMC calls model_logp by another name.
    expected = {*GMPDiffusion.stats_dtypes_shapes, "lp"} - {"model_logp"}
    assert expected <= set(tree["sample_stats"].data_vars)


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_same_draws_in_one_process_and_in_two(model, tree, context):
    other = sample(model, step=make_step(model), cores=2, mp_ctx=context)
    for name in ("x", "s"):
        np.testing.assert_array_equal(tree["posterior"][name], other["posterior"][name])


def test_the_seed_decides(model, tree):
    again = sample(model, step=make_step(model), cores=1)
    np.testing.assert_array_equal(tree["posterior"]["x"], again["posterior"]["x"])
    other = sample(model, step=make_step(model), cores=1, random_seed=75)
    assert not np.array_equal(tree["posterior"]["x"], other["posterior"]["x"])


def methods(step):
    assert isinstance(step, CompoundStep)
    return [type(method) for method in step.methods]


def test_local_steps_by_name(model):
    assert isinstance(make_step(model, local="none"), GMPDiffusion)
    assert methods(make_step(model, local="mala")) == [GMPDiffusion, MALA]
    assert methods(make_step(model, local="nuts")) == [GMPDiffusion, pm.NUTS]
    # A square of an unknown is no Gaussian latent machine.
    assert methods(make_step(model, local="auto")) == [GMPDiffusion, pm.NUTS]
    with pytest.raises(RecognitionError, match=r"Got local='gibbs', and GaussianLatentGibbs does"):
        make_step(model, local="gibbs")


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"vars": ["x"]}, ValueError, r"Got vars without 's'\. A jump moves all variables"),
        ({"vars": "x"}, ValueError, r"Got vars without 's'\. A jump moves all variables"),
        ({"blocked": False}, ValueError, r"Got blocked=False\. A jump moves all"),
        ({"proposal": "fit.npz"}, TypeError, r"Got proposal='fit\.npz'\. It is what fit_diffusion"),
    ],
)
def test_it_moves_all_variables_by_a_proposal(model, options, error, message):
    with pytest.raises(error, match=message):
        make_step(model, **options)
    assert isinstance(make_step(model, vars=model.free_RVs), GMPDiffusion)
    assert isinstance(make_step(model, vars=["s_log__", "x"]), GMPDiffusion)


@pytest.mark.parametrize("local", ["auto", "gibbs"])
def test_recognised_models_get_their_own_local_step(local):
    with pm.Model() as recognised:
        beta = pm.Laplace("beta", 0.0, 1.0, shape=2)
        pm.Normal("y", beta, 1.0, observed=[1.0, 2.0])
    proposal = proposal_of(layout=Layout(("beta",), ((2,),)))
    step = make_step(recognised, proposal=proposal, local=local)
    # Sweeps report no log density, and what the jump reports is then that of the draw.
    assert methods(step) == [GaussianLatentGibbs, GMPDiffusion]
    tree = sample(recognised, step=step, cores=1)
    density = recognised.compile_logp(**FAST)
    expected = [[density({"beta": beta}) for beta in chain] for chain in tree["posterior"]["beta"]]
    np.testing.assert_allclose(tree["sample_stats"]["lp"], expected)


@pytest.mark.slow
@pytest.mark.parametrize("local", ["mala", "nuts"])
def test_shares_with_a_local_step(model, local):
    step = make_step(model, local=local)
    tree = sample(model, step=step, draws=2000, tune=500, cores=1)
    positive = (tree["posterior"]["x"].values[..., 0] > 0).astype(float)
    error = abs(positive.mean() - POSITIVE) / az.mcse(positive, method="mean")
    assert error < stats.norm.isf(1e-4 / 2)


def test_pickles_run_alike(model):
    step = make_step(model, "mcd")
    again = pickle.loads(pickle.dumps(step))
    expected, _ = run_chain(step, model.initial_point(), seed=76, draws=10)
    actual, _ = run_chain(again, model.initial_point(), seed=76, draws=10)
    assert equal_dataclass_values(actual, expected)


def test_state_round_trip(model):
    step = make_step(model)
    points, _ = run_chain(step, model.initial_point(), seed=77, draws=20)
    state = step.sampling_state
    expected = [step.step(points[-1]) for _ in range(5)]
    other = make_step(model)
    other.sampling_state = state
    assert equal_dataclass_values([other.step(points[-1]) for _ in range(5)], expected)
    with pytest.raises(ValueError, match="form"):
        make_step(model, form="resampling").sampling_state = state


@pytest.mark.parametrize("local", ["nuts", "mala"])
def test_log_densities_of_draws_and_statistics_have_one_column(model, local):
    tree = sample(model, step=make_step(model, local=local), cores=1)
    statistics = tree["sample_stats"]
    assert {name: values.ndim for name, values in statistics.data_vars.items()} == {
        name: 2 for name in statistics.data_vars
    }
    density = model.compile_logp(**FAST)
    posterior = tree["posterior"]
    expected = [
        [density({"x": x, "s_log__": np.log(s)}) for x, s in zip(*chain, strict=True)]
        for chain in zip(posterior["x"].values, posterior["s"].values, strict=True)
    ]
    np.testing.assert_allclose(statistics["lp"], expected)


@pytest.mark.parametrize("tune, away", [(1, True), (0, False)], ids=["tuned", "not tuned"])
def test_a_tuned_chain_begins_where_the_proposal_is(model, tune, away):
    # Between modes, where the proposal has even less density than the posterior.
    point = {"s_log__": np.array(-0.6), "x": np.array([0.0, 0.0])}
    step = make_step(model)
    step.proposal.parameters["prior"]["means"] *= 1.5
    step = make_step(model, proposal=step.proposal)
    found = []
    for seed in range(40):
        step.setup_chain(np.random.default_rng([82, seed]), tune, 10)
        moved, [stat] = step.step(point)
        found.append(moved["x"][0])
        assert np.isfinite(stat["log_weight"])
    sides = np.sign(np.array(found))[np.abs(found) > 1.0]
    assert (len(sides) > 35 and {*sides} == {-1.0, 1.0}) is away


def test_a_chain_does_not_know_of_the_one_before(model):
    step = make_step(model)
    run_chain(step, model.initial_point(), seed=78, draws=30)
    step.setup_chain(np.random.default_rng(79), 0, 1)
    assert step.rejections == step.longest == 0


def test_never_chosen_unasked(model):
    for variable in model.value_vars:
        assert GMPDiffusion.competence(variable, True) == Competence.INCOMPATIBLE
    assert pymc_glm.GMPDiffusion is GMPDiffusion


@pytest.mark.parametrize("given", [{}, {"random_seed": 81}], ids=["of the step", "of the fit"])
def test_a_fit_may_have_a_seed_of_its_own(model, monkeypatch, given):
    seen = {}

    def fit(model, **options):
        seen.update(options)
        return proposal_of()

    monkeypatch.setattr("pymc_glm.step_methods.gmp_diffusion.fit_diffusion", fit)
    step = make_step(model, proposal=None, starts=50, **given)
    assert seen == {"starts": 50, "random_seed": step.rng, **given}


def test_a_comparison_keeps_what_is_known_of_the_proposal(model, monkeypatch):
    known = {"kernel": "mixture", "modes": 2, "mode_shares": [0.3, 0.7], "acceptance": 0.8}
    proposal = proposal_of()
    proposal.report = known | {"log_z": -3.0, "log_z_error": 0.1, "cpu_s": 1.0}
    monkeypatch.setattr("pymc_glm.diffusion.fit_diffusion", lambda *args, **options: proposal)
    budget = {"draws": 5, "tune": 5, "chains": 1, "cores": 1}
    tree = SAMPLERS["gmp_diffusion"](
        model=model, random_seed=1, progressbar=False, compile_kwargs=FAST, **budget
    )
    attributes = tree["posterior"].attrs
    assert {name: attributes[f"proposal_{name}"] for name in known} == known
    assert attributes["proposal_log_z"] == -3.0 and "proposal_cpu_s" not in attributes


@pytest.mark.slow
def test_a_proposal_is_fitted_where_none_is_given():
    with pm.Model() as model:
        pm.Normal("x", 3.0, 2.0)
        # PyTensor's first compilation and what it caches may round differently.
        CompiledDensity(model).compile(gradient=True).with_gradient(np.zeros((1, 1)))
        options = {"kernel": "mixture", "starts": 50, "progressbar": False}
        steps = [GMPDiffusion(local="none", rng=seed, **options) for seed in (80, 80, 81)]
    means = [step.proposal.parameters["prior"]["means"] for step in steps]
    assert np.array_equal(means[0], means[1]) and not np.array_equal(means[0], means[2])


REFUSED = [
    ({"local": "hmc"}, r"local='hmc'\. Choose one of 'auto', 'nuts', 'mala', 'gibbs', 'none'"),
    ({"form": "isir"}, r"form='isir'\. Choose one of 'metropolis', 'resampling'"),
    ({"paths": 0}, r"paths=0\. It is a positive number, and a whole one"),
    ({"paths": 2.5}, r"paths=2\.5\. It is a positive number, and a whole one"),
    ({"candidates": 1}, r"candidates=1\. Resampling needs two at least"),
    (
        {"starts": 5},
        r"Got proposal and starts=5, which is no argument of the step\. Arguments of fit",
    ),
    ({"proposal": proposal_of(layout=Layout(("x",), ((2,),)))}, r"proposal is for .* Fit it"),
]


@pytest.mark.parametrize("options, message", REFUSED)
def test_refusals_say_what_and_why(model, options, message):
    with pytest.raises(ValueError, match=message):
        make_step(model, **options)


def test_a_proposal_for_other_data_comes_with_a_warning():
    with pm.Model():
        data = pm.Data("data", np.zeros(2))
        x = pm.Normal("x", 0.0, 10.0)
        pm.Normal("y", x, 1.0, observed=data)
        proposal = pymc_glm.fit_diffusion(
            kernel="mixture", starts=50, random_seed=83, progressbar=False
        )
        GMPDiffusion(proposal=proposal, local="none")
        pm.set_data({"data": np.full(3, 3.0)})
        with pytest.warns(UserWarning, match=r"fitted to another density: .* was -5\.05.*-19\.47"):
            GMPDiffusion(proposal=proposal, local="none")


def test_discrete_variables_are_refused():
    with pm.Model() as discrete:
        pm.Poisson("count", 2.0)
    with pytest.raises(RecognitionError, match="'count' is not of float64"):
        make_step(discrete)


def test_points_without_density_are_refused(model):
    step = make_step(model)
    point = {**model.initial_point(), "x": np.array([np.inf, 0.0])}
    with pytest.raises(SamplingError, match="log density is -inf at the current point"):
        step.step(point)
