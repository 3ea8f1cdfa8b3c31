"""Linear operators for models: blur, masks, differences, projections, transforms."""

from pymc_glm.operators.algebra import Adjoint, Composition, Identity, Scaled, Sum
from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.convolution import Convolution, gaussian_kernel
from pymc_glm.operators.selection import Mask, Select
from pymc_glm.operators.sparse import Sparse

__all__ = [
    "AbstractOperator",
    "Adjoint",
    "Composition",
    "Convolution",
    "Identity",
    "Mask",
    "Scaled",
    "Select",
    "Sparse",
    "Sum",
    "gaussian_kernel",
]
