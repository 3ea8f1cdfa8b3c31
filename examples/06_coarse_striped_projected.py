"""Three detectors: too coarse, with columns that are off, and around a head.

A coarse detector sees means of 3 x 3 pixels. One whose columns have offsets adds a stripe to each,
most of them near zero: the offsets are a second variable of the block, drawn together with the
picture. A scanner sees sums along lines, at twenty angles. The prior of the picture is one and the
same.

See also `05_deblurring.py`.
"""

import numpy as np
import pymc as pm

from imaging import (
    JUMP,
    Problem,
    draw_panels,
    face,
    measure,
    options,
    phantom,
    solve,
    total_variation,
)

import pymc_glm

from pymc_glm.operators import BlockMean, Differences, Identity, Radon


def problems(side):
    truth = face(side)
    coarse = BlockMean(truth.shape, 3)
    data = measure(coarse, truth, 0.02)
    shown = data.repeat(3, axis=0).repeat(3, axis=1)
    yield Problem("means of 3 x 3 pixels", truth, shown, total_variation(coarse, data, 0.02))

    rng = np.random.default_rng(1)
    stripes = np.where(rng.random(side) < 0.3, rng.normal(0, 0.15, side), 0.0)
    data = measure(Identity(truth.shape), truth, 0.03) + stripes
    with pm.Model(coords={"row": range(side), "column": range(side)}) as striped:
        x = pm.Flat("x", dims=("row", "column"))
        offset = pm.Laplace("offset", 0, 0.05, dims="column")
        pymc_glm.expert("jumps", pm.Laplace.dist(0, JUMP), Differences(truth.shape)(x))
        pm.Normal("y", x + offset, 0.03, observed=data, dims=("row", "column"))
    yield Problem("stripes", truth, data, striped)

    head = phantom(2 * side // 3)
    scan = Radon(len(head), np.linspace(0, 180, 20, endpoint=False))
    data = measure(scan, head, 0.2)
    yield Problem("20 projections", head, data, total_variation(scan, data, 0.2))


if __name__ == "__main__":
    chosen = options(draws=300)
    found = [solve(problem, chosen.draws, chosen.chains) for problem in problems(chosen.side)]
    draw_panels(found, "coarse_striped_projected.png")
