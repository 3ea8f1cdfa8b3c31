"""Products with measurements and laws of noise, in the short forms of masks and the long ones."""

import numpy as np
import pytest

from scipy import stats
from scipy.sparse import issparse
from simulations import OPERATORS, SHAPE, simulated

from pymc_glm.inverse.problem import ZeroMean


@pytest.mark.parametrize("name", OPERATORS)
def test_products_are_those_of_the_operator(prior, rng, name):
    problem, _, _ = simulated(prior, name, 0.1, rng)
    operator = problem.operator
    x, v = rng.normal(size=(3, 64)), rng.normal(size=(3, operator.size_out))
    there = np.stack([operator.forward(image.reshape(SHAPE)).ravel() for image in x])
    back = np.stack([operator.adjoint(row.reshape(operator.shape_out)).ravel() for row in v])
    np.testing.assert_allclose(problem.measured(x), there, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(problem.measured_pullback(v), back, rtol=1e-12, atol=1e-12)
    # A blur of 5 x 5 pixels fills a third of so small an image.
    assert issparse(problem._product_matrix) == (name != "blur")


@pytest.mark.parametrize("name", ["box", "blur"])
@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_likelihood_is_that_of_scipy(prior, full_prior, rng, name, noise):
    for chosen in (prior, full_prior):
        problem, z, _ = simulated(chosen, name, noise, rng)
        law = stats.multivariate_normal(np.zeros(problem.data.size), problem.noise_covariance)
        gap = problem.data - problem.predict(z[None])
        assert problem.log_likelihood(z[None])[0] == pytest.approx(law.logpdf(gap[0]), rel=1e-10)


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_laws_of_mean_zero(rng, correlation):
    spread = np.array([0.5, 1.0, 2.0])
    covariance = spread * (correlation + (1.0 - correlation) * np.eye(3)) * spread[:, None]
    gap = rng.normal(size=(4, 3))
    log_density, solved = ZeroMean(covariance).weighed(gap)
    expected = stats.multivariate_normal(np.zeros(3), covariance).logpdf(gap)
    np.testing.assert_allclose(log_density, expected, rtol=1e-12)
    np.testing.assert_allclose(solved @ covariance, gap, rtol=1e-12, atol=1e-12)
