"""A learned proposal as a step of PyMC, exact by Metropolis-Hastings."""

from __future__ import annotations

import warnings

from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pymc as pm

from pymc.blocking import PointType, StatsType
from pymc.exceptions import SamplingError
from pymc.model import Model, modelcontext
from pymc.step_methods.compound import BlockedStep, Competence, CompoundStep, StepMethodState
from pymc.step_methods.state import dataclass_state
from pymc.util import RandomGenerator, get_random_generator
from pytensor.tensor.variable import TensorVariable
from rich.progress import ProgressColumn, TextColumn
from rich.table import Column

from pymc_glm.checks import check_counts
from pymc_glm.diffusion import Proposal, fit_diffusion
from pymc_glm.diffusion.targets import CompiledDensity, fingerprint
from pymc_glm.diffusion.transition import Chains, Moved, metropolis_move, resampling_move
from pymc_glm.exceptions import RecognitionError
from pymc_glm.step_methods.gibbs import GaussianLatentGibbs
from pymc_glm.step_methods.mala import MALA

__all__ = ["GMPDiffusion"]

Local = Literal["auto", "nuts", "mala", "gibbs", "none"]
LOCAL = get_args(Local)
FORMS = ("metropolis", "resampling")
# Proposed points among which a chain that is tuned begins.
ARRIVALS = 32


@dataclass_state
class GMPDiffusionState(StepMethodState):
    """What a checkpoint keeps of a chain."""

    rejections: int
    longest: int
    arrived: bool
    form: str = field(metadata={"frozen": True})
    paths: int = field(metadata={"frozen": True})
    candidates: int = field(metadata={"frozen": True})


class GMPDiffusion(BlockedStep):
    r"""Independence moves from a learned proposal, alternating with a local step.

    The proposal may be any `pymc_glm.diffusion.Proposal`, trained well, badly or not at all: moves
    weigh the very paths that are simulated, and draw those of the current point anew each time, so
    that the posterior is left exactly as it is. A good one jumps between modes, which local steps
    do not. Between two jumps a local step moves within a mode.

    Parameters
    ----------
    vars : list of variable, optional
        All free variables, which is the default.
    model : pymc.Model, optional
        The model, with continuous free variables only; the one of the context by default.
    proposal : Proposal, optional
        What `pymc_glm.fit_diffusion` returned for this model. Fitted now by default.
    local : {"auto", "nuts", "mala", "gibbs", "none"}
        The step in between. ``"auto"`` is `GaussianLatentGibbs` where it updates all variables,
        and NUTS elsewhere. With ``"none"`` chains stick where the proposal's tails are too light.
    form : {"metropolis", "resampling"}
        One candidate that is accepted or rejected, or several of which one is picked together with
        the current point.
    paths : int
        Paths by which the density of each proposed point is averaged. More of them are accepted
        more often, at the cost of passes through the networks, not of log densities.
    candidates : int
        Of resampling, the current point among them.
    rng : int or Generator, optional
        Randomness of the fit, and of steps taken outside `pymc.sample`.
    initial_point : dict of str to ndarray, optional
        Not used: PyMC offers it to every step.
    compile_kwargs : dict, optional
        Passed to the compilation of the log density.
    blocked : bool
        Must be True.
    **fit
        Passed to `pymc_glm.fit_diffusion` where no proposal is given.

    Raises
    ------
    RecognitionError
        If the model has discrete variables, or ``"gibbs"`` does not update all variables.
    ValueError
        If a choice is unknown, variables are left out, or the proposal belongs to another model.
    pymc.exceptions.SamplingError
        While sampling, if the log density is not finite at the current point.
    TypeError
        If the proposal is none.

    Warns
    -----
    UserWarning
        If the proposal was fitted to other data.

    Notes
    -----
    The sampler statistics are, per draw: ``jumped`` and ``jump_probability``; ``log_weight`` of
    the point before and ``log_weight_proposed`` of the best candidate; ``component``, where its
    path began; ``rejections``, the current run of them, and ``longest_rejection``, the longest one
    of the chain; ``n_logp``, log densities evaluated; ``lp``, the log density.
    A run of hundreds of rejections means that the proposal misses tails.

    A chain that is tuned begins at one of a few dozen proposed points, picked by weight, whatever
    its initial point: from where neither the posterior nor the proposal has density it would
    hardly get away.

    References
    ----------
    D. Blessing, X. Jia, G. Neumann (2025), "End-to-end learning of Gaussian mixture priors
    for diffusion sampler", arXiv:2503.00524.

    M. Gabrie, G. Rotskoff, E. Vanden-Eijnden (2022), "Adaptive Monte Carlo augmented with
    normalizing flows", doi:10.1073/pnas.2109420119.

    Examples
    --------
    Two modes, with a mixture that needs no JAX::

        import pymc as pm
        import pymc_glm

        with pm.Model():
            x = pm.NormalMixture("x", [0.3, 0.7], [-5.0, 5.0], [1.0, 1.0])
            step = pymc_glm.GMPDiffusion(kernel="mixture", rng=1)
            idata = pm.sample(step=step, random_seed=1)
    """

    name = "gmp_diffusion"
    default_blocked = True
    stats_dtypes_shapes: ClassVar[dict[str, tuple[Any, Any]]] = {
        "jumped": (np.float64, []),
        "jump_probability": (np.float64, []),
        "log_weight": (np.float64, []),
        "log_weight_proposed": (np.float64, []),
        "component": (np.int64, []),
        "rejections": (np.int64, []),
        "longest_rejection": (np.int64, []),
        "n_logp": (np.int64, []),
        "model_logp": (np.float64, []),
    }
    _state_class = GMPDiffusionState

    def __new__(cls, *args: Any, local: Local = "auto", **kwargs: Any) -> Any:
        """The step, or with a local step both of them in turn."""
        step = object.__new__(cls)
        _declare(step, cls.stats_dtypes_shapes)
        if local == "none":
            return step
        cls.__init__(step, *args, local=local, **kwargs)
        model = modelcontext(kwargs.get("model"))
        other = _local_step(local, model, kwargs.get("compile_kwargs"))
        # A sweep knows no log density. After it the jump's is that of the draw.
        if isinstance(other, GaussianLatentGibbs):
            return CompoundStep([other, step])
        _declare(step, {k: v for k, v in step.stats_dtypes_shapes.items() if k != "model_logp"})
        return CompoundStep([step, other])

    def __init__(
        self,
        vars: Any = None,
        *,
        model: Model | None = None,
        proposal: Proposal | None = None,
        local: Local = "auto",
        form: Literal["metropolis", "resampling"] = "metropolis",
        paths: int = 4,
        candidates: int = 8,
        rng: RandomGenerator = None,
        initial_point: PointType | None = None,
        compile_kwargs: dict[str, Any] | None = None,
        blocked: bool = True,
        **fit: Any,
    ) -> None:
        model = modelcontext(model)
        _check(local, form, paths, candidates)
        _check_vars(vars, blocked, model)
        if proposal is not None and fit:
            raise ValueError(
                f"Got proposal and {next(iter(fit))}={next(iter(fit.values()))!r}, which is no"
                " argument of the step. Arguments of fit_diffusion have no effect"
                " on a proposal that is fitted already."
            )
        density = CompiledDensity(model, compile_kwargs)
        self.rng = get_random_generator(rng)
        # One that is fitted now is for these data.
        given = proposal
        if proposal is None:
            proposal = fit_diffusion(model, **({"random_seed": self.rng} | fit))
        if not isinstance(proposal, Proposal):
            raise TypeError(
                f"Got proposal={proposal!r}. It is what fit_diffusion returns, or what"
                " Proposal.load reads from a file."
            )
        if proposal.layout != density.layout:
            raise ValueError(
                f"The proposal is for {_words(proposal)}, and the model has {_words(density)}. Fit"
                " it for this model."
            )
        if given is not None:
            _warn_of_another(given, model)
        self.vars = list(model.value_vars)
        self.blocked = blocked
        self.proposal = proposal
        self.form = form
        self.paths = paths
        self.candidates = candidates
        self.density = density.compile(gradient=proposal.kernel.needs_score)
        self.rejections = 0
        self.longest = 0
        self.arrived = True

    def setup_chain(self, rng: RandomGenerator, tune: int, draws: int) -> None:
        """Take the chain's generator and forget another chain's rejections."""
        super().setup_chain(rng, tune, draws)
        self.rejections = 0
        self.longest = 0
        self.arrived = tune == 0

    def step(self, point: PointType) -> tuple[PointType, StatsType]:
        """Move all variables once.

        Parameters
        ----------
        point : dict of str to ndarray
            Values of all value variables. It is not changed.

        Returns
        -------
        point : dict of str to ndarray
        stats : list of dict
        """
        x = self.proposal.layout.flat(point)[None]
        x, self.arrived = (x if self.arrived else self._arrival(x)), True
        value = self.density.log_density(x)
        if not np.isfinite(value[0]):
            raise SamplingError(
                f"The log density is {value[0]} at the current point. The chain cannot start where"
                " the posterior has no density: give pm.sample other initvals=..."
            )
        move: Callable[..., Moved] = metropolis_move
        if self.form == "resampling":
            move = partial(resampling_move, candidates=self.candidates)
        moved = move(
            self.proposal,
            self.density.log_density,
            self.rng,
            Chains(x, value),
            self.paths,
            self.proposal.gradient_of(self.density),
        )
        accepted = bool(moved.accepted[0])
        self.rejections = 0 if accepted else self.rejections + 1
        self.longest = max(self.longest, self.rejections)
        stats = {
            "jumped": float(accepted),
            "jump_probability": float(moved.acceptance[0]),
            "log_weight": float(moved.log_weight[0]),
            "log_weight_proposed": float(moved.log_weight_proposed[0]),
            "component": int(moved.component[0]),
            "rejections": self.rejections,
            "longest_rejection": self.longest,
            "n_logp": 2 if self.form == "metropolis" else self.candidates,
            "model_logp": float(moved.chains.value[0]),
        }
        stats = {name: stats[name] for name in self.stats_dtypes_shapes}
        return {**point, **self.proposal.layout.point(moved.chains.x[0])}, [stats]

    @staticmethod
    def competence(var: TensorVariable, has_grad: bool) -> Competence:
        """Never chosen unasked: a proposal has to be learned first."""
        return Competence.INCOMPATIBLE

    @staticmethod
    def _progressbar_config(n_chains: int = 1) -> tuple[list[ProgressColumn], dict[str, list]]:
        rate, stay = "{task.fields[jump_probability]:0.2f}", "{task.fields[longest_rejection]}"
        columns: list[ProgressColumn] = [
            TextColumn(rate, table_column=Column("Jumps", ratio=1)),
            TextColumn(stay, table_column=Column("Longest stay", ratio=1)),
        ]
        return columns, {"jump_probability": [0.0] * n_chains, "longest_rejection": [0] * n_chains}

    @staticmethod
    def _make_progressbar_update_functions() -> tuple[Callable[[dict], dict]]:
        def update_stats(stats: dict) -> dict:
            return {key: stats[key] for key in ("jump_probability", "longest_rejection")}

        return (update_stats,)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle without the model, whose constructor arguments PyMC would ship."""
        return _restore, (type(self), dict(self.__dict__))

    def _arrival(self, x: np.ndarray) -> np.ndarray:
        """One of some proposed points by importance, or the given one where none has density."""
        gradient = self.proposal.gradient_of(self.density)
        drawn = self.proposal.draw(self.rng, ARRIVALS, self.paths, gradient)
        log_weight = self.density.log_density(drawn.x) - drawn.log_proposal
        if not np.isfinite(log_weight.max()):
            return x
        weight = np.exp(log_weight - log_weight.max())
        return drawn.x[[self.rng.choice(ARRIVALS, p=weight / weight.sum())]]


def _declare(step: GMPDiffusion, stats: dict[str, tuple[Any, Any]]) -> None:
    """Tell PyMC which statistics a step returns."""
    step.stats_dtypes_shapes = stats  # type: ignore[misc]
    step.stats_dtypes = [{stat: dtype for stat, (dtype, _) in stats.items()}]


def _words(owner: Proposal | CompiledDensity) -> str:
    pairs = zip(owner.layout.names, owner.layout.shapes, strict=True)
    return ", ".join(f"{name} of shape {shape}" for name, shape in pairs)


def _check(local: str, form: str, paths: int, candidates: int) -> None:
    for name, value, choices in (("local", local, LOCAL), ("form", form, FORMS)):
        if value not in choices:
            raise ValueError(
                f"Got {name}={value!r}. Choose one of {', '.join(map(repr, choices))}."
            )
    check_counts(paths=paths, candidates=candidates)
    if candidates < 2:
        raise ValueError(f"Got candidates={candidates}. Resampling needs two at least.")


def _warn_of_another(proposal: Proposal, model: Model) -> None:
    """A proposal for other data is exact all the same, and may never be accepted."""
    fitted = proposal.report.get("fingerprint")
    if fitted is None:
        return
    now = fingerprint(model, proposal.layout)
    if np.allclose(fitted, now, rtol=1e-6, equal_nan=True):
        return
    warnings.warn(
        f"The proposal was fitted to another density: at the initial point its logarithm was"
        f" {fitted[0]:.6g}, and it is {now[0]:.6g} now. Jumps are exact whatever the proposal, but"
        " it may not reach where this posterior is: fit it to this model and its data.",
        stacklevel=3,
    )


def _check_vars(vars: Any, blocked: bool, model: Model) -> None:
    if not blocked:
        raise ValueError("Got blocked=False. A jump moves all variables at once.")
    if vars is None:
        return
    given = vars if isinstance(vars, list | tuple) else [vars]
    names = {getattr(variable, "name", variable) for variable in given}
    pairs = ((rv.name, model.rvs_to_values[rv].name) for rv in model.free_RVs)
    missing = [name for name, value in pairs if not names & {name, value}]
    if missing:
        raise ValueError(
            f"Got vars without {missing[0]!r}. A jump moves all variables of the model; leave vars"
            " out, and give other steps to pm.sample along with this one."
        )


def _local_step(local: str, model: Model, compile_kwargs: dict | None) -> Any:
    kwargs = {"model": model, "compile_kwargs": compile_kwargs or {}}
    if local == "mala":
        return MALA(**kwargs)
    if local in ("auto", "gibbs"):
        try:
            step = GaussianLatentGibbs(**kwargs)
        except RecognitionError:
            step = None
        if step is not None and len(step.vars) == len(model.value_vars):
            return step
        if local == "gibbs":
            raise RecognitionError(
                "Got local='gibbs', and GaussianLatentGibbs does not update all variables of the"
                " model. pymc_glm.explain() says why; local='nuts' takes any model."
            )
    return pm.NUTS(**kwargs)


def _restore(cls: type[GMPDiffusion], state: dict[str, Any]) -> GMPDiffusion:
    step = object.__new__(cls)
    step.__dict__.update(state)
    return step
