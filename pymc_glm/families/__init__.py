"""Families of experts, one file each."""

from pymc_glm.families.asymmetric_laplace import AsymmetricLaplace
from pymc_glm.families.base import AbstractFamily, Latent
from pymc_glm.families.binomial_logit import BinomialLogit
from pymc_glm.families.cauchy import Cauchy
from pymc_glm.families.charbonnier import Charbonnier
from pymc_glm.families.dirichlet_laplace import DirichletLaplace
from pymc_glm.families.exponential_power import ExponentialPower
from pymc_glm.families.exponentially_modified_normal import ExponentiallyModifiedNormal
from pymc_glm.families.gaussian import Gaussian
from pymc_glm.families.generalized_double_pareto import GeneralizedDoublePareto
from pymc_glm.families.generalized_hyperbolic import GeneralizedHyperbolic, VarianceGamma
from pymc_glm.families.group_laplace import GroupLaplace
from pymc_glm.families.group_student_t import GroupStudentT
from pymc_glm.families.hinge import Hinge
from pymc_glm.families.horseshoe import Horseshoe
from pymc_glm.families.hyperbolic_secant import HyperbolicSecant
from pymc_glm.families.laplace import Laplace
from pymc_glm.families.logistic import Logistic
from pymc_glm.families.logistic_interval import LogisticInterval
from pymc_glm.families.negative_binomial_logit import NegativeBinomialLogit
from pymc_glm.families.normal_exponential_gamma import NormalExponentialGamma
from pymc_glm.families.normal_interval import NormalInterval
from pymc_glm.families.normal_mixture import NormalMixture
from pymc_glm.families.skew_normal import SkewNormal
from pymc_glm.families.student_t import StudentT
from pymc_glm.families.symmetric_stable import SymmetricStable

__all__ = [
    "AbstractFamily",
    "AsymmetricLaplace",
    "BinomialLogit",
    "Cauchy",
    "Charbonnier",
    "DirichletLaplace",
    "ExponentialPower",
    "ExponentiallyModifiedNormal",
    "Gaussian",
    "GeneralizedDoublePareto",
    "GeneralizedHyperbolic",
    "GroupLaplace",
    "GroupStudentT",
    "Hinge",
    "Horseshoe",
    "HyperbolicSecant",
    "Laplace",
    "Latent",
    "Logistic",
    "LogisticInterval",
    "NegativeBinomialLogit",
    "NormalExponentialGamma",
    "NormalInterval",
    "NormalMixture",
    "SkewNormal",
    "StudentT",
    "SymmetricStable",
    "VarianceGamma",
]
