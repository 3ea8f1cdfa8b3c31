"""The unadjusted Gaussian Laplace approximation of CUQIpy, run in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from foreign import PYTHON, Foreign, draw_chains, elapsed
from scipy import fft, sparse
from xarray import Dataset, DataTree

import pymc_glm

from pymc_glm.families import Gaussian, Laplace
from pymc_glm.machine import Factor, LinearMap, OperatorMap
from pymc_glm.operators import Differences

if TYPE_CHECKING:
    from pymc import Model

__all__ = ["CUQI_UGLA", "TotalVariation", "cuqi_ugla", "total_variation"]

CUQI_UGLA = Foreign(
    "cuqi_ugla",
    (("cuqipy==1.5.1",),),
    Path(__file__).with_name("ugla_worker.py"),
    f"Python {PYTHON}",
)
NOTE = (
    "unadjusted: the Laplace prior is approximated by a Gaussian whose variances follow from the "
    "last draw, and nothing is rejected. agreement_z shows its bias"
)


class TotalVariation(NamedTuple):
    """A blurred array in noise, whose differences along all axes are Laplace.

    Attributes
    ----------
    data : ndarray, of the array's shape
        What was observed.
    transfer : ndarray, complex
        Real Fourier transform of the periodic blur's response to an impulse; of size 0 where
        nothing is blurred.
    noise : float
        Standard deviation of the noise.
    scale : float
        Scale of the differences.
    """

    data: np.ndarray
    transfer: np.ndarray
    noise: float
    scale: float


def cuqi_ugla(
    *,
    model: Model,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    random_seed: int,
    progressbar: bool,
) -> DataTree:
    """Sample a total variation model of the benchmarks by CUQIpy's UGLA.

    The prior is CUQIpy's ``LMRF`` with the boundary condition ``"neumann"``, the differences inside
    the array alone: that of the model. A draw is one of the Gaussian whose precisions of the
    differences are 1 / (scale * sqrt(d**2 + 1e-5)), d the differences of the last draw. The exact
    sampler draws these precisions, from a distribution of mean 1 / (scale * abs(d)); here the mean
    stands for the draw, which shortens the tails, and no step rejects anything. Each Gaussian draw
    is a perturbed least squares problem, which conjugate gradients solve to a relative tolerance of
    1e-4 or for 50 iterations, as CUQIpy does by default.

    Each chain is one process with one BLAS thread, and starts from zeros. Start-up and imports are
    not counted as sampling.

    Parameters
    ----------
    model, draws, tune, chains, cores, random_seed, progressbar
        As in `pymc_glm.compare.runners.Sampler`. ``progressbar`` is not used.

    Returns
    -------
    tree : DataTree
        The attribute ``unadjusted`` of the posterior is 1.

    Raises
    ------
    NotImplementedError
        The model is another one.

    References
    ----------
    Uribe, Bardsley, Dong, Hansen, Riis (2022), SIAM/ASA Journal on Uncertainty Quantification
    10(4), 1293-1320, https://doi.org/10.1137/21M1412268
    """
    task = total_variation(model)._asdict() | {"draws": draws, "tune": tune}
    drawn = draw_chains(CUQI_UGLA, task, chains, cores, random_seed)
    (x,) = model.free_RVs
    dims = model.named_vars_to_dims[x.name]
    attributes: dict[str, object] = {
        "sampling_time": elapsed(drawn["sampling_time"], cores),
        "tuning_time": elapsed(drawn["tuning_time"], cores),
        "unadjusted": 1,
        "note": NOTE,
    }
    coords = {dim: np.asarray(model.coords[dim]) for dim in dims}
    posterior = Dataset({x.name: (("chain", "draw", *dims), drawn["x"])}, coords, attributes)
    return DataTree.from_dict({"posterior": posterior})


def total_variation(model: Model) -> TotalVariation:
    """Read a total variation model.

    Raises
    ------
    NotImplementedError
        The model is another one.
    """
    machine = pymc_glm.explain(model)
    likelihoods = [factor for factor in machine.factors if isinstance(factor.family, Gaussian)]
    priors = [factor for factor in machine.factors if isinstance(factor.family, Laplace)]
    others = len(machine.factors) - len(likelihoods) - len(priors)
    if len(machine.block) != 1 or len(likelihoods) != 1 or others or len(model.free_RVs) != 1:
        raise _refusal(model, "its unknowns are not one array under Laplace differences in noise")
    shape = machine.block[0].shape
    likelihood = likelihoods[0]
    if not _are_differences(priors, shape):
        raise _refusal(model, "its Laplace terms are not the differences along every axis")
    noise, scale = _common_scale(model, likelihoods), _common_scale(model, priors)
    transfer = _transfer(model, likelihood.linear_map, shape)
    # The response is what is left of the data.
    return TotalVariation(np.asarray(likelihood.offset).reshape(shape), transfer, noise, scale)


def _are_differences(priors: list[Factor], shape: tuple[int, ...]) -> bool:
    """Whether the terms are those of LMRF with the boundary condition "neumann"."""
    maps = [prior.linear_map for prior in priors]
    matrices = [linear.matrix() for linear in maps if isinstance(linear, LinearMap)]
    if not matrices or len(matrices) < len(maps) or any(np.any(prior.offset) for prior in priors):
        return False
    expected, found = Differences(shape).matrix(), sparse.vstack(matrices)
    return found.shape == expected.shape and abs(found - expected).nnz == 0


def _common_scale(model: Model, factors: list[Factor]) -> float:
    """The scale that all rows of some factors share."""
    scales = [factor.parameters["scale"] for factor in factors]
    known = [scale for scale in scales if isinstance(scale, np.ndarray)]
    values = np.unique(np.concatenate([scale.ravel() for scale in known])) if known else np.empty(0)
    if len(known) < len(scales) or values.size != 1:
        raise _refusal(model, "CUQIpy takes one known scale of noise and one of differences")
    return float(values[0])


def _transfer(
    model: Model, linear_map: LinearMap | OperatorMap, shape: tuple[int, ...]
) -> np.ndarray:
    """Fourier transform of what a periodic blur makes of an impulse; empty where it is the same."""

    def blur(image: np.ndarray) -> np.ndarray:
        if isinstance(linear_map, LinearMap):
            return -(linear_map.matrix() @ image.ravel())
        return -linear_map.operator.forward(image.ravel())

    size = int(np.prod(shape))
    probe = np.random.default_rng(0).standard_normal(shape)
    if linear_map.shape == (size, size):
        impulse = np.zeros(shape)
        impulse.flat[0] = 1.0
        transfer = fft.rfftn(blur(impulse).reshape(shape))
        if np.allclose(fft.irfftn(transfer * fft.rfftn(probe), shape).ravel(), blur(probe)):
            return np.empty(0, complex) if np.allclose(transfer, 1.0) else transfer
    raise _refusal(model, "its data are neither the array nor a periodic blur of it, in noise")


def _refusal(model: Model, reason: str) -> NotImplementedError:
    free = ", ".join(variable.name for variable in model.free_RVs)
    return NotImplementedError(
        f"cuqi_ugla has no model with the variables {free}: {reason}. "
        "It samples the benchmarks called tv1d, tv2d_denoise and tv2d_deblur."
    )
