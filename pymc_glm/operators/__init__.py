"""Linear operators for models: blur, masks, differences, projections, transforms."""

from pymc_glm.operators.algebra import Adjoint, Composition, Identity, Scaled, Sum
from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.convolution import Convolution, gaussian_kernel
from pymc_glm.operators.differences import Differences, Gradient
from pymc_glm.operators.resolution import BlockMean, Subsample
from pymc_glm.operators.selection import Mask, Select
from pymc_glm.operators.sparse import Sparse

__all__ = [
    "AbstractOperator",
    "Adjoint",
    "BlockMean",
    "Composition",
    "Convolution",
    "Differences",
    "Gradient",
    "Identity",
    "Mask",
    "Scaled",
    "Select",
    "Sparse",
    "Subsample",
    "Sum",
    "gaussian_kernel",
]
