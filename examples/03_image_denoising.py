"""A photograph in noise, under four priors of the differences of neighbouring pixels.

Differences of pixels are small, save at edges. Gaussian ones smear edges out; those with heavier
tails let them be. The scales are those that Kuric et al. (2025, arXiv:2505.12836) learned from
photographs, for noise of standard deviation 0.1.

See also `04_inpainting.py`, where pixels are missing altogether.
"""

import numpy as np
import pymc as pm

from imaging import JUMP, Problem, draw_panels, face, measure, options, solve

import pymc_glm

from pymc_glm.operators import Differences, Identity

NOISE = 0.1
WEIGHTS = np.array([0.1058, 0.0054, 0.0886, 0.0733, 0.0667, 0.0077, 0.0591, 0.3213, 0.2722])
VARIANCES = [2.5e-5, 4e-4, 6.25e-4, 4.9e-3, 5.625e-3, 0.0729, 0.075625, 0.0784, 0.081225]
PRIORS = {
    "Gaussian": lambda: pm.Normal.dist(0, 0.4 / 3.7355),
    "Laplace": lambda: pm.Laplace.dist(0, JUMP),
    "Student t": lambda: pm.StudentT.dist(nu=6, mu=0, sigma=1 / 13.9207),
    "normal mixture": lambda: pm.NormalMixture.dist(WEIGHTS, 0, np.sqrt(VARIANCES) / 0.8334),
}


def problems(side):
    truth = face(side)
    data = measure(Identity(truth.shape), truth, NOISE)
    for name, prior in PRIORS.items():
        with pm.Model() as model:
            x = pm.Flat("x", shape=truth.shape)
            pymc_glm.expert("jumps", prior(), Differences(truth.shape)(x))
            pm.Normal("y", x, NOISE, observed=data)
        yield Problem(f"{name} differences", truth, data, model)


if __name__ == "__main__":
    chosen = options()
    found = [solve(problem, chosen.draws, chosen.chains) for problem in problems(chosen.side)]
    draw_panels(found, "image_denoising.png")
