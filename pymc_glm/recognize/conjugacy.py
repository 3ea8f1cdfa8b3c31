"""Which conditionals of a scale can be drawn exactly, given the sufficient statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pymc.distributions.continuous import FlatRV, HalfCauchyRV, HalfFlatRV, HalfStudentTRV
from pytensor.tensor.random.basic import (
    ExponentialRV,
    GammaRV,
    HalfNormalRV,
    InvGammaRV,
    UniformRV,
)
from pytensor.tensor.variable import TensorVariable

from pymc_glm.machine import ConjugateForm, Factor, ScaleDependence
from pymc_glm.recognize.dependence import static_shape
from pymc_glm.recognize.evaluate import scalar
from pymc_glm.recognize.flat_scales import refuse_improper_scale
from pymc_glm.recognize.model_view import Distribution, FreeVariable, Term

__all__ = [
    "find_conjugate_form",
    "find_joint_form",
    "parameters_by_entry",
    "positive_form",
]


def find_conjugate_form(
    variable: FreeVariable,
    prior_terms: list[Term],
    factors: list[Factor],
    touched: list[int],
    scales: tuple[ScaleDependence, ...],
) -> ConjugateForm | None:
    """Find the exact draw of a scale's conditional, if there is one.

    Given the responses, the factors contribute theta**-a exp(-b theta**-e), with e the family's
    power times the power of theta in the scale. Together with the prior this is a (truncated)
    gamma density of theta**-e, a generalised inverse Gaussian density of a power of theta, or,
    under a half-t prior, an inverse-gamma mixture.

    Parameters
    ----------
    variable : FreeVariable
        The scale.
    prior_terms : list of Term
        Block-free terms that mention it.
    factors : list of Factor
        All factors.
    touched : list of int
        Those that mention it.
    scales : tuple of ScaleDependence
        How they depend on it.

    Returns
    -------
    form : ConjugateForm or None
        None where the conditional needs a slice move.

    Raises
    ------
    ImproperPosteriorError
        If a flat prior on the scale makes the posterior improper.
    """
    exponent = _common_exponent(factors, touched, scales)
    own = _own_distribution(variable, prior_terms)
    if exponent is None or own is None:
        return None
    prior = _prior_of(variable, own, exponent)
    if prior is None:
        return None
    form = ConjugateForm(*prior, positive_form(variable), _total_power(variable, factors, scales))
    if isinstance(own.op, FlatRV | HalfFlatRV):
        refuse_improper_scale(variable, form, factors, scales)
    return form


def find_joint_form(
    variable: FreeVariable,
    prior_terms: list[Term],
    factors: list[Factor],
    touched: list[int],
    scales: tuple[ScaleDependence, ...],
) -> ConjugateForm | None:
    """Find the exact draw of a scale of all factors, the block integrated out.

    Given their latents all factors are Gaussian, and the scale multiplies all of them: it divides
    the block's precision and leaves its shape alone. The integral over the n unknowns then takes n
    responses away and leaves a power and an exponential as before.

    Parameters
    ----------
    variable : FreeVariable
        The scale.
    prior_terms : list of Term
        Block-free terms that mention it.
    factors : list of Factor
        All factors.
    touched : list of int
        Those that mention it.
    scales : tuple of ScaleDependence
        How they depend on it.

    Returns
    -------
    form : ConjugateForm or None
        None where some factor does not scale with it, where it scales one without the block, or
        where the prior does not fit.
    """
    powers = {scale.power for scale in scales}
    scaled = {scale.factor for scale in scales}
    own = _own_distribution(variable, prior_terms)
    if variable.size != 1 or len(powers) != 1 or own is None:
        return None
    [power] = powers
    involved = {i for i, factor in enumerate(factors) if not factor.linear_map.is_empty}
    if power is None or not involved == scaled == set(touched):
        return None
    if any(factors[index].correction is not None for index in scaled):
        return None
    prior = _prior_of(variable, own, 2.0 * power)
    if prior is None:
        return None
    unknowns = factors[0].linear_map.shape[1]
    total = _total_power(variable, factors, scales) - power * unknowns
    return ConjugateForm(*prior, positive_form(variable), total)


def _own_distribution(variable: FreeVariable, prior_terms: list[Term]) -> Distribution | None:
    """The variable's distribution, where no other block-free term mentions it."""
    if [term.name for term in prior_terms] != [variable.name]:
        return None
    return prior_terms[0].distribution


def _prior_of(variable: FreeVariable, own: Distribution, exponent: float) -> _Prior | None:
    """The fields of a conjugate form that a prior determines, if it fits."""
    parameters = parameters_by_entry(own.parameters, variable)
    return None if parameters is None else _prior(own.op, parameters, exponent)


def parameters_by_entry(
    parameters: Sequence[object], variable: FreeVariable
) -> list[TensorVariable] | None:
    """Parameters of a prior, each as one number or as one for each entry of the variable.

    Parameters
    ----------
    parameters : sequence of tensor_like
        As the distribution has them.
    variable : FreeVariable
        Whose prior it is.

    Returns
    -------
    parameters : list of TensorVariable, each of shape () or (size,), or None
        None where a parameter has another shape.
    """
    found = []
    for parameter in parameters:
        graph = pt.as_tensor(parameter).astype("float64")
        shape = static_shape(graph)
        if int(np.prod(shape, dtype=int)) == 1:
            found.append(scalar(graph))
        elif shape == variable.shape:
            found.append(graph.flatten())
        else:
            return None
    return found


def _total_power(
    variable: FreeVariable, factors: list[Factor], scales: tuple[ScaleDependence, ...]
) -> np.ndarray:
    """Responses that each entry of the variable scales, times the power it scales them with."""
    total = np.zeros(variable.size)
    for scale in scales:
        rows = factors[scale.factor].size
        entries = np.zeros(rows, dtype=np.int64) if scale.entries is None else scale.entries
        total += (scale.power or 0.0) * np.bincount(entries, minlength=variable.size)
    return total


def positive_form(variable: FreeVariable) -> TensorVariable:
    """The positive quantity whose powers scale the factors: the variable, or its exponential.

    A variable that PyMC samples on its own scale can scale a factor only through a positive
    function; the exponential is the one with a closed form (``log_sigma = pm.Flat``).
    """
    return pt.exp(variable.value) if variable.is_linear else variable.constrained


def _common_exponent(factors, touched, scales) -> float | None:
    if not touched or len(scales) != len(touched):
        return None
    exponents = set()
    for scale in scales:
        factor = factors[scale.factor]
        if scale.power is None or factor.family.scale_power is None:
            return None
        if factor.correction is not None:
            return None
        exponents.add(factor.family.scale_power * scale.power)
    return exponents.pop() if len(exponents) == 1 else None


class _Prior(NamedTuple):
    """The first fields of a conjugate form."""

    kind: str
    exponent: float
    parameters: dict[str, TensorVariable]


def _prior(op: object, parameters: list, exponent: float) -> _Prior | None:
    if isinstance(op, HalfFlatRV):
        return _Prior("gamma", exponent, _gamma_prior(0.0, 0.0))
    if isinstance(op, FlatRV):
        # Flat on the log: theta**-1 on theta itself.
        return _Prior("gamma", exponent, _gamma_prior(-1.0, 0.0))
    if isinstance(op, InvGammaRV) and exponent == 1:
        shape, rate = parameters
        return _Prior("gamma", exponent, _gamma_prior(-shape - 1.0, rate))
    if isinstance(op, GammaRV | ExponentialRV):
        shape, mean_scale = (
            parameters if isinstance(op, GammaRV) else [pt.constant(1.0), *parameters]
        )
        if exponent == -1:
            return _Prior("gamma", exponent, _gamma_prior(shape - 1.0, 1.0 / mean_scale))
        if exponent == 1:
            return _gig_prior(exponent, shape - 1.0, 1.0 / mean_scale)
    if isinstance(op, HalfNormalRV) and exponent == 2:
        _, sigma = parameters
        return _gig_prior(exponent, pt.constant(0.0), 0.5 * sigma**-2)
    if isinstance(op, UniformRV):
        lower, upper = parameters
        return _Prior("truncated gamma", exponent, {"lower": lower, "upper": upper})
    if isinstance(op, HalfCauchyRV) and exponent == 2:
        [beta] = parameters
        return _Prior("half-t", exponent, {"nu": pt.constant(1.0), "sigma": beta})
    if isinstance(op, HalfStudentTRV) and exponent == 2:
        nu, sigma = parameters
        return _Prior("half-t", exponent, {"nu": nu, "sigma": sigma})
    return None


def _gamma_prior(power: object, rate: object) -> dict:
    """Prior theta**power exp(-rate theta**-e): adds to both exponents of the likelihood."""
    return {"power": pt.as_tensor(power), "rate": pt.as_tensor(rate)}


def _gig_prior(exponent: float, power: object, rate: object) -> _Prior:
    """Prior theta**power exp(-rate theta**e), against exp(-b theta**-e)."""
    return _Prior(
        "generalized inverse Gaussian",
        exponent,
        {"power": pt.as_tensor(power), "rate": pt.as_tensor(rate)},
    )
