"""`compare` runs samplers, survives their errors, and is reproducible."""

import ast
import pickle
import subprocess
import sys
import time

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from pymc_glm.compare import Comparison, compare, runners
from pymc_glm.compare.run_card import ENGINES, data_hash
from pymc_glm.compare.runners import SAMPLERS

SEED = 20264
SOURCES = Path(runners.__file__).parent
DATA = np.array([0.3, 1.2, 0.7, -0.4])


def tree_of(variables, attrs=None):
    posterior = xr.Dataset({k: (("chain", "draw"), v) for k, v in variables.items()}, attrs=attrs)
    return xr.DataTree.from_dict({"posterior": posterior})


def normal_model(data=DATA):
    with pm.Model() as model:
        x = pm.Normal("x")
        pm.Deterministic("twice", 2 * x)
        pm.Normal("y", x, 1.0, observed=data)
    return model


def exact(*, model, draws, tune, chains, cores, random_seed, progressbar):
    """Independent draws from the posterior of `normal_model`."""
    rng = np.random.default_rng(random_seed)
    mean, sd = DATA.sum() / (len(DATA) + 1), 1 / np.sqrt(len(DATA) + 1)
    return tree_of({"x": rng.normal(mean, sd, (chains, draws))})


def broken(**budget):
    raise ArithmeticError("the precision is singular")


@pytest.fixture(scope="module")
def result():
    return compare(
        normal_model(),
        {"nuts": "nuts", "exact": exact, "broken": broken},
        draws=800,
        tune=500,
        cores=1,
        random_seed=SEED,
        progressbar=False,
    )


def test_nuts_agrees_with_exact_draws(result):
    assert isinstance(result, dict)
    assert list(result) == ["nuts", "exact"]
    assert result.agreement["ok"].all()
    assert result.layout.labels == ("x",)
    assert result.table.loc["nuts", "step_unit"] == "gradient"
    assert result.timings["nuts"].rule == "time stamps of the draws"
    assert 0.0 < result.timings["nuts"].sample_s
    assert result.timings["nuts"].compile_s > 0.0
    assert not [group for group in result["nuts"].children if group.startswith("warmup")]


def test_failure_is_recorded(result):
    assert result.failures == {"broken": "ArithmeticError: the precision is singular"}
    assert "broken failed" in result.verdict


def test_run_cards_name_the_engine_of_each_sampler():
    assert set(ENGINES) == set(SAMPLERS)


def test_run_card(result):
    assert result.card["seed"] == str(SEED)
    assert result.card["sampler nuts"].startswith("NUTS of PyMC itself 6.4")
    assert result.card["sampler exact"].startswith("callable of the user, seed")
    assert "2 chains of 800 draws after 500 tuning draws, on 1 cores" in result.card["budget"]


def test_comparison_pickles(result):
    copy = pickle.loads(pickle.dumps(result))
    assert copy.verdict == result.verdict
    assert list(copy) == list(result)


def test_notebook_page(result):
    page = result._repr_html_()
    assert "ess_per_s" in page
    assert "max_z" in page


def run(samplers, **options):
    budget = {"draws": 300, "tune": 100, "random_seed": SEED, "progressbar": False}
    return compare(normal_model(), samplers, **budget | options)


def test_same_seed_same_draws_whatever_else_runs():
    alone = run({"exact": exact})
    among = run({"other": exact, "exact": exact})
    np.testing.assert_array_equal(alone["exact"]["posterior"].x, among["exact"]["posterior"].x)
    assert not np.array_equal(among["other"]["posterior"].x, among["exact"]["posterior"].x)


def test_generator_as_seed():
    first, second = (run({"e": exact}, random_seed=np.random.default_rng(SEED)) for _ in range(2))
    assert first.card["seed"] == second.card["seed"]


def test_new_seed_is_recorded():
    cards = [run({"e": exact}, random_seed=None).card["seed"] for _ in range(2)]
    assert cards[0] != cards[1]


def test_sampler_without_a_variable_fails_alone():
    def partial(**budget):
        return tree_of({"z": np.zeros((2, 10))})

    result = run({"exact": exact, "partial": partial})
    assert list(result) == ["exact"]
    assert "no draws of 'x'" in result.failures["partial"]


def test_sampler_that_returns_something_else_fails_alone():
    result = run({"exact": exact, "odd": lambda **budget: 3})
    assert "TypeError: Sampler 'odd' returned int without" in result.failures["odd"]


def test_all_time_of_a_sampler_without_warm_up_is_that_of_its_draws():
    def untuned(**budget):
        time.sleep(0.05)
        return tree_of({"x": np.zeros((2, 10))}, {"tuning_steps": 0})

    result = run({"exact": exact, "untuned": untuned}, tune=1000)
    assert result.timings["untuned"].warmup_s == 0.0
    assert result.timings["untuned"].sample_s >= 0.05
    assert result.timings["exact"].warmup_s > 0.0


def test_every_sampler_failed():
    with pytest.raises(RuntimeError, match=r"Every sampler failed; broken with Arithmetic"):
        run({"broken": broken})


def test_one_chain_is_refused():
    with pytest.raises(ValueError, match=r"chains=1 is too few\. R-hat"):
        run({"e": exact}, chains=1)


@pytest.mark.parametrize("samplers", ["nuts", [], ["nuts", "nuts"]])
def test_odd_lists_of_samplers_are_refused(samplers):
    with pytest.raises(ValueError, match=r"is not a list of distinct names\. Write samplers="):
        run(samplers)


def test_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match=r"no sampler called 'hmc'; known .*'gibbs'.*callable"):
        run(["hmc"])


def test_missing_nutpie_names_the_extra(monkeypatch):
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs the package nutpie.*pymc-glm\[nutpie\]"):
        run(["nutpie"])


@pytest.mark.parametrize("name", ["nutpie_low_rank", "mclmc"])
def test_missing_packages_name_the_extra(monkeypatch, name):
    monkeypatch.setattr(runners, "find_spec", lambda package: None)
    extra = {"nutpie_low_rank": "nutpie", "mclmc": "mclmc"}[name]
    with pytest.raises(ImportError, match=rf"Sampler '{name}' needs .*\[{extra}\]"):
        run([name])


def test_jax_runs_last_and_is_shown_where_it_was_named(monkeypatch):
    ran = []

    def named(name):
        def sampler(**budget):
            ran.append(name)
            return exact(**budget)

        return sampler

    biased = named("biased")
    monkeypatch.setitem(runners.SAMPLERS, "mclmc", biased)
    result = run({"biased": biased, "exact": named("exact")})
    assert ran == ["exact", "biased"]
    assert list(result) == ["biased", "exact"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "unadjusted"), [("mclmc", True), ("nutpie_low_rank", False)])
def test_samplers_of_other_packages(name, unadjusted):
    missing = [package for package in runners.EXTRAS[name][1] if find_spec(package) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    model = normal_model()
    with model:
        # MCLMC needs two dimensions.
        pm.Normal("other")
    budget = {"draws": 1000, "tune": 200, "random_seed": SEED, "progressbar": False}
    result = compare(model, {name: name, "exact": exact}, var_names=["x"], **budget)
    assert not result.failures
    assert result.agreement["ok"].all()
    if unadjusted:
        assert result.differences.reference == "exact"
    assert result.table.loc[name, "unadjusted"] == unadjusted
    assert ("unadjusted" in result.card[f"sampler {name}"]) == unadjusted
    assert result.timings[name].sample_s > 0.0
    assert not [group for group in result[name].children if group.startswith("warmup")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nuts", {"nuts_sampler": "pymc"}),
        ("nutpie", {"nuts_sampler": "nutpie", "discard_tuned_samples": False}),
    ],
)
def test_engine_is_explicit(monkeypatch, name, expected):
    seen = {}

    def sample(**options):
        seen.update(options)
        return exact(model=None, tune=0, cores=1, **{k: options[k] for k in KEPT})

    monkeypatch.setattr(pm, "sample", sample)
    result = run({"alias": name})
    assert expected.items() <= seen.items()
    assert (seen["draws"], seen["tune"], seen["chains"]) == (300, 100, 2)
    assert result.card["sampler alias"].startswith("NUTS of")


KEPT = ("draws", "chains", "random_seed", "progressbar")


def test_data_hash_follows_the_data():
    assert data_hash(normal_model()) == data_hash(normal_model(DATA.copy()))
    assert data_hash(normal_model()) != data_hash(normal_model(DATA + 1e-9))


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.py")), ids=lambda path: path.stem)
def test_heavy_packages_are_imported_inside_functions(path):
    tree = ast.parse(path.read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [alias.name for node in guarded for alias in node.names]
    modules += [node.module for node in guarded if isinstance(node, ast.ImportFrom)]
    heavy = {"arviz", "arviz_stats", "pandas", "matplotlib", "xarray", "pymc", "nutpie", "numba"}
    heavy |= {"blackjax", "jax"}
    assert not heavy & {str(module).partition(".")[0] for module in modules}


@pytest.mark.parametrize("first", ["pymc_glm.Comparison", "pymc_glm.compare"])
def test_package_does_not_hide_the_function(first):
    code = f"import pymc_glm; {first}; pymc_glm.compare(None, chains=1)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "chains=1 is too few" in finished.stderr


def test_comparison_of_ready_trees_reads_their_times():
    attrs = {"sampling_time": 4.0, "tuning_steps": 300}
    values = np.random.default_rng(SEED).standard_normal((2, 100))
    result = Comparison({"a": tree_of({"x": values}, attrs=attrs)})
    assert result.timings["a"].sample_s == 1.0


def refuse(monkeypatch):
    """Samplers that must not be run."""

    def never(**budget):
        pytest.fail("a sampler was run")

    monkeypatch.setattr(runners, "SAMPLERS", dict.fromkeys(SAMPLERS, never))


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"var_names": ["mu"]}, ValueError, "var_names has 'mu', which is no free variable"),
        ({"truth": {"z": DATA}}, ValueError, "truth has 'z', which is no free variable"),
        ({"truth": {"x": [1.0]}}, ValueError, r"truth\['x'\] has shape \(1,\), and the variable"),
        ({"reference": 3.0}, TypeError, "reference of type float, which has neither a posterior"),
        ({"reference": xr.DataTree()}, TypeError, "reference of type DataTree"),
    ],
)
def test_what_no_draw_has_is_refused_before_sampling(monkeypatch, asked, error, message):
    refuse(monkeypatch)
    with pytest.raises(error, match=message):
        compare(normal_model(), ["gibbs", "nuts"], progressbar=False, **asked)
