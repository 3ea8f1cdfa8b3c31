"""The benchmark's problem with five modes, and its two spellings in PyMC."""

import numpy as np
import pytest

from psld_modes import LIVE, LabelDraw, five_modes, labelled_model
from scipy.special import logsumexp
from scipy.stats import chisquare
from sklearn.datasets import load_digits

from pymc_glm.inverse import LatentMixturePrior, exact_posterior, to_model


@pytest.fixture(scope="module")
def problem():
    pixels = load_digits().images / 8.0 - 1.0
    return five_modes(LatentMixturePrior.fit(pixels[:1500], 20, 10))


def test_five_modes_are_live(problem):
    assert np.sum(exact_posterior(problem).weights > LIVE) >= 5


def test_the_label_summed_out_leaves_the_other_spelling(problem):
    summed = to_model(problem).compile_logp()
    labelled = labelled_model(problem).compile_logp()
    for z in problem.prior.draw(np.random.default_rng(1), 3):
        parts = [labelled({"z": z, "label": np.array(k)}) for k in range(10)]
        assert logsumexp(parts) == pytest.approx(summed({"z": z}), rel=1e-10)


def test_labels_are_drawn_given_the_code(problem):
    model = labelled_model(problem)
    value = model.rvs_to_values[model["label"]]
    step = LabelDraw([value], prior=problem.prior, model=model)
    step.setup_chain(np.random.default_rng(2), 0, 4000)
    z = problem.prior.means[:2].mean(axis=0)
    labels = [int(step.step({"z": z, "label": np.array(0)})[0]["label"]) for _ in range(4000)]
    joint = problem.prior.mixture.log_components(z[None])[0]
    shares = np.exp(joint - logsumexp(joint))
    common = shares > 5 / 4000
    counts = np.bincount(labels, minlength=10)
    seen = np.append(counts[common], counts[~common].sum())
    expected = 4000 * np.append(shares[common], shares[~common].sum())
    assert np.sum(common) > 1
    assert chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-4
