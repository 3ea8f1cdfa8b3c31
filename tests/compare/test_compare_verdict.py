"""The verdict says the most important thing first; the table has the right numbers."""

import numpy as np
import pytest

from pymc_glm.compare import Comparison
from pymc_glm.compare.timing import Timing, read_timing

SEED = 20263


def timed(sample_s, warmup_s=1.0, compile_s=1.0):
    return Timing(compile_s, warmup_s, sample_s, "given")


def test_winner_is_named_with_its_lead(chains):
    result = Comparison(
        {"gibbs": chains(SEED, rho=0.5), "nuts": chains(SEED + 1)},
        timings={"gibbs": timed(0.1), "nuts": timed(2.0)},
    )
    assert result.level == "green"
    assert result.judgement.winner == "gibbs"
    assert result.verdict.startswith("Use gibbs here: ")
    assert "agree within Monte Carlo error" in result.verdict
    assert repr(result).startswith("Comparison of gibbs, nuts\nUse gibbs here")


def test_nuts_can_win(chains):
    result = Comparison(
        {"gibbs": chains(SEED, rho=0.8, draws=3000), "nuts": chains(SEED + 1)},
        timings={"gibbs": timed(1.0), "nuts": timed(0.5)},
    )
    assert result.verdict.startswith("Use nuts here: ")
    assert "times as fast as gibbs" in result.verdict
    assert "Sampled once, nuts is done first as well: with compilation" in result.verdict


def test_worst_coordinates_are_named_scales_included(ar1, tree_of):
    rng = np.random.default_rng(SEED)
    trees = {
        name: tree_of({"x": ar1(rng, 1, 2, 2000, 0.0)[0], "tau": ar1(rng, 1, 2, 2000, rho)[0]})
        for name, rho in (("gibbs", 0.7), ("nuts", 0.0), ("mala", 0.6))
    }
    result = Comparison(
        trees, timings={"gibbs": timed(9.0), "nuts": timed(1.0), "mala": timed(3.0)}
    )
    rates = result.verdict.split("effective draws per second of sampling: ")[1].split(").")[0]
    assert [rate.split()[0] for rate in rates.split("), ")] == ["nuts", "mala", "gibbs"]
    assert rates.count("(worst: tau") == 2


def test_equally_fast_samplers_may_start_unequally(chains):
    result = Comparison(
        {"gibbs": chains(SEED), "nuts": chains(SEED + 1)},
        timings={"gibbs": timed(1.0, compile_s=60.0), "nuts": timed(1.1)},
    )
    assert "use either" in result.verdict
    assert "Sampled once, nuts is done first: with compilation" in result.verdict


def test_long_compilation_is_mentioned(chains):
    result = Comparison(
        {"gibbs": chains(SEED), "nuts": chains(SEED + 1)},
        timings={"gibbs": timed(0.1, compile_s=60.0), "nuts": timed(2.0)},
    )
    assert result.judgement.winner == "gibbs"
    assert "Sampled once, nuts would have been done sooner: " in result.verdict
    target = min(summary.min_ess for summary in result.summaries.values())
    rates = {name: summary.ess_per_s for name, summary in result.summaries.items()}
    seconds = {"gibbs": 61.0 + target / rates["gibbs"], "nuts": 2.0 + target / rates["nuts"]}
    for name, value in seconds.items():
        assert f"{value:.3g} s with {name}" in result.verdict
    even = 59.0 / (1.0 / rates["nuts"] - 1.0 / rates["gibbs"])
    assert f"gibbs pays from about {even:,.0f} effective draws on." in result.verdict


def test_near_tie_has_no_winner(chains):
    result = Comparison(
        {"gibbs": chains(SEED), "nuts": chains(SEED + 1)},
        timings={"gibbs": timed(1.0), "nuts": timed(1.1)},
    )
    assert result.judgement.winner is None
    assert "about equally fast" in result.verdict


def test_disagreement_comes_first(chains):
    result = Comparison({"a": chains(SEED), "b": chains(SEED + 1, shift=1.0)})
    assert result.level == "red"
    assert result.judgement.winner is None
    first = result.judgement.findings[0]
    assert "disagree although both passed the convergence checks" in first
    assert "beta[0]" in first


def test_nobody_converged(chains):
    trees = {name: chains(SEED + i, rho=0.999) for i, name in enumerate("ab")}
    result = Comparison(trees)
    assert result.level == "red"
    assert result.verdict.startswith("Nobody converged")
    assert "R-hat" in result.verdict


def test_unconverged_sampler_is_not_accused_of_disagreement(chains):
    result = Comparison(
        {"a": chains(SEED), "b": chains(SEED + 1), "slow": chains(SEED + 2, rho=0.999, shift=9.0)}
    )
    assert result.level == "green"
    assert "slow did not converge" in result.verdict
    assert "disagree" not in result.verdict


def test_only_one_converged(chains):
    result = Comparison({"a": chains(SEED), "slow": chains(SEED + 1, rho=0.999)})
    assert result.level == "amber"
    assert result.verdict.startswith("Only a converged: use a here.")


def test_too_few_effective_draws_do_not_count_as_converged(chains):
    result = Comparison({"a": chains(SEED, draws=60)})
    assert "100 for each chain" in result.summaries["a"].problems[-1]


def test_divergences_make_it_amber(chains):
    diverging = np.zeros((2, 1000), dtype=bool)
    diverging[1, 5:8] = True
    trees = {
        "gibbs": chains(SEED),
        "nuts": chains(SEED + 1, stats={"diverging": diverging}),
    }
    result = Comparison(trees)
    assert result.level == "amber"
    assert "nuts may have missed a region (divergent draws: 3)." in result.verdict
    assert result.table["divergences"].isna().tolist() == [True, False]


def test_failures_are_told(chains):
    result = Comparison({"a": chains(SEED)}, failures={"mala": "ValueError: no gradient"})
    assert "mala failed: ValueError: no gradient." in result.verdict


def test_invalid_draws_do_not_count_as_converged(chains):
    tree = chains(SEED)
    tree["posterior"]["beta"].values[0, 0, 2] = np.nan
    assert "NaN or infinity in 1 of 5 coordinates (beta[2])" in Comparison({"a": tree}).verdict


def test_constants_of_the_model_are_skipped_and_named(chains):
    trees = {"a": chains(SEED), "b": chains(SEED + 1)}
    for tree in trees.values():
        tree["posterior"]["beta"].values[:, :, 3] = 1.0
    result = Comparison(trees)
    assert result.constant == ("beta[3]",)
    assert result.level == "green"


def test_nothing_moves(tree_of):
    result = Comparison({"a": tree_of({"x": np.ones((2, 50))})})
    assert "no coordinate that moves" in result.verdict
    assert np.isnan(result.table.loc["a", "min_ess_bulk"])


def test_one_chain_does_not_count_as_converged(chains):
    assert "one chain only" in Comparison({"a": chains(SEED, chains=1)}).verdict


def test_table_rates_follow_the_convention(chains):
    stats = {"n_steps": np.full((2, 1000), 7.0)}
    result = Comparison(
        {"nuts": chains(SEED, stats=stats), "gibbs": chains(SEED + 1)},
        timings={"nuts": timed(2.0, 3.0, 5.0), "gibbs": timed(1.0, 0.0, 0.0)},
    )
    nuts, gibbs = result.table.loc["nuts"], result.table.loc["gibbs"]
    smallest = min(nuts["min_ess_bulk"], nuts["min_ess_tail"])
    assert nuts["ess_per_s"] == pytest.approx(smallest / 2.0)
    assert nuts["ess_per_s_total"] == pytest.approx(smallest / 10.0)
    assert nuts["ess_per_step"] == pytest.approx(smallest / 14000.0)
    assert (nuts["step_unit"], gibbs["step_unit"]) == ("gradient", "sweep")
    assert nuts["max_mcse"] == pytest.approx(1 / np.sqrt(2000), rel=0.3)
    metrics = result.metrics()["nuts"]
    assert metrics["min_ess"] == smallest
    assert metrics["worst"] in (nuts["worst_bulk"], nuts["worst_tail"])
    assert (metrics["draws"], metrics["chains"]) == (1000, 2)


BIASED = {"unadjusted": 1}


def test_jumps_and_local_gradients_are_counted_together(chains):
    stats = {"n_logp": np.full((2, 1000), 2.0)}
    local = {**stats, "n_steps": np.full((2, 1000), 7.0)}
    found = {"jumps": chains(SEED, stats=stats), "gmp_diffusion": chains(SEED, stats=local)}
    table = Comparison(found).table
    assert list(table["step_unit"]) == ["evaluation", "evaluation"]
    ratio = table.loc["jumps", "ess_per_step"] / table.loc["gmp_diffusion", "ess_per_step"]
    assert ratio == pytest.approx(4.5)


def test_unadjusted_sampler_is_no_reference_and_no_winner(chains):
    trees = {"mclmc": chains(SEED, draws=3000, attrs=BIASED), "nuts": chains(SEED + 1, rho=0.5)}
    result = Comparison(trees, timings={"mclmc": timed(0.1), "nuts": timed(2.0)})
    assert result.differences.reference == "nuts"
    assert (result.level, result.judgement.winner) == ("green", "nuts")
    assert result.verdict.startswith("Use nuts here: of the samplers that converged, only it")
    assert "mclmc is unadjusted: it rejects no step, so its draws are biased." in result.verdict
    assert "Here it stays within Monte Carlo error" in result.verdict
    assert "times those of nuts" in result.verdict
    assert result.table["unadjusted"].tolist() == [True, False]
    assert result.metrics()["mclmc"]["unadjusted"]
    # Nothing adjusted has been compared with the reference.
    assert np.isnan(result.metrics()["nuts"]["agreement_z"])


def test_race_is_among_the_adjusted(chains):
    trees = {
        "mclmc": chains(SEED, attrs=BIASED),
        "nuts": chains(SEED + 1),
        "gibbs": chains(SEED + 2),
    }
    result = Comparison(
        trees, timings={"mclmc": timed(0.1), "nuts": timed(2.0), "gibbs": timed(0.5)}
    )
    assert result.judgement.winner == "gibbs"
    assert result.verdict.startswith("Use gibbs here: ")
    assert "mclmc" not in result.judgement.findings[0]
    assert "mclmc is unadjusted" in result.verdict


def test_bias_that_shows_accuses_nobody_else(chains):
    trees = {"mclmc": chains(SEED, shift=1.0, attrs=BIASED), "nuts": chains(SEED + 1)}
    result = Comparison(trees)
    assert (result.level, result.judgement.winner) == ("amber", "nuts")
    assert "The bias shows: its " in result.verdict
    assert "disagree" not in result.verdict


def test_reference_that_did_not_converge_is_still_not_the_unadjusted_one(chains):
    trees = {"mclmc": chains(SEED, attrs=BIASED), "nuts": chains(SEED + 1, rho=0.999)}
    result = Comparison(trees)
    assert result.differences.reference == "nuts"
    assert (result.level, result.judgement.winner) == ("amber", None)
    assert result.verdict.startswith("Only mclmc converged, and nothing corrects the bias")


def test_unadjusted_samplers_among_themselves(chains):
    trees = {name: chains(SEED + i, attrs=BIASED) for i, name in enumerate("ab")}
    assert Comparison(trees).verdict.startswith("Only a and b converged, and nothing corrects")
    trees["b"] = chains(SEED + 1, shift=1.0, attrs=BIASED)
    assert Comparison(trees).level == "red"


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match=r"no draws to compare\. Give at least one"):
        Comparison({})


class TestTiming:
    """Each rule that tells warm-up from sampling."""

    def test_stages_timed_apart(self, chains):
        attrs = {"sampling_time": 2.0, "tuning_time": 3.0, "compile_time": 4.0}
        tree = chains(SEED, attrs=attrs)
        timing = read_timing(tree, 100)
        assert (timing.compile_s, timing.warmup_s, timing.sample_s) == (4.0, 3.0, 2.0)
        assert read_timing(tree, 100, wall_s=10.0).compile_s == 5.0

    @pytest.mark.parametrize(("overlap", "busy"), [(True, 10.0), (False, 20.0)])
    def test_time_stamps(self, chains, overlap, busy):
        start = np.tile(np.linspace(100.0, 109.0, 10), (2, 1))
        if not overlap:
            start[1] += 50.0
        stats = {"perf_counter_start": start, "perf_counter_diff": np.ones((2, 10))}
        tree = chains(SEED, draws=10, stats=stats, attrs={"sampling_time": 80.0})
        timing = read_timing(tree, 10, wall_s=81.0)
        assert timing.sample_s == pytest.approx(busy)
        assert timing.warmup_s == pytest.approx(80.0 - busy)
        assert timing.compile_s == pytest.approx(1.0)

    def test_gradients(self, chains):
        tree = chains(
            SEED,
            draws=10,
            stats={"n_steps": np.full((2, 10), 3)},
            warmup={"n_steps": np.full((2, 10), 9)},
            attrs={"sampling_time": 4.0},
        )
        assert read_timing(tree, 10).sample_s == pytest.approx(1.0)

    def test_draws(self, chains):
        tree = chains(SEED, draws=100, attrs={"sampling_time": 4.0})
        timing = read_timing(tree, 300)
        assert (timing.sample_s, timing.rule) == (1.0, "numbers of draws")
        assert read_timing(tree, 0).sample_s == 4.0

    def test_unknown(self, chains):
        assert np.isnan(read_timing(chains(SEED), 10).total_s)

    def test_wall_time_of_a_callable(self, chains):
        assert read_timing(chains(SEED, draws=100), 100, wall_s=6.0).sample_s == 3.0
