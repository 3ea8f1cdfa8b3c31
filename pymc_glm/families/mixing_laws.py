"""Quadrature rules for mixing laws without simple densities: ground truth of tests alone."""

from __future__ import annotations

import numpy as np

from scipy.special import gammaln, logsumexp

from pymc_glm.families.base import MixingNodes

__all__ = [
    "exponential_variance_nodes",
    "interval_nodes",
    "polya_gamma_nodes",
    "positive_stable_log_density",
    "positive_stable_nodes",
]


def interval_nodes(
    lower: float, upper: float, cells: int = 100_000
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's rule of two nodes in each of many cells of an interval, whose ends may be sharp.

    Parameters
    ----------
    lower, upper : float
        Ends.
    cells : int
        Number of cells.

    Returns
    -------
    nodes, log_weight : ndarray, shape (2 cells,)
    """
    edges = np.linspace(lower, upper, cells + 1)
    half = 0.5 * (edges[1] - edges[0])
    middle = edges[:-1] + half
    nodes = (middle[:, None] + half / np.sqrt(3) * np.array([-1.0, 1.0])).ravel()
    return nodes, np.full(nodes.size, np.log(half))


def polya_gamma_nodes(shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of the law PG(shape, 0) and the logarithms of their weights.

    The alternating series of its density loses digits beyond a shape of about ten.

    Parameters
    ----------
    shape : float
        Positive.

    Returns
    -------
    nodes, log_weight : ndarray, shape (nodes,)
    """
    x = np.linspace(np.log(shape**2 / 8 / 700.0), np.log(shape / 4 + 12.0), 20_001)
    w = np.exp(x)
    total = np.zeros_like(w)
    for n in range(400):
        log_term = gammaln(n + shape) - gammaln(n + 1) - (2 * n + shape) ** 2 / (8 * w)
        total += (-1) ** n * (2 * n + shape) * np.exp(log_term)
    # Beyond the last digit the series is noise.
    total = np.where(total > 0, total, 0.0)
    with np.errstate(divide="ignore"):
        log_density = np.log(total) + (shape - 1) * np.log(2) - gammaln(shape)
    log_density -= 0.5 * np.log(2 * np.pi) + 1.5 * x
    return w, log_density + x + np.log(x[1] - x[0])


def positive_stable_log_density(log_s: np.ndarray, index: float) -> np.ndarray:
    """Log density of the logarithm of a positive stable variate, E exp(-l S) = exp(-l**index).

    Given an angle the law has a closed form, S = (a / E)**power with E exponential. The mean over
    angles is by the trapezoidal rule on a logistic scale: the tails come from its ends.

    Parameters
    ----------
    log_s : ndarray, shape (m,)
        Arguments.
    index : float
        Between 0 and 1.

    Returns
    -------
    log_density : ndarray, shape (m,)

    References
    ----------
    Kanter (1975), https://doi.org/10.1214/aop/1176996309
    """
    power = (1 - index) / index
    log_a, log_share = _kanter_angles(index)
    log_density = np.empty_like(log_s)
    for part in np.array_split(np.arange(log_s.size), 40):
        log_e = np.minimum(log_a - log_s[part, None] / power, 700.0)
        log_density[part] = logsumexp(log_e - np.exp(log_e) + log_share, axis=1)
    return log_density - np.log(power)


def positive_stable_nodes(index: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of nodes of the positive stable law, up to tails that are negligible.

    Parameters
    ----------
    index : float
        Between 0 and 1.

    Returns
    -------
    log_nodes, log_weight : ndarray, shape (nodes,)
    """
    power = (1 - index) / index
    log_a, _ = _kanter_angles(index)
    x = np.linspace(power * (log_a[0] - np.log(800.0)), 45.0 / index, 12_001)
    return x, positive_stable_log_density(x, index) + np.log(x[1] - x[0])


def _kanter_angles(index: float) -> tuple[np.ndarray, np.ndarray]:
    """Log a at the nodes of the angle, and the logarithms of their shares."""
    y = np.linspace(-38.0, 60.0, 1200)
    angle, rest = np.pi / (1 + np.exp(-y)), np.pi / (1 + np.exp(y))
    log_a = (
        index * np.log(np.sin(index * angle))
        + (1 - index) * np.log(np.sin((1 - index) * angle))
        - np.log(np.sin(np.minimum(angle, rest)))
    ) / (1 - index)
    return log_a, np.log(angle) + np.log(rest) - 2 * np.log(np.pi) + np.log(y[1] - y[0])


def exponential_variance_nodes(
    log_rate: np.ndarray, log_mass: np.ndarray, scale: float
) -> MixingNodes:
    """The law of a variance that is exponential of rate y**2 / 2 given y, in units of scale**2.

    Parameters
    ----------
    log_rate : ndarray, shape (nodes,)
        Logarithms of y, in increasing order.
    log_mass : ndarray, shape (nodes,)
        Logarithms of their weights.
    scale : float
        Unit of the response.

    Returns
    -------
    nodes : MixingNodes
    """
    x = np.linspace(2 * log_rate[0] - 9.0, 2 * log_rate[-1] + 80.0, 20_001)
    log_weight = np.empty_like(x)
    for part in np.array_split(np.arange(x.size), 40):
        # Of the variance exp(-x), in its logarithm.
        u = np.minimum(2 * log_rate - np.log(2) - x[part, None], 700.0)
        log_weight[part] = logsumexp(u - np.exp(u) + log_mass, axis=1)
    precision = np.exp(x) / scale**2
    log_weight += np.log(x[1] - x[0])
    return MixingNodes(precision, np.zeros(x.size), log_weight, discrete=False)
