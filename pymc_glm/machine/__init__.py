"""The intermediate representation between a PyMC model and its Gibbs sweep."""

from pymc_glm.machine.factor import BlockVariable, Factor
from pymc_glm.machine.hyperparameter import (
    CentredDirection,
    ConjugateForm,
    ExplicitLatent,
    Hyperparameter,
    Interweaving,
    InverseDirection,
    RowwiseTarget,
    ScaleDependence,
)
from pymc_glm.machine.linear_map import LinearMap
from pymc_glm.machine.machine import AlternateBlock, Guest, LatentMachine, Refusal
from pymc_glm.machine.moves import is_parameter_of_smooth, moves_with_block
from pymc_glm.machine.operator_map import OperatorMap, linear_operator, stored
from pymc_glm.machine.reference_move import ANGLE, PseudoRows, ReferenceMove
from pymc_glm.machine.strategy import with_block, with_scales

__all__ = [
    "ANGLE",
    "AlternateBlock",
    "BlockVariable",
    "CentredDirection",
    "ConjugateForm",
    "ExplicitLatent",
    "Factor",
    "Guest",
    "Hyperparameter",
    "Interweaving",
    "InverseDirection",
    "LatentMachine",
    "LinearMap",
    "OperatorMap",
    "PseudoRows",
    "ReferenceMove",
    "Refusal",
    "RowwiseTarget",
    "ScaleDependence",
    "is_parameter_of_smooth",
    "linear_operator",
    "moves_with_block",
    "stored",
    "with_block",
    "with_scales",
]
