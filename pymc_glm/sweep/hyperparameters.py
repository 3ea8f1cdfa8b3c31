"""Update hyperparameters given the block, with the latents integrated out."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytensor.tensor as pt

from pytensor.tensor.variable import TensorVariable

from pymc_glm.families.sufficient import sufficient_statistic
from pymc_glm.machine import ConjugateForm, Hyperparameter, ScaleDependence
from pymc_glm.ops import KernelOp
from pymc_glm.sweep.rowwise import update_rowwise
from pymc_glm.sweep.state import SweepState
from pymc_glm.sweep.target_ops import WIDTH, slice_update

__all__ = ["draw_conjugate", "first_entry", "slice_width", "update_hyperparameter"]

KERNELS = "pymc_glm.sweep.scale_kernels"

_CONJUGATE_DRAWS = {
    "gamma": (KernelOp(f"{KERNELS}:gamma_scale", stochastic=True), ("power", "rate")),
    "generalized inverse Gaussian": (
        KernelOp(f"{KERNELS}:gig_scale", stochastic=True),
        ("power", "rate"),
    ),
    "half-t": (KernelOp(f"{KERNELS}:half_t_scale", stochastic=True), ("nu", "sigma")),
    "truncated gamma": (
        KernelOp(f"{KERNELS}:truncated_gamma_scale", stochastic=True),
        ("lower", "upper"),
    ),
}
_power_sum_by_entry = KernelOp(f"{KERNELS}:power_sum_by_entry")


def update_hyperparameter(state: SweepState, hyper: Hyperparameter) -> None:
    """Update one hyperparameter given the block and the other variables.

    The target is the model's own density, in which the latents are integrated out: an exact draw
    where the conditional is known, a slice move elsewhere.

    Parameters
    ----------
    state : SweepState
        Changed in place.
    hyper : Hyperparameter
        What to update.
    """
    if hyper.rowwise is not None and hyper.conjugate is None:
        update_rowwise(state, hyper, hyper.rowwise)
        return
    if hyper.conjugate is not None:
        _draw_conjugate(state, hyper, hyper.conjugate)
        return
    current = state.values[hyper.value]
    proposal = hyper.value.type(f"{hyper.name}_proposal")
    target = _marginal_target(state, hyper, proposal)
    width = slice_width(state, hyper)
    state.rng, updated = slice_update(state.rng, current, proposal, target, width)
    state.set_value(hyper.value, updated)


def _draw_conjugate(state: SweepState, hyper: Hyperparameter, form: ConjugateForm) -> None:
    rate = pt.constant(0.0)
    for dependence in hyper.scales:
        factor = state.factors[dependence.factor]
        rate = rate + factor.family.rate_constant * _statistic(state, dependence, hyper.size)
    draw_conjugate(state, hyper, form, rate)


def draw_conjugate(
    state: SweepState, hyper: Hyperparameter, form: ConjugateForm, decay: TensorVariable
) -> None:
    """Draw theta from theta**-a exp(-b theta**-e) times its prior.

    Parameters
    ----------
    state : SweepState
        Changed in place.
    hyper : Hyperparameter
        Whose positive form theta is.
    form : ConjugateForm
        Its conditional.
    decay : TensorVariable, shape () or (size,)
        b theta**-e at the current theta.
    """
    theta = state.at_current(form.positive).flatten()
    draw, names = _CONJUGATE_DRAWS[form.kind]
    prior = [state.at_current(form.prior[name]) for name in names]
    power, exponent = pt.constant(form.total_power), pt.constant(form.exponent)
    rate = decay * theta**form.exponent
    state.rng, theta = draw(state.rng, theta, power, rate, exponent, *prior)
    state.set_value(hyper.value, _value_of(hyper, form, theta, prior))


def _statistic(state: SweepState, dependence: ScaleDependence, size: int) -> TensorVariable:
    """Sum of |t / scale|**q over the rows that each entry of a hyperparameter scales."""
    factor = state.factors[dependence.factor]
    scale = state.parameters(factor)["scale"]
    t = state.response(dependence.factor)
    if dependence.entries is None:
        return sufficient_statistic(factor.family, t, scale)
    q = pt.constant(float(factor.family.scale_power or 0))
    count = np.array([size], dtype=np.int64)
    entries = pt.constant(dependence.entries)
    return cast(TensorVariable, _power_sum_by_entry(t, scale, q, entries, count))


def _value_of(
    hyper: Hyperparameter, form: ConjugateForm, theta: TensorVariable, prior: list
) -> TensorVariable:
    """The value variable whose positive form is theta."""
    if form.kind == "truncated gamma":
        lower, upper = prior
        value = pt.log(theta - lower) - pt.log(upper - theta)
    else:
        value = pt.log(theta)
    return value.reshape(hyper.shape) if hyper.shape else value[0]


def _marginal_target(
    state: SweepState, hyper: Hyperparameter, proposal: TensorVariable
) -> TensorVariable:
    """Log density of the proposal given the block, the latents integrated out."""
    changed = {hyper.value: proposal}
    target = state.substituted(hyper.log_prior, changed)
    through_scale = {dependence.factor for dependence in hyper.scales}
    for index in hyper.factors:
        factor = state.factors[index]
        power = factor.family.scale_power
        if index in through_scale and power is not None:
            target = target + _scale_term(state, index, power, changed)
        else:
            target = target + state.log_density_sum(index, changed)
        if factor.correction is not None:
            target = target + state.substituted(factor.correction, changed)
    return target


def _scale_term(
    state: SweepState, index: int, power: int, changed: dict[TensorVariable, TensorVariable]
) -> TensorVariable:
    """A factor's density as a function of its scale, by the sufficient statistic."""
    factor = state.factors[index]
    now = state.parameters(factor)["scale"]
    then = state.parameters(factor, changed)["scale"]
    statistic = sufficient_statistic(factor.family, state.response(index), now)
    log_ratio = pt.log(first_entry(then) / first_entry(now))
    decay = factor.family.rate_constant * statistic * pt.exp(-power * log_ratio)
    return -factor.responses * log_ratio - decay


def slice_width(state: SweepState, hyper: Hyperparameter, most: int | None = None) -> float:
    """First width of the interval of a slice move, on the scale of the value variable.

    A few standard deviations of the logarithm of a scale with m responses, whose information is
    at most 2 m; one for anything else.

    Parameters
    ----------
    state : SweepState
        The current values.
    hyper : Hyperparameter
        The scale.
    most : int, optional
        Largest m to assume.

    Returns
    -------
    width : float
    """
    if not hyper.scales or len(hyper.scales) < len(hyper.factors):
        return WIDTH
    responses = sum(state.factors[index].responses for index in hyper.factors)
    responses = responses if most is None else min(responses, most)
    return float(np.clip(4.0 / np.sqrt(2.0 * responses), 0.1, WIDTH))


def first_entry(scale: TensorVariable) -> TensorVariable:
    """One entry of a scale, to see how all of it changes."""
    return scale if scale.type.ndim == 0 else scale.flatten()[0]
