"""What compilation makes of the graph of a sweep, before anything is compiled."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.random.type import RandomType

from pymc_glm import explain
from pymc_glm.machine import with_scales
from pymc_glm.sweep import build_sweep
from pymc_glm.sweep.compile import _lift_constants

X = np.random.default_rng(95).normal(size=(20, 3))
Y = X.sum(axis=1)


def scale_without_arrays():
    """The update of tau depends on no constant array."""
    pm.Normal("y", X @ pm.Laplace("b", 0, pm.HalfNormal("tau", 1), shape=3), 1.0, observed=Y)


def explicit_latents():
    """Another variable depends on tau besides the block."""
    tau, v = pm.HalfNormal("tau", 1), pm.HalfCauchy("v", 1, shape=3)
    sigma = pm.HalfNormal("sigma", 1)
    pm.Normal("y", X @ (tau * v * pm.Normal("z", 0, 1, shape=3)), sigma, observed=Y)


def vectors():
    """Indicators and scales of groups."""
    z, s = pm.Bernoulli("z", 0.3, shape=3), pm.Gamma("s", 2, 2, shape=2)
    b = pm.Normal("b", 0, 0.1 + z, shape=3)
    pm.Normal("y", X @ b, s[np.arange(20) % 2], observed=Y)


def generators(outputs):
    """How many nodes take each generator."""
    counts: dict = {}
    for node in toposort(outputs):
        for variable in node.inputs:
            if isinstance(variable.type, RandomType):
                counts[variable] = counts.get(variable, 0) + 1
    return counts


@pytest.mark.parametrize("scales", ["auto", "collapsed", "interweave", "plain"])
@pytest.mark.parametrize("build", [scale_without_arrays, explicit_latents, vectors])
def test_each_generator_is_used_once(build, scales):
    """Lifting data out of the graph neither copies an update nor leaves an array in it."""
    with pm.Model() as model:
        build()
    sweep = build_sweep(with_scales(explain(model), scales))
    outputs = [sweep.next_rng, *sweep.outputs]
    lifted, constants = _lift_constants(sweep)
    assert set(generators(outputs).values()) == {1}
    assert set(generators(lifted).values()) == {1}
    assert len(list(toposort(lifted))) == len(list(toposort(outputs)))
    left = [v for v in ancestors(lifted) if isinstance(v, Constant) and getattr(v.type, "ndim", 0)]
    assert not left and constants
    assert set(sweep.inputs) & set(ancestors(lifted)) == set(sweep.inputs) & set(ancestors(outputs))
