"""Linear operators for models: blur, masks, differences, projections, transforms."""

from pymc_glm.operators.algebra import Adjoint, Composition, Identity, Scaled, Sum
from pymc_glm.operators.base import AbstractOperator
from pymc_glm.operators.convolution import Convolution, gaussian_kernel
from pymc_glm.operators.differences import Differences, Gradient
from pymc_glm.operators.external import External
from pymc_glm.operators.graph import GraphLaplacian, Incidence
from pymc_glm.operators.radon import Radon
from pymc_glm.operators.reshaped import Reshaped
from pymc_glm.operators.resolution import BlockMean, Subsample
from pymc_glm.operators.selection import Mask, Select
from pymc_glm.operators.sparse import Sparse
from pymc_glm.operators.transforms import DCT, Fourier
from pymc_glm.operators.wavelet import Wavelet

__all__ = [
    "DCT",
    "AbstractOperator",
    "Adjoint",
    "BlockMean",
    "Composition",
    "Convolution",
    "Differences",
    "External",
    "Fourier",
    "Gradient",
    "GraphLaplacian",
    "Identity",
    "Incidence",
    "Mask",
    "Radon",
    "Reshaped",
    "Scaled",
    "Select",
    "Sparse",
    "Subsample",
    "Sum",
    "Wavelet",
    "gaussian_kernel",
]
