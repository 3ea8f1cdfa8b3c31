"""The intermediate representation between a PyMC model and its Gibbs sweep."""

from pymc_glm.machine.factor import BlockVariable, Factor
from pymc_glm.machine.linear_map import LinearMap
from pymc_glm.machine.machine import (
    CentredDirection,
    ConjugateForm,
    Guest,
    Hyperparameter,
    Interweaving,
    InverseDirection,
    LatentMachine,
    Refusal,
    ScaleDependence,
)

__all__ = [
    "BlockVariable",
    "CentredDirection",
    "ConjugateForm",
    "Factor",
    "Guest",
    "Hyperparameter",
    "Interweaving",
    "InverseDirection",
    "LatentMachine",
    "LinearMap",
    "Refusal",
    "ScaleDependence",
]
