"""The intermediate representation between a PyMC model and its Gibbs sweep."""

from pymc_glm.machine.factor import BlockVariable, Factor
from pymc_glm.machine.linear_map import LinearMap
from pymc_glm.machine.machine import (
    ConjugateForm,
    Guest,
    Hyperparameter,
    Interweaving,
    LatentMachine,
    Refusal,
    ScaleDependence,
)

__all__ = [
    "BlockVariable",
    "ConjugateForm",
    "Factor",
    "Guest",
    "Hyperparameter",
    "Interweaving",
    "LatentMachine",
    "LinearMap",
    "Refusal",
    "ScaleDependence",
]
