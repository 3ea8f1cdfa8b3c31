"""Losses: their gradients, exactly where they can be, and that training follows them."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

from known import KERNELS, LINE, PLANE, as_proposal, crude_prior, perturbed, small_kernel
from scipy.integrate import trapezoid

from pymc_glm.diffusion.arrays import NUMPY, jax_arrays
from pymc_glm.diffusion.langevin import LANGEVIN
from pymc_glm.diffusion.metrics import score
from pymc_glm.diffusion.objectives import Setting, loss
from pymc_glm.diffusion.prior import mixture
from pymc_glm.diffusion.training import CHUNK, Schedule, Trainer

BATCH = 8


def setting_of(jax, kernel, target, name):
    density = jax.vmap(target.one_in_jax)
    slopes = jax.vmap(jax.grad(target.one_in_jax)) if kernel.needs_score else None
    return Setting(kernel, density, slopes, name)


def noise_for(rng, kernel, target, batch=BATCH):
    """Arguments of a loss after its parameters, with components drawn evenly."""
    d = target.size
    return (
        np.arange(batch) % 2,
        rng.standard_normal((kernel.steps + 1, batch, d)),
        target.draw(rng, batch),
        np.zeros(batch, dtype=int),
        rng.standard_normal((kernel.steps, batch, d)),
    )


def direction_like(rng, parameters):
    """A direction in the space of parameters; logits of slots that are not used stay."""
    if isinstance(parameters, dict):
        return {key: direction_like(rng, value) for key, value in parameters.items()}
    step = rng.standard_normal(np.shape(parameters))
    return np.where(np.asarray(parameters) < -1e8, 0.0, step)


def shifted(parameters, direction, size):
    if isinstance(parameters, dict):
        return {key: shifted(parameters[key], direction[key], size) for key in parameters}
    return parameters + size * direction


def slope(function, parameters, direction, size=1e-5):
    ahead = function(shifted(parameters, direction, size))
    return (ahead - function(shifted(parameters, direction, -size))) / (2 * size)


def derivative(jax, function, parameters, direction):
    gradient = jax.grad(function)(parameters)
    parts = jax.tree.map(lambda g, v: np.sum(np.asarray(g) * v), gradient, direction)
    return float(sum(jax.tree.leaves(parts)))


def start(name, target, size=0.1, seed=41, steps=2):
    kernel = small_kernel(name, steps)
    parameters = kernel.new_parameters(np.random.default_rng(seed), crude_prior(target))
    return kernel, perturbed(np.random.default_rng(seed + 1), parameters, size)


# Components of diffusions are not drawn, so that differences see all of their losses.
SMOOTH = [
    ("gated", "elbo", 1),
    *(pytest.param(name, "elbo", 2, marks=pytest.mark.slow) for name in KERNELS),
    *(pytest.param(name, "jeffreys", 2, marks=pytest.mark.slow) for name in LANGEVIN),
]


@pytest.mark.parametrize("name, which, steps", SMOOTH)
def test_gradients_are_those_of_differences(jax, name, which, steps):
    kernel, parameters = start(name, PLANE, steps=steps)
    rng = np.random.default_rng(43)
    arguments = noise_for(rng, kernel, PLANE)
    setting = setting_of(jax, kernel, PLANE, which)
    value = jax.jit(lambda p: loss(jax_arrays(), setting, p, *arguments).value)
    direction = direction_like(rng, parameters)
    found = derivative(jax, value, parameters, direction)
    expected = slope(lambda p: float(value(p)), parameters, direction)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.slow
def test_upper_bound_of_drawn_components_has_an_unbiased_gradient(jax):
    kernel, parameters = start("gated", LINE)
    # Wider than the target, so that no draw is far enough to enter by a logarithm.
    parameters["prior"]["log_diagonal"] = parameters["prior"]["log_diagonal"] + 1.0
    rng = np.random.default_rng(44)
    n, repeats = 500, 400
    component, noise, draws, _, back_noise = noise_for(rng, kernel, LINE, n)
    direction = direction_like(rng, parameters)
    xp = jax_arrays()

    def all_components(p):
        """The bound with its components summed over, at this noise; less the lower bound."""
        share = np.exp(kernel.log_components(NUMPY, p, draws))[:, :2]
        ratios = [
            kernel.backward(NUMPY, p, draws, np.full(n, k), back_noise).log_ratio for k in range(2)
        ]
        upper = np.mean(np.sum(share * (LINE.log_density(draws)[:, None] - np.stack(ratios, 1)), 1))
        path = kernel.forward(NUMPY, p, component, noise)
        weights = np.exp(mixture(NUMPY, p["prior"]).log_weights)
        each = weights[component] * 2 / n
        return upper - np.sum(each * (LINE.log_density(path.end) - path.log_ratio))

    setting = setting_of(jax, kernel, LINE, "jeffreys")

    @jax.jit
    @jax.vmap
    def slopes(drawn):
        def value(p):
            return loss(xp, setting, p, component, noise, draws, drawn, back_noise).value

        return jax.jvp(value, (parameters,), (direction,))[1]

    second = np.exp(kernel.log_components(NUMPY, parameters, draws))[:, 1]
    found = np.asarray(slopes((rng.random((repeats, n)) < second).astype(int)))
    expected = slope(all_components, parameters, direction)
    # The baseline of n draws shortens one part of the gradient by a share of 1/n.
    slack = 2 * abs(expected) / n
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(repeats) + slack


@pytest.mark.parametrize("which", ["elbo", "log_derivative"])
def test_gradients_of_a_mixture_are_those_of_quadrature(jax, which):
    kernel, parameters = start("mixture", LINE)
    rng = np.random.default_rng(45)
    direction = direction_like(rng, parameters)
    grid = np.linspace(-12, 12, 4001)[:, None]

    def exact(p):
        log_density = mixture(NUMPY, p["prior"]).log_density(NUMPY, grid)
        excess = LINE.log_density(grid) - log_density
        return -trapezoid(np.exp(log_density) * excess, grid[:, 0])

    setting = setting_of(jax, kernel, LINE, which)
    component, _, draws, drawn, back = noise_for(rng, kernel, LINE, 400)

    @jax.jit
    @jax.vmap
    def slopes(noise):
        def value(p):
            return loss(jax_arrays(), setting, p, component, noise, draws, drawn, back).value

        return jax.jvp(value, (parameters,), (direction,))[1]

    found = np.asarray(slopes(rng.standard_normal((2000, 1, 400, 1))))
    expected = slope(exact, parameters, direction)
    slack = 2 * abs(expected) / 400 if which == "log_derivative" else 0.0
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found)) + slack


@pytest.mark.slow
@pytest.mark.parametrize("name", LANGEVIN)
def test_the_score_function_and_the_path_give_one_gradient(jax, name):
    kernel, parameters = start(name, LINE, size=0.3)
    rng = np.random.default_rng(46)
    direction = direction_like(rng, parameters)
    component, _, draws, drawn, back = noise_for(rng, kernel, LINE, 200)

    def slopes(which):
        setting = setting_of(jax, kernel, LINE, which)

        def one(noise):
            def value(p):
                return loss(jax_arrays(), setting, p, component, noise, draws, drawn, back).value

            return jax.jvp(value, (parameters,), (direction,))[1]

        noise = rng.standard_normal((1000, kernel.steps + 1, 200, 1))
        return np.asarray(jax.jit(jax.vmap(one))(noise))

    one, other = slopes("elbo"), slopes("log_derivative")
    error = np.hypot(one.std(), other.std()) / np.sqrt(1000)
    assert abs(one.mean() - other.mean()) < 4 * error + 2 * abs(one.mean()) / 200


def test_a_draw_far_out_enters_by_a_logarithm(jax):
    kernel, parameters = start("mixture", LINE)
    rng = np.random.default_rng(47)
    component, noise, draws, drawn, back = noise_for(rng, kernel, LINE, 9)
    setting = setting_of(jax, kernel, LINE, "jeffreys")

    @jax.jit
    def upper(far):
        moved = jax.numpy.asarray(draws).at[0].set(far)
        return loss(jax_arrays(), setting, parameters, component, noise, moved, drawn, back).eubo

    found = [float(upper(far)) for far in (10.0, 1e4)]
    assert np.isfinite(found).all()
    assert abs(found[1] - found[0]) < 10.0


@cache
def trainer_of(name="mixture", which="jeffreys", seed=48, **options):
    schedule = Schedule(which, iterations=4 * CHUNK, batch=64, learning_rate=0.02)
    kernel = small_kernel(name, steps=2)
    return kernel, Trainer(kernel, LINE.one_in_jax, schedule._replace(**options), seed)


def trained(name="mixture", which="jeffreys", chunks=4, **options):
    kernel, trainer = trainer_of(name, which, **options)
    draws = LINE.draw(np.random.default_rng(49), 1000)
    before = kernel.new_parameters(np.random.default_rng(50), crude_prior(LINE))
    state, figures = trainer.start(before, draws), []
    for _ in range(chunks):
        state, latest = trainer.advance(state)
        figures.append(latest)
    return kernel, before, state, figures


def lower_bound(kernel, parameters):
    proposal = as_proposal(kernel, parameters, LINE)
    proposal.center, proposal.factor = np.zeros(1), np.eye(1)
    proposal._log_determinant = 0.0
    rng = np.random.default_rng(51)
    return score(proposal, LINE, LINE.draw(rng, 2000), rng, n=4000).elbo


@pytest.mark.parametrize(
    "name, which",
    [
        ("mixture", "jeffreys"),
        pytest.param("mixture", "log_derivative", marks=pytest.mark.slow),
        pytest.param("gated", "jeffreys", marks=pytest.mark.slow),
        *(pytest.param(name, "log_derivative", marks=pytest.mark.slow) for name in LANGEVIN),
    ],
)
def test_training_raises_the_lower_bound(jax, name, which):
    kernel, before, state, _ = trained(name, which)
    gap = LINE.log_z - lower_bound(kernel, before)
    assert LINE.log_z - lower_bound(kernel, state.parameters) < 0.5 * gap


@pytest.mark.slow
def test_the_seed_decides(jax):
    first = trained(chunks=1)[2].parameters["prior"]["means"]
    trainer_of.cache_clear()
    again = trained(chunks=1)[2].parameters["prior"]["means"]
    other = trained(chunks=1, seed=52)[2].parameters["prior"]["means"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_chunks_continue_from_a_state(jax):
    _, trainer = trainer_of()
    whole = trained(chunks=2)[2]
    state = trained(chunks=1)[2]
    again, _ = trainer.advance(state)
    assert again.iteration == whole.iteration == 2 * CHUNK
    same = partial(np.testing.assert_array_equal)
    jax.tree.map(same, again.parameters, whole.parameters)
    jax.tree.map(same, again.leaves, whole.leaves)


@pytest.mark.slow
def test_a_mixture_that_is_not_learned_stays(jax):
    _, before, state, _ = trained("dis", "elbo", chunks=1, learn_prior=False)
    for name, value in before["prior"].items():
        np.testing.assert_array_equal(state.parameters["prior"][name], np.float32(value))
    assert np.any(state.parameters["control"]["last"] != 0.0)


def test_slots_that_are_not_used_stay_so(jax):
    _, before, state, _ = trained(chunks=1)
    assert state.parameters["prior"]["logits"][2] == np.float32(before["prior"]["logits"][2])
    assert np.all(state.parameters["prior"]["logits"][:2] != before["prior"]["logits"][:2])


@pytest.mark.slow
def test_the_upper_bound_is_left_out_at_first(jax):
    figures = trained(chunks=2, alone=CHUNK)[3]
    assert np.isnan(figures[0]["eubo"]) and np.isfinite(figures[1]["eubo"])
    assert figures[1]["elbo"] < LINE.log_z + 0.1 < figures[1]["eubo"] + 0.2


def test_unknown_losses_are_refused(jax):
    with pytest.raises(ValueError, match=r"loss='kl'\. Choose one of 'elbo', 'jeffreys'"):
        trainer_of(which="kl")
