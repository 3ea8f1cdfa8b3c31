"""A model as recognition sees it: log-density terms over value variables of known shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from pymc.distributions.censored import CensoredRV
from pymc.distributions.transforms import ZeroSumTransform
from pymc.model.core import Model
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.type import RandomType
from pytensor.tensor.shape import Shape
from pytensor.tensor.variable import TensorVariable

from pymc_glm.exceptions import InvalidDataError, RecognitionError
from pymc_glm.recognize.dependence import static_shape

__all__ = ["FreeVariable", "ModelView", "Term", "view_model"]

# A linear bijection with unit Jacobian: a value variable under it can still be in the block.
LINEAR_TRANSFORMS = (ZeroSumTransform,)


class Distribution(NamedTuple):
    """A distribution and where it is evaluated, over value variables."""

    op: object
    parameters: tuple[TensorVariable, ...]
    value: TensorVariable


class FreeVariable(NamedTuple):
    """A free variable of the model.

    Attributes
    ----------
    name : str
        The user's name.
    value : TensorVariable
        Value variable, of static shape; its name is the key of a PyMC point.
    constrained : TensorVariable
        The random variable as a graph of the value variable.
    is_linear : bool
        Whether ``constrained`` is a linear map of ``value``.
    is_univariate : bool
        Whether its distribution has scalar support.
    """

    name: str
    value: TensorVariable
    constrained: TensorVariable
    is_linear: bool
    is_univariate: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value variable."""
        return self.value.type.shape

    @property
    def size(self) -> int:
        """Number of entries of the value variable."""
        return int(np.prod(self.shape, dtype=int))


class Term(NamedTuple):
    """One term of the model's log density.

    Attributes
    ----------
    name : str
        Name of the variable or potential.
    kind : str
        ``"prior"``, ``"likelihood"`` or ``"potential"``.
    log_density : TensorVariable, shape ()
        Its sum, over value variables, Jacobian included.
    rows : TensorVariable, any shape
        The same, not summed.
    distribution : Distribution or None
        None for a potential that was not declared by `pymc_glm.expert`.
    touches : frozenset of TensorVariable
        Value variables it depends on.
    """

    name: str
    kind: str
    log_density: TensorVariable
    rows: TensorVariable
    distribution: Distribution | None
    touches: frozenset[TensorVariable]


class ModelView(NamedTuple):
    """Free variables and terms, with data, dims and value variables of known shape.

    Attributes
    ----------
    variables : list of FreeVariable
        In the order of the model's value variables.
    terms : list of Term
        Every term of the log density.
    initial_point : dict of str to ndarray
        The model's initial point.
    multiples : dict of str to TensorVariable
        Name of each variable that stands for its multiple here, and what it is multiplied by.
    """

    variables: list[FreeVariable]
    terms: list[Term]
    initial_point: dict[str, np.ndarray]
    multiples: dict[str, TensorVariable]

    def variable_of(self, value: Variable) -> FreeVariable:
        """The free variable of a value variable."""
        return next(variable for variable in self.variables if variable.value is value)


def view_model(model: Model) -> ModelView:
    """List the log-density terms of a model with data and dims frozen at their current values.

    Parameters
    ----------
    model : pymc.Model

    Returns
    -------
    view : ModelView

    Raises
    ------
    InvalidDataError
        If observed data or a constant of a term is NaN or infinite.
    RecognitionError
        If the model has no free variable.
    """
    if not model.free_RVs:
        raise RecognitionError(
            "The model has no free variable. Declare at least one unobserved variable to sample."
        )
    _refuse_bad_data(model)
    initial_point = model.initial_point(random_seed=0)
    declared = [*model.basic_RVs, *model.potentials]
    distributions = [_declared_distribution(model, variable) for variable in declared]
    rows = _log_densities(model)
    constrained = model.replace_rvs_by_values(list(model.free_RVs))

    graphs = [*rows, *constrained]
    for distribution in distributions:
        if distribution is not None:
            graphs += [distribution.value, *distribution.parameters]
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    frozen_values = {
        value: pt.tensor(value.name, dtype=value.dtype, shape=initial_point[value.name].shape)
        for value in values
    }
    frozen = iter(_freeze(graphs, frozen_values))
    rows = [next(frozen) for _ in rows]
    constrained = [next(frozen) for _ in constrained]
    distributions = [
        None
        if distribution is None
        else Distribution(
            distribution.op,
            value=next(frozen),
            parameters=tuple(next(frozen) for _ in distribution.parameters),
        )
        for distribution in distributions
    ]

    variables = [
        FreeVariable(
            name=rv.name,
            value=frozen_values[model.rvs_to_values[rv]],
            constrained=graph,
            is_linear=_is_linear(model.rvs_to_transforms[rv]),
            is_univariate=getattr(rv.owner.op, "ndim_supp", 1) == 0,
        )
        for rv, graph in zip(model.free_RVs, constrained, strict=True)
    ]
    known = set(frozen_values.values())
    rows = [
        _with_known_shapes(density, known) if distribution is None else density
        for density, distribution in zip(rows, distributions, strict=True)
    ]
    terms = [
        Term(
            name=variable.name,
            kind=_kind(model, variable),
            log_density=pt.sum(density),
            rows=density,
            distribution=distribution,
            touches=frozenset(known.intersection(ancestors([density]))),
        )
        for variable, density, distribution in zip(declared, rows, distributions, strict=True)
    ]
    return ModelView(variables, terms, initial_point, {})


def _log_densities(model: Model) -> list[TensorVariable]:
    """PyMC's log density of every term."""
    try:
        return model.logp(sum=False)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise RecognitionError(
            f"PyMC cannot write the model's log density: {error}. Check that the shapes of"
            " observed data and of the parameters agree."
        ) from error


def _kind(model: Model, variable: Variable) -> str:
    if variable in model.potentials:
        return "potential"
    return "prior" if variable in model.free_RVs else "likelihood"


def _is_linear(transform: object | None) -> bool:
    return transform is None or isinstance(transform, LINEAR_TRANSFORMS)


def _declared_distribution(model: Model, variable: Variable) -> Distribution | None:
    """The distribution of a variable or of a declared expert, over (unfrozen) value variables."""
    if variable in model.potentials:
        return _expert_distribution(model, variable)
    op = variable.owner.op
    value = model.rvs_to_values[variable]
    if variable in model.free_RVs:
        [value] = model.replace_rvs_by_values([variable])
    parameters = model.replace_rvs_by_values(_distribution_parameters(variable))
    return Distribution(op, tuple(parameters), value)


def _distribution_parameters(variable: Variable) -> list[Variable]:
    """Parameters of a distribution; all its tensors where PyMC does not say which those are."""
    op = variable.owner.op
    if getattr(op, "extended_signature", "") is None:
        return [v for v in variable.owner.inputs if isinstance(v.type, pt.TensorType)]
    return list(op.dist_params(variable.owner))


def _expert_distribution(model: Model, potential: Variable) -> Distribution | None:
    declared = getattr(potential.tag, "pymc_glm_expert", None)
    if declared is None:
        return None
    dist, value = declared
    inner = set(ancestors([value, *dist.owner.op.dist_params(dist.owner)]))
    belongs = set(ancestors([potential])) & set(model.basic_RVs)
    if not belongs or not belongs <= inner:
        # A transformed copy of the model carries the tag of the model it was copied from.
        return None
    parameters = model.replace_rvs_by_values([value, *dist.owner.op.dist_params(dist.owner)])
    return Distribution(dist.owner.op, tuple(parameters[1:]), parameters[0])


def _freeze(
    graphs: Sequence[Variable], values: dict[TensorVariable, TensorVariable]
) -> list[Variable]:
    """Replace shared data by constants and value variables by ones of static shape."""
    replacements: dict[Variable, Variable] = dict(values)
    for variable in ancestors(graphs):
        if isinstance(variable, SharedVariable) and not isinstance(variable.type, RandomType):
            data = variable.get_value(borrow=True)
            replacements[variable] = variable.type.constant_type(
                type=variable.type.clone(shape=np.shape(data))
                if hasattr(variable.type, "shape") and not _is_sparse(variable)
                else variable.type,
                data=data,
                name=variable.name,
            )
    return clone_replace(list(graphs), replacements, rebuild_strict=False)


def _with_known_shapes(density: TensorVariable, values: set[Variable]) -> TensorVariable:
    """The same density; a mention of a value's shape is no mention of the value."""
    shapes = {
        variable: pt.constant(np.array(static_shape(variable.owner.inputs[0]), dtype=np.int64))
        for variable in ancestors([density])
        if variable.owner is not None
        and isinstance(variable.owner.op, Shape)
        and not values.isdisjoint(ancestors([variable]))
    }
    return clone_replace(density, shapes) if shapes else density


def _is_sparse(variable: Variable) -> bool:
    return hasattr(variable.type, "format")


def _refuse_bad_data(model: Model) -> None:
    for rv in model.observed_RVs:
        _refuse_non_finite(rv.name, model.rvs_to_values[rv], "observed data")
    for variable in model.named_vars.values():
        if isinstance(variable, SharedVariable | Constant):
            _refuse_non_finite(variable.name, variable, "data")
    limits = [limit for rv in model.basic_RVs for limit in _limits(rv)]
    for variable in set(ancestors([*model.basic_RVs, *model.potentials])) - set(ancestors(limits)):
        # Infinite scalars are legitimate: the bounds of truncated and censored variables.
        if isinstance(variable, Constant) and getattr(variable.type, "ndim", 0) > 0:
            _refuse_non_finite(_user_of(model, variable), variable, "a constant in the definition")


def _limits(rv: Variable) -> list[Variable]:
    """Limits of a censored variable, which are infinite where there is none."""
    return list(rv.owner.inputs[1:3]) if isinstance(rv.owner.op, CensoredRV) else []


def _user_of(model: Model, constant: Variable) -> str:
    for variable in [*model.basic_RVs, *model.potentials]:
        if constant in set(ancestors([variable])):
            return variable.name
    return "model"


def _refuse_non_finite(name: str, variable: Variable, what: str) -> None:
    if isinstance(variable, SharedVariable):
        data = variable.get_value(borrow=True)
    elif isinstance(variable, Constant):
        data = variable.data
    else:
        return
    data = getattr(data, "data", data) if hasattr(data, "nnz") else data
    array = np.asarray(data)
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array)
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    raise InvalidDataError(
        f"{what.capitalize()} of {name!r} holds {int(bad.sum())} NaN or infinite values, the first"
        f" is {array[index] if index else array} at index {index}. Remove them, or mask missing"
        " observations (numpy.ma or NaN in `observed=` of a pandas object) so that PyMC imputes"
        " them."
    )
