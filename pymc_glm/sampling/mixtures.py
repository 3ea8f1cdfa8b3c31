"""Which component of a mixture prior an unknown comes from: probabilities, averaged over draws.

The component z of an unknown x with the prior sum_c w_c N(m_c, s_c^2) is not part of the posterior:
the sweep draws it as a latent and forgets it. Its conditional distribution

    P(z = c | x, w, m, s)  proportional to  w_c N(x; m_c, s_c^2)

is known at each draw, so the posterior probability of c is its mean over draws (Rao-Blackwell).
That mean has a smaller variance than the share of drawn components would have.

References
----------
Gelfand, Smith (1990), Journal of the American Statistical Association 85, 398-409,
doi:10.1080/01621459.1990.10476213; George, McCulloch (1993), same journal 88, 881-889,
doi:10.1080/01621459.1993.10476353.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from pymc.backends.arviz import coords_and_dims_for_inferencedata, dict_to_dataset
from pymc.model.core import Model
from pytensor.tensor.variable import TensorVariable
from xarray import Dataset

from pymc_glm.machine import BlockVariable, Factor, LinearMap
from pymc_glm.recognize.dependence import expand
from pymc_glm.recognize.recognize import Recognition
from pymc_glm.sampling.batches import BatchedGraphs

__all__ = ["mixture_probabilities"]

COMPONENT = "component"
# For the size of batches: components times the few arrays held at once.
TYPICAL_COMPONENTS = 16


class _MixturePrior(NamedTuple):
    """A mixture of normals whose responses are the entries of one variable, one for each."""

    factor: Factor
    variable: BlockVariable

    @property
    def entries(self) -> np.ndarray:
        """Entry of the flat variable that each response belongs to."""
        return self.factor.stored_map.columns - self.variable.start


def mixture_probabilities(
    model: Model,
    recognition: Recognition,
    values: dict[str, np.ndarray],
    var_names: Sequence[str] | None = None,
) -> Dataset | None:
    """Posterior probability of each component, for every mixture prior of a variable.

    Parameters
    ----------
    model : pymc.Model
        The user's model, for dims and coords.
    recognition : Recognition
        What was recognised in it.
    values : dict of str to ndarray, shape (chain, draw, ...)
        Draws of every value variable.
    var_names : sequence of str, optional
        Variables to keep; by default all.

    Returns
    -------
    probabilities : Dataset or None
        One variable per term, of dims (chain, dims of the variable, component). None where no term
        is such a prior.
    """
    priors = [
        prior
        for prior in _mixture_priors(model, recognition)
        if var_names is None or prior.variable.rv_name in var_names
    ]
    if not priors:
        return None
    averages = {prior.factor.term: _averages(prior, recognition, values) for prior in priors}
    counts = {term: average.shape[-1] for term, average in averages.items()}
    probabilities = {
        prior.factor.term: averages[prior.factor.term].reshape(
            (-1, *prior.variable.shape, counts[prior.factor.term])
        )
        for prior in priors
    }
    coords, dims = coords_and_dims_for_inferencedata(model)
    component = _component_dims(counts, {name: len(labels) for name, labels in coords.items()})
    labelled = {
        prior.factor.term: [*_dims_of(prior.variable, dims), component[prior.factor.term]]
        for prior in priors
    }
    return dict_to_dataset(
        probabilities, inference_library=pm, coords=coords, dims=labelled, sample_dims=["chain"]
    )


def _mixture_priors(model: Model, recognition: Recognition) -> list[_MixturePrior]:
    machine = recognition.machine
    blocks = [(machine.block, machine.factors)]
    blocks += [(alternate.block, alternate.factors) for alternate in machine.alternates]
    return [
        _MixturePrior(factor, variable)
        for block, factors in blocks
        for factor in factors
        if factor.family.name == "NormalMixture"
        for variable in block
        if _is_prior_of(factor, variable) and _is_untransformed(model, variable)
    ]


def _is_prior_of(factor: Factor, variable: BlockVariable) -> bool:
    """Whether each response is a multiple of one entry, and no entry has two."""
    if not isinstance(factor.linear_map, LinearMap):
        return False
    rows, columns = factor.linear_map.rows, factor.linear_map.columns
    if factor.merged or not factor.size == rows.size == variable.size:
        return False
    entries = np.arange(variable.size)
    return np.array_equal(rows, entries) and np.array_equal(
        np.sort(columns - variable.start), entries
    )


def _is_untransformed(model: Model, variable: BlockVariable) -> bool:
    return model.rvs_to_transforms[model[variable.rv_name]] is None


def _averages(
    prior: _MixturePrior, recognition: Recognition, values: dict[str, np.ndarray]
) -> np.ndarray:
    """Probabilities averaged over the draws of each chain, shape (chain, entries, components)."""
    inputs = [variable.value for variable in recognition.view.variables]
    by_name = {value.name: value for value in inputs}
    graph = _probabilities(prior, by_name[prior.variable.name])
    scalars = prior.variable.size * TYPICAL_COMPONENTS
    evaluate = BatchedGraphs(expand([graph]), inputs, scalars)
    averages = []
    for chain in range(len(values[inputs[0].name])):
        draws = {name: values[name][chain] for name in by_name}
        total = sum(batch.sum(axis=0) for [batch] in evaluate(draws))
        average = np.empty_like(total)
        average[prior.entries] = total / len(draws[prior.variable.name])
        averages.append(average)
    return np.stack(averages)


def _probabilities(prior: _MixturePrior, value: TensorVariable) -> TensorVariable:
    """Probabilities of the components of each response, shape (m, C)."""
    factor, variable = prior
    unknown = value if variable.multiple is None else value * variable.multiple
    response = (
        factor.stored_map.symbolic_values() * unknown.flatten()[prior.entries] + factor.offset
    )
    weights, means, scales = (
        pt.as_tensor(factor.parameters[name]) for name in ("weights", "means", "scales")
    )
    z = (response[:, None] - means) / scales
    return pt.special.softmax(pt.log(weights) - pt.log(scales) - 0.5 * z**2, axis=-1)


def _dims_of(variable: BlockVariable, dims: dict[str, list[str]]) -> list[str]:
    """The variable's dims, named as ArviZ names those of variables without."""
    known = list(dims.get(variable.rv_name, []))
    defaults = [f"{variable.rv_name}_dim_{axis}" for axis in range(len(variable.shape))]
    return [*known, *defaults[len(known) :]]


def _component_dims(counts: dict[str, int], lengths: dict[str, int]) -> dict[str, str]:
    """One dim for all terms, unless they or the model's own coords are of different lengths."""
    distinct = set(counts.values())
    distinct |= {lengths[COMPONENT]} if COMPONENT in lengths else set()
    if len(distinct) == 1:
        return dict.fromkeys(counts, COMPONENT)
    return {term: f"{term}_{COMPONENT}" for term in counts}
