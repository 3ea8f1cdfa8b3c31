"""Do the samplers draw from the same distribution? Differences in Monte Carlo standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scipy.stats import norm

from pymc_glm.compare.draws import Layout, is_unadjusted
from pymc_glm.diagnostics import QUANTILES, Diagnostics, block_rows

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import DataTree

__all__ = ["FAMILY_WISE_LEVEL", "STATISTICS", "Agreement", "agree"]

FAMILY_WISE_LEVEL = 1e-3
STATISTICS = ("mean", *(f"q{round(100 * quantile)}" for quantile in QUANTILES))


@dataclass(frozen=True)
class Agreement:
    """How far every sampler is from one reference sampler.

    Attributes
    ----------
    reference : str
        The sampler all others are compared with.
    labels : tuple of str, length p
        The coordinates.
    z : mapping of str to ndarray, shape (p, 4)
        Difference from the reference in joint Monte Carlo standard errors, for the mean and the
        5%, 50% and 95% quantiles; positive where the sampler's are larger. NaN where a sampler's
        draws never change.
    threshold : float
        Two-sided Bonferroni bound on the absolute differences, family-wise level 1e-3 over all
        coordinates, statistics and samplers.
    converged : mapping of str to bool
        Whether both samplers of a comparison passed the convergence checks; where they did not,
        the standard errors are not to be trusted.
    """

    reference: str
    labels: tuple[str, ...]
    z: Mapping[str, np.ndarray]
    threshold: float
    converged: Mapping[str, bool]

    def largest(self, sampler: str, column: int | None = None) -> tuple[float, str, str]:
        """Largest absolute difference of one sampler, its coordinate and its statistic.

        Parameters
        ----------
        sampler : str
            A sampler other than the reference.
        column : int, optional
            Index into `STATISTICS`. Default: all of them.

        Returns
        -------
        z : float
            NaN, with empty names, where no coordinate can be compared.
        label : str
        statistic : str
        """
        z = np.abs(self.z[sampler])
        if column is not None:
            z = z[:, column : column + 1]
        if np.isnan(z).all():
            return float("nan"), "", ""
        row, offset = np.unravel_index(np.nanargmax(z), z.shape)
        statistic = STATISTICS[offset if column is None else column]
        return float(z[row, offset]), self.labels[row], statistic

    def frame(self) -> DataFrame:
        """Tabulate the largest differences, one row per sampler other than the reference."""
        import pandas as pd

        rows = []
        for sampler in self.z:
            row: dict[str, object] = {"sampler": sampler, "reference": self.reference}
            for column, statistic in enumerate(STATISTICS):
                z, label, _ = self.largest(sampler, column)
                row |= {f"z_{statistic}": z, f"at_{statistic}": label}
            z, label, statistic = self.largest(sampler)
            row |= {
                "max_z": z,
                "parameter": label,
                "statistic": statistic,
                "threshold": self.threshold,
                "n_parameters": int(np.isfinite(self.z[sampler]).all(axis=1).sum()),
                "converged": self.converged[sampler],
                "ok": bool(z <= self.threshold),
            }
            rows.append(row)
        columns = None if rows else ["sampler", "reference", "max_z", "parameter", "ok"]
        return pd.DataFrame(rows, columns=columns).set_index("sampler")


def agree(
    trees: Mapping[str, DataTree],
    layout: Layout,
    diagnostics: Mapping[str, Diagnostics],
    converged: Mapping[str, bool],
) -> Agreement:
    """Compare every sampler with the one that has the largest smallest effective sample size.

    Means are compared in units of their joint Monte Carlo standard error. Quantiles are compared
    on the probability scale: the fraction of each sampler's draws below the pooled quantile, in
    units of the joint standard error of the two fractions. The latter needs no estimate of a
    density, whose noise at few effective draws would produce false alarms at the bound used here.

    Parameters
    ----------
    trees : mapping of str to DataTree
        Draws by sampler. The samplers must have used different random numbers.
    layout : Layout
        The coordinates.
    diagnostics : mapping of str to Diagnostics
        Diagnostics by sampler.
    converged : mapping of str to bool
        Which samplers passed the convergence checks. The reference is taken among them if any did,
        and never among those that say their draws are biased, if there are others.

    Returns
    -------
    agreement : Agreement

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Burkner (2021), Bayesian Analysis 16(2), 667-718,
    https://doi.org/10.1214/20-BA1221, section 4, for errors of quantiles.
    """
    adjusted = [name for name in trees if not is_unadjusted(trees[name])] or list(trees)
    candidates = [name for name in adjusted if converged[name]] or adjusted
    reference = max(candidates, key=lambda name: _smallest(diagnostics[name].ess))
    others = [name for name in trees if name != reference]
    z = {
        name: np.column_stack(
            [
                _mean_differences(diagnostics[name], diagnostics[reference]),
                _quantile_differences(
                    (trees[name], trees[reference]),
                    layout,
                    (diagnostics[name], diagnostics[reference]),
                ),
            ]
        )
        for name in others
    }
    comparisons = sum(int(np.isfinite(values).sum()) for values in z.values())
    return Agreement(
        reference=reference,
        labels=layout.labels,
        z=z,
        threshold=float(norm.isf(FAMILY_WISE_LEVEL / (2 * max(comparisons, 1)))),
        converged={name: converged[name] and converged[reference] for name in others},
    )


def _smallest(values: np.ndarray) -> float:
    """Smallest number that is not NaN; minus infinity where there is none."""
    finite = values[~np.isnan(values)]
    return float(finite.min()) if finite.size else float("-inf")


def _mean_differences(first: Diagnostics, second: Diagnostics) -> np.ndarray:
    """Differences of means in joint standard errors, shape (p,)."""
    return (first.mean - second.mean) / np.hypot(first.mcse_mean, second.mcse_mean)


def _quantile_differences(
    trees: tuple[DataTree, DataTree],
    layout: Layout,
    diagnostics: tuple[Diagnostics, Diagnostics],
) -> np.ndarray:
    """Differences of the fractions below the pooled quantiles, shape (p, 3)."""
    rows = block_rows(max(_total(tree) for tree in trees))
    pairs = zip(layout.blocks(trees[0], rows), layout.blocks(trees[1], rows), strict=True)
    fractions = np.concatenate([_fractions(first, second) for first, second in pairs])
    below_first, below_second = fractions[..., 0], fractions[..., 1]
    pooled = 0.5 * (below_first + below_second)
    inverse_sizes = 1.0 / diagnostics[0].ess_quantiles + 1.0 / diagnostics[1].ess_quantiles
    variance = pooled * (1.0 - pooled) * inverse_sizes
    # A discrete variable can have every draw of both samplers at or below the quantile.
    variance[variance == 0.0] = 1.0
    # The larger the quantile of a sampler, the fewer of its draws lie below the pooled one.
    return (below_second - below_first) / np.sqrt(variance)


def _total(tree: DataTree) -> int:
    return int(tree["posterior"].sizes["chain"] * tree["posterior"].sizes["draw"])


def _fractions(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Fraction of each sampler's draws at or below each pooled quantile, shape (rows, 3, 2)."""
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    edges = np.quantile(np.concatenate([first, second], axis=1), QUANTILES, axis=1)
    below = [[(draws <= edge[:, None]).mean(axis=1) for draws in (first, second)] for edge in edges]
    return np.moveaxis(np.array(below), 2, 0)
