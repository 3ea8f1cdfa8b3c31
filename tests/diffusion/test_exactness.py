"""Moves leave the target as it is, whatever the proposal; moves that are a little wrong do not.

Many chains begin in independent draws of a known target and move a few times. They are then
independent draws of the target again, which tests for such draws can tell.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

from known import KERNELS, LINE, PATHS, PLANE, as_proposal, crude_prior, perturbed, small_kernel
from scipy import stats

from pymc_glm.diffusion import Proposal
from pymc_glm.diffusion.gated import GatedKernel
from pymc_glm.diffusion.transition import Chains, metropolis_move, resampling_move

CHAINS = 10_000
ROUNDS = 10
LEVEL = 1e-4
BINS = 20
# Noise on parameters that leaves some proposals to be accepted: without any nothing is tested.
BAD = {
    PLANE: {"mixture": 0.0, "gated": 0.2, "dis": 0.5, "mcd": 0.5, "cmcd": 0.5, "dbs": 0.4},
    LINE: {"mixture": 0.0, "gated": 0.2, "dis": 0.8, "mcd": 0.7, "cmcd": 0.7, "dbs": 0.7},
}
MOVES = {"metropolis": metropolis_move, "resampling": partial(resampling_move, candidates=3)}
TARGETS = {"plane": PLANE, "line": LINE}


def p_value(target, x):
    """The smallest p-value of some tests that x are independent draws of a target, corrected."""
    if target.size == 1:
        directions = np.ones((1, 1))
    else:
        angles = np.linspace(0.0, np.pi, 4, endpoint=False)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = []
    for direction in directions:
        uniform = target.projected(x, direction)
        counts = np.bincount(np.minimum((BINS * uniform).astype(int), BINS - 1), minlength=BINS)
        found += [stats.chisquare(counts).pvalue, stats.kstest(uniform, "uniform").pvalue]
    # The modes are told apart by the sign of the first coordinate.
    axis = np.eye(target.size)[0]
    left = target.projected(np.zeros((1, target.size)), axis)[0]
    found.append(stats.binomtest(int(np.sum(x[:, 0] < 0)), len(x), left).pvalue)
    return min(1.0, min(found) * len(found))


def bad_proposal(name, target, kernel=None, size=1.0):
    kernel = small_kernel(name) if kernel is None else kernel
    parameters = kernel.new_parameters(np.random.default_rng(1), crude_prior(target))
    parameters = perturbed(np.random.default_rng(2), parameters, size * BAD[target][name])
    return as_proposal(kernel, parameters, target)


def random_walk(target, rng, chains):
    """A local move: random-walk Metropolis."""
    y = chains.x + rng.standard_normal(chains.x.shape)
    value = target.log_density(y)
    accepted = np.log(rng.random(len(y))) < value - chains.value
    return Chains(np.where(accepted[:, None], y, chains.x), np.where(accepted, value, chains.value))


def stationary(target, seed, n=CHAINS):
    rng = np.random.default_rng(seed)
    x = target.draw(rng, n)
    return rng, Chains(x, target.log_density(x))


def moved(target, proposal, move, paths, seed, n=CHAINS, rounds=ROUNDS, local=False):
    """Draws of the target after some moves, and the share of moves that were accepted."""
    rng, chains = stationary(target, seed, n)
    accepted = []
    for _ in range(rounds):
        if local:
            chains = random_walk(target, rng, chains)
        result = MOVES[move](proposal, target.log_density, rng, chains, paths, target.gradient)
        chains = result.chains
        accepted.append(result.accepted.mean())
    np.testing.assert_allclose(chains.value, target.log_density(chains.x), rtol=1e-10)
    return chains.x, np.mean(accepted)


def assert_stays(target, proposal, move, paths, seed, **options):
    x, accepted = moved(target, proposal, move, paths, seed, **options)
    assert accepted > 0.03
    assert p_value(target, x) > LEVEL


def test_draws_of_the_target_are_taken_for_such():
    for seed, target in enumerate(TARGETS.values()):
        assert p_value(target, stationary(target, seed)[1].x) > LEVEL


# Two of the four diffusions have all parts of the others.
SOME = [pytest.param(n, marks=[pytest.mark.slow] * (n in ("mcd", "cmcd"))) for n in KERNELS]


@pytest.mark.parametrize("name", SOME)
def test_bad_parameters_in_the_plane(name):
    assert_stays(PLANE, bad_proposal(name, PLANE), "metropolis", 1, seed=10, rounds=5)


@pytest.mark.parametrize("name", KERNELS)
def test_bad_parameters_with_several_paths_and_candidates(name):
    assert_stays(LINE, bad_proposal(name, LINE), "resampling", 4, seed=11, rounds=1)


@pytest.mark.parametrize("name", KERNELS)
def test_in_turns_with_a_local_move(name):
    assert_stays(LINE, bad_proposal(name, LINE), "metropolis", 1, seed=12, local=True)


@pytest.mark.slow
@pytest.mark.parametrize("where", TARGETS)
@pytest.mark.parametrize("size", [0.0, 1.0], ids=["untrained", "bad"])
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("paths", [1, 4])
@pytest.mark.parametrize("move", MOVES)
def test_more_chains_and_more_moves(where, size, name, paths, move):
    target = TARGETS[where]
    proposal = bad_proposal(name, target, size=size)
    assert_stays(target, proposal, move, paths, seed=13, n=20_000, rounds=6, local=True)


@cache
def half_trained(name, target, loss):
    """A proposal of the first gradient steps, at a learning rate that is too large."""
    from pymc_glm.diffusion.training import Schedule, Trainer

    kernel = small_kernel(name, steps=2)
    schedule = Schedule(loss, iterations=100, batch=64, learning_rate=0.02)
    prior = crude_prior(target)
    trainer = Trainer(kernel, target.one_in_jax, schedule, seed=5)
    draws = target.draw(np.random.default_rng(6), 500)
    state = trainer.start(kernel.new_parameters(np.random.default_rng(7), prior), draws)
    state, _ = trainer.advance(state)
    return as_proposal(kernel, state.parameters, target)


HALF = [*((name, "jeffreys") for name in KERNELS), ("dbs", "log_derivative")]


@pytest.mark.slow
@pytest.mark.parametrize("name, loss", HALF)
@pytest.mark.parametrize("move", MOVES)
def test_half_trained(jax, name, loss, move):
    proposal = half_trained(name, PLANE, loss)
    assert_stays(PLANE, proposal, move, 2, seed=14, rounds=4)


class EndPointsOnly(Proposal):
    """Points are weighed by the mixture's density at their ends, whatever path led there."""

    def _mixture(self, x):
        from pymc_glm.diffusion.arrays import NUMPY

        end = np.linalg.solve(self.factor, (x - self.center).T).T
        return self._frozen["prior"].log_density(NUMPY, end) - self._log_determinant

    def draw(self, rng, n, paths=1, gradient=None):
        candidates = super().draw(rng, n, paths, gradient)
        return candidates._replace(log_proposal=self._mixture(candidates.x))

    def weigh(self, rng, x, paths=1, gradient=None):
        return self._mixture(x)


class ForwardOnly(Proposal):
    """Paths are weighed by how they were drawn forwards, and not by how they would be backwards."""

    def draw(self, rng, n, paths=1, gradient=None):
        kernel = self.kernel
        self.kernel = WithoutBackward(kernel)
        candidates = super().draw(rng, n, paths, gradient)
        self.kernel = kernel
        return candidates

    def weigh(self, rng, x, paths=1, gradient=None):
        kernel = self.kernel
        self.kernel = WithoutBackward(kernel)
        weight = super().weigh(rng, x, paths, gradient)
        self.kernel = kernel
        return weight


class Altered:
    """A kernel with something wrong about it."""

    def __init__(self, kernel):
        self._kernel = kernel

    def __getattr__(self, name):
        return getattr(self._kernel, name)


class WithoutBackward(Altered):
    def forward(self, *arguments):
        path = self._kernel.forward(*arguments)
        return path._replace(log_backward=np.zeros_like(path.log_backward))

    def backward(self, *arguments):
        path = self._kernel.backward(*arguments)
        return path._replace(log_backward=np.zeros_like(path.log_backward))


class ClippedNoise(Altered):
    """Densities are of normal noise, and the noise that is used has no tails."""

    def forward(self, xp, parameters, component, noise, score=None):
        return self._kernel.forward(xp, parameters, component, np.clip(noise, -1, 1), score)


class WithoutLabels(GatedKernel):
    """The component of a path is left out of its backward density."""

    def forward(self, xp, parameters, component, noise, score=None):
        path = super().forward(xp, parameters, component, noise, score)
        return self._without(xp, parameters, path, component)

    def backward(self, xp, parameters, end, component, noise, score=None):
        path = super().backward(xp, parameters, end, component, noise, score)
        return self._without(xp, parameters, path, component)

    def _without(self, xp, parameters, path, component):
        log_share = self.log_components(xp, parameters, path.end)
        chosen = np.take_along_axis(log_share, component[:, None], axis=1)[:, 0]
        return path._replace(log_backward=path.log_backward - chosen)


def carrying_moves(target, proposal, seed):
    """Moves that weigh a chain by the path by which it came, though it has moved since."""
    rng, chains = stationary(target, seed)
    carried = proposal.weigh(rng, chains.x, 1, target.gradient)
    for _ in range(ROUNDS):
        chains = random_walk(target, rng, chains)
        candidates = proposal.draw(rng, len(chains.x), 1, target.gradient)
        value = target.log_density(candidates.x)
        log_ratio = value - candidates.log_proposal - (chains.value - carried)
        accepted = np.log(rng.random(len(value))) < log_ratio
        x = np.where(accepted[:, None], candidates.x, chains.x)
        carried = np.where(accepted, candidates.log_proposal, carried)
        chains = Chains(x, np.where(accepted, value, chains.value))
    return chains.x


@pytest.mark.parametrize("name", PATHS)
def test_a_weight_carried_across_a_local_move_is_told(name):
    x = carrying_moves(LINE, bad_proposal(name, LINE), seed=12)
    assert p_value(LINE, x) < LEVEL


def twin(cls, name, target):
    good = bad_proposal(name, target)
    return cls(good.kernel, good.parameters, good.layout, good.center, good.factor)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("cls", [EndPointsOnly, ForwardOnly])
@pytest.mark.parametrize("move", ["metropolis", pytest.param("resampling", marks=pytest.mark.slow)])
def test_weights_without_one_way_of_the_path_are_told(cls, name, move):
    x, _ = moved(LINE, twin(cls, name, LINE), move, 1, seed=11, rounds=3)
    assert p_value(LINE, x) < LEVEL


@pytest.mark.parametrize("name", KERNELS)
def test_noise_without_tails_is_told(name):
    kernel = ClippedNoise(small_kernel(name))
    x, _ = moved(LINE, bad_proposal(name, LINE, kernel), "metropolis", 1, seed=12)
    assert p_value(LINE, x) < LEVEL


@pytest.mark.parametrize("move", MOVES)
def test_labels_left_out_of_the_weight_are_told(move):
    kernel = WithoutLabels(steps=3, width=8)
    proposal = bad_proposal("gated", PLANE, kernel)
    x, _ = moved(PLANE, proposal, move, 1, seed=10)
    assert p_value(PLANE, x) < LEVEL
