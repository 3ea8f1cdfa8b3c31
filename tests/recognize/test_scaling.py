"""What a graph proves about scaling, and what only looks like it near the initial point."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from pymc_glm import InvalidDataError, RecognitionError, explain
from pymc_glm.recognize.scaling import power_of, rows_scale_alike

S = pt.dscalar("s")
W = pt.tensor("w", shape=(3,))
FLOOR = np.array([0.2, 0.3, 0.4])

POWERS = {
    "itself": (S, 1.0),
    "product": (2.0 * S * W, 1.0),
    "square root": (pt.sqrt(S), 0.5),
    "inverse": (1.0 / S, -1.0),
    "precision": (S**-0.5 * FLOOR, -0.5),
    "cancelled": (S * W / S**2, -1.0),
    "broadcast": (pt.broadcast_to(S, (4, 3)).reshape((12,)), 1.0),
    "free": (W, 0.0),
    "sum": (S + 1.0, None),
    "floor": (pt.maximum(S, 0.3), None),
    "clip": (pt.clip(S, 0.3, 5.0), None),
    "switch": (pt.switch(W > 0, S, 1.0), None),
    "unknown exponent": (S ** W[0], None),
}


@pytest.mark.parametrize("case", POWERS)
def test_power(case):
    graph, expected = POWERS[case]
    assert power_of(graph, S, lambda node: node is S) == expected


ALIKE = {
    "number": (pt.clip(S, 0.3, 5.0), True),
    "function of one number": (W * pt.softplus(S), True),
    "rows with floors": (pt.maximum(S, FLOOR), False),
    "switched rows": (pt.switch(W > 0, S, 1.0), False),
    "added rows": (S + FLOOR, False),
    "joined rows": (pt.stack([S, pt.constant(1.0)]), False),
}


@pytest.mark.parametrize("case", ALIKE)
def test_rows_scale_alike(case):
    graph, expected = ALIKE[case]
    assert rows_scale_alike(graph, S) == expected


def hyper_of(build, name):
    with pm.Model() as model:
        build()
    return {hyper.rv_name: hyper for hyper in explain(model).hyperparameters}[name]


def switched_noise():
    z = pm.Bernoulli("z", 0.5, shape=4)
    first, second = pm.HalfNormal("first", 5), pm.HalfNormal("second", 0.5)
    pm.Normal("y", pm.Normal("mu", 0, 3), pt.switch(z, first, second), observed=np.arange(4.0))


def floored_prior():
    t = pm.Gamma("t", 2, 2)
    b = pm.Normal("b", 0, pt.maximum(t, FLOOR), shape=3)
    pm.Normal("y", b, 0.4, observed=np.zeros(3))


def clipped_noise():
    t = pm.HalfNormal("t", 1)
    pm.Normal("y", pm.Normal("mu"), pt.clip(t, 0.3, 5.0), observed=np.arange(4.0))


@pytest.mark.parametrize(
    ("build", "name"),
    [(switched_noise, "first"), (switched_noise, "second"), (floored_prior, "t")],
)
def test_switched_and_floored_scales_are_evaluated_row_by_row(build, name):
    """Near the initial point they look like one power of the scale in every row."""
    hyper = hyper_of(build, name)
    assert hyper.conjugate is None and hyper.joint is None
    assert hyper.scales == ()


def test_clipped_scale_has_no_exact_draw():
    hyper = hyper_of(clipped_noise, "t")
    assert hyper.conjugate is None and hyper.joint is None


@pytest.mark.parametrize(
    "loss",
    [
        lambda a: pt.switch(abs(a) < 6, -0.5 * a**2, -(6 * abs(a) - 18)),
        lambda a: -0.5 * pt.minimum(a**2, 49.0),
        lambda a: -0.5 * ((abs(a + 6) - abs(a - 6)) / 2) ** 2,
        lambda a: -pt.maximum(abs(a), 1e-3),
    ],
    ids=["huber", "truncated", "clipped by absolute values", "flat at zero"],
)
def test_losses_that_are_quadratic_only_near_zero_are_refused(loss):
    with pm.Model() as model:
        a = pm.Normal("a", 0, 20)
        pm.Potential("loss", loss(a))
        pm.Normal("y", a, 1, observed=[20.0])
    with pytest.raises(RecognitionError, match=r"'loss' \(it"):
        explain(model)


def test_start_outside_the_support_is_refused():
    """A transform that maps the initial value to infinity cannot be sampled from there."""
    with pm.Model() as model:
        transform = pm.distributions.transforms.Interval(0, 3)
        s = pm.HalfNormal("s", 1, transform=transform)
        pm.Normal("y", pm.Normal("x", 0, s), 1, observed=1.0)
    with pytest.raises(InvalidDataError, match="initial value of 's' is -inf"):
        explain(model)
