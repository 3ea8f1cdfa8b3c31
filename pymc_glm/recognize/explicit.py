"""Variables that are the latents of a factor, written out by hand in the model.

A Normal whose variance has an exponential prior of its own is a Laplace variable, one with an
inverse-gamma variance a Student-t variable, one with a half-Cauchy scale a horseshoe variable. The
family takes the place of the pair, so that everything else is updated with the latent integrated
out, and the latent is drawn along with the family's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pymc.distributions.continuous import HalfCauchyRV
from pytensor.graph.replace import clone_replace
from pytensor.tensor.random.basic import ExponentialRV, GammaRV, InvGammaRV
from pytensor.tensor.variable import TensorVariable

from pymc_glm.families import Gaussian, Horseshoe, Laplace, StudentT
from pymc_glm.families.base import AbstractFamily
from pymc_glm.machine import ExplicitLatent, Factor
from pymc_glm.recognize.conjugacy import parameters_by_entry
from pymc_glm.recognize.dependence import evaluate, simplify
from pymc_glm.recognize.evaluate import depends_on, scalar
from pymc_glm.recognize.model_view import FreeVariable, ModelView
from pymc_glm.recognize.rowwise import entrywise_scales
from pymc_glm.recognize.scaling import is_uniform

__all__ = ["Lifted", "lift_latents"]


class Lifted(NamedTuple):
    """Factors with their explicit latents integrated out, and those latents."""

    factors: list[Factor]
    latents: list[ExplicitLatent]


class _Mixture(NamedTuple):
    """A family, and its parameters in units of the scale without the latent."""

    family: AbstractFamily
    scale: TensorVariable
    parameters: dict[str, TensorVariable]


def lift_latents(
    view: ModelView, factors: list[Factor], requested: set[str] | None = None
) -> Lifted:
    """Replace Gaussian factors by the families that their hand-written latents make of them.

    Parameters
    ----------
    view : ModelView
        The model.
    factors : list of Factor
        Its certified factors.
    requested : set of str, optional
        Names of the variables to update. By default all that can be.

    Returns
    -------
    lifted : Lifted
    """
    factors = list(factors)
    latents: list[ExplicitLatent] = []
    for variable in view.variables:
        if requested is not None and variable.name not in requested:
            continue
        found = _lift(view, variable, factors)
        if found is not None:
            latent, factor = found
            factors[latent.factor] = factor
            latents.append(latent)
    return Lifted(factors, latents)


def _lift(
    view: ModelView, variable: FreeVariable, factors: list[Factor]
) -> tuple[ExplicitLatent, Factor] | None:
    if variable.is_linear or not variable.is_univariate or variable.size == 1:
        return None
    terms = [term for term in view.terms if variable.value in term.touches]
    touched = [i for i, factor in enumerate(factors) if _mentions(factor, variable)]
    if len(touched) != 1 or len(terms) != 2:
        return None
    index = touched[0]
    factor = factors[index]
    own = next(term for term in terms if term.name == variable.name)
    if not isinstance(factor.family, Gaussian) or own.distribution is None:
        return None
    if factor.linear_map.is_empty:
        # Its latents are drawn with an alternate block, or with none.
        return None
    scales = entrywise_scales(variable, factors, touched)
    if not scales or scales[0].entries is None or scales[0].power is None:
        return None
    entries, power = scales[0].entries, scales[0].power
    if not np.array_equal(np.sort(entries), np.arange(variable.size)):
        return None
    parameters = parameters_by_entry(own.distribution.parameters, variable)
    if parameters is None or not _is_exponential_of_value(variable):
        return None
    by_row = [p if p.type.ndim == 0 else p[entries] for p in parameters]
    mixture = _mixture(own.distribution.op, power, by_row)
    if mixture is None:
        return None
    zeros = pt.zeros(variable.shape)
    base = clone_replace(
        [factor.parameters["scale"]], {variable.value: zeros}, rebuild_strict=False
    )[0]
    others = [other.value for other in view.variables]
    values = {"scale": base * mixture.scale, **mixture.parameters}
    lifted = factor._replace(
        family=mixture.family,
        parameters={name: _simplest(value, others) for name, value in values.items()},
    )
    latent = ExplicitLatent(
        variable.value.name,
        variable.name,
        variable.value,
        index,
        power,
        _simplest(base, others),
        np.argsort(entries).astype(np.int64),
    )
    return latent, lifted


def _mentions(factor: Factor, variable: FreeVariable) -> bool:
    graphs = [*factor.linear_map.graphs, factor.offset, *factor.parameters.values()]
    graphs = [graph for graph in graphs if not isinstance(graph, np.ndarray)]
    return any(depends_on(graph, [variable.value]) for graph in graphs)


def _is_exponential_of_value(variable: FreeVariable) -> bool:
    """Whether the variable is the exponential of its value variable."""
    zero_one = np.linspace(-1.0, 1.0, variable.size).reshape(variable.shape)
    [graph] = clone_replace(
        [variable.constrained], {variable.value: pt.constant(zero_one)}, rebuild_strict=False
    )
    [value] = evaluate([graph])
    return bool(np.allclose(value, np.exp(zero_one), rtol=1e-12))


def _mixture(op: object, power: float, parameters: list[TensorVariable]) -> _Mixture | None:
    """The family of a Normal whose scale is the given power of a variable of the given law."""
    if isinstance(op, ExponentialRV) and power == 0.5:
        [mean] = parameters
        return _Mixture(Laplace(), pt.sqrt(0.5 * mean), {})
    if isinstance(op, InvGammaRV) and power == 0.5:
        shape, rate = parameters
        return _Mixture(StudentT(), pt.sqrt(rate / shape), {"nu": 2.0 * shape})
    if isinstance(op, GammaRV) and power == -0.5:
        shape, mean_scale = parameters
        return _Mixture(StudentT(), 1.0 / pt.sqrt(shape * mean_scale), {"nu": 2.0 * shape})
    if isinstance(op, HalfCauchyRV) and power == 1.0:
        [beta] = parameters
        return _Mixture(Horseshoe(), beta, {})
    return None


def _simplest(graph: TensorVariable, others: list) -> TensorVariable | np.ndarray:
    """Numbers where no variable is left; else a canonical graph."""
    graph = graph.astype("float64")
    if is_uniform(graph):
        graph = scalar(graph)
    if not depends_on(graph, others):
        [value] = evaluate([graph])
        return np.asarray(value)
    [simplified] = simplify([graph])
    return simplified
