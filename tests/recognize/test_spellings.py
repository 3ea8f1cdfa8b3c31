"""Every spelling of a model that must be recognised, and exactness of what is read."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from spelling import Spelling, conditional_gaussian
from spellings_experts import EXPERTS
from spellings_likelihoods import LIKELIHOODS
from spellings_linear import LINEAR
from spellings_scale import SCALE

from pymc_glm import explain
from pymc_glm.recognize.dependence import PYTHON_MODE

ALL = [*LINEAR, *SCALE, *EXPERTS, *LIKELIHOODS]


def differentiated(model, names, point):
    """Precision and information of named value variables, by PyTensor's gradient of the model."""
    values = model.value_vars
    block = [model.rvs_to_values[model[name]] for name in names]
    gradient = pt.concatenate([pt.grad(model.logp(), value).flatten() for value in block])
    function = pytensor.function(values, gradient, mode=PYTHON_MODE)
    sizes = [point[value.name].size for value in block]
    ends = np.cumsum([0, *sizes])

    def gradient_at(flat):
        moved = dict(point)
        for value, first, last in zip(block, ends[:-1], ends[1:], strict=True):
            moved[value.name] = flat[first:last].reshape(point[value.name].shape)
        return function(*(moved[value.name] for value in values))

    information = gradient_at(np.zeros(ends[-1]))
    columns = [information - gradient_at(unit) for unit in np.eye(ends[-1])]
    return np.stack(columns, axis=1), information


# PyMC draws LKJ's initial point by C code, which warns where BLAS is not linked.
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])
def test_spelling_is_recognised(case: Spelling):
    """The expected block; if it is Gaussian, with the model's own mean and precision."""
    model = case.model()
    machine = explain(model)
    assert tuple(variable.rv_name for variable in machine.block) == case.block
    if not case.is_gaussian:
        return
    rng = np.random.default_rng(17)
    point = {
        name: value + 0.3 * rng.normal(size=value.shape)
        for name, value in model.initial_point().items()
    }
    precision, information = conditional_gaussian(machine, point)
    expected_precision, expected_information = differentiated(model, case.block, point)
    size = np.abs(expected_precision).max()
    np.testing.assert_allclose(precision, expected_precision, rtol=1e-6, atol=1e-9 * size)
    size = np.abs(expected_information).max()
    np.testing.assert_allclose(information, expected_information, rtol=1e-6, atol=1e-9 * size)
