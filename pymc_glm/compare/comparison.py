"""Run several samplers on one model and hold what they returned."""

from __future__ import annotations

import logging

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_glm.compare.accuracy import Reference, frame, measure
from pymc_glm.compare.agreement import agree
from pymc_glm.compare.diagnostics import diagnose
from pymc_glm.compare.draws import Layout
from pymc_glm.compare.requested import check_requested
from pymc_glm.compare.run_card import run_card
from pymc_glm.compare.runners import (
    Budget,
    Sampler,
    available_cores,
    engine_of,
    resolve,
    run,
    running_order,
    seed_of,
)
from pymc_glm.compare.summary import constants, summarize, tabulate
from pymc_glm.compare.timing import Timing, read_timing
from pymc_glm.compare.verdict import beside_known, judge

if TYPE_CHECKING:
    from pandas import DataFrame
    from pymc import Model
    from xarray import DataTree

__all__ = ["Comparison", "compare"]

logger = logging.getLogger(__name__)


class Comparison(dict[str, "DataTree"]):
    """Draws of several samplers of one model, and what they say about the samplers.

    It is a dict of DataTrees by sampler name, which ArviZ's plots take as it is.

    Effective draws per second are the smallest effective sample size of any coordinate, bulk or
    tail, divided by the wall time of the draws that are kept: without compilation, and without
    warm-up where that can be told apart (column ``ess_per_s``; the rule used is in `timings`).
    Column ``ess_per_s_total`` counts compilation and warm-up as well.

    Parameters
    ----------
    trees : mapping of str to DataTree
        Draws by sampler. The samplers must have used different random numbers.
    var_names : sequence of str, optional
        Variables to compare. Default: every variable of the first posterior.
    timings : mapping of str to Timing, optional
        Wall times. Default: read off the attributes of each posterior, as ``pm.sample`` sets them.
    failures : mapping of str to str, optional
        Error messages of samplers that returned nothing. Default: none.
    card : mapping of str to str, optional
        Facts for the run card of the report. Default: none.
    explanation : str or object, optional
        What was recognised in the model: HTML, or an object with ``_repr_html_``. Default: none.
    reference, truth : optional
        As in `compare`.

    Attributes
    ----------
    table : DataFrame
        One row per sampler; columns in `pymc_glm.compare.summary.Summary`, and those of
        `pymc_glm.compare.accuracy.Scores` where a reference or a truth was given.
    scores : dict of str to Scores
        By sampler; empty where neither was given.
    agreement : DataFrame
        One row per sampler other than the reference (the converged one with the largest smallest
        effective sample size): the largest difference of means and of 5%, 50% and 95% quantiles in
        joint Monte Carlo standard errors, where it occurs, and the Bonferroni bound at 1e-3.
    judgement : Verdict
        The findings one by one, their level, and the winner if there is one.
    constant : tuple of str
        Coordinates that every sampler holds fixed at one number; they are left out of everything.
    timings, failures, card : dict
        As given.
    explanation : str, object or None
        As given.

    Raises
    ------
    ValueError
        There are no draws, or the samplers returned different variables or shapes.

    Examples
    --------
    Compare two runs that are already there::

        import pymc as pm
        from pymc_glm.compare import Comparison

        with pm.Model():
            pm.Normal("x", shape=3)
            first = pm.sample(random_seed=1, nuts_sampler="pymc")
            second = pm.sample(random_seed=2, step=pm.Slice())
        print(Comparison({"nuts": first, "slice": second}).verdict)
    """

    def __init__(
        self,
        trees: Mapping[str, DataTree],
        *,
        var_names: Sequence[str] | None = None,
        timings: Mapping[str, Timing] | None = None,
        failures: Mapping[str, str] | None = None,
        card: Mapping[str, str] | None = None,
        explanation: object | None = None,
        reference: Reference | DataTree | None = None,
        truth: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        if not trees:
            raise ValueError("There are no draws to compare. Give at least one sampler's DataTree.")
        super().__init__(trees)
        self.failures = dict(failures or {})
        self.card = dict(card or {})
        self.explanation = explanation
        self.timings = dict(timings) if timings is not None else _timings_of(trees)
        self.layout = Layout.of(trees, var_names)
        self.diagnostics = {name: diagnose(tree, self.layout) for name, tree in trees.items()}
        skipped = constants(self.diagnostics)
        self.constant = tuple(np.array(self.layout.labels)[skipped].tolist())
        self.summaries = {
            name: summarize(
                name, tree, self.diagnostics[name], self.layout, self.timings[name], skipped
            )
            for name, tree in trees.items()
        }
        converged = {name: summary.converged for name, summary in self.summaries.items()}
        self.differences = agree(trees, self.layout, self.diagnostics, converged)
        self.scores = measure(trees, self.layout, reference, truth)
        judgement = judge(self.summaries, self.differences, self.failures)
        self.judgement = beside_known(judgement, self.scores)
        self.table: DataFrame = tabulate(self.summaries)
        if self.scores:
            self.table = self.table.join(frame(self.scores))
        self.agreement: DataFrame = self.differences.frame()

    @property
    def verdict(self) -> str:
        """Which sampler to use here and why, or why none."""
        return self.judgement.text

    @property
    def level(self) -> Literal["green", "amber", "red"]:
        """The verdict as a colour."""
        return self.judgement.level

    def metrics(self) -> dict[str, dict[str, float | int | str | bool]]:
        """Return the figures a benchmark records, by sampler.

        Returns
        -------
        metrics : dict of str to dict
            Keys ``compile_s``, ``warmup_s``, ``sample_s`` (seconds), ``min_ess`` (smaller one of
            bulk and tail), ``min_ess_per_s``, ``max_rhat``, ``agreement_z`` (largest difference
            from the reference in joint standard errors; for the reference itself, from the
            converged samplers; NaN if there is none), ``worst`` (the coordinate with the smallest
            effective sample size), ``draws``, ``chains``, ``converged``, ``unadjusted``.
        """
        return {
            name: {
                "compile_s": summary.compile_s,
                "warmup_s": summary.warmup_s,
                "sample_s": summary.sample_s,
                "min_ess": summary.min_ess,
                "min_ess_per_s": summary.ess_per_s,
                "max_rhat": summary.max_rhat,
                "agreement_z": self._agreement_z(name),
                "worst": summary.worst,
                "draws": summary.draws,
                "chains": summary.chains,
                "converged": summary.converged,
                "unadjusted": summary.unadjusted,
            }
            for name, summary in self.summaries.items()
        }

    def report(self, path: str | Path, explanation: object | None = None) -> Path:
        """Write the comparison as one HTML file that needs no network.

        Parameters
        ----------
        path : str or Path
            File to write.
        explanation : str or object, optional
            What was recognised: HTML, or an object with ``_repr_html_``. Default: the explanation
            of the comparison.

        Returns
        -------
        path : Path
            The file.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        from pymc_glm.compare.report import render

        target = Path(path)
        shown = self.explanation if explanation is None else explanation
        target.write_text(render(self, shown), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        """Show the verdict and the samplers; the draws themselves would fill the screen."""
        return f"Comparison of {', '.join(self)}\n{self.verdict}"

    def _repr_html_(self) -> str:
        """Verdict, table and agreement for notebooks."""
        return (
            f"<p><strong>{escape(self.level)}:</strong> {escape(self.verdict)}</p>"
            f"{self.table.T.to_html()}{self.agreement.T.to_html()}"
        )

    def _agreement_z(self, name: str) -> float:
        differences = self.differences
        if name != differences.reference:
            return differences.largest(name)[0]
        others = [
            other
            for other in differences.z
            if differences.converged[other] and not self.summaries[other].unadjusted
        ]
        return max((differences.largest(other)[0] for other in others), default=float("nan"))


def compare(
    model: Model,
    samplers: Sequence[str] | Mapping[str, str | Sampler] = ("gibbs", "nuts", "mala"),
    *,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 2,
    cores: int | None = None,
    random_seed: int | np.random.Generator | None = None,
    progressbar: bool = True,
    var_names: Sequence[str] | None = None,
    reference: Reference | DataTree | None = None,
    truth: Mapping[str, np.ndarray] | None = None,
) -> Comparison:
    """Sample one model with several samplers, at one budget, one after the other.

    A sampler that raises an error is reported in the verdict and in ``failures``; the others
    are compared all the same.

    Parameters
    ----------
    model : Model
        The model; every sampler is given the same one.
    samplers : sequence of str, or mapping of str to str or callable
        Names out of "gibbs" (pymc_glm's compiled exact sampler), "nuts" (PyMC's own NUTS),
        "nutpie" (nutpie's NUTS), "nutpie_low_rank" (the same, mass matrix of low rank), "mala"
        (Metropolis-adjusted Langevin), "gmp_diffusion" (jumps from a learned proposal next to a
        local step), "mclmc" (blackjax's microcanonical Langevin, unadjusted: its draws are biased;
        always run last). A callable takes the keyword arguments model, draws, tune, chains, cores,
        random_seed and progressbar and returns a DataTree.
    draws : int, default 1000
        Kept draws per chain.
    tune : int, default 1000
        Warm-up draws per chain.
    chains : int, default 2
        Chains of each sampler; at least two, or R-hat cannot be computed.
    cores : int, optional
        Processor cores each sampler may use. Default: one per chain, as far as there are any.
    random_seed : int or Generator, optional
        Each sampler's seed is derived from it and from the sampler's name. Default: a new seed,
        which the run card records.
    progressbar : bool, default True
        Whether to show progress and PyMC's messages.
    var_names : sequence of str, optional
        Variables to compare. Default: the free variables of the model.
    reference : object or DataTree, optional
        The posterior itself: draws of it, or an object with ``draws(rng, n)`` such as
        `pymc_glm.inverse.MixturePosterior`; see `pymc_glm.compare.accuracy.Reference`. Every
        sampler is scored by its distance from it.
    truth : mapping of str to ndarray, optional
        What was to be found, by variable: how much of it lies within the intervals.

    Returns
    -------
    comparison : Comparison
        A dict of DataTrees with a table, an agreement check, a verdict and a report.

    Raises
    ------
    ValueError
        There is one chain only, a sampler's name is unknown, or a variable's name, or a truth has
        another shape than its variable.
    TypeError
        The reference has neither a posterior group nor draws.
    ImportError
        A sampler needs a package that is not installed.
    RuntimeError
        Every sampler failed.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Burkner (2021), Bayesian Analysis 16(2), 667-718,
    https://doi.org/10.1214/20-BA1221

    Examples
    --------
    Compare the exact Gibbs sampler with NUTS and write the report::

        import numpy as np
        import pymc as pm
        import pymc_glm

        X = np.random.default_rng(1).standard_normal((50, 3))
        with pm.Model() as model:
            beta = pm.Laplace("beta", 0, 1, shape=3)
            pm.Normal("y", X @ beta, 1, observed=X[:, 0])
        results = pymc_glm.compare(model, ["gibbs", "nuts"], random_seed=1)
        print(results.verdict)
        results.report("report.html")
    """
    if chains < 2:
        raise ValueError(f"chains={chains} is too few. R-hat compares at least two chains.")
    resolved = resolve(samplers)
    budget = Budget(draws, tune, chains, cores or min(chains, available_cores()))
    if not isinstance(random_seed, int | np.integer):
        random_seed = int(np.random.default_rng(random_seed).integers(2**32))
    seeds = {name: seed_of(name, int(random_seed)) for name in resolved}
    names = [rv.name for rv in model.free_RVs] if var_names is None else var_names
    engines = {name: engine_of(sampler) for name, sampler in resolved.items()}
    check_requested(model, names, truth, reference, None in engines.values())

    trees: dict[str, DataTree] = {}
    timings: dict[str, Timing] = {}
    failures: dict[str, str] = {}
    errors: list[Exception] = []
    for name in running_order(resolved):
        try:
            outcome = run(name, resolved[name], model, budget, seeds[name], progressbar)
            Layout.of(trees | {name: outcome.tree}, names)
        except Exception as error:
            logger.warning("Sampler %s failed: %s", name, error)
            failures[name] = f"{type(error).__name__}: {error}"
            errors.append(error)
            continue
        trees[name], timings[name] = outcome.tree, outcome.timing
    if not trees:
        raise RuntimeError(
            f"Every sampler failed; {next(iter(failures))} with {next(iter(failures.values()))} "
            "The first error is attached as the cause."
        ) from errors[0]
    trees = {name: trees[name] for name in resolved if name in trees}
    card = run_card(model, budget, int(random_seed), seeds, engines)
    return Comparison(
        trees,
        var_names=names,
        timings=timings,
        failures=failures,
        card=card,
        explanation=_explanation(model),
        reference=reference,
        truth=truth,
    )


def _explanation(model: Model) -> object:
    """What is recognised in the model, or why nothing is."""
    from pymc_glm.exceptions import GaussianLatentMachineError
    from pymc_glm.recognize import explain

    try:
        return explain(model)
    except GaussianLatentMachineError as error:
        return f"<p>{escape(str(error))}</p>"


def _timings_of(trees: Mapping[str, DataTree]) -> dict[str, Timing]:
    """Read timings off the attributes that pm.sample leaves on the posterior."""
    return {name: read_timing(tree, 0) for name, tree in trees.items()}
