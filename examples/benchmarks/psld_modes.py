"""The problem with five modes: Markov chains, Monte Carlo along a diffusion, and heuristics.

Chains are those of PyMC's NUTS, of the package's Gibbs sampler with the component as a variable of
its own, and of `GMPDiffusion`. All start from draws of the prior.
"""

from __future__ import annotations

import resource
import sys

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc.step_methods.compound import BlockedStep, StepMethodState
from xarray import DataTree

import pymc_glm

from pymc_glm.diagnostics import diagnose_array
from pymc_glm.inverse import (
    InverseProblem,
    LatentMixturePrior,
    MixturePosterior,
    PrincipalComponents,
    dps,
    exact_posterior,
    latent_scores,
    psld,
    smc,
    to_model,
)
from pymc_glm.operators import Mask

__all__ = ["HEAD", "five_modes", "labelled_model", "modes", "without_residual"]

SEED = 2307
LIVE = 0.02
HEAD = (
    "sampler",
    "R-hat",
    "min ESS",
    "mode mass error",
    "distance",
    "floor",
    "ratio",
    "log evidence off by",
    "CPU s",
)
RUNS, CHAINS, DRAWS = 8, 4, 500
QUIET: dict[str, Any] = {"progressbar": False}


class Found(NamedTuple):
    """What a sampler returned.

    Attributes
    ----------
    codes : ndarray, shape (chains, draws, k)
        Those that have to agree.
    scored : list of ndarray, shape (n, k)
        Those that are scored, each by itself: of each run, or all chains together.
    seconds : float
        Of processor time for what is scored at once, compilation included.
    evidence : list of float
        Estimates of the log evidence.
    """

    codes: np.ndarray
    scored: list[np.ndarray]
    seconds: float
    evidence: list[float]


def without_residual(prior: LatentMixturePrior) -> LatentMixturePrior:
    """The same prior of images that their codes explain in full."""
    decoder = prior.decoder
    assert isinstance(decoder, PrincipalComponents)
    scale = np.linalg.norm(decoder.matrix, axis=0)
    bare = PrincipalComponents(decoder.mean, decoder.matrix / scale, scale, decoder.shape)
    return LatentMixturePrior(prior.weights, prior.means, prior.covariances, bare)


def five_modes(prior: LatentMixturePrior) -> InverseProblem:
    """The first simulated problem whose posterior has five live components."""
    without = without_residual(prior)
    rng = np.random.default_rng(SEED)
    while True:
        decoder = without.decoder
        operator = Mask(rng.random(decoder.shape) < 0.3)
        image = decoder.decode(without.draw(rng, 1)).reshape(decoder.shape)
        data = operator.forward(image) + 0.5 * rng.standard_normal(operator.shape_out)
        problem = InverseProblem(without, operator, data, 0.5)
        if np.sum(exact_posterior(problem).weights > LIVE) >= 5:
            return problem


def labelled_model(problem: InverseProblem) -> pm.Model:
    """The model of `to_model` with the component as a variable, which makes the code Gaussian."""
    prior = problem.prior
    factors = pt.constant(np.linalg.cholesky(prior.covariances))
    start = problem.predict(np.zeros((1, prior.decoder.latent)))[0]
    with pm.Model() as model:
        label = pm.Categorical("label", prior.weights)
        z = pm.MvNormal("z", pt.constant(prior.means)[label], chol=factors[label])
        pm.Normal("y", start + problem.latent_matrix @ z, problem.noise, observed=problem.data)
    return model


def modes(
    problem: InverseProblem, particles: int, steps: int
) -> tuple[list[tuple], dict[str, float]]:
    """Rows of all samplers, and the figures of the benchmark."""
    posterior = exact_posterior(problem)
    heuristic: dict[str, Any] = {"draws": 1000, "measurement_step": 0.3, "steps": steps, **QUIET}
    samplers: dict[str, Callable[[], Found]] = {
        "exact": lambda: _runs(lambda s: posterior.sample(problem, 1000, 1, s)),
        "smc": lambda: _runs(
            lambda s: smc(problem, particles=particles, chains=1, random_seed=s, **QUIET)
        ),
        "dps 0.3": lambda: _runs(lambda s: dps(problem, random_seed=s, **heuristic)),
        "psld 0.3, 0.1": lambda: _runs(lambda s: psld(problem, random_seed=s, **heuristic)),
        "NUTS": lambda: _chains(problem, _nuts),
        "label Gibbs": lambda: _chains(problem, _label_gibbs),
        "GMPDiffusion": lambda: _chains(problem, _gmp_diffusion),
    }
    rows = {}
    for name, sampler in samplers.items():
        rows[name] = _row(name, posterior, sampler())
        print(f"five modes, {name}: R-hat {rows[name][1]:.3f}", file=sys.stderr, flush=True)
    columns = {head: {name: row[i] for name, row in rows.items()} for i, head in enumerate(HEAD)}
    return list(rows.values()), {
        "smc_sw2_over_floor": columns["ratio"]["smc"],
        "smc_cpu_s": columns["CPU s"]["smc"],
        "smc_log_evidence_rmse": columns["log evidence off by"]["smc"],
        "live_modes": int(np.sum(posterior.weights > LIVE)),
        "rhat_nuts": columns["R-hat"]["NUTS"],
        "rhat_label_gibbs": columns["R-hat"]["label Gibbs"],
        "rhat_gmp_diffusion": columns["R-hat"]["GMPDiffusion"],
        "rhat_smc": columns["R-hat"]["smc"],
    }


def _row(name: str, posterior: MixturePosterior, found: Found) -> tuple:
    diagnostics = diagnose_array(np.ascontiguousarray(np.moveaxis(found.codes, 2, 0)))
    scores = [
        latent_scores(posterior, z, np.random.default_rng([SEED, index]))
        for index, z in enumerate(found.scored)
    ]
    distance, floor, error = (
        float(np.mean([getattr(score, figure) for score in scores]))
        for figure in ("distance", "floor", "mode_mass_error")
    )
    gaps = np.array(found.evidence) - posterior.log_evidence
    return (
        name,
        float(diagnostics.rhat.max()),
        float(diagnostics.ess.min()),
        error,
        distance,
        floor,
        distance / floor,
        float(np.sqrt(np.mean(gaps**2))) if gaps.size else None,
        found.seconds,
    )


class LabelDraw(BlockedStep):
    """A draw of the component given the code. PyMC's own step for labels loses small shares."""

    name = "label_draw"
    _state_class = StepMethodState

    def __init__(
        self, vars: list, prior: LatentMixturePrior, model: pm.Model, blocked: bool = True
    ) -> None:
        self.vars = vars
        self.var_names = [value.name for value in vars]
        self.prior = prior
        self.rng = np.random.default_rng(SEED)

    def step(self, point: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[dict]]:
        """Draw the label, all others fixed."""
        joint = self.prior.mixture.log_components(point["z"][None])[0]
        # The largest of the log shares in Gumbel noise.
        label = np.argmax(joint + self.rng.gumbel(size=joint.size))
        return point | {self.var_names[0]: np.asarray(label)}, [{}]


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _runs(run: Callable[[int], DataTree]) -> Found:
    """Runs of a sampler that has no chains, each with its own seed."""
    began = _cpu()
    trees = [run(seed) for seed in range(RUNS)]
    seconds = (_cpu() - began) / RUNS
    codes = np.concatenate([tree["posterior"]["z"].to_numpy() for tree in trees])
    evidence = [
        float(tree["sample_stats"]["log_evidence"].item())
        for tree in trees
        if "sample_stats" in tree.children
    ]
    return Found(codes, list(codes), seconds, evidence)


def _chains(problem: InverseProblem, sample: Callable[..., tuple[DataTree, list[float]]]) -> Found:
    """Markov chains from draws of the prior."""
    prior, rng = problem.prior, np.random.default_rng(SEED)
    starts = [{"z": z} for z in prior.draw(rng, CHAINS)]
    options = {
        "draws": DRAWS,
        "tune": DRAWS,
        "chains": CHAINS,
        "cores": 1,
        "random_seed": SEED,
        "quiet": True,
        "compute_convergence_checks": False,
        **QUIET,
    }
    began = _cpu()
    tree, evidence = sample(problem, starts, options)
    seconds = _cpu() - began
    codes = tree["posterior"]["z"].to_numpy()
    return Found(codes, [codes.reshape(-1, codes.shape[2])], seconds, evidence)


def _nuts(
    problem: InverseProblem, starts: list[dict], options: dict
) -> tuple[DataTree, list[float]]:
    tree = pm.sample(
        model=to_model(problem),
        nuts_sampler="pymc",
        init="adapt_diag",
        initvals=starts,
        **options,
    )
    return tree, []


def _label_gibbs(
    problem: InverseProblem, starts: list[dict], options: dict
) -> tuple[DataTree, list[float]]:
    with labelled_model(problem) as model:
        label = model.rvs_to_values[model["label"]]
        steps = [
            LabelDraw([label], prior=problem.prior, model=model),
            pymc_glm.GaussianLatentGibbs([model["z"]]),
        ]
        # The label is drawn before it is used.
        return pm.sample(step=steps, initvals=starts, **options), []


def _gmp_diffusion(
    problem: InverseProblem, starts: list[dict], options: dict
) -> tuple[DataTree, list[float]]:
    model = to_model(problem)
    seed = options["random_seed"]
    proposal = pymc_glm.fit_diffusion(model, kernel="mixture", random_seed=seed, **QUIET)
    step = pymc_glm.GMPDiffusion(model=model, proposal=proposal)
    tree = pm.sample(model=model, step=step, initvals=starts, **options)
    return tree, [proposal.report["log_z"]]
