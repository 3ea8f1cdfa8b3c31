"""One matcher file per family; importing this package registers them."""

from pymc_glm.recognize.matchers import (
    cauchy,
    gaussian,
    laplace,
    mv_normal,
    normal_mixture,
    random_walk,
    student_t,
    zero_sum_normal,
)

__all__ = [
    "cauchy",
    "gaussian",
    "laplace",
    "mv_normal",
    "normal_mixture",
    "random_walk",
    "student_t",
    "zero_sum_normal",
]
