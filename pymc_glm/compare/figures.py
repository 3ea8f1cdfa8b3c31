"""The pictures of the report, each as the bytes of a PNG file.

Figures are built without pyplot, so that drawing them touches no global state of matplotlib.
"""

from __future__ import annotations

import io

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scipy.stats import rankdata

from pymc_glm.compare.agreement import STATISTICS, Agreement
from pymc_glm.diagnostics import MIN_ESS_PER_CHAIN, autocovariance, diagnose_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["agreement_plot", "autocorrelation_plot", "ess_plot", "rank_plot"]

# Okabe and Ito's palette without its yellow: safe for the common kinds of colour blindness.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
CHAIN_STYLES = ("-", "--", "-.", ":")
BAND = "#d9d9d9"
BINS = 20
MAX_LAG = 60
WIDTH = 5.0


def agreement_plot(agreement: Agreement, order: Sequence[str]) -> bytes:
    """Draw every difference from the reference, with the Bonferroni band.

    Parameters
    ----------
    agreement : Agreement
        Differences in joint Monte Carlo standard errors.
    order : sequence of str
        All samplers; the place of a sampler decides its colour, as in the other pictures.

    Returns
    -------
    png : bytes
    """
    samplers = list(agreement.z)
    rows = len(samplers) * len(STATISTICS)
    figure, (axes,) = _figure(1, 1.1 + 0.32 * rows)
    bound = agreement.threshold
    axes.axvspan(-bound, bound, color=BAND, zorder=0)
    axes.axvline(0.0, color="black", linewidth=0.8)
    ticks, furthest = [], bound
    for index, sampler in enumerate(samplers):
        style = list(order).index(sampler)
        worst, label, statistic = agreement.largest(sampler)
        for column, name in enumerate(STATISTICS):
            row = index * len(STATISTICS) + column
            z = agreement.z[sampler][:, column]
            z = z[np.isfinite(z)]
            jitter = 0.25 * np.sin(np.arange(len(z)) * 2.4)
            axes.scatter(
                z,
                row + jitter,
                s=14,
                alpha=0.6,
                color=COLORS[style % len(COLORS)],
                marker=MARKERS[style % len(MARKERS)],
                linewidths=0,
            )
            ticks.append((row, f"{sampler}, {name}"))
            if name == statistic:
                signed = z[np.abs(z).argmax()]
                axes.annotate(
                    label,
                    (signed, row),
                    xytext=(0, 7),
                    textcoords="offset points",
                    ha="right" if signed > 0.0 else "left",
                    fontsize=8,
                    bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
                )
        furthest = max(furthest, 0.0 if np.isnan(worst) else worst)
    margin = 1.25
    if furthest > 3.0 * bound:
        axes.set_xscale("symlog", linthresh=bound, linscale=2.0)
        margin = 2.0
        ticks_at = [-furthest, -bound, 0.0, bound, furthest]
        axes.set_xticks(ticks_at, [f"{tick:.0f}" for tick in ticks_at])
        axes.set_xticks([], minor=True)
    axes.set_xlim(-margin * furthest, margin * furthest)
    axes.set_ylim(rows - 0.4, -0.8)
    axes.set_yticks([row for row, _ in ticks], [text for _, text in ticks])
    axes.set_xlabel(
        f"difference from {agreement.reference}, in joint Monte Carlo\n"
        f"standard errors (grey: within the bound of {bound:.1f})"
    )
    return _png(figure)


def rank_plot(draws: Mapping[str, np.ndarray], label: str) -> bytes:
    """Draw histograms of ranks, one panel per sampler and one line per chain.

    Parameters
    ----------
    draws : mapping of str to ndarray, shape (chains, draws)
        Draws of one coordinate by sampler.
    label : str
        The coordinate.

    Returns
    -------
    png : bytes
    """
    figure, panels = _figure(len(draws), 0.7 + 1.15 * len(draws))
    for index, ((sampler, values), axes) in enumerate(zip(draws.items(), panels, strict=True)):
        ranks = rankdata(values).reshape(values.shape) / values.size
        length = values.shape[1]
        size = _bulk(values)
        expected = length / BINS
        spread = np.sqrt(expected * (1.0 - 1.0 / BINS) * max(1.0, values.size / size))
        axes.axhspan(max(0.0, expected - 3 * spread), expected + 3 * spread, color=BAND, zorder=0)
        for chain, chain_ranks in enumerate(ranks):
            counts, edges = np.histogram(chain_ranks, BINS, (0.0, 1.0))
            axes.stairs(
                counts,
                edges,
                baseline=None,
                color=COLORS[index % len(COLORS)],
                linestyle=CHAIN_STYLES[chain % len(CHAIN_STYLES)],
                linewidth=1.4,
            )
        axes.set_ylim(0.0, None)
        axes.set_xlim(0.0, 1.0)
        axes.set_ylabel(sampler)
    panels[0].set_title(f"Ranks of {label}, a line per chain")
    panels[-1].set_xlabel("rank among all draws (0 smallest, 1 largest)")
    return _png(figure)


def ess_plot(draws: Mapping[str, np.ndarray], label: str) -> bytes:
    """Draw the bulk effective sample size against the number of draws used.

    Parameters
    ----------
    draws : mapping of str to ndarray, shape (chains, draws)
        Draws of one coordinate by sampler.
    label : str
        The coordinate.

    Returns
    -------
    png : bytes
    """
    figure, (axes,) = _figure(1, 3.0)
    chains = max(values.shape[0] for values in draws.values())
    for index, (sampler, values) in enumerate(draws.items()):
        lengths = np.unique(np.linspace(values.shape[1] / 10, values.shape[1], 10).astype(int))
        lengths = lengths[lengths >= 4]
        sizes = [_bulk(values[:, :length]) for length in lengths]
        axes.plot(
            lengths,
            sizes,
            color=COLORS[index % len(COLORS)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
            label=sampler,
        )
    needed = MIN_ESS_PER_CHAIN * chains
    axes.axhline(needed, color="black", linestyle=":", linewidth=1.0)
    axes.annotate(
        f"needed: {needed}",
        (1.0, needed),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
    )
    axes.set_ylim(0.0, None)
    axes.set_title(f"Effective draws of {label}")
    axes.set_xlabel("draws per chain")
    axes.legend(frameon=False, loc="upper left")
    return _png(figure)


def autocorrelation_plot(draws: Mapping[str, np.ndarray], label: str) -> bytes:
    """Draw the autocorrelation, averaged over chains, at lags up to 60.

    Parameters
    ----------
    draws : mapping of str to ndarray, shape (chains, draws)
        Draws of one coordinate by sampler.
    label : str
        The coordinate.

    Returns
    -------
    png : bytes
    """
    figure, (axes,) = _figure(1, 3.0)
    for index, (sampler, values) in enumerate(draws.items()):
        covariance = autocovariance(values[None])[0, : MAX_LAG + 1]
        if covariance[0] == 0.0:
            continue
        axes.plot(
            covariance / covariance[0],
            color=COLORS[index % len(COLORS)],
            marker=MARKERS[index % len(MARKERS)],
            markevery=10,
            markersize=5,
            label=sampler,
        )
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_ylim(-0.4, 1.05)
    axes.set_title(f"Autocorrelation of {label}")
    axes.set_xlabel("lag, in draws")
    axes.legend(frameon=False, loc="upper right")
    return _png(figure)


def _figure(panels: int, height: float) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels below each other; its fonts stay legible on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=9)
        panel.title.set_fontsize(11)
    return figure, list(axes)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _bulk(draws: np.ndarray) -> float:
    """Bulk effective sample size of one coordinate; 1 where the draws never change."""
    size = float(diagnose_array(draws[None]).ess_bulk[0])
    return size if np.isfinite(size) else 1.0
