"""GLM = Gaussian Latent Machine: exact block Gibbs sampling for PyMC models.

Public names are imported when they are first used, so that importing the package stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pymc_glm.version import __version__

if TYPE_CHECKING:
    from pymc_glm.compare import Advice, Comparison, advise, compare
    from pymc_glm.declare import (
        Charbonnier,
        DirichletLaplace,
        ExponentialPower,
        GeneralizedDoublePareto,
        GeneralizedHyperbolic,
        GroupLaplace,
        Horseshoe,
        Hyperbolic,
        HyperbolicSecant,
        NormalExponentialGamma,
        NormalInverseGaussian,
        SymmetricStable,
        VarianceGamma,
        hinge,
    )
    from pymc_glm.declare.expert import expert
    from pymc_glm.diffusion import fit_diffusion
    from pymc_glm.exceptions import (
        GaussianLatentMachineError,
        ImproperPosteriorError,
        InvalidDataError,
        RecognitionError,
        SamplingError,
    )
    from pymc_glm.gaussian import ConjugateGradients
    from pymc_glm.recognize import explain
    from pymc_glm.sampling import sample, stream
    from pymc_glm.step_methods import MALA, GaussianLatentGibbs, GMPDiffusion

__all__ = [
    "MALA",
    "Advice",
    "Charbonnier",
    "Comparison",
    "ConjugateGradients",
    "DirichletLaplace",
    "ExponentialPower",
    "GMPDiffusion",
    "GaussianLatentGibbs",
    "GaussianLatentMachineError",
    "GeneralizedDoublePareto",
    "GeneralizedHyperbolic",
    "GroupLaplace",
    "Horseshoe",
    "Hyperbolic",
    "HyperbolicSecant",
    "ImproperPosteriorError",
    "InvalidDataError",
    "NormalExponentialGamma",
    "NormalInverseGaussian",
    "RecognitionError",
    "SamplingError",
    "SymmetricStable",
    "VarianceGamma",
    "__version__",
    "advise",
    "compare",
    "expert",
    "explain",
    "fit_diffusion",
    "hinge",
    "sample",
    "stream",
]

_HOMES = {
    "MALA": "step_methods",
    "GMPDiffusion": "step_methods",
    "GaussianLatentGibbs": "step_methods",
    "Advice": "compare",
    "Comparison": "compare",
    "advise": "compare",
    "compare": "compare",
    "GaussianLatentMachineError": "exceptions",
    "ImproperPosteriorError": "exceptions",
    "InvalidDataError": "exceptions",
    "RecognitionError": "exceptions",
    "SamplingError": "exceptions",
    "expert": "declare",
    "hinge": "declare",
    "Charbonnier": "declare",
    "DirichletLaplace": "declare",
    "ExponentialPower": "declare",
    "GeneralizedDoublePareto": "declare",
    "GeneralizedHyperbolic": "declare",
    "GroupLaplace": "declare",
    "Horseshoe": "declare",
    "Hyperbolic": "declare",
    "HyperbolicSecant": "declare",
    "NormalExponentialGamma": "declare",
    "NormalInverseGaussian": "declare",
    "SymmetricStable": "declare",
    "VarianceGamma": "declare",
    "fit_diffusion": "diffusion",
    "ConjugateGradients": "gaussian",
    "explain": "recognize",
    "sample": "sampling",
    "stream": "sampling",
}


# Parts with a namespace of their own.
_PARTS = {"diffusion", "operators"}


def __getattr__(name: str) -> object:
    if name in _PARTS:
        return import_module(f"pymc_glm.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'pymc_glm' has no attribute {name!r}")
    value = getattr(import_module(f"pymc_glm.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
