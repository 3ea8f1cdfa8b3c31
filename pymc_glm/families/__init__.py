"""Families of experts, one file each."""

from pymc_glm.families.base import AbstractFamily, Latent
from pymc_glm.families.cauchy import Cauchy
from pymc_glm.families.gaussian import Gaussian
from pymc_glm.families.horseshoe import Horseshoe
from pymc_glm.families.laplace import Laplace
from pymc_glm.families.normal_mixture import NormalMixture
from pymc_glm.families.student_t import StudentT

__all__ = [
    "AbstractFamily",
    "Cauchy",
    "Gaussian",
    "Horseshoe",
    "Laplace",
    "Latent",
    "NormalMixture",
    "StudentT",
]
