"""How exactly an iterative draw is solved for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ConjugateGradients"]


class ConjugateGradients(NamedTuple):
    """A Gaussian draw by perturbation and preconditioned conjugate gradients.

    Attributes
    ----------
    tolerance : float
        Residual at which a solution is accepted, in the norm of the inverse preconditioner and
        relative to the size of the perturbation, not of the mean. At 1e-8, the default, the error
        is far below what any number of draws could resolve.
    corrected : bool
        Whether each draw is accepted or refused by a Metropolis step that makes the chain exact at
        any tolerance; the acceptance rate is close to one at 1e-6 already. The iteration then
        starts at zero.

    References
    ----------
    C. Gilavert, S. Moussaoui and J. Idier (2015), "Efficient Gaussian sampling for solving
    large-scale inverse problems using MCMC", doi:10.1109/TSP.2014.2367457.

    Examples
    --------
    Draws of a tolerance that is corrected for::

        import numpy as np
        import pymc as pm
        import pymc_glm
        import pytensor.tensor as pt

        with pm.Model():
            x = pm.Flat("x", shape=(8, 8))
            pymc_glm.expert("rows", pm.Laplace.dist(0, 0.1), pt.diff(x, axis=0))
            pymc_glm.expert("columns", pm.Laplace.dist(0, 0.1), pt.diff(x, axis=1))
            pm.Normal("y", x, 0.1, observed=np.zeros((8, 8)))
            solver = pymc_glm.ConjugateGradients(tolerance=1e-6, corrected=True)
            idata = pymc_glm.sample(solver=solver, random_seed=1)
    """

    tolerance: float = 1e-8
    corrected: bool = False
