"""Problems of which the truth is drawn from the prior."""

import numpy as np

from pymc_glm.inverse import InverseProblem
from pymc_glm.operators import BlockMean, Convolution, Mask, Select, gaussian_kernel

SHAPE = (8, 8)
STRIPES = np.arange(64).reshape(SHAPE)[::2]
HOLE = np.pad(np.zeros((4, 4), bool), 2, constant_values=True)
OPERATORS = {
    "denoise": lambda rng: Mask(np.ones(SHAPE, bool)),
    "box": lambda rng: Mask(HOLE),
    "blur": lambda rng: Convolution(gaussian_kernel(5, 1.0), SHAPE, boundary="reflect"),
    "destripe": lambda rng: Select(STRIPES, SHAPE),
    "random": lambda rng: Mask(rng.random(SHAPE) < 0.3),
    "resolution": lambda rng: BlockMean(SHAPE, 2),
}


def simulated(prior, name, noise, rng):
    """A problem, the code and the image behind its data."""
    operator = OPERATORS[name](rng)
    z = prior.draw(rng, 1)
    residual = np.sqrt(prior.decoder.residual_variance) * rng.standard_normal(64)
    image = prior.decoder.decode(z)[0] + residual
    data = operator.forward(image.reshape(SHAPE))
    data = data + noise * rng.standard_normal(operator.shape_out)
    return InverseProblem(prior, operator, data, noise), z[0], image
