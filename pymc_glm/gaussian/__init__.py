"""Exact draws x ~ N(Q^-1 h, Q^-1), with Q and h assembled from the rows of all factors."""

from pymc_glm.gaussian.assembly import assemble
from pymc_glm.gaussian.conjugate_gradients import ConjugateGradients
from pymc_glm.gaussian.draw import draw_gaussian
from pymc_glm.gaussian.edges import is_far
from pymc_glm.gaussian.marginal import log_marginal
from pymc_glm.gaussian.normal_equations import NormalEquations
from pymc_glm.gaussian.plan import STRUCTURES, GaussianPlan, plan_gaussian
from pymc_glm.gaussian.propriety import check_proper, check_proper_in_basis
from pymc_glm.gaussian.reference import GaussianReference, gaussian_reference
from pymc_glm.gaussian.rows import Rows, response, transposed_product
from pymc_glm.gaussian.spectral import Image, Spectrum

__all__ = [
    "STRUCTURES",
    "ConjugateGradients",
    "GaussianPlan",
    "GaussianReference",
    "Image",
    "NormalEquations",
    "Rows",
    "Spectrum",
    "assemble",
    "check_proper",
    "check_proper_in_basis",
    "draw_gaussian",
    "gaussian_reference",
    "is_far",
    "log_marginal",
    "plan_gaussian",
    "response",
    "transposed_product",
]
