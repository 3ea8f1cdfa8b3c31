"""What the imaging examples share: pictures, models under total variation, summaries, figures.

Pictures are those that ship inside scikit-image: ``pip install "pymc-glm[images,plots]"``.
"""

from __future__ import annotations

import argparse

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pymc as pm

from skimage import data as pictures
from skimage.transform import resize

import pymc_glm

from pymc_glm.operators import AbstractOperator, Differences

__all__ = [
    "JUMP",
    "Estimate",
    "Problem",
    "draw_panels",
    "face",
    "measure",
    "options",
    "phantom",
    "photograph",
    "report",
    "solve",
    "total_variation",
]

SEED = 2505
# Scale of the Laplace differences of neighbouring pixels that Kuric et al. (2025) learned from
# photographs, for grey values from 0 to 1. They keep it from one inverse problem to the next.
JUMP = 0.3 / 4.1452


class Problem(NamedTuple):
    """A picture to be found.

    Attributes
    ----------
    title : str
        What is to be done.
    truth : ndarray, shape (side, side)
        The picture.
    shown : ndarray
        The data as something to look at; NaN where nothing was measured.
    model : pymc.Model
        Its variable ``"x"`` is the picture.
    """

    title: str
    truth: np.ndarray
    shown: np.ndarray
    model: pm.Model


class Estimate(NamedTuple):
    """What is known of a picture: mean, standard deviation, and a 0.9 interval of each pixel."""

    problem: Problem
    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


def options(draws: int = 500, side: int = 96, **others: float) -> argparse.Namespace:
    """Read numbers from the command line, here with their defaults.

    Parameters
    ----------
    draws : int
        Draws of each of the chains; a fifth as many come before and are dropped.
    side : int
        Rows and columns of the picture.
    **others
        More numbers.

    Returns
    -------
    options : argparse.Namespace
    """
    parser = argparse.ArgumentParser()
    for name, value in {"side": side, "draws": draws, "chains": 4, **others}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()


def photograph(side: int) -> np.ndarray:
    """The cameraman, grey values from 0 to 1, shape (side, side)."""
    return resize(pictures.camera() / 255.0, (side, side), anti_aliasing=True)


def face(side: int) -> np.ndarray:
    """What is around his face at half the resolution, shape (side, side), at most 136 x 136."""
    top, left = 68 - side // 2, 118 - side // 2
    return photograph(256)[top : top + side, left : left + side]


def phantom(side: int) -> np.ndarray:
    """The Shepp-Logan phantom of a head, values from 0 to 1, shape (side, side)."""
    return resize(pictures.shepp_logan_phantom(), (side, side), anti_aliasing=True)


def measure(operator: AbstractOperator, truth: np.ndarray, noise: float) -> np.ndarray:
    """Data: the operator applied to a picture, in Gaussian noise of a known sd."""
    rng = np.random.default_rng(SEED)
    return operator.forward(truth) + noise * rng.normal(size=operator.shape_out)


def total_variation(
    operator: AbstractOperator, observed: np.ndarray, noise: float, jump: float = JUMP
) -> pm.Model:
    """The model of most examples: Laplace differences of neighbouring pixels, Gaussian noise."""
    with pm.Model() as model:
        x = pm.Flat("x", shape=operator.shape_in)
        jumps = Differences(operator.shape_in)(x)
        pymc_glm.expert("jumps", pm.Laplace.dist(0, jump), jumps)
        pm.Normal("y", operator(x), noise, observed=observed)
    return model


def solve(problem: Problem, draws: int, chains: int) -> Estimate:
    """Explain a problem's model, sample it, and print how well that went."""
    print(f"\n{problem.title}\n{'=' * len(problem.title)}\n{pymc_glm.explain(problem.model)}\n")
    tree = pymc_glm.stream(
        draws,
        tune=draws // 5,
        chains=chains,
        random_seed=SEED,
        model=problem.model,
        keep="none",
        progressbar=False,
    )
    return report(problem, tree)


def report(problem: Problem, tree: object) -> Estimate:
    """Print how close a stream's summaries come to the truth, and return them."""
    found = tree["summary"]["x"]
    names = ("mean", "sd", "5%", "95%")
    mean, sd, low, high = (found.sel(summary=name).values for name in names)
    covered = np.mean((low <= problem.truth) & (problem.truth <= high))
    before, gain, after = "", "", _psnr(mean, problem.truth)
    if problem.shown.shape == problem.truth.shape:
        data = _psnr(problem.shown, problem.truth)
        before, gain = f"of the data {data:.1f} dB, ", f", a gain of {after - data:z.1f} dB"
    print(
        f"PSNR: {before}of the posterior mean {after:.1f} dB{gain}\n"
        f"0.9 intervals hold {covered:.0%} of the true pixels; "
        f"worst R-hat {np.nanmax(found.sel(summary='r_hat')):.2f}; "
        f"{1e3 * tree['sample_stats']['sweep_time'].values.mean():.1f} ms a sweep"
    )
    return Estimate(problem, mean, sd, low, high)


def _psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, for a peak of 1; missing pixels count as the mean."""
    filled = np.where(np.isnan(picture), np.nanmean(picture), picture)
    return -10 * np.log10(np.mean((filled - truth) ** 2))


def draw_panels(estimates: Sequence[Estimate], path: str, row: float = 0.5) -> None:
    """Write a figure: truth, data, mean, sd, and intervals of up to 96 pixels of one row.

    Parameters
    ----------
    estimates : sequence of Estimate
        One for each row of panels.
    path : str
        Where to write it.
    row : float
        Which row of the picture, as a share of its height.
    """
    fig, axes = plt.subplots(
        len(estimates),
        5,
        figsize=(15, 0.8 + 2.5 * len(estimates)),
        width_ratios=[1, 1, 1, 1, 1.5],
        squeeze=False,
        layout="constrained",
    )
    for panels, estimate in zip(axes, estimates, strict=True):
        _draw_maps(panels[:4], estimate)
        line, half = int(row * len(estimate.mean)), len(estimate.mean) // 2
        columns = np.arange(max(half - 48, 0), min(half + 48, 2 * half))
        panels[0].plot(columns, np.full(columns.size, line), color="tab:orange")
        _draw_line(panels[4], estimate, line, columns)
        panels[0].set_ylabel(estimate.problem.title)
    titles = ["truth", "data", "posterior mean", "posterior sd", "pixels on the orange line"]
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title)
    fig.legend(*axes[0, 4].get_legend_handles_labels(), loc="outside lower right", ncols=3)
    fig.savefig(path, dpi=100)
    plt.close(fig)


def _draw_maps(panels: Sequence[plt.Axes], estimate: Estimate) -> None:
    truth, shown = estimate.problem.truth, estimate.problem.shown
    grey = {"cmap": plt.get_cmap("gray").with_extremes(bad="tab:blue")}
    span = {"vmin": truth.min(), "vmax": truth.max()}
    panels[0].imshow(truth, **grey, **span)
    # Data that are no picture have a scale of their own.
    panels[1].imshow(shown, **grey, **(span if shown.shape == truth.shape else {"aspect": "auto"}))
    panels[2].imshow(estimate.mean, **grey, **span)
    # A few pixels at sharp corners would hide the rest.
    most = np.quantile(estimate.sd, 0.998)
    deviations = panels[3].imshow(estimate.sd, cmap="viridis", vmin=0, vmax=most)
    panels[3].figure.colorbar(deviations, ax=panels[3], fraction=0.046, pad=0.03, extend="max")
    for panel in panels:
        panel.set(xticks=[], yticks=[], box_aspect=1)


def _draw_line(panel: plt.Axes, estimate: Estimate, line: int, columns: np.ndarray) -> None:
    low, mean, high, truth = (
        picture[line, columns]
        for picture in (estimate.low, estimate.mean, estimate.high, estimate.problem.truth)
    )
    style = {"color": "tab:blue", "alpha": 0.35, "linewidth": 0}
    panel.fill_between(columns, low, high, **style, label="0.9 interval")
    panel.plot(columns, mean, color="tab:blue", label="posterior mean")
    panel.plot(columns, truth, color="black", linewidth=1, label="truth")
    panel.margins(x=0)
    panel.set_box_aspect(1 / 1.5)
