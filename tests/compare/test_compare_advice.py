"""Advice follows the measurements: who is done first, who converged, whether they agree."""

import math

import numpy as np
import pymc as pm
import pytest

import pymc_glm

from pymc_glm.compare import pilot as pilots
from pymc_glm.compare.advice import weigh
from pymc_glm.compare.pace import Pace, break_even, figure
from pymc_glm.compare.pilot import Limits, Pilot, pilot_machine, pilot_nuts
from pymc_glm.compare.timing import Timing
from pymc_glm.recognize import explain

SEED = 20313
NAN = float("nan")


def timed(sample_s, compile_s=10.0, warmup_s=1.0):
    return Timing(compile_s, warmup_s, sample_s, "given")


@pytest.fixture
def advice(chains):
    """Advice from two pilots of autoregressions."""

    def make(ours, nuts, rho=(0.0, 0.0), shift=0.0, target=1000, **options):
        trees = [chains(SEED, rho=rho[0]), chains(SEED + 1, rho=rho[1], shift=shift, **options)]
        return weigh(
            {
                "gibbs": Pilot("Gaussian latent machine", trees[0], ours),
                "nuts": Pilot("NUTS of nutpie", trees[1], nuts),
            },
            ["beta"],
            target,
        )

    return make


def test_compilation_decides_a_small_run(advice):
    found = advice(timed(0.01, compile_s=30.0), timed(0.2, compile_s=5.0))
    assert found.choice == "nuts"
    assert found.text.startswith("Use NUTS here: 1,000 effective draws take 31 s with the Gaussian")
    assert "and from about" in found.text
    assert "a ratio of 5.0" in found.text


def test_sampling_decides_a_long_run(advice):
    found = advice(timed(0.01, compile_s=30.0), timed(0.2, compile_s=5.0), target=10_000_000)
    assert found.choice == "gibbs"
    assert found.text.startswith("Use the Gaussian latent machine here: 10,000,000 effective")
    assert "Once started, the Gaussian latent machine makes" in found.text
    assert "from about" not in found.text


def test_break_even_is_where_both_are_done_at_once():
    ours, nuts = Pace(30.0, 1000.0), Pace(5.0, 50.0)
    even = break_even(ours, nuts)
    assert ours.seconds(even) == pytest.approx(nuts.seconds(even))
    assert break_even(nuts, ours) == 0.0 or math.isinf(break_even(nuts, ours))
    assert math.isinf(break_even(Pace(30.0, 50.0), Pace(5.0, 1000.0)))


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (1.2345, "1.23"), (0.00004, "<0.001"), (0.0, "0")]
)
def test_figures_have_no_exponent(value, text):
    assert figure(value) == text


def test_within_a_factor_of_two_either_will_do(advice):
    found = advice(timed(0.1, compile_s=6.0), timed(0.1, compile_s=10.0))
    assert found.choice == "either"
    assert found.text.startswith("Either: 1,000 effective draws take")


def test_numbers_are_printed_with_the_worst_coordinate(advice):
    found = advice(timed(0.5), timed(2.0), rho=(0.5, 0.9))
    page = str(found)
    for name in ("gibbs", "nuts"):
        summary = found.contenders[name].summary
        assert f"{summary.min_ess:.0f} ({summary.worst})" in page
        assert f"{summary.max_rhat:.3f}" in page
    for heading in ("compilation", "warm-up", "sampling", "1,000 effective draws, all told"):
        assert f"\n{heading} " in page
    assert "largest difference" in page
    assert page.endswith(found.text)
    assert "<pre>" in found._repr_html_()


@pytest.mark.parametrize(
    ("rho", "choice", "opening"),
    [
        ((0.0, 0.999), "gibbs", "Use the Gaussian latent machine here"),
        ((0.999, 0.0), "nuts", "Use NUTS here"),
        ((0.999, 0.999), "neither", "Neither converged"),
    ],
)
def test_who_did_not_converge_is_not_advised(advice, rho, choice, opening):
    found = advice(timed(0.5), timed(0.5), rho=rho)
    assert found.choice == choice
    assert found.text.startswith(opening)
    assert "R-hat" in found.text
    assert "at beta[" in found.text


def test_disagreement_is_no_choice(advice):
    found = advice(timed(0.5), timed(0.5), shift=1.0)
    assert found.choice == "neither"
    assert "they disagree on the" in found.text
    assert "of beta[0]" in found.text


def test_divergences_are_told_with_advice_for_nuts(advice):
    diverging = np.zeros((2, 1000), dtype=bool)
    diverging[0, :4] = True
    found = advice(timed(0.5, 60.0), timed(0.5), stats={"diverging": diverging})
    assert found.choice == "nuts"
    assert "divergent draws: 4" in found.text


def test_a_pilot_without_draws(chains):
    found = weigh(
        {
            "gibbs": Pilot("Gaussian latent machine", chains(SEED), timed(0.5)),
            "nuts": Pilot("NUTS", None, timed(0.0), "kept only 3 draws per chain"),
        },
        ["beta"],
        1000,
    )
    assert found.choice == "gibbs"
    assert "NUTS has no result (kept only 3 draws per chain)" in found.text
    assert found.agreement is None


def test_two_pilots_without_draws():
    nothing = Pilot("A", None, Timing(NAN, NAN, NAN, ""), "it failed")
    found = weigh({"gibbs": nothing, "nuts": nothing._replace(label="B")}, ["beta"], 1000)
    assert found.choice == "neither"
    assert "A has no result (it failed); B has no result (it failed)" in found.text
    assert "?" in str(found)


def test_draws_that_never_move(tree_of):
    still = Pilot("A", tree_of({"x": np.ones((2, 200))}), timed(1.0))
    found = weigh({"gibbs": still, "nuts": still}, ["x"], 1000)
    assert "no coordinate moves" in found.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 1}, r"chains=1 is too few\. R-hat"),
        ({"seconds": 0.0}, r"Got seconds=0.0 and .*Both must be positive"),
        ({"effective_draws": 0}, r"effective_draws=0\. Both must be positive"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pymc_glm.advise(None, **options)


def level_model(size=60):
    observed = np.cumsum(np.random.default_rng(SEED).normal(size=size))
    with pm.Model() as model:
        step = pm.HalfNormal("step", 1)
        start = pm.Normal.dist(0, 10)
        level = pm.GaussianRandomWalk("level", sigma=step, init_dist=start, shape=size)
        pm.Deterministic("twice", 2 * level)
        pm.Normal("y", level, 1.0, observed=observed)
    return model


def limits(seconds=20.0):
    return Limits(chains=2, cores=2, seconds=seconds, random_seed=SEED)


def test_nutpie_is_stopped_in_time():
    found = pilot_nuts(level_model(), limits(1e-3))
    assert found.tree is None
    assert found.trouble.startswith("kept only ")
    assert found.timing.compile_s > 0.1


def test_nutpie_runs_again_where_too_little_is_known(monkeypatch):
    monkeypatch.setattr(pilots, "DRAWS", 100)
    model = level_model()
    found = pilot_nuts(model, limits())
    assert found.tree["posterior"].sizes["draw"] >= 200
    monkeypatch.setattr(pilots, "ENOUGH", 0.0)
    assert pilot_nuts(model, limits()).tree["posterior"].sizes["draw"] == 100


def test_an_error_of_a_sampler_is_its_trouble(monkeypatch):
    def broken(*arguments):
        raise ArithmeticError("the precision is singular.")

    monkeypatch.setattr(pilots, "_nutpie", broken)
    assert pilot_nuts(level_model(), limits()).trouble == (
        "ArithmeticError: the precision is singular"
    )


def test_our_pilot_does_not_start_what_it_cannot_end():
    model = level_model()
    found = pilot_machine(model, explain(model), limits(1e-6))
    assert found.tree is None
    assert found.trouble.startswith("0 sweeps of ")
    assert found.timing.compile_s > 0.1


def test_our_pilot_grows_until_the_worst_coordinate_is_known(monkeypatch):
    model = level_model()
    monkeypatch.setattr(pilots, "DRAWS", 100)
    monkeypatch.setattr(pilots, "ENOUGH", 500.0)
    found = pilot_machine(model, explain(model), limits())
    assert set(found.tree["posterior"].data_vars) == {"step", "level"}
    assert found.tree["posterior"].sizes["draw"] >= 400
    assert found.timing.compile_s > 0.1
    assert found.timing.rule == "stages timed apart by the sampler"


@pytest.mark.slow
def test_a_model_without_a_block_is_left_to_nuts():
    with pm.Model() as model:
        rate = pm.Gamma("rate", 2, 1, shape=2)
        pm.Poisson("y", rate, observed=[1, 3])
    found = pymc_glm.advise(model, random_seed=SEED)
    assert found.choice == "nuts"
    assert "No variable of the model can be in a Gaussian block" in found.text


@pytest.mark.slow
def test_discrete_variables_and_guests_are_left_to_pymc():
    with pm.Model() as model:
        count = pm.Poisson("count", 2.0)
        x = pm.Normal("x", count, 1.0, shape=2)
        pm.Normal("y", x, 1.0, observed=[1.0, 2.0])
    found = pymc_glm.advise(model, random_seed=SEED)
    assert found.contenders["gibbs"].label == "Gaussian latent machine, with PyMC's steps"
    assert found.contenders["nuts"].label.startswith("NUTS of PyMC, with its steps for discrete")
    assert found.agreement is not None


@pytest.mark.slow
def test_pymc_is_stopped_in_time(monkeypatch):
    monkeypatch.setattr(pilots, "find_spec", lambda name: None)
    found = pilot_nuts(level_model(300), limits(0.05))
    assert found.label == "NUTS of PyMC"
    assert found.tree is None
    assert found.trouble


@pytest.mark.slow
def test_a_local_level_is_ours():
    found = pymc_glm.advise(level_model(500), random_seed=SEED, effective_draws=100_000)
    assert found.choice == "gibbs"
