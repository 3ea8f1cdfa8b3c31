"""MALA: exactness, tuning, and the contract of a PyMC step method."""

import pickle

import arviz as az
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from pymc.exceptions import SamplingError
from pymc.step_methods.compound import Competence, CompoundStep
from pymc.step_methods.state import equal_dataclass_values
from scipy import special, stats

from pymc_glm.step_methods import mala
from pymc_glm.step_methods.adaptation import DiagonalMetric, DualAveraging, window_ends
from pymc_glm.step_methods.block_density import Evaluation
from pymc_glm.step_methods.mala import MALA

FAST = {"mode": "FAST_COMPILE"}
SCALES = np.logspace(-3, 3, 7)


def correlated():
    with pm.Model() as model:
        a = pm.Normal("a", 1.0, 1.0)
        pm.Normal("b", 0.8 * a, 0.6)
    return model, {"a": (1.0, 1.0), "b": (0.8, 1.0)}


def ill_scaled():
    with pm.Model() as model:
        pm.Normal("x", 0.0, SCALES, initval=np.full(7, 100.0))
    return model, {"x": (np.zeros(7), SCALES**2)}


def transformed():
    with pm.Model() as model:
        pm.StudentT("t", nu=12.0, mu=3.0, sigma=10.0)
        pm.Gamma("g", alpha=3.0, beta=0.01)
    return model, {"t": (3.0, 100.0 * 12 / 10), "g": (300.0, 30000.0)}


def bad_start():
    with pm.Model() as model:
        x = pm.Flat("x", initval=1e4)
        pm.Potential("quartic", -(x**4))
    return model, {"x": (0.0, special.gamma(0.75) / special.gamma(0.25))}


def hard_boundary():
    with pm.Model() as model:
        pm.Exponential("x", 1.0, default_transform=None)
    return model, {"x": (1.0, 1.0)}


TARGETS = [correlated, ill_scaled, transformed, bad_start]


def make_step(model, **kwargs):
    with model:
        return MALA(compile_kwargs=FAST, **kwargs)


def run_chain(step, point, seed, tune, draws):
    """Run one chain as PyMC does; return points and statistics after tuning."""
    step.setup_chain(np.random.default_rng(seed), tune, draws)
    points, statistics = [], []
    for index in range(tune + draws):
        if index == tune:
            step.stop_tuning()
        point, [stat] = step.step(point)
        if index >= tune:
            points.append(point)
            statistics.append(stat)
    return points, statistics


def sample(model, seed, chains=4, tune=1000, draws=1500):
    """Return draws of each variable, (chain, draw, ...), and statistics, (chain, draw)."""
    step = make_step(model)
    start = model.initial_point()
    runs = [run_chain(step, start, [seed, chain], tune, draws) for chain in range(chains)]
    names = [variable.name for variable in model.value_vars]
    values = {n: np.array([[point[n] for point in points] for points, _ in runs]) for n in names}
    if "g_log__" in values:
        values["g"] = np.exp(values.pop("g_log__"))
    keys = runs[0][1][0]
    statistics = {k: np.array([[s[k] for s in stat] for _, stat in runs]) for k in keys}
    return values, statistics, step


def moment_errors(values, moments):
    """Errors of all means and variances in Monte Carlo standard errors."""
    errors = []
    for name, (mean, variance) in moments.items():
        standard = (values[name] - mean) / np.sqrt(variance)
        for series in np.moveaxis(standard.reshape(*standard.shape[:2], -1), -1, 0):
            errors.append(series.mean() / az.mcse(series, method="mean"))
            errors.append((np.mean(series**2) - 1) / az.mcse(series**2, method="mean"))
    return np.abs(errors)


def largest_error_allowed(errors):
    return stats.norm.isf(1e-4 / (2 * len(errors)))


@pytest.fixture(scope="module", params=TARGETS, ids=lambda target: target.__name__)
def run(request):
    model, moments = request.param()
    values, statistics, _ = sample(model, seed=20260711)
    return moments, values, statistics


def test_known_moments(run):
    moments, values, _ = run
    errors = moment_errors(values, moments)
    assert errors.max() < largest_error_allowed(errors)


def test_acceptance_is_near_the_target_after_tuning(run):
    # Over seeds a chain's mean acceptance is off by 0.04 after 1000 tuning steps.
    acceptance = run[2]["acceptance_rate"].mean()
    assert acceptance == pytest.approx(0.574, abs=4 * 0.04 / 2)


def test_accepted_agrees_with_acceptance_rate(run):
    statistics = run[2]
    probability = statistics["acceptance_rate"]
    deviation = np.sum(statistics["accepted"] - probability)
    assert abs(deviation) < stats.norm.isf(1e-4 / 2) * np.sqrt(
        np.sum(probability * (1 - probability))
    )


def test_step_size_is_frozen_after_tuning(run):
    step_size = run[2]["step_size"]
    assert np.all(step_size == step_size[:, :1])


def test_one_gradient_per_draw(run):
    assert np.all(run[2]["n_gradients"] == 1)


def test_metric_finds_the_scales_of_independent_gaussians():
    model, _ = ill_scaled()
    _, _, step = sample(model, seed=1, chains=1, draws=1)
    np.testing.assert_allclose(step.metric.scale, SCALES, rtol=0.01)


@pytest.mark.parametrize("target", [correlated, transformed], ids=["correlated", "transformed"])
def test_ignoring_the_asymmetry_of_the_proposal_is_rejected(target, monkeypatch):
    def without_proposal_densities(current, proposed, noise, scale):
        return proposed.log_density - current.log_density

    monkeypatch.setattr(mala, "_log_acceptance_ratio", without_proposal_densities)
    model, moments = target()
    values, _, _ = sample(model, seed=20260711, chains=2)
    errors = moment_errors(values, moments)
    assert errors.max() > largest_error_allowed(errors)


def test_proposals_outside_the_support_are_rejected():
    model, moments = hard_boundary()
    values, _, _ = sample(model, seed=16, draws=2500)
    errors = moment_errors(values, moments)
    assert values["x"].min() > 0
    assert errors.max() < largest_error_allowed(errors)


def test_acceptance_ratio_equals_the_definition():
    rng = np.random.default_rng(2)
    scale = rng.uniform(0.1, 2, 3)
    x, y, slope_x, slope_y = rng.normal(size=(4, 3))
    noise = (y - x) / scale - 0.5 * scale * slope_x
    forward = stats.norm.logpdf(y, x + 0.5 * scale**2 * slope_x, scale).sum()
    backward = stats.norm.logpdf(x, y + 0.5 * scale**2 * slope_y, scale).sum()
    ratio = mala._log_acceptance_ratio(
        Evaluation(x, -1.0, slope_x), Evaluation(y, 2.0, slope_y), noise, scale
    )
    assert ratio == pytest.approx(3.0 + backward - forward, rel=1e-12)


def test_without_tuning_step_size_and_metric_stay():
    model, _ = correlated()
    step = make_step(model, step_scale=0.5)
    _, statistics = run_chain(step, model.initial_point(), seed=3, tune=0, draws=20)
    assert {stat["step_size"] for stat in statistics} == {0.5 / 2 ** (1 / 6)}
    np.testing.assert_array_equal(step.metric.scale, 1)


def test_metric_is_frozen_after_tuning():
    model, _ = ill_scaled()
    step = make_step(model)
    points, _ = run_chain(step, model.initial_point(), seed=4, tune=200, draws=1)
    learnt = step.metric.scale.copy()
    point = points[-1]
    for _ in range(300):
        point, _ = step.step(point)
    np.testing.assert_array_equal(step.metric.scale, learnt)
    assert not np.array_equal(learnt, np.ones(7))


@pytest.mark.parametrize("start", [0.5, 20.0])
def test_dual_averaging_reaches_the_target(start):
    def acceptance(step_size):
        return 1 / (1 + (step_size / 3) ** 2)

    adaptation = DualAveraging(start, target_accept=0.574)
    for _ in range(1000):
        adaptation.update(acceptance(adaptation.step_size(tune=True)))
    assert acceptance(adaptation.step_size(tune=False)) == pytest.approx(0.574, abs=0.02)


@pytest.mark.parametrize("tune", [0, 1, 60, 100, 200, 1000, 5000])
def test_windows_expand_and_leave_steps_for_the_step_size(tune):
    ends = window_ends(tune)
    lengths = np.diff([0, *ends])
    assert np.all(lengths >= 25)
    assert np.all(np.diff(lengths) > 0)
    assert all(end <= tune - max(50, tune // 3) for end in ends)
    assert bool(ends) == (tune >= 100)


def test_metric_where_draws_or_gradients_do_not_vary():
    metric = DiagonalMetric(4)
    rng = np.random.default_rng(5)
    for x in rng.normal(size=2000):
        # Still, constant gradient, an overflowing gradient, and a Gaussian of scale 10.
        metric.add(np.array([7.0, 3 * x, x, 10 * x]), np.array([x, 0.1, 1e200 * x, -x / 10]))
    metric.update()
    assert metric.scale[0] == 1
    assert metric.scale[1] == pytest.approx(3, rel=0.1)
    assert np.isfinite(metric.scale[2]) and 0 < metric.scale[2] < 1e-6
    assert metric.scale[3] == pytest.approx(10, rel=0.02)
    assert metric.count == 0


def test_state_round_trip():
    model, _ = transformed()
    step = make_step(model)
    step.setup_chain(np.random.default_rng(6), 100, 100)
    point = model.initial_point()
    for _ in range(40):
        point, _ = step.step(point)
    state = step.sampling_state
    first = [step.step(point)]
    first.append(step.step(first[0][0]))
    after = step.sampling_state

    other = make_step(model)
    for restored in (step, other):
        restored.sampling_state = state
        assert equal_dataclass_values(restored.sampling_state, state)
        second = [restored.step(point)]
        second.append(restored.step(second[0][0]))
        for (new, [new_stat]), (old, [old_stat]) in zip(second, first, strict=True):
            assert equal_dataclass_values(new, old)
            # The restored step evaluates the current point once more.
            assert {**new_stat, "n_gradients": 1} == {**old_stat, "n_gradients": 1}
        assert equal_dataclass_values(restored.sampling_state, after)


def test_state_of_another_target_is_refused():
    model, _ = correlated()
    step, other = make_step(model), make_step(model, target_accept=0.7)
    with pytest.raises(ValueError, match="target_accept"):
        step.sampling_state = other.sampling_state


def test_reuse_over_chains_does_not_leak_tuning():
    model, _ = ill_scaled()
    reused, fresh = make_step(model), make_step(model)
    run_chain(reused, model.initial_point(), seed=7, tune=150, draws=5)
    expected = run_chain(fresh, model.initial_point(), seed=8, tune=150, draws=5)
    actual = run_chain(reused, model.initial_point(), seed=8, tune=150, draws=5)
    assert equal_dataclass_values(list(actual), list(expected))


def test_pickle_runs_alike_and_leaves_the_model_behind():
    data = np.random.default_rng(9).normal(size=100_000)
    with pm.Model() as model:
        mu = pm.Normal("mu")
        pm.Normal("y", mu, observed=data)
    step = make_step(model)
    pickled = pickle.dumps(step)
    assert b"Model" in pickle.dumps(type(model)) and b"\x05Model" not in pickled
    # The compiled function holds the data twice: in its graph and in its storage.
    assert len(pickled) < 2.5 * data.nbytes
    restored = pickle.loads(pickled)
    expected = run_chain(step, model.initial_point(), seed=10, tune=5, draws=5)
    actual = run_chain(restored, model.initial_point(), seed=10, tune=5, draws=5)
    assert equal_dataclass_values(list(actual), list(expected))


def test_same_draws_in_one_process_and_in_two():
    model, _ = transformed()
    draws = []
    for cores in (1, 2):
        with model:
            trace = pm.sample(
                60,
                tune=120,
                chains=2,
                cores=cores,
                step=make_step(model),
                mp_ctx="fork",
                random_seed=11,
                progressbar=False,
                compute_convergence_checks=False,
            )
        draws.append(trace)
    for name in ("t", "g"):
        np.testing.assert_array_equal(draws[0].posterior[name], draws[1].posterior[name])
    stats_names = set(draws[0].sample_stats.data_vars)
    assert stats_names == {"acceptance_rate", "accepted", "step_size", "n_gradients", "lp"}


def test_point_keeps_key_order_and_is_not_written_to():
    model, _ = transformed()
    step = make_step(model, vars=[model["g"], model["t"]])
    point = model.initial_point()
    before = {name: value.copy() for name, value in point.items()}
    density = model.compile_logp(mode="FAST_COMPILE")
    for _ in range(20):
        moved, [stat] = step.step(point)
        assert list(moved) == list(point)
        assert equal_dataclass_values(point, before)
        assert not any(np.shares_memory(moved[name], point[name]) for name in point)
        assert [moved[n].dtype for n in point] == [point[n].dtype for n in point]
        assert stat["model_logp"] == pytest.approx(density(moved), rel=1e-10)
        point, before = moved, {name: value.copy() for name, value in moved.items()}


def test_gradient_is_recomputed_when_another_step_moves_its_variable():
    model, _ = correlated()
    step = make_step(model, vars=[model["b"]])
    density = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(12)
    point = model.initial_point()
    point, _ = step.step(point)
    for _ in range(20):
        # In place, the hardest change to notice.
        point["a"][...] = rng.normal()
        point, [stat] = step.step(point)
        assert stat["model_logp"] == pytest.approx(density(point), rel=1e-10)
    step.stop_tuning()
    point, _ = step.step(point)
    _, [unmoved] = step.step(point)
    assert unmoved["n_gradients"] == 1
    point["a"][...] = 3.0
    _, [moved] = step.step(point)
    assert moved["n_gradients"] == 2


def test_new_data_are_seen_by_the_next_chain():
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(3))
        pm.Normal("obs", pm.Normal("mu"), observed=y)
    step = make_step(model)
    point = model.initial_point()
    run_chain(step, point, seed=13, tune=0, draws=1)
    with model:
        pm.set_data({"y": np.full(3, 5.0)})
    [moved], [stat] = run_chain(step, point, seed=13, tune=0, draws=1)
    assert stat["n_gradients"] == 2
    assert stat["model_logp"] == pytest.approx(model.compile_logp(mode="FAST_COMPILE")(moved))


def test_one_step_per_variable_targets_the_same_posterior():
    model, moments = correlated()
    step = make_step(model, blocked=False)
    assert isinstance(step, CompoundStep)
    assert [method.vars[0].name for method in step.methods] == ["a", "b"]
    step.setup_chain(np.random.default_rng(14), 500, 2000)
    point = model.initial_point()
    draws: dict[str, list] = {"a": [], "b": []}
    for index in range(2500):
        if index == 500:
            step.stop_tuning()
        point, _ = step.step(point)
        if index >= 500:
            for name, values in draws.items():
                values.append(point[name])
    errors = moment_errors({name: np.array([v]) for name, v in draws.items()}, moments)
    assert errors.max() < largest_error_allowed(errors)


def test_runs_next_to_metropolis_on_a_discrete_variable():
    with pm.Model():
        rate = pm.Gamma("rate", 2.0, 1.0)
        pm.Poisson("count", rate)
        step = MALA([rate], compile_kwargs=FAST)
        trace = pm.sample(
            20,
            tune=20,
            chains=1,
            step=step,
            random_seed=15,
            progressbar=False,
            compute_convergence_checks=False,
        )
    assert trace.posterior["count"].dtype.kind == "i"


def test_discrete_variable_is_refused():
    with pm.Model():
        count = pm.Poisson("count", 1.0)
        with pytest.raises(ValueError, match=r"cannot sample 'count'.* another step\."):
            MALA([count])
        with pytest.raises(ValueError, match=r"no continuous variable among \['count'\]"):
            MALA()


@pytest.mark.parametrize("target_accept", [0.0, 1.0, np.nan])
def test_target_accept_outside_the_unit_interval_is_refused(target_accept):
    model, _ = correlated()
    with pytest.raises(ValueError, match=f"target_accept is {target_accept}, not a probability"):
        make_step(model, target_accept=target_accept)


@pytest.mark.parametrize("step_scale", [0.0, -1.0, np.inf])
def test_step_scale_that_is_not_positive_is_refused(step_scale):
    model, _ = correlated()
    with pytest.raises(ValueError, match=f"step_scale is {step_scale}, not a positive number"):
        make_step(model, step_scale=step_scale)


def test_start_of_density_zero_is_refused():
    model, _ = hard_boundary()
    step = make_step(model)
    with pytest.raises(SamplingError, match=r"log density is -inf at the current x\. Pass other"):
        step.step({"x": np.array(-1.0)})


def test_start_without_gradient_is_refused_by_name():
    with pm.Model() as model:
        x = pm.Normal("x")
        y = pm.Normal("y")
        pm.Potential("cusp", -pt.sqrt(x) + y)
    step = make_step(model)
    with pytest.raises(
        SamplingError, match=r"gradient .* not finite at the current x\. Pass other"
    ):
        step.step({"x": np.array(0.0), "y": np.array(0.0)})


def test_competence_is_compatible_only_for_continuous_variables_with_a_gradient():
    with pm.Model():
        x = pm.Normal("x")
        count = pm.Poisson("count", 1.0)
    assert MALA.competence(x, True) is Competence.COMPATIBLE
    assert MALA.competence(x, False) is Competence.INCOMPATIBLE
    assert MALA.competence(count, True) is Competence.INCOMPATIBLE


def test_importing_registers_nothing():
    assert MALA not in pm.sampling.mcmc.STEP_METHODS


def test_progress_columns_show_statistics_the_step_reports():
    model, _ = correlated()
    step = make_step(model)
    columns, fields = step._progressbar_config(n_chains=3)
    [update] = step._make_progressbar_update_functions()
    _, [stat] = step.step(model.initial_point())
    assert [column.get_table_column().header for column in columns] == ["Step size", "Acceptance"]
    assert update(stat) == {key: stat[key] for key in fields}
    assert all(len(values) == 3 for values in fields.values())
    assert set(stat) == set(step.stats_dtypes_shapes)
