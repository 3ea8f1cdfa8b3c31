"""Scores against a posterior and a truth that are known."""

import numpy as np
import pytest
import xarray as xr

from pymc_glm.compare import Comparison, report

SEED = 2307
COLUMNS = {
    "distance",
    "distance_floor",
    "mode_mass_error",
    "log_evidence_error",
    "coverage",
    "psnr_mean",
    "psnr_draw",
}
TRUTH = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


class Two:
    """Two modes at -5 and 5 of an image of twelve pixels, with masses 0.3 and 0.7."""

    log_evidence = -3.0
    mode_masses = np.array([0.3, 0.7])

    def __init__(self, share=0.7, spread=1.0):
        self.share = share
        self.spread = spread

    def draws(self, rng, n):
        side = np.where(rng.random(n) < self.share, 5.0, -5.0)
        return {"x": side[:, None, None] + self.spread * rng.standard_normal((n, 3, 4))}

    def mode_shares(self, values):
        right = values["x"].mean(axis=(1, 2)) > 0.0
        return np.stack([~right, right], axis=1).astype(float)


def tree_of(source, seed, n=1000, evidence=None, attrs=None, extra=None):
    values = source.draws(np.random.default_rng(seed), 2 * n)["x"].reshape(2, n, 3, 4)
    dims = ("chain", "draw", "row", "column")
    posterior = xr.Dataset({"x": (dims, values)}, attrs=attrs or {})
    if extra is not None:
        posterior["image"] = (dims, extra)
    groups = {"posterior": posterior}
    if evidence is not None:
        groups["sample_stats"] = xr.Dataset({"log_evidence": ("chain", evidence)})
    return xr.DataTree.from_dict(groups)


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(SEED)
    noise = rng.standard_normal((2, 1000, 3, 4))
    trees = {
        "exact": tree_of(Two(), 1, evidence=[-3.0 + np.log(1.5), -3.0 + np.log(0.5)]),
        "one mode": tree_of(Two(1.0), 2, attrs={"proposal_log_z": -3.5}),
        "narrow": tree_of(Two(spread=0.5), 3, extra=TRUTH + 0.2 * noise[:1] + 0.1 * noise),
        "wide": tree_of(Two(spread=2.0), 4, extra=TRUTH + noise),
    }
    return Comparison(trees, var_names=["x"], reference=Two(), truth={"image": TRUTH})


def test_distances_and_floors(comparison):
    scores = comparison.scores
    # The distance goes like the root of the error of the masses, which is Gaussian.
    assert scores["exact"].distance < 2.5 * scores["exact"].distance_floor
    # Three tenths of the mass ten apart, in standard deviations of 4.69, on random projections.
    assert scores["one mode"].distance == pytest.approx(0.3**0.5 * 10.0 / 4.69, rel=0.15)


def test_the_verdict_ends_with_distances_from_what_is_known(comparison):
    said = comparison.verdict.partition("Distances from the known posterior")[2]
    assert "in its standard deviations, and of as many exact draws: exact 0.1" in said
    assert said.index("exact 0.") < said.index("narrow 0.") < said.index("one mode")


def test_distances_of_other_spreads():
    single = Two(1.0)
    trees = {str(spread): tree_of(Two(1.0, spread), 6) for spread in (0.7, 1.0, 1.4)}
    scores = Comparison(trees, reference=single).scores
    for name, factor in (("0.7", 0.3), ("1.4", 0.4)):
        assert scores[name].distance == pytest.approx(factor, abs=0.05)
        assert scores[name].distance_floor < 0.06
    assert scores["1.0"].distance < 1.5 * scores["1.0"].distance_floor


def test_masses_of_modes(comparison):
    assert comparison.scores["exact"].mode_mass_error < 4.0 * np.sqrt(0.21 / 2000)
    assert comparison.scores["one mode"].mode_mass_error == pytest.approx(0.3)


def test_evidence_is_averaged_and_not_its_logarithm(comparison):
    assert comparison.scores["exact"].log_evidence_error == pytest.approx(0.0, abs=1e-12)
    assert comparison.scores["one mode"].log_evidence_error == pytest.approx(-0.5)
    assert np.isnan(comparison.scores["wide"].log_evidence_error)


def test_truth(comparison):
    scores = comparison.scores
    assert np.isnan([scores["exact"].coverage, scores["exact"].psnr_mean]).all()
    assert scores["wide"].coverage == 1.0
    # The peak is the range of the truth: 10 log10(4 / 1).
    assert scores["wide"].psnr_draw == pytest.approx(10 * np.log10(4.0), abs=0.1)
    assert scores["wide"].psnr_mean > 30.0
    # Draws that are too close to one another win by the figure that is not to be trusted.
    assert scores["narrow"].psnr_draw > scores["wide"].psnr_draw


def test_coverage_of_truths_from_the_posterior():
    rng = np.random.default_rng(SEED)
    source = Two(1.0)
    truth = source.draws(rng, 1)["x"][0]
    many = np.broadcast_to(truth, (3, 4))
    found = Comparison({"a": tree_of(source, 5)}, truth={"x": many}).scores["a"]
    draws = source.draws(np.random.default_rng(5), 2000)["x"]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert found.coverage == np.mean((low <= truth) & (truth <= high))
    assert np.isnan(found.distance)


def test_draws_as_the_reference():
    reference = tree_of(Two(), 7, attrs={"log_evidence": -3.0})
    trees = {"exact": tree_of(Two(), 8), "one mode": tree_of(Two(1.0), 9)}
    scores = Comparison(trees, reference=reference).scores
    assert scores["exact"].distance < 2.5 * scores["exact"].distance_floor
    assert scores["one mode"].distance == pytest.approx(0.3**0.5 * 10.0 / 4.69, rel=0.15)
    assert np.isnan(scores["exact"].mode_mass_error)


def test_columns_and_section(comparison):
    assert set(comparison.table.columns) >= COLUMNS
    page = report.render(comparison)
    assert "Against what is known" in page
    assert "PSNR of one draw rewards the wrong sampler" in page
    alone = Comparison({"a": tree_of(Two(), 1)})
    assert not COLUMNS & set(alone.table.columns)
    assert "Against what is known" not in report.render(alone)


def test_chains_that_do_not_move_have_no_distance(comparison):
    tree = tree_of(Two(), 10)
    tree["posterior"]["x"][0, 0] = np.nan
    assert np.isnan(Comparison({"a": tree}, reference=Two()).scores["a"].distance)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"truth": {"y": TRUTH}}, "truth has 'y', of which no sampler returned draws"),
        ({"truth": {"x": TRUTH[0]}}, r"truth\['x'\] has shape \(4,\), and its draws \[\(3, 4\)\]"),
    ],
)
def test_truths_of_something_else(known, message):
    with pytest.raises(ValueError, match=message):
        Comparison({"a": tree_of(Two(), 1)}, **known)


def test_references_of_something_else():
    class Other(Two):
        def draws(self, rng, n):
            return {"y": np.zeros((n, 2))}

    class Flat(Two):
        def draws(self, rng, n):
            return {"x": np.zeros((n, 12))}

    trees = {"a": tree_of(Two(), 1)}
    with pytest.raises(ValueError, match=r"has \['y'\], and \['x'\] are compared"):
        Comparison(trees, reference=Other())
    with pytest.raises(ValueError, match=r"'x' have shape \(3, 4\), and those of the reference"):
        Comparison(trees, reference=Flat())
