"""Paths: densities are of what is simulated, on NumPy and JAX, and evidence is unbiased."""

from __future__ import annotations

import numpy as np
import pytest

from known import KERNELS, LINE, PATHS, PLANE, as_proposal, crude_prior, perturbed, small_kernel
from scipy import special, stats

from pymc_glm.diffusion import from_moments, make_kernel
from pymc_glm.diffusion.arrays import NUMPY, jax_arrays
from pymc_glm.diffusion.langevin import LANGEVIN, LangevinKernel
from pymc_glm.diffusion.networks import network
from pymc_glm.diffusion.prior import mixture

# Noise on parameters that leaves weights of finite variance.
MODERATE = {"mixture": 0.0, "gated": 0.05, "dis": 0.2, "mcd": 0.2, "cmcd": 0.2, "dbs": 0.2}
N = 6


def parameters_of(kernel, target, size, seed=21):
    parameters = kernel.new_parameters(np.random.default_rng(seed), crude_prior(target))
    return perturbed(np.random.default_rng(seed + 1), parameters, size)


@pytest.mark.parametrize(
    "name, paths", [*((name, 1) for name in KERNELS), ("gated", 3), ("cmcd", 3)]
)
def test_the_mean_weight_is_the_evidence(name, paths):
    kernel = small_kernel(name)
    parameters = parameters_of(kernel, PLANE, MODERATE[name])
    proposal = as_proposal(kernel, parameters, PLANE)
    candidates = proposal.draw(np.random.default_rng(23), 15_000, paths, PLANE.gradient)
    weight = np.exp(PLANE.log_density(candidates.x) - candidates.log_proposal - PLANE.log_z)
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.03
    assert abs(weight.mean() - 1.0) < 4.0 * error


@pytest.mark.parametrize("name", KERNELS)
def test_the_mean_of_inverse_weights_of_draws_is_that_of_the_evidence(name):
    # E_B[Q/B] over the target's draws of 1/w is 1/Z, where the target covers the proposal.
    kernel = small_kernel(name)
    parameters = kernel.new_parameters(np.random.default_rng(24), crude_prior(LINE))
    proposal = as_proposal(kernel, parameters, LINE)
    rng = np.random.default_rng(25)
    x = LINE.draw(rng, 20_000)
    inverse = np.exp(proposal.weigh(rng, x, 1, LINE.gradient) - LINE.log_density(x) + LINE.log_z)
    assert abs(inverse.mean() - 1.0) < 4.0 * inverse.std() / np.sqrt(len(inverse))


class Reference:
    """A path and both densities, transition by transition, as formulas of the docstrings say."""

    def __init__(self, kernel, parameters, target, component, noise):
        self.kernel, self.parameters, self.target = kernel, parameters, target
        self.component = component
        prior = mixture(NUMPY, parameters["prior"])
        gated = kernel.name == "gated"
        x = noise[0] if gated else self.start(prior, noise[0])
        self.log_forward = self.log_start(prior, x)
        self.log_backward = np.zeros(len(x))
        self.back_noise = np.empty((kernel.steps, *x.shape))
        for n in range(kernel.steps):
            there = self.gated("forward", x, n, n) if gated else self.langevin(prior, x, n, n, 0)
            following = there.mean() + there.std() * noise[n + 1]
            if gated:
                back = self.gated("backward", following, n + 1, n)
            else:
                back = self.langevin(prior, following, n + 1, n, 1)
            self.log_forward += there.logpdf(following).sum(axis=1)
            self.log_backward += back.logpdf(x).sum(axis=1)
            self.back_noise[n] = (x - back.mean()) / back.std()
            x = following
        self.end = self.start(prior, x) if gated else x
        if gated:
            joint = self.joint(prior, self.end)
            rows = np.arange(len(x))
            self.log_backward += joint[rows, component] - special.logsumexp(joint, axis=1)

    def start(self, prior, z):
        return np.array(
            [prior.means[k] + prior.factors[k] @ one for k, one in zip(self.component, z)]
        )

    def joint(self, prior, x):
        used = np.exp(prior.log_weights) > 0
        columns = [
            log_weight + stats.multivariate_normal(mean, factor @ factor.T).logpdf(x)
            for log_weight, mean, factor in zip(
                prior.log_weights[used], prior.means[used], prior.factors[used], strict=True
            )
        ]
        return np.stack(columns, axis=1)

    def log_start(self, prior, x):
        if self.kernel.name != "gated":
            return special.logsumexp(self.joint(prior, x), axis=1)
        points = self.start(prior, x)
        return self.joint(prior, points)[np.arange(len(x)), self.component]

    def gated(self, way, z, place, n):
        outputs = network(NUMPY, self.parameters[way], z, place, self.component)
        gate, log_scale, shift = np.split(outputs, 3, axis=1)
        eta = 0.5 * special.expit(self.parameters["renewed"][n])
        scale = np.sqrt(2 * eta) * np.exp(7 * np.tanh(log_scale / 7))
        mean = np.sqrt(1 - 2 * eta) * z * 2 * special.expit(gate) + scale * shift
        return stats.norm(mean, scale)

    def langevin(self, prior, x, place, n, way):
        name, p, steps = self.kernel.name, self.parameters, self.kernel.steps
        t = (steps - n) / steps
        schedule = 0.99 * np.cos(np.pi / 2 * (1 + 0.008 - t) / (1 + 0.008)) ** 2 + 0.01
        eta = np.log1p(np.exp(p["step_size"])) * schedule / np.log1p(np.exp(p["friction"]))
        share = 0.0
        if name != "dis":
            gains = np.log1p(np.exp(p["annealing"]))
            share = np.sum(gains[:place]) / np.sum(gains)
        drift = (1 - share) * slope(lambda y: special.logsumexp(self.joint(prior, y), axis=1), x)
        drift = drift + share * self.target.gradient(x)
        first = np.zeros(len(x), dtype=int)
        controls = {"dis": (1, 0), "mcd": (0, 1), "cmcd": (1, -1), "dbs": (1, 1)}[name][way]
        which = "reverse" if way and name != "cmcd" else "control"
        if controls:
            drift = drift + controls * network(NUMPY, p[which], x, place, first)
        return stats.norm(x + eta * drift, np.sqrt(2 * eta))


def slope(function, x, step=1e-5):
    return np.stack(
        [
            (function(x + step * e) - function(x - step * e)) / (2 * step)
            for e in np.eye(x.shape[1])
        ],
        axis=1,
    )


@pytest.mark.parametrize("name", PATHS)
def test_densities_are_of_what_is_simulated_both_ways(name):
    kernel = small_kernel(name)
    parameters = parameters_of(kernel, PLANE, 0.3)
    rng = np.random.default_rng(26)
    component = rng.integers(2, size=N)
    noise = rng.standard_normal((kernel.steps + 1, N, 2))
    expected = Reference(kernel, parameters, PLANE, component, noise)
    path = kernel.forward(NUMPY, parameters, component, noise, PLANE.gradient)
    back = kernel.backward(
        NUMPY, parameters, path.end, component, expected.back_noise, PLANE.gradient
    )
    for found in (path, back):
        np.testing.assert_allclose(found.end, expected.end, rtol=1e-6)
        np.testing.assert_allclose(found.log_forward, expected.log_forward, rtol=1e-6)
        np.testing.assert_allclose(found.log_backward, expected.log_backward, rtol=1e-6)
    # Both ways agree among themselves beyond what differences of the reference resolve.
    np.testing.assert_allclose(back.log_forward, path.log_forward, rtol=1e-6)


# JAX rolls up the loop of ten steps.
@pytest.mark.parametrize(
    "name, steps",
    [
        ("gated", 2),
        ("dbs", 10),
        *(pytest.param(name, 2, marks=pytest.mark.slow) for name in KERNELS),
        *(pytest.param(name, 10, marks=pytest.mark.slow) for name in PATHS),
    ],
)
def test_numpy_and_jax_agree(jax, name, steps):
    kernel, xp = small_kernel(name, steps), jax_arrays()
    parameters = parameters_of(kernel, PLANE, MODERATE[name])
    rng = np.random.default_rng(27)
    component = rng.integers(2, size=N)
    noise = rng.standard_normal((kernel.steps + 1, N, 2))
    score = jax.vmap(jax.grad(PLANE.one_in_jax))

    @jax.jit
    def both_ways(parameters, noise):
        forward = kernel.forward(xp, parameters, component, noise, score)
        backward = kernel.backward(xp, parameters, forward.end, component, noise[1:], score)
        return forward, backward, kernel.log_components(xp, parameters, forward.end)

    forward = kernel.forward(NUMPY, parameters, component, noise, PLANE.gradient)
    backward = kernel.backward(NUMPY, parameters, forward.end, component, noise[1:], PLANE.gradient)
    log_components = kernel.log_components(NUMPY, parameters, forward.end)
    expected = jax.tree.leaves((forward, backward, log_components))
    for ours, theirs in zip(expected, jax.tree.leaves(both_ways(parameters, noise)), strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-10, atol=1e-10)


def test_untrained_gates_weigh_as_the_mixture_does():
    kernel = make_kernel("gated", steps=3, width=8)
    parameters = kernel.new_parameters(np.random.default_rng(28), crude_prior(PLANE))
    prior = mixture(NUMPY, parameters["prior"])
    rng = np.random.default_rng(29)
    component, noise = rng.integers(2, size=50), rng.standard_normal((4, 50, 2))
    forward = kernel.forward(NUMPY, parameters, component, noise)
    backward = kernel.backward(NUMPY, parameters, PLANE.draw(rng, 50), component, noise[1:])
    for path in (forward, backward):
        np.testing.assert_allclose(path.log_ratio, prior.log_density(NUMPY, path.end), rtol=1e-10)


@pytest.mark.parametrize("name", KERNELS)
def test_settings_make_the_same_kernel_again(name):
    kernel = small_kernel(name)
    again = make_kernel(name, **kernel.settings())
    assert type(again) is type(kernel) and vars(again) == vars(kernel)


def test_unknown_kernels_are_refused():
    with pytest.raises(ValueError, match=r"kernel='pis'\. Choose one of 'mixture', 'gated', 'dis'"):
        make_kernel("pis")
    with pytest.raises(ValueError, match=r"name='gated'\. Choose one of 'dis'"):
        LangevinKernel("gated")


@pytest.mark.parametrize(("scale", "step"), [(1.0, 0.05), (0.1, 0.005)])
def test_first_steps_are_short_where_a_component_is_narrow(scale, step):
    # In one direction of the second, which is aslant.
    narrow = np.linalg.cholesky(np.array([[1.0, 0.6], [0.6, 1.0]]) * scale**2 / 0.4)
    factors = np.stack([2.0 * np.eye(2), narrow])
    prior = from_moments(np.full(2, 0.5), np.zeros((2, 2)), factors, slots=3)
    kernel = LangevinKernel("dbs", 4)
    found = kernel.new_parameters(np.random.default_rng(0), prior)["step_size"]
    assert np.logaddexp(0.0, found) == pytest.approx(step)


@pytest.mark.parametrize("name", [name for name in LANGEVIN if name != "dis"])
def test_drifts_of_the_target_need_its_gradient(name):
    kernel = small_kernel(name)
    proposal = as_proposal(kernel, parameters_of(kernel, LINE, 0.0), LINE)
    with pytest.raises(ValueError, match=f"sampler '{name}' got no score"):
        proposal.draw(np.random.default_rng(30), 2)


@pytest.fixture(scope="module")
def full():
    """Three components with full covariances in five slots."""
    rng = np.random.default_rng(31)
    factors = np.tril(0.5 * rng.standard_normal((3, 3, 3)))
    factors[:, range(3), range(3)] = rng.uniform(0.5, 2.0, (3, 3))
    moments = np.array([2.0, 1.0, 1.0]), rng.normal(size=(3, 3)), factors
    return *moments, from_moments(*moments, slots=5)


def test_density_of_the_mixture(full):
    weights, means, factors, parameters = full
    x = 2.0 * np.random.default_rng(32).standard_normal((20, 3))
    each = [stats.multivariate_normal(m, f @ f.T).pdf(x) for m, f in zip(means, factors)]
    expected = np.log(weights / weights.sum() @ np.array(each))
    prior = mixture(NUMPY, parameters)
    np.testing.assert_allclose(prior.log_density(NUMPY, x), expected, rtol=1e-10)
    gradient = slope(lambda y: prior.log_density(NUMPY, y), x)
    np.testing.assert_allclose(prior.score(NUMPY, x), gradient, rtol=1e-6, atol=1e-8)
    assert mixture(NUMPY, prior) is prior


def test_slots_that_are_not_used_have_no_mass(full):
    parameters = full[3]
    prior = mixture(NUMPY, parameters)
    x = 5.0 * np.random.default_rng(33).standard_normal((20, 3))
    share = np.exp(prior.log_responsibilities(NUMPY, x))
    assert np.all(share[:, 3:] == 0.0)
    np.testing.assert_allclose(share.sum(axis=1), 1.0)
    kernel = make_kernel("mixture")
    proposal = as_proposal(kernel, kernel.new_parameters(np.random.default_rng(), parameters), LINE)
    proposal.layout = proposal.layout._replace(shapes=((3,),))
    proposal.center, proposal.factor = np.zeros(3), np.eye(3)
    assert set(proposal.draw(np.random.default_rng(34), 2000).component) == {0, 1, 2}


def test_draws_have_the_moments_of_the_components(full):
    _, means, factors, parameters = full
    prior = mixture(NUMPY, parameters)
    rng = np.random.default_rng(35)
    for k in range(3):
        noise = rng.standard_normal((4000, 3))
        x = prior.start(NUMPY, np.full(4000, k), noise)
        z = np.linalg.solve(factors[k], (x - means[k]).T).T
        np.testing.assert_allclose(z, noise, atol=1e-10)


def test_diagonal_covariances_need_no_lower_part(full):
    parameters = {k: v for k, v in full[3].items() if k != "lower"}
    with_zeros = {**parameters, "lower": np.zeros((5, 3, 3))}
    x = np.random.default_rng(36).standard_normal((20, 3))
    expected = mixture(NUMPY, with_zeros).log_density(NUMPY, x)
    np.testing.assert_allclose(mixture(NUMPY, parameters).log_density(NUMPY, x), expected)


def test_each_component_needs_a_slot():
    with pytest.raises(ValueError, match=r"Got 1 slots for 2 components\. Each needs one"):
        from_moments(np.ones(2), np.zeros((2, 1)), np.ones((2, 1, 1)), slots=1)
