"""Missing data: cosine coefficients, a box, and most pixels of a photograph.

What is measured differs, and the prior does not. The first problem is one of Kuric et al. (2025,
arXiv:2505.12836): coefficients of an orthonormal cosine transform are kept with probability 0.75,
the 32 x 32 lowest always. Intervals are wide where nothing was seen, for what this prior expects
there: it does not foresee a nose.

See also `pymc_glm.operators`, for other ways to measure.
"""

import numpy as np

from imaging import Problem, draw_panels, face, measure, options, solve, total_variation

from pymc_glm.operators import DCT, Mask

NOISE = {"cosine coefficients": 0.1, "a box": 0.02, "60% of the pixels": 0.05}


def kept(shape):
    """What is measured in each problem."""
    rng = np.random.default_rng(1)
    coefficients = rng.random(shape) < 0.75
    coefficients[: shape[0] // 3, : shape[1] // 3] = True
    box = np.ones(shape, dtype=bool)
    box[9 * shape[0] // 16 : 11 * shape[0] // 16, 3 * shape[1] // 8 : 5 * shape[1] // 8] = False
    return dict(zip(NOISE, (coefficients, box, rng.random(shape) < 0.4), strict=True))


def problems(side):
    truth = face(side)
    for name, keep in kept(truth.shape).items():
        cosines = name == "cosine coefficients"
        operator = Mask(keep) @ DCT(truth.shape) if cosines else Mask(keep)
        data = measure(operator, truth, NOISE[name])
        shown = operator.adjoint(data)
        if not cosines:
            shown[~keep] = np.nan
        yield Problem(f"without {name}", truth, shown, total_variation(operator, data, NOISE[name]))


if __name__ == "__main__":
    chosen = options()
    found = [solve(problem, chosen.draws, chosen.chains) for problem in problems(chosen.side)]
    draw_panels(found, "inpainting.png", row=0.63)
