"""The Gibbs sampler of the package bayesbridge, run in an environment of its own.

The package was last released in 2023 and does not build with today's Cython and numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from foreign import PYTHON, Foreign, draw_chains, elapsed
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors
from xarray import Dataset, DataTree

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["BAYESBRIDGE", "bayesbridge"]

# As the package declares neither bounds nor build requirements, both are installed first.
BAYESBRIDGE = Foreign(
    "bayesbridge",
    (
        ("setuptools<70", "wheel", "cython<3", "numpy<2", "scipy<1.12"),
        ("--no-build-isolation", "bayesbridge==0.2.6"),
    ),
    Path(__file__).with_name("bridge_worker.py"),
    f"Python {PYTHON}, a C compiler",
)


class _Prior(NamedTuple):
    """Bridge exponent, and shape and rate of the gamma prior of ``global_scale**-exponent``."""

    exponent: float
    shape: float
    rate: float
    note: str


# By the free variables of the model.
PRIORS = {
    frozenset({"log_sigma", "kappa", "beta"}): _Prior(1.0, 2.0, 0.2, ""),
    frozenset({"log_sigma", "tau", "lam", "z"}): _Prior(
        0.5, 0.0, 0.0, "another posterior: bridge prior of exponent 1/2 instead of the horseshoe"
    ),
}


def bayesbridge(
    *,
    model: Model,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    random_seed: int,
    progressbar: bool,
) -> DataTree:
    """Sample a lasso or horseshoe regression of the benchmarks by bayesbridge's Gibbs sampler.

    For a *lasso* the posterior is the model's own: bridge exponent one is the Laplace prior, its
    gamma prior on the inverse global scale is set to that of ``kappa``, and its prior on the noise
    variance is flat in the logarithm. Coefficients are drawn by Cholesky factors, the global scale
    with the local ones integrated out.

    For a *horseshoe* it is another posterior, as the package has no horseshoe: the bridge prior
    with its default exponent of one half, exp(-|beta / scale|**0.5), not multiplied by sigma,
    under the reference prior on the scale. Only ``beta`` and ``log_sigma`` have counterparts.
    Its effective draws compare the work on two sparse regressions; its means agree with nobody's.

    Each chain is one process with one BLAS thread. Start-up and imports are not counted as
    sampling.

    Parameters
    ----------
    model, draws, tune, chains, cores, random_seed, progressbar
        As in `pymc_glm.compare.runners.Sampler`. ``progressbar`` is not used.

    Returns
    -------
    tree : DataTree
        Where it draws from another posterior, its attribute ``another_posterior`` is 1, and
        ``note`` says which.

    Raises
    ------
    NotImplementedError
        The model is another one.

    References
    ----------
    Nishimura, Suchard (2023), JASA 118(544), 2468-2481,
    https://doi.org/10.1080/01621459.2022.2057859
    """
    prior, X, y = _regression(model)
    task = {"X": X, "y": y, "prior": prior[:3], "draws": draws, "tune": tune}
    drawn = draw_chains(BAYESBRIDGE, task, chains, cores, random_seed)
    variables = {
        "beta": (("chain", "draw", "predictor"), np.swapaxes(drawn["coef"], 1, 2)),
        "log_sigma": (("chain", "draw"), -0.5 * np.log(drawn["obs_prec"])),
    }
    if prior.exponent == 1.0:
        variables["kappa"] = (("chain", "draw"), 1.0 / drawn["global_scale"])
    # The clock covers warm-up: compare divides it by the draws.
    attributes = {
        "sampling_time": elapsed(drawn["runtime"], cores),
        "note": prior.note,
        "another_posterior": int(bool(prior.note)),
    }
    posterior = Dataset(variables, {"predictor": list(model.coords["predictor"])}, attributes)
    return DataTree.from_dict({"posterior": posterior})


def _regression(model: Model) -> tuple[_Prior, np.ndarray, np.ndarray]:
    """Prior, matrix and response of a regression of the benchmarks."""
    free = frozenset(variable.name for variable in model.free_RVs)
    if free not in PRIORS:
        raise NotImplementedError(
            f"bayesbridge has no model with the variables {', '.join(sorted(free))}. "
            "It samples the benchmarks called lasso and horseshoe."
        )
    (observed,) = model.observed_RVs
    y = np.asarray(model.rvs_to_values[observed].data)
    shape = (y.size, len(model.coords["predictor"]))
    constants = [node.data for node in ancestors([observed]) if isinstance(node, Constant)]
    (X,) = {id(data): data for data in constants if np.shape(data) == shape}.values()
    return PRIORS[free], X, y
