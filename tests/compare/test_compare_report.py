"""The report is one file that needs no network and says things in the right order."""

import re

from html.parser import HTMLParser

import numpy as np
import pytest

from pymc_glm.compare import Comparison, report
from pymc_glm.compare.timing import Timing

SEED = 20265
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects attributes and headings, and checks that tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.links, self.headings = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [values[key] for key in ("src", "href", "srcset", "data") if key in values]
        if tag == "img":
            self.images.append(values)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


class Explained:
    """Stands for the result of `pymc_glm.explain`."""

    def _repr_html_(self):
        return "<p>beta: Gaussian block</p>"


@pytest.fixture
def comparison(chains):
    timings = {name: Timing(1.0, 1.0, 0.5, "given") for name in ("gibbs", "nuts", "mala")}
    trees = {
        "gibbs": chains(SEED, rho=0.3),
        "nuts": chains(SEED + 1),
        "mala": chains(SEED + 2, rho=0.9),
    }
    return Comparison(trees, timings=timings, card={"seed": "1 <b>"}, failures={"x": "a <b> c"})


@pytest.fixture
def one(chains):
    return Comparison({"a": chains(SEED)})


def test_report_is_offline_and_small(comparison, tmp_path):
    path = comparison.report(tmp_path / "report.html", Explained())
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)
    assert path.stat().st_size < 2_000_000
    assert all(image["alt"] for image in page.images)
    assert page.headings == [
        "Comparison of samplers",
        "What was recognised",
        "Efficiency and convergence",
        "Agreement",
        "The worst coordinates",
        "Run card",
        "How to read this page",
    ]
    assert "beta: Gaussian block" in text
    assert 'class="verdict green"' in text
    assert "1 &lt;b&gt;" in text
    assert "a &lt;b&gt; c" in text


def test_verdict_comes_first_with_its_level(one):
    text = report.render(one)
    body = text[text.index("<main>") :]
    assert body.index('class="verdict amber"') < body.index("<h2>")
    assert "nothing to compare it with" in text
    assert "What was recognised" not in text


def test_html_explanation_is_used_as_it_is(one):
    assert "<em>yes</em>" in report.render(one, "<em>yes</em>")


def test_other_explanations_are_refused(one):
    with pytest.raises(TypeError, match=r"explanation is a int.*Pass HTML text"):
        report.render(one, 3)


def test_missing_matplotlib_names_the_extra(one, monkeypatch):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs the package matplotlib.*pymc-glm\[plots\]"):
        report.render(one)


def test_many_coordinates_stay_small(chains):
    trees = {name: chains(SEED + i, p=800, draws=100) for i, name in enumerate("ab")}
    assert len(report.render(Comparison(trees))) < 2_000_000


def test_disagreement_is_red(chains):
    text = report.render(Comparison({"a": chains(SEED), "b": chains(SEED + 1, shift=3.0)}))
    assert 'class="verdict red"' in text
    assert ">disagrees<" in text


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_posterior_without_moving_coordinates_is_reported(value, tree_of):
    text = report.render(Comparison({"a": tree_of({"x": np.full((2, 50), value)})}))
    assert "No coordinate moves" in text
    assert "n/a" in text
