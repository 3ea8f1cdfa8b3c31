"""The comparison as one HTML file that needs no network."""

from __future__ import annotations

import base64
import math

from collections.abc import Callable, Mapping
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from pymc_glm.compare.page import HOW_TO_READ, KNOWN_NOTES, SHELL, STYLE

if TYPE_CHECKING:
    from pymc_glm.compare.accuracy import Scores
    from pymc_glm.compare.comparison import Comparison
    from pymc_glm.compare.summary import Summary

__all__ = ["render"]

MAX_COORDINATES = 4
LEVELS = {"green": "✔ Green", "amber": "▲ Amber", "red": "✖ Red"}
TITLE = "Comparison of samplers"


def render(comparison: Comparison, explanation: object | None = None) -> str:
    """Write the report of a comparison.

    Parameters
    ----------
    comparison : Comparison
        What to report.
    explanation : str or object, optional
        HTML, or an object with ``_repr_html_``, that says what was recognised in the model.
        Default: the section is left out.

    Returns
    -------
    html : str
        A page with all pictures inside.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    TypeError
        The explanation is neither text nor has ``_repr_html_``.
    """
    if find_spec("matplotlib") is None:
        raise ImportError(
            "The report needs the package matplotlib, which is not installed. "
            'Install it with pip install "pymc-glm[plots]".'
        )
    sections = [
        _verdict(comparison),
        _recognized(explanation),
        _section("Efficiency and convergence", _table(comparison)),
        _section("Agreement", _agreement(comparison)),
        _section("Against what is known", _known(comparison)) if comparison.scores else "",
        _section("The worst coordinates", _worst(comparison)),
        _section("Run card", _card(comparison.card)) if comparison.card else "",
        _section("How to read this page", HOW_TO_READ),
    ]
    return SHELL.format(title=TITLE, style=STYLE, body="\n".join(sections))


def _section(heading: str, body: str) -> str:
    return f"<section>\n<h2>{heading}</h2>\n{body}\n</section>"


def _verdict(comparison: Comparison) -> str:
    first, *others = comparison.judgement.findings
    items = "".join(f"<li>{escape(finding)}</li>" for finding in others)
    return (
        f'<section class="verdict {comparison.level}" aria-label="Verdict">'
        f"<p><strong>{LEVELS[comparison.level]}.</strong> {escape(first)}</p>"
        f"{f'<ul>{items}</ul>' if items else ''}</section>"
    )


def _recognized(explanation: object | None) -> str:
    if explanation is None:
        return ""
    if isinstance(explanation, str):
        body = explanation
    elif hasattr(explanation, "_repr_html_"):
        body = explanation._repr_html_()
    else:
        raise TypeError(
            f"explanation is a {type(explanation).__name__}, which cannot be shown on a page. "
            "Pass HTML text, or an object with _repr_html_ such as pymc_glm.explain(model)."
        )
    return _section("What was recognised", f'<div class="wide" tabindex="0">{body}</div>')


def _table(comparison: Comparison) -> str:
    """Samplers as columns: few enough to fit the width of a phone."""
    summaries = comparison.summaries
    rows = [_row(heading, summaries, cell) for heading, cell in ROWS]
    rules = {
        name: comparison.timings[name].rule
        for name in summaries
        if not math.isnan(comparison.timings[name].sample_s)
    }
    notes = [
        "Effective draws per second count the wall time of the kept draws only; the row below it "
        "counts compilation and warm-up as well."
    ]
    if rules:
        told = "; ".join(f"{name}: {rule}" for name, rule in rules.items())
        notes.append(f"Warm-up was told apart from sampling by: {told}.")
    if comparison.constant:
        notes.append(
            f"{len(comparison.constant)} coordinates never change and are left out: "
            f"{_shortened(comparison.constant)}."
        )
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in summaries)
    count = len(comparison.layout.labels) - len(comparison.constant)
    return (
        '<div class="wide" tabindex="0"><table class="numbers">'
        f"<caption>Over {count} coordinates; the worst one is named.</caption>"
        f'<thead><tr><th scope="row">sampler</th>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    )


def _known(comparison: Comparison) -> str:
    """Scores against a posterior and a truth that are known."""
    rows = [_row(heading, comparison.scores, cell) for heading, cell in KNOWN_ROWS]
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in comparison.scores)
    return (
        '<div class="wide" tabindex="0"><table class="numbers">'
        "<caption>n/a where a score does not apply.</caption>"
        f'<thead><tr><th scope="row">sampler</th>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{KNOWN_NOTES}"
    )


def _row[T](heading: str, found: Mapping[str, T], cell: Callable[[T], str]) -> str:
    cells = "".join(f"<td>{cell(entry)}</td>" for entry in found.values())
    return f'<tr><th scope="row">{heading}</th>{cells}</tr>'


def _agreement(comparison: Comparison) -> str:
    from pymc_glm.compare.figures import agreement_plot

    differences = comparison.differences
    if not differences.z:
        return "<p>One sampler only: there is nothing to compare it with.</p>"
    rows = []
    for name, row in comparison.agreement.iterrows():
        if not row["converged"]:
            finding = "not converged"
        else:
            finding = "agrees" if row["ok"] else "disagrees"
            if comparison.summaries[str(name)].unadjusted:
                finding += ", unadjusted"
        rows.append(
            f'<tr><th scope="row">{escape(str(name))}</th><td>{_number(row["max_z"])}</td>'
            f'<td class="text">{escape(row["statistic"])} of {escape(row["parameter"])}</td>'
            f'<td class="text">{finding}</td></tr>'
        )
    reference = escape(differences.reference)
    picture = agreement_plot(differences, list(comparison))
    alternative = (
        f"Differences of means and quantiles from {differences.reference}; largest: "
        + ", ".join(
            f"{name} {_number(differences.largest(name)[0])} at {differences.largest(name)[1]}"
            for name in differences.z
        )
        + f"; bound {differences.threshold:.1f}."
    )
    return (
        '<div class="wide" tabindex="0"><table class="numbers">'
        f"<caption>Largest difference from {reference}, in joint Monte Carlo standard errors; "
        f"bound {differences.threshold:.1f}, family-wise level 1 in 1000.</caption>"
        '<thead><tr><th scope="row">sampler</th><th scope="col">difference</th>'
        '<th scope="col" class="text">at</th><th scope="col" class="text">finding</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<div class="single">{_picture(picture, alternative)}</div>'
    )


def _worst(comparison: Comparison) -> str:
    """Pictures of the coordinates on which some sampler does worst."""
    from pymc_glm.compare.figures import autocorrelation_plot, ess_plot, rank_plot

    labels = _worst_labels(comparison)
    if not labels:
        return "<p>No coordinate moves.</p>"
    pictures = []
    for label in labels:
        draws = {name: comparison.layout.one(tree, label) for name, tree in comparison.items()}
        finite = {name: values for name, values in draws.items() if np.isfinite(values).all()}
        if not finite:
            continue
        index = comparison.layout.labels.index(label)
        sizes = ", ".join(
            f"{name} {_number(comparison.diagnostics[name].ess[index])}" for name in finite
        )
        ranks = ", ".join(
            f"{name} {_number(comparison.diagnostics[name].rhat[index])}" for name in finite
        )
        pictures.append(_picture(rank_plot(finite, label), f"Ranks of {label}; R-hat: {ranks}."))
        pictures.append(
            _picture(ess_plot(finite, label), f"Effective draws of {label}, at the end: {sizes}.")
        )
        pictures.append(
            _picture(
                autocorrelation_plot(finite, label),
                f"Autocorrelation of {label} by lag; effective draws: {sizes}.",
            )
        )
    return (
        f"<p>Shown: {escape(', '.join(labels))}, on which some sampler has the fewest effective "
        f'draws or differs most.</p><div class="figures">{"".join(pictures)}</div>'
    )


def _worst_labels(comparison: Comparison) -> list[str]:
    """Coordinates to draw: the least effective of each sampler, then the largest differences."""
    candidates = [summary.worst for summary in comparison.summaries.values()]
    differences = comparison.differences
    candidates += [differences.largest(name)[1] for name in differences.z]
    return list(dict.fromkeys(label for label in candidates if label))[:MAX_COORDINATES]


def _card(card: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>'
        for key, value in card.items()
    )
    return f'<table class="card"><tbody>{rows}</tbody></table>'


def _picture(png: bytes, alternative: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    text = escape(alternative, quote=True)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"></figure>'


def _number(value: float) -> str:
    """Show three significant digits, or n/a for what is not known."""
    if math.isnan(value):
        return "n/a"
    if not math.isfinite(value) or abs(value) >= 1000.0:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _decibels(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.1f} dB"


def _share(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.1%}"


def _at(value: float, label: str) -> str:
    return f"{_number(value)}<small>{escape(label)}</small>"


def _rhat(summary: Summary) -> str:
    shown = "n/a" if math.isnan(summary.max_rhat) else f"{summary.max_rhat:.3f}"
    return f"{shown}<small>{escape(summary.worst_rhat)}</small>"


def _shortened(labels: tuple[str, ...], most: int = 8) -> str:
    shown = ", ".join(labels[:most])
    return shown if len(labels) <= most else f"{shown} and {len(labels) - most} more"


ROWS: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("converged", lambda s: "yes" if s.converged else "no"),
    ("known to be biased", lambda s: "yes, unadjusted" if s.unadjusted else "no"),
    ("effective draws per second", lambda s: _number(s.ess_per_s)),
    ("effective draws per second in all", lambda s: _number(s.ess_per_s_total)),
    (
        "effective draws per step",
        lambda s: f"{_number(s.ess_per_step)}<small>per {s.step_unit}</small>",
    ),
    ("smallest bulk ESS", lambda s: _at(s.min_ess_bulk, s.worst_bulk)),
    ("smallest tail ESS", lambda s: _at(s.min_ess_tail, s.worst_tail)),
    ("median bulk ESS", lambda s: _number(s.median_ess_bulk)),
    ("median tail ESS", lambda s: _number(s.median_ess_tail)),
    ("largest R-hat", _rhat),
    ("largest MCSE of a mean (posterior sd)", lambda s: _at(s.max_mcse, s.worst_mcse)),
    ("divergent transitions", lambda s: "n/a" if s.divergences is None else f"{s.divergences:,}"),
    ("draws kept", lambda s: f"{s.chains} x {s.draws:,}"),
    ("compilation and set-up, s", lambda s: _number(s.compile_s)),
    ("warm-up, s", lambda s: _number(s.warmup_s)),
    ("sampling, s", lambda s: _number(s.sample_s)),
)
KNOWN_ROWS: tuple[tuple[str, Callable[[Scores], str]], ...] = (
    ("distance from the posterior (sd)", lambda s: _number(s.distance)),
    ("of as many exact draws (the floor)", lambda s: _number(s.distance_floor)),
    ("error of the masses of modes", lambda s: _number(s.mode_mass_error)),
    ("error of the log evidence", lambda s: _number(s.log_evidence_error)),
    ("truth within 0.9 intervals", lambda s: _share(s.coverage)),
    ("PSNR of the mean", lambda s: _decibels(s.psnr_mean)),
    ("PSNR of one draw", lambda s: _decibels(s.psnr_draw)),
)
