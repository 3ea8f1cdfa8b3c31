"""Maps that are known by their products: what a user is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from pymc_glm.machine import OperatorMap
from pymc_glm.operators import DCT, Convolution, Differences, Mask, Reshaped, gaussian_kernel

SHAPE = (6, 5)
BLUR = Convolution(gaussian_kernel(3, 1.0), SHAPE)
COSINE = DCT(SHAPE)
KEEP = Mask(np.arange(30).reshape(SHAPE) % 3 > 0)

WORDS = [
    (BLUR, "convolution 3 x 3, periodic"),
    (-BLUR, "convolution 3 x 3, periodic"),
    (-2.5 * BLUR, "convolution 3 x 3, periodic, times 2.5"),
    (Reshaped(-BLUR, 30, 30), "convolution 3 x 3, periodic"),
    (KEEP @ COSINE, "cosine transform 6 x 5, then mask 6 x 5, 20 kept"),
    (COSINE - BLUR, "cosine transform 6 x 5, plus convolution 3 x 3, periodic"),
    (Differences(SHAPE).T, "adjoint of differences 6 x 5, order 1, free"),
]


@pytest.mark.parametrize(("operator", "words"), WORDS, ids=[words for _, words in WORDS])
def test_structure(operator, words):
    """In the order in which operators are applied, without the sign of a residual."""
    assert OperatorMap(operator).structure() == words
