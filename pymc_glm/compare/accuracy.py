"""How far draws are from a posterior that is known, and from a truth that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from pymc_glm.compare.distance import Pool, matrix_of
from pymc_glm.compare.draws import Layout, group

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import DataTree

__all__ = ["Reference", "Scores", "frame", "measure"]

# Draws of the reference at least: their own error has to be small next to what is measured.
TARGET_DRAWS = 5000
SEED = 2307
# Attributes of a posterior that hold an estimate of the log evidence.
EVIDENCE = ("log_evidence", "proposal_log_z")


class Reference(Protocol):
    """A posterior that can be drawn from without a Markov chain.

    It may have more, which is used where it is there: ``log_evidence``, a number; and
    ``mode_shares(values)``, which returns the probabilities of modes given draws, shape (n, K), for
    the same dictionary, with the exact ``mode_masses``, shape (K,).
    """

    def draws(self, rng: np.random.Generator, n: int) -> Mapping[str, np.ndarray]:
        """Independent draws by variable, each of shape (n, ...)."""


@dataclass(frozen=True)
class Scores:
    """One sampler against what is known; NaN where a score does not apply.

    Attributes
    ----------
    distance, distance_floor : float
        Sliced Wasserstein distance of the draws from those of the reference, all coordinates in
        standard deviations of the reference, and that of as many draws of the reference itself.
    mode_mass_error : float
        Total variation distance of the masses of modes.
    log_evidence_error : float
        Of the estimate that comes with the draws, minus that of the reference.
    coverage : float
        Share of the entries of the truth within their equal-tailed intervals of probability 0.9.
    psnr_mean, psnr_draw : float
        Peak signal-to-noise ratio in decibels of the posterior mean of images, which are the
        variables of the truth with two dimensions or more, and of a typical draw. The peak is the
        range of the truth. The second one rewards draws that are too close to one another.
    """

    distance: float
    distance_floor: float
    mode_mass_error: float
    log_evidence_error: float
    coverage: float
    psnr_mean: float
    psnr_draw: float


def measure(
    trees: Mapping[str, DataTree],
    layout: Layout,
    reference: Reference | DataTree | None,
    truth: Mapping[str, np.ndarray] | None,
) -> dict[str, Scores]:
    """Score every sampler.

    Parameters
    ----------
    trees : mapping of str to DataTree
        Draws by sampler.
    layout : Layout
        The coordinates that are compared. Those that the reference has are scored.
    reference : Reference, DataTree or None
        The posterior. Half of the draws of a DataTree serve for the floor.
    truth : mapping of str to ndarray, or None
        What was to be found, by variable.

    Returns
    -------
    scores : dict of str to Scores
        Empty where nothing is known.

    Raises
    ------
    ValueError
        If the reference has no variable that is compared, or no sampler one of the truth.
    """
    if reference is None and truth is None:
        return {}
    truth = {name: np.asarray(values, dtype=np.float64) for name, values in (truth or {}).items()}
    _check(truth, trees)
    rng = np.random.default_rng(SEED)
    pool = None if reference is None else _pool(reference, layout, trees, rng)
    scores = {}
    for name, tree in trees.items():
        values = _values(tree)
        distance = (float("nan"),) * 2 if pool is None else pool.distances(values, rng)
        mass = _mode_mass_error(values, reference)
        evidence = _log_evidence(tree) - _log_evidence(reference)
        scores[name] = Scores(*distance, mass, evidence, *_against_truth(values, truth))
    return scores


def frame(scores: Mapping[str, Scores]) -> DataFrame:
    """Tabulate scores, one row for each sampler; the columns are described in `Scores`."""
    import pandas as pd

    rows = [asdict(score) for score in scores.values()]
    return pd.DataFrame(rows, index=pd.Index(scores, name="sampler"))


def _check(truth: Mapping[str, np.ndarray], trees: Mapping[str, DataTree]) -> None:
    for name, values in truth.items():
        found = {
            tree["posterior"][name].transpose("chain", "draw", ...).shape[2:]
            for tree in trees.values()
            if name in tree["posterior"].data_vars
        }
        if not found:
            raise ValueError(
                f"truth has {name!r}, of which no sampler returned draws. Name variables of the"
                " posterior groups."
            )
        if found != {values.shape}:
            raise ValueError(
                f"truth[{name!r}] has shape {values.shape}, and its draws {sorted(found)}. Each"
                " entry of a draw needs its truth."
            )


def _values(tree: DataTree) -> dict[str, np.ndarray]:
    """Draws by variable, all chains one after the other, shape (n, ...)."""
    posterior = tree["posterior"].to_dataset().transpose("chain", "draw", ...)
    return {
        str(name): values.to_numpy().reshape(-1, *values.shape[2:])
        for name, values in posterior.data_vars.items()
    }


def _pool(
    reference: Reference | DataTree,
    layout: Layout,
    trees: Mapping[str, DataTree],
    rng: np.random.Generator,
) -> Pool:
    if _is_tree(reference):
        values = _values(reference)
        return Pool.of(values, layout, len(next(iter(values.values()))) // 2)
    sizes = [tree["posterior"].sizes for tree in trees.values()]
    most = max(size["chain"] * size["draw"] for size in sizes)
    return Pool.of(reference.draws(rng, TARGET_DRAWS + most), layout, TARGET_DRAWS)


def _is_tree(reference: object) -> TypeGuard[DataTree]:
    return hasattr(reference, "children")


def _mode_mass_error(values: Mapping[str, np.ndarray], reference: Any) -> float:
    if not hasattr(reference, "mode_shares"):
        return float("nan")
    gaps = np.mean(reference.mode_shares(values), axis=0) - reference.mode_masses
    return float(0.5 * np.abs(gaps).sum())


def _log_evidence(found: object) -> float:
    """That of an object, or the estimate among the statistics or the attributes of a tree."""
    if not _is_tree(found):
        return float(getattr(found, "log_evidence", np.nan))
    statistics = group(found, "sample_stats")
    if "log_evidence" in statistics:
        runs = np.ravel(statistics["log_evidence"].to_numpy())
        # Estimates of the evidence are averaged, not their logarithms, which are biased.
        return float(np.logaddexp.reduce(runs) - np.log(len(runs)))
    attributes = found["posterior"].attrs
    named = [attributes[name] for name in EVIDENCE if name in attributes]
    return float(named[0]) if named else float("nan")


def _against_truth(
    values: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]
) -> tuple[float, float, float]:
    """Coverage, and signal-to-noise ratios of the mean and of a draw."""
    from pymc_glm.inverse.metrics import coverage, psnr

    names = [name for name in truth if name in values]
    if not names:
        return (float("nan"),) * 3
    covered = coverage(matrix_of(values, names), _row(truth, names))
    pictures = [name for name in names if truth[name].ndim >= 2]
    if not pictures:
        return covered, float("nan"), float("nan")
    draws, image = matrix_of(values, pictures), _row(truth, pictures)
    peak = float(np.ptp(image))
    if peak == 0.0:
        return covered, float("nan"), float("nan")
    return covered, psnr(draws.mean(axis=0), image, peak), psnr(draws, image, peak)


def _row(truth: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    return np.concatenate([truth[name].ravel() for name in names])
