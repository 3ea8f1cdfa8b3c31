"""Handwritten digits under a mixture on their principal components."""

import sys

from pathlib import Path

import numpy as np
import pytest

from sklearn.datasets import load_digits

from pymc_glm.inverse import LatentMixturePrior

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def digits():
    return load_digits().images / 8.0 - 1.0


@pytest.fixture(scope="session")
def prior(digits):
    """Without what the principal components leave out."""
    fitted = LatentMixturePrior.fit(digits[:1500], latent=20, components=10)
    fitted.decoder.residual_variance = 0.0
    return fitted


@pytest.fixture(scope="session")
def full_prior(digits):
    """With it."""
    return LatentMixturePrior.fit(digits[:1500], latent=12, components=4)


@pytest.fixture
def rng():
    return np.random.default_rng(2307)
