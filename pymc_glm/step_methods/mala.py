"""Metropolis-adjusted Langevin, the tuned gradient baseline of the comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, ClassVar

import numpy as np

from pymc.blocking import PointType, StatsType
from pymc.model import Model, modelcontext
from pymc.step_methods.compound import BlockedStep, Competence, StepMethodState
from pymc.step_methods.state import dataclass_state
from pymc.util import RandomGenerator, get_random_generator, get_value_vars_from_user_vars
from pymc.vartypes import continuous_types
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable
from rich.progress import ProgressColumn, TextColumn
from rich.table import Column

from pymc_glm.step_methods.adaptation import (
    DiagonalMetric,
    DiagonalMetricState,
    DualAveraging,
    DualAveragingState,
    window_ends,
)
from pymc_glm.step_methods.block_density import BlockDensity, Evaluation

__all__ = ["MALA"]

MAX_STEP_SIZE_DOUBLINGS = 60


@dataclass_state
class MALAState(StepMethodState):
    """What a checkpoint keeps of a MALA chain."""

    tune: bool
    tuning_steps: int
    window_ends: list[int]
    restart: bool
    metric: DiagonalMetricState
    step_adapt: DualAveragingState
    target_accept: float = field(metadata={"frozen": True})
    step_scale: float = field(metadata={"frozen": True})


class MALA(BlockedStep):
    r"""Metropolis-adjusted Langevin algorithm with a tuned step size and diagonal metric.

    One step proposes

    .. math:: y = x + \tfrac{1}{2} \epsilon^2 S^2 \nabla \log \pi(x) + \epsilon S \xi,
              \qquad \xi \sim N(0, I),

    and accepts it with the Metropolis-Hastings probability, so the chain targets the posterior
    exactly [1]_. While tuning, dual averaging moves the step size :math:`\epsilon` until the mean
    acceptance probability is `target_accept` [2]_, and the diagonal scale :math:`S` is learnt
    over expanding windows as the fourth root of the variance of the draws over the variance of
    the gradients, which for independent Gaussian variables is the posterior standard deviation
    even before the chain has mixed [3]_. Both are frozen when tuning ends.

    Parameters
    ----------
    vars : list of variable, optional
        Variables to update jointly; all continuous variables of the model by default.
    model : pymc.Model, optional
        The model; the one of the enclosing context by default.
    blocked : bool
        Whether all `vars` move in one proposal. With False each variable gets its own step. The
        default is True.
    target_accept : float
        Mean acceptance probability to tune the step size to, between 0 and 1. The default 0.574
        is the optimum for many independent variables [1]_.
    step_scale : float
        The step size before tuning is ``step_scale / p**(1/6)`` with p the size of the block, in
        units of the metric. The default 1.65 is the optimum for independent Gaussian variables.
    rng : int, SeedSequence or numpy.random.Generator, optional
        Randomness of steps taken outside `pymc.sample`, which supplies its own for each chain.
    initial_point : dict of str to ndarray, optional
        Point that fixes the shapes; the model's initial point by default.
    compile_kwargs : dict, optional
        Passed to the compilation of the log density and gradient, for example
        ``{"mode": "FAST_COMPILE"}``.

    Raises
    ------
    ValueError
        If a variable is discrete, if `target_accept` is not between 0 and 1, or if `step_scale`
        is not positive.
    pymc.exceptions.SamplingError
        While sampling, if the log density or its gradient is not finite at the current point.

    Notes
    -----
    The sampler statistics are, per draw:

    - ``acceptance_rate``: probability with which the proposal was accepted. Its mean after tuning
      should be close to `target_accept`; tune longer if it is not. A mean near the target with a
      small effective sample size says that the posterior is correlated or heavy-tailed, which a
      diagonal metric cannot mend.
    - ``accepted``: 1 where the proposal was accepted, else 0. A long run of 0 after tuning
      means that the chain is stuck where the gradient is much larger than during tuning; raise
      `target_accept` or reparametrise.
    - ``step_size``: the step size in units of the metric; constant after tuning. Values far below
      one say that the learnt metric fits badly.
    - ``n_gradients``: evaluations of the log density and its gradient spent in this step, the
      unit in which to compare costs. It is 1, or 2 where another step method moved its variables
      in between, and larger where tuning searches for a step size.
    - ``model_logp``: log density of the model at the new point; renamed to ``lp`` by PyMC.

    References
    ----------
    .. [1] Roberts, G. O. and Rosenthal, J. S. (1998). Optimal scaling of discrete approximations
       to Langevin diffusions. Journal of the Royal Statistical Society B, 60(1), 255-268.
       https://doi.org/10.1111/1467-9868.00123
    .. [2] Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn Sampler: adaptively setting path
       lengths in Hamiltonian Monte Carlo. Journal of Machine Learning Research, 15, 1593-1623.
       https://arxiv.org/abs/1111.4246
    .. [3] Seyboldt, A., Carlson, E. L. and Carpenter, B. (2026). Preconditioning Hamiltonian Monte
       Carlo by minimizing Fisher divergence. https://arxiv.org/abs/2603.18845

    Examples
    --------
    Sample a regression with MALA instead of NUTS::

        import numpy as np
        import pymc as pm
        from pymc_glm.step_methods.mala import MALA

        x = np.linspace(0, 1, 50)
        with pm.Model():
            slope = pm.Normal("slope", 0, 10)
            noise = pm.HalfNormal("noise", 1)
            pm.Normal("y", slope * x, noise, observed=2 * x)
            idata = pm.sample(step=MALA())
    """

    name = "mala"
    default_blocked = True
    default_tune_steps = 1000
    stats_dtypes_shapes: ClassVar[dict[str, tuple[Any, Any]]] = {
        "acceptance_rate": (np.float64, []),
        "accepted": (np.float64, []),
        "step_size": (np.float64, []),
        "n_gradients": (np.int64, []),
        "model_logp": (np.float64, []),
    }
    _state_class = MALAState

    def __init__(
        self,
        vars: Sequence[Variable] | None = None,
        *,
        model: Model | None = None,
        blocked: bool = True,
        target_accept: float = 0.574,
        step_scale: float = 1.65,
        rng: RandomGenerator = None,
        initial_point: PointType | None = None,
        compile_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if not 0 < target_accept < 1:
            raise ValueError(
                f"target_accept is {target_accept}, not a probability between 0 and 1. "
                "Leave it at 0.574 or raise it for posteriors with sharp corners."
            )
        if not 0 < step_scale < np.inf:
            raise ValueError(
                f"step_scale is {step_scale}, not a positive number. It is the initial step size "
                "in units of the posterior standard deviations."
            )
        model = modelcontext(model)
        self.vars = _continuous_value_vars(vars, model)
        self.blocked = blocked
        self.rng = get_random_generator(rng)
        self.target_accept = target_accept
        self.step_scale = step_scale

        if initial_point is None:
            initial_point = model.initial_point()
        self.density = BlockDensity(model, self.vars, initial_point, compile_kwargs)
        self._reset(self.default_tune_steps)

    def setup_chain(self, rng: RandomGenerator, tune: int, draws: int) -> None:
        """Forget everything learnt in another chain and plan the tuning of this one.

        Parameters
        ----------
        rng : numpy.random.Generator
            Randomness of this chain.
        tune : int
            Number of tuning steps. With zero the step size and a unit metric stay as they are.
        draws : int
            Number of steps after tuning.
        """
        super().setup_chain(rng, tune, draws)
        self._reset(tune)

    def step(self, point: PointType) -> tuple[PointType, StatsType]:
        """Move the block once.

        Parameters
        ----------
        point : dict of str to ndarray
            Current values of all value variables of the model. It is not changed.

        Returns
        -------
        point : dict of str to ndarray
            A new point with the same keys in the same order.
        stats : list of dict
            One dictionary of sampler statistics.

        Raises
        ------
        pymc.exceptions.SamplingError
            If the log density or its gradient is not finite at `point`.
        """
        evaluations = self.density.evaluations
        current = self.density.at(point)
        if self.tune and self.restart:
            self._restart_step_size(current)

        step_size = self.step_adapt.step_size(self.tune)
        noise = self.rng.standard_normal(self.density.size)
        proposed, log_ratio = self._propose(current, noise, step_size)
        accepted = -self.rng.standard_exponential() < log_ratio
        acceptance_rate = float(np.exp(min(log_ratio, 0.0)))
        if accepted:
            current = proposed
        if self.tune:
            self._adapt(current, acceptance_rate)

        stats = {
            "acceptance_rate": acceptance_rate,
            "accepted": float(accepted),
            "step_size": step_size,
            "n_gradients": self.density.evaluations - evaluations,
            "model_logp": current.log_density,
        }
        return self.density.move(point, current), [stats]

    @staticmethod
    def competence(var: TensorVariable, has_grad: bool) -> Competence:
        """Return how well MALA suits a variable: any continuous one that has a gradient."""
        if has_grad and var.dtype in continuous_types:
            return Competence.COMPATIBLE
        return Competence.INCOMPATIBLE

    @staticmethod
    def _progressbar_config(n_chains: int = 1) -> tuple[list[ProgressColumn], dict[str, list]]:
        columns: list[ProgressColumn] = [
            TextColumn("{task.fields[step_size]:0.3g}", table_column=Column("Step size", ratio=1)),
            TextColumn(
                "{task.fields[acceptance_rate]:0.2f}", table_column=Column("Acceptance", ratio=1)
            ),
        ]
        return columns, {"step_size": [0.0] * n_chains, "acceptance_rate": [0.0] * n_chains}

    @staticmethod
    def _make_progressbar_update_functions() -> tuple[Callable[[dict], dict]]:
        def update_stats(stats: dict) -> dict:
            return {key: stats[key] for key in ("step_size", "acceptance_rate")}

        return (update_stats,)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle without the model."""
        # BlockedStep would ship its constructor arguments, hence the model and its data, as well.
        state = {k: v for k, v in self.__dict__.items() if not k.endswith("__newargs")}
        return _restore, (type(self), state)

    def _reset(self, tune: int) -> None:
        """Return to the state before the first of `tune` tuning steps."""
        self.tune = tune > 0
        self.tuning_steps = 0
        self.window_ends = window_ends(tune)
        self.restart = True
        self.metric = DiagonalMetric(self.density.size)
        self.step_adapt = DualAveraging(
            self.step_scale / self.density.size ** (1 / 6), self.target_accept
        )
        self.density.forget()

    def _restart_step_size(self, current: Evaluation) -> None:
        """Start dual averaging at a step size whose acceptance probability crosses the target."""
        step_size = self.step_adapt.step_size(tune=False)
        noise = self.rng.standard_normal(self.density.size)
        threshold = np.log(self.target_accept)
        grow = self._propose(current, noise, step_size)[1] > threshold
        for _ in range(MAX_STEP_SIZE_DOUBLINGS):
            step_size *= 2.0 if grow else 0.5
            if (self._propose(current, noise, step_size)[1] > threshold) != grow:
                break
        self.step_adapt = DualAveraging(step_size, self.target_accept)
        self.restart = False

    def _adapt(self, current: Evaluation, acceptance_rate: float) -> None:
        self.tuning_steps += 1
        self.step_adapt.update(acceptance_rate)
        self.metric.add(current.position, current.gradient)
        if self.tuning_steps in self.window_ends:
            self.metric.update()
            self.restart = True

    def _propose(
        self, current: Evaluation, noise: np.ndarray, step_size: float
    ) -> tuple[Evaluation, float]:
        """Return the proposal and its log acceptance ratio, -inf where it is not finite."""
        scale = step_size * self.metric.scale
        # Far from the posterior a huge gradient may overflow, which is a rejection.
        with np.errstate(over="ignore", invalid="ignore"):
            position = current.position + scale * (0.5 * scale * current.gradient + noise)
            proposed = self.density.evaluate(position)
            if not proposed.is_finite:
                return proposed, -np.inf
            log_ratio = _log_acceptance_ratio(current, proposed, noise, scale)
        return proposed, -np.inf if np.isnan(log_ratio) else log_ratio


def _log_acceptance_ratio(
    current: Evaluation, proposed: Evaluation, noise: np.ndarray, scale: np.ndarray
) -> float:
    """Log Metropolis-Hastings ratio of a Langevin proposal made with `noise` and `scale`.

    The reverse move needs the noise ``-(noise + drift)``; the proposal densities differ by half
    the difference of the squared norms.
    """
    drift = 0.5 * scale * (current.gradient + proposed.gradient)
    return float(proposed.log_density - current.log_density - drift @ (noise + 0.5 * drift))


def _continuous_value_vars(vars: Sequence[Variable] | None, model: Model) -> list[Variable]:
    if vars is None:
        value_vars = list(model.continuous_value_vars)
    else:
        value_vars = get_value_vars_from_user_vars(vars, model)
    if not value_vars:
        raise ValueError(
            f"The model has no continuous variable among {[v.name for v in model.value_vars]}. "
            "MALA follows gradients; leave discrete variables to another step."
        )
    for variable in value_vars:
        if variable.dtype not in continuous_types:
            raise ValueError(
                f"MALA cannot sample {variable.name!r}, which has the discrete dtype "
                f"{variable.dtype}. It follows gradients; leave the variable to another step."
            )
    return value_vars


def _restore(cls: type[MALA], state: dict[str, Any]) -> MALA:
    step = object.__new__(cls)
    step.__dict__.update(state)
    return step
