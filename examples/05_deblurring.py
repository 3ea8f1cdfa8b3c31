"""A photograph out of focus, and how far its pixels are known.

A blur of 7 x 7 pixels hides what is between neighbours, and noise of standard deviation 0.02 hides
it for good: the prior decides how it is filled in. Under Laplace differences an edge can be sharp,
and intervals are widest along edges, where the blur leaves their place open. Under Gaussian ones
all pixels are about as uncertain, whatever is there.

See also Kuric et al. (2025, arXiv:2505.12836), whose blur and noise these are.
"""

import pymc as pm

from imaging import Problem, draw_panels, face, measure, options, solve, total_variation

import pymc_glm

from pymc_glm.operators import Convolution, Differences, gaussian_kernel

NOISE = 0.02


def problems(side):
    truth = face(side)
    blur = Convolution(gaussian_kernel(7, 1.5), truth.shape, boundary="reflect")
    data = measure(blur, truth, NOISE)
    yield Problem("Laplace differences", truth, data, total_variation(blur, data, NOISE))
    with pm.Model() as gaussian:
        x = pm.Flat("x", shape=truth.shape)
        pymc_glm.expert("jumps", pm.Normal.dist(0, 0.4 / 3.7355), Differences(truth.shape)(x))
        pm.Normal("y", blur(x), NOISE, observed=data)
    yield Problem("Gaussian differences", truth, data, gaussian)


if __name__ == "__main__":
    chosen = options()
    found = [solve(problem, chosen.draws, chosen.chains) for problem in problems(chosen.side)]
    draw_panels(found, "deblurring.png")
