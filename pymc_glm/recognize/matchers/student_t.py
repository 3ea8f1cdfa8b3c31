"""Student-t."""

from pytensor.tensor.random.basic import StudentTRV

from pymc_glm.families import StudentT
from pymc_glm.recognize.registry import Match, matcher


@matcher(StudentTRV)
def match_student_t(value, parameters, op):
    """Match ``StudentT(nu, mu, sigma)``: response value - mu."""
    nu, mu, sigma = parameters
    return [Match(StudentT(), value - mu, {"nu": nu, "scale": sigma})]
