"""Two real data sets, sampled three ways: what `pymc-glm demo` runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pandas import DataFrame
    from pymc import Model
    from rich.console import Console

    from pymc_glm.compare import Comparison
    from pymc_glm.machine import LatentMachine

__all__ = ["DEMOS", "Demo", "load_data", "nile_level", "run_demo", "stack_loss_regression"]

# Chosen so that the Gibbs and NUTS chains of both models converge, and the whole demonstration
# ends within three minutes on two cores once the kernels are compiled.
DRAWS = 2500
TUNE = 1000
SAMPLERS = ("gibbs", "nuts", "mala")


class Demo(NamedTuple):
    """A model of the demonstration.

    Attributes
    ----------
    title, story : str
        What is shown, in a line and in a few sentences.
    build : callable
        Returns the model.
    """

    title: str
    story: str
    build: Callable[[], Model]


def load_data(name: str) -> DataFrame:
    """Load a data set that ships with the package.

    Parameters
    ----------
    name : {"nile", "stackloss"}
        ``"nile"``: annual flow of the Nile at Aswan, 1871 to 1970, in 1e8 cubic metres, shape
        (100, 2). ``"stackloss"``: 21 days of a plant that oxidises ammonia, shape (21, 4).

    Returns
    -------
    data : DataFrame
        One row per year or day.

    Raises
    ------
    ValueError
        There is no such data set.

    References
    ----------
    Cobb (1978), Biometrika 65, 243-251, https://doi.org/10.1093/biomet/65.2.243 (Nile);
    Brownlee (1965), Statistical Theory and Methodology in Science and Engineering (stack loss).

    Examples
    --------
    The flow of the Nile::

        from pymc_glm.demo import load_data

        load_data("nile").flow.mean()  # 919.35
    """
    import pandas as pd

    path = files("pymc_glm") / "data" / f"{name}.csv"
    if not path.is_file():
        raise ValueError(f"There is no data set {name!r}. Choose 'nile' or 'stackloss'.")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def nile_level() -> Model:
    """Model the level of the Nile, which jumps rarely: Laplace increments of unknown scale.

    The prior of the scale says that a typical change between two years is 12 to 43 units.

    Returns
    -------
    model : Model
        Free variables ``level`` (1e8 cubic metres, dims year), ``jump_scale`` and ``sigma``.

    Examples
    --------
    Sample the level::

        import pymc_glm
        from pymc_glm.demo import nile_level

        idata = pymc_glm.sample(model=nile_level(), chains=2, random_seed=1)
    """
    import pymc as pm
    import pytensor.tensor as pt

    from pymc_glm.declare import expert

    nile = load_data("nile")
    with pm.Model(coords={"year": nile["year"].to_numpy()}) as model:
        level = pm.Flat("level", dims="year")
        jump_scale = pm.Gamma("jump_scale", 10, 0.4)
        sigma = pm.HalfNormal("sigma", 200)
        expert("jumps", pm.Laplace.dist(0, jump_scale), pt.diff(level))
        pm.Normal("flow", level, sigma, observed=nile["flow"].to_numpy(float), dims="year")
    return model


def stack_loss_regression() -> Model:
    """Model the stack loss by a regression whose residuals are Student-t, all standardised.

    Returns
    -------
    model : Model
        Free variables ``intercept``, ``beta`` (dims regressor), ``sigma`` and ``nu``.

    Examples
    --------
    See what is recognised::

        import pymc_glm
        from pymc_glm.demo import stack_loss_regression

        print(pymc_glm.explain(stack_loss_regression()))
    """
    import pymc as pm

    data = load_data("stackloss")
    standard = ((data - data.mean()) / data.std()).astype(float)
    regressors = ["air_flow", "water_temperature", "acid_concentration"]
    with pm.Model(coords={"regressor": regressors}) as model:
        intercept = pm.Normal("intercept", 0, 1)
        beta = pm.Normal("beta", 0, 1, dims="regressor")
        sigma = pm.HalfNormal("sigma", 1)
        nu = pm.Gamma("nu", 2, 0.1)
        mean = intercept + standard[regressors].to_numpy() @ beta
        observed = standard["stack_loss"].to_numpy()
        pm.StudentT("loss", nu=nu, mu=mean, sigma=sigma, observed=observed)
    return model


DEMOS = (
    Demo(
        "The level of the Nile",
        "A hundred years of flow. The level moves little in most years and fell at once around "
        "1899: increments with a Laplace density, whose scale is unknown.",
        nile_level,
    ),
    Demo(
        "Stack loss",
        "A regression on 21 days of a chemical plant, some of them outliers: a Student-t "
        "likelihood with unknown scale and unknown degrees of freedom.",
        stack_loss_regression,
    ),
)


def run_demo(
    out: str | Path,
    *,
    console: Console,
    demos: Sequence[Demo] = DEMOS,
    samplers: Sequence[str] = SAMPLERS,
    draws: int = DRAWS,
    tune: int = TUNE,
    random_seed: int = 1,
    progressbar: bool = True,
) -> Path:
    """Compare samplers on each model, print what comes out and write one report.

    Parameters
    ----------
    out : str or Path
        The report, one HTML file that needs no network.
    console : rich.console.Console
        Where to print.
    demos : sequence of Demo
        The models. Default: both.
    samplers : sequence of str
        As in `pymc_glm.compare`.
    draws, tune : int
        Kept and discarded draws of each of the two chains of each sampler.
    random_seed : int, default 1
        Seed of the comparisons.
    progressbar : bool, default True
        Whether to show progress bars.

    Returns
    -------
    out : Path
        The report.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    RuntimeError
        Every sampler failed on some model.

    Examples
    --------
    A short run of one model::

        from pymc_glm.demo import DEMOS, run_demo
        from rich.console import Console

        run_demo("report.html", console=Console(), demos=DEMOS[1:], samplers=["gibbs"], draws=200)
    """
    from pymc_glm.compare.comparison import compare
    from pymc_glm.recognize import explain

    parts = []
    for demo in demos:
        console.rule(demo.title)
        console.print(demo.story)
        model = demo.build()
        machine = explain(model)
        console.print(f"\n{machine}\n", markup=False, highlight=False)
        comparison = compare(
            model,
            samplers,
            draws=draws,
            tune=tune,
            random_seed=random_seed,
            progressbar=progressbar,
        )
        _print_comparison(comparison, console)
        parts.append((demo, comparison, machine))
    return _write_report(Path(out), parts)


ROWS = (
    ("converged", "converged", "{}"),
    ("min_ess_bulk", "smallest bulk ESS", "{:,.0f}"),
    ("min_ess_tail", "smallest tail ESS", "{:,.0f}"),
    ("max_rhat", "largest R-hat", "{:.3f}"),
    ("ess_per_s", "ESS per second of sampling", "{:,.1f}"),
    ("ess_per_s_total", "ESS per second in all", "{:,.1f}"),
    ("compile_s", "compilation and set-up, s", "{:.1f}"),
    ("warmup_s", "warm-up, s", "{:.2f}"),
    ("sample_s", "sampling, s", "{:.2f}"),
)


def _print_comparison(comparison: Comparison, console: Console) -> None:
    """Samplers as columns, so that the table fits a narrow terminal."""
    from rich.table import Table

    table = Table("", title="Effective sample sizes (ESS) are those of the worst coordinate")
    for sampler in comparison:
        table.add_column(sampler, justify="right")
    for name, heading, form in ROWS:
        table.add_row(heading, *(form.format(value) for value in comparison.table[name]))
    console.print(table)
    colour = {"green": "green", "amber": "yellow", "red": "red"}[comparison.level]
    console.print(comparison.verdict, style=colour, markup=False, highlight=False)
    console.print()


def _write_report(out: Path, parts: list[tuple[Demo, Comparison, LatentMachine]]) -> Path:
    """Put the pages of all comparisons into one file."""
    from pymc_glm.compare.page import SHELL, STYLE
    from pymc_glm.compare.report import TITLE, render

    contents, bodies = [], []
    for number, (demo, comparison, machine) in enumerate(parts):
        title, story = escape(demo.title), escape(demo.story)
        contents.append(f'<li><a href="#model-{number}">{title}</a></li>')
        page = render(comparison, machine)
        body = page.partition("<main>")[2].rpartition("</main>")[0]
        heading = f'<h1 id="model-{number}">{title}</h1>\n<p>{story}</p>'
        bodies.append(body.replace(f"<h1>{TITLE}</h1>", heading))
    body = f"<ul>{''.join(contents)}</ul>\n" + "\n".join(bodies)
    out.write_text(SHELL.format(title=TITLE, style=STYLE, body=body), encoding="utf-8")
    return out
