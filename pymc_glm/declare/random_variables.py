"""Random variables with the densities of this package's families, around a location."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt

from pytensor.graph.basic import Apply
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.variable import TensorVariable

from pymc_glm import families
from pymc_glm.families import AbstractFamily

__all__ = [
    "CharbonnierRV",
    "DirichletLaplaceRV",
    "ExponentialPowerRV",
    "FamilyRandomVariable",
    "GeneralizedDoubleParetoRV",
    "GeneralizedHyperbolicRV",
    "GroupLaplaceRV",
    "HorseshoeRV",
    "HyperbolicSecantRV",
    "NormalExponentialGammaRV",
    "SymmetricStableRV",
    "VarianceGammaRV",
]

# Where a density has a cusp its slope is not a number; a response there is held this far from it.
# The square is above the smallest number.
OFF_CUSP = 1e-150


class FamilyRandomVariable(RandomVariable):
    """A location plus a variate with the density of a family.

    Its parameters are the location and then those of the family, in the family's order. What the
    family calls shape is alpha here: in PyMC a shape is that of an array.

    The kernel of `pymc_glm.declare.draw_kernels` that has its name draws it, on every backend.
    Invalid parameters raise on the Python backend; compiled draws are NaN there.
    """

    dtype = "floatX"
    family: ClassVar[AbstractFamily]

    def make_node(self, *inputs: Any) -> Apply:
        """Make a node, and teach PyTensor's numba backend to draw it."""
        import_module("pymc_glm.declare.numba_dispatch")
        return super().make_node(*inputs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, and register with numba: an unpickled graph never calls make_node."""
        self.__dict__.update(state)
        import_module("pymc_glm.declare.numba_dispatch")

    def log_density(self, t: TensorVariable, **parameters: TensorVariable) -> TensorVariable:
        """Log density of centred responses."""
        return self.family.log_density(t, **parameters)

    def named(self, parameters: Iterable[Any]) -> dict[str, Any]:
        """Parameters of the family by the family's names."""
        return dict(zip(self.family.parameters, parameters, strict=True))

    def conditions(self, **parameters: Any) -> dict[str, Any]:
        """What must hold for the law to exist: arrays of booleans, or tensors of them."""
        found = {f"{_public(name)} > 0": parameters[name] > 0 for name in self.family.positive}
        for name, largest in self.family.largest.items():
            # A bound that is itself excluded is the number next to it.
            sign = "<=" if largest == round(largest, 9) else "<"
            found[f"{_public(name)} {sign} {largest:g}"] = parameters[name] <= largest
        return found

    def rng_fn(self, rng: np.random.Generator, *args: Any, **kwargs: Any) -> np.ndarray:
        """Draw, given the location, the other parameters, and last the size."""
        *values, size = args
        parameters = [np.asarray(value, dtype="float64") for value in values]
        for text, holds in self.conditions(**self.named(parameters[1:])).items():
            if not np.all(holds):
                raise ValueError(f"{self.name} needs {text}. Other values describe no law.")
        cores = [value.shape[value.ndim - n :] for value, n in zip(parameters, self.ndims_params)]
        batches = [value.shape[: value.ndim - n] for value, n in zip(parameters, self.ndims_params)]
        batch = np.broadcast_shapes(*batches, size or ())
        rows = [
            np.broadcast_to(value, batch + core).reshape(-1, *core)
            for value, core in zip(parameters, cores, strict=True)
        ]
        draw = getattr(import_module("pymc_glm.declare.draw_kernels"), self.name)
        draws = [draw(rng, *row) for row in zip(*rows, strict=True)]
        return np.reshape(draws, batch + cores[0])


def _public(name: str) -> str:
    return "alpha" if name == "shape" else name


class CharbonnierRV(FamilyRandomVariable):
    """A Laplace law with a round top."""

    name = "charbonnier"
    signature = "(),(),()->()"
    _print_name = ("Charbonnier", "\\operatorname{Charbonnier}")
    family = families.Charbonnier()


class HyperbolicSecantRV(FamilyRandomVariable):
    """A power of the hyperbolic secant."""

    name = "hyperbolic_secant"
    signature = "(),(),()->()"
    _print_name = ("HyperbolicSecant", "\\operatorname{HyperbolicSecant}")
    family = families.HyperbolicSecant()


class ExponentialPowerRV(FamilyRandomVariable):
    """The exponential of a power."""

    name = "exponential_power"
    signature = "(),(),()->()"
    _print_name = ("ExponentialPower", "\\operatorname{ExponentialPower}")
    family = families.ExponentialPower()

    def log_density(self, t, **parameters):
        """Log density, with a slope of zero on the cusp."""
        return super().log_density(_off_cusp(t), **parameters)


class SymmetricStableRV(FamilyRandomVariable):
    """The symmetric stable law."""

    name = "symmetric_stable"
    signature = "(),(),()->()"
    _print_name = ("SymmetricStable", "\\operatorname{SymmetricStable}")
    family = families.SymmetricStable()


class HorseshoeRV(FamilyRandomVariable):
    """Normal of a half-Cauchy standard deviation."""

    name = "horseshoe"
    signature = "(),()->()"
    _print_name = ("Horseshoe", "\\operatorname{Horseshoe}")
    family = families.Horseshoe()


class GeneralizedHyperbolicRV(FamilyRandomVariable):
    """Normal of a mean and a variance that share one generalized inverse Gaussian variate."""

    name = "generalized_hyperbolic"
    signature = "(),(),(),(),()->()"
    _print_name = ("GeneralizedHyperbolic", "\\operatorname{GeneralizedHyperbolic}")
    family = families.GeneralizedHyperbolic()

    def conditions(self, **parameters):
        """The density must fall on both sides."""
        return {**super().conditions(**parameters), **_falls_on_both_sides(**parameters)}


class VarianceGammaRV(FamilyRandomVariable):
    """Normal of a mean and a variance that share one gamma variate."""

    name = "variance_gamma"
    signature = "(),(),(),()->()"
    _print_name = ("VarianceGamma", "\\operatorname{VarianceGamma}")
    family = families.VarianceGamma()

    def log_density(self, t, **parameters):
        """Log density, with a slope of zero on the pole or cusp."""
        return super().log_density(_off_cusp(t), **parameters)

    def conditions(self, **parameters):
        """The density must fall on both sides."""
        return {**super().conditions(**parameters), **_falls_on_both_sides(**parameters)}


class NormalExponentialGammaRV(FamilyRandomVariable):
    """Normal of an exponential variance whose rate is gamma."""

    name = "normal_exponential_gamma"
    signature = "(),(),()->()"
    _print_name = ("NormalExponentialGamma", "\\operatorname{NormalExponentialGamma}")
    family = families.NormalExponentialGamma()


class GeneralizedDoubleParetoRV(FamilyRandomVariable):
    """A Pareto law of the second kind on either side."""

    name = "generalized_double_pareto"
    signature = "(),(),()->()"
    _print_name = ("GeneralizedDoublePareto", "\\operatorname{GeneralizedDoublePareto}")
    family = families.GeneralizedDoublePareto()


class DirichletLaplaceRV(FamilyRandomVariable):
    """Laplace of a scale that is gamma."""

    name = "dirichlet_laplace"
    signature = "(),(),()->()"
    _print_name = ("DirichletLaplace", "\\operatorname{DirichletLaplace}")
    family = families.DirichletLaplace()


class GroupLaplaceRV(FamilyRandomVariable):
    """A Laplace law of the length of a vector."""

    name = "group_laplace"
    signature = "(n),()->(n)"
    _print_name = ("GroupLaplace", "\\operatorname{GroupLaplace}")
    # Of one response; that of a group depends on its size.
    family = families.GroupLaplace(1)

    def log_density(self, t, **parameters):
        """Log density of each group, with a slope of zero where all of it is zero."""
        size = t.type.shape[-1]
        if size is None:
            raise ValueError(
                "GroupLaplace has a last axis of unknown length. It is the group: give a shape of"
                " numbers."
            )
        t, scale = pt.broadcast_arrays(_off_cusp(t), parameters["scale"][..., None])
        density = families.GroupLaplace(size).log_density(t.flatten(), scale=scale.flatten())
        return density.reshape(t.shape[:-1], ndim=t.type.ndim - 1)


def _falls_on_both_sides(*, alpha: Any, beta: Any, **_: Any) -> dict[str, Any]:
    return {"alpha > abs(beta)": (alpha > beta) & (alpha > -beta)}


def _off_cusp(t: TensorVariable) -> TensorVariable:
    return pt.switch(pt.eq(t, 0.0), OFF_CUSP, t)
