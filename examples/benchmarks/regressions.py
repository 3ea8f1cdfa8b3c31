"""Benchmark regressions: the lasso, the horseshoe and a continuous spike and slab."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from sklearn.datasets import load_diabetes

__all__ = [
    "diabetes",
    "diabetes_expanded",
    "horseshoe_diabetes10",
    "horseshoe_diabetes64",
    "horseshoe_pn",
    "lasso_diabetes",
    "lasso_diabetes64",
    "spike_slab",
    "wide_regression",
]

WIDE_SEED = 20264
WIDE_SIZE = 200
WIDE_EFFECTS = (3.0, -2.5, 2.0, -2.0, 1.5, -1.5, 1.0, -1.0, 0.75, -0.75)
WIDE_NOISE = 1.0

SLAB_WEIGHT = 0.2
SPIKE_SCALE = 0.02
SLAB_SCALE = 0.4


def diabetes() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Ten predictors of diabetes progression, all columns and the response standardised.

    Returns
    -------
    X : ndarray, shape (442, 10)
    y : ndarray, shape (442,)
    names : list of str
        Names of the columns.
    """
    data = load_diabetes()
    return _standardized(data.data), _standardized(data.target), list(data.feature_names)


def diabetes_expanded() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """`diabetes` with squares and interactions: 64 predictors.

    The square of the binary column is left out: it is that column again. Products are taken of
    standardised columns, then standardised.

    Returns
    -------
    X : ndarray, shape (442, 64)
        Ten main effects, nine squares, 45 interactions.
    y : ndarray, shape (442,)
    names : list of str
        Names of the columns.
    """
    X, y, names = diabetes()
    squares = [(j, j) for j in range(len(names)) if len(np.unique(X[:, j])) > 2]
    pairs = [*squares, *combinations(range(len(names)), 2)]
    products = np.column_stack([X[:, i] * X[:, j] for i, j in pairs])
    labels = [f"{names[i]}^2" if i == j else f"{names[i]}:{names[j]}" for i, j in pairs]
    return np.column_stack([X, _standardized(products)]), y, [*names, *labels]


def wide_regression(p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate a regression on more predictors than observations.

    200 observations, independent standard normal predictors, noise sd 1, ten coefficients of
    size 0.75 to 3 among the first columns and no others (seed 20264).

    Parameters
    ----------
    p : int
        Number of predictors, at least ten.

    Returns
    -------
    X : ndarray, shape (200, p)
    y : ndarray, shape (200,)
    beta : ndarray, shape (p,)
        The true coefficients.
    """
    if p < len(WIDE_EFFECTS):
        raise ValueError(
            f"p={p} predictors cannot hold {len(WIDE_EFFECTS)} effects. Ask for more predictors."
        )
    rng = np.random.default_rng(WIDE_SEED)
    noise = WIDE_NOISE * rng.standard_normal(WIDE_SIZE)
    # Column by column, so that a smaller regression is the first part of a larger one.
    X = rng.standard_normal((p, WIDE_SIZE)).T
    beta = np.zeros(p)
    beta[: len(WIDE_EFFECTS)] = WIDE_EFFECTS
    return X, X @ beta + noise, beta


def lasso_diabetes() -> pm.Model:
    """Bayesian lasso of diabetes progression on ten standardised predictors, scales unknown.

    Data: scikit-learn's ``load_diabetes`` (442 patients). Tests correlated coefficients and a
    prior scale learned with them; small and smooth, so a home game for NUTS.

    References
    ----------
    Park, Casella (2008), JASA 103(482), 681-686, https://doi.org/10.1198/016214508000000337;
    Efron et al. (2004), Annals of Statistics 32(2), 407-499 (data),
    https://doi.org/10.1214/009053604000000067
    """
    return _lasso(*diabetes())


def lasso_diabetes64() -> pm.Model:
    """`lasso_diabetes` on 64 predictors: main effects, squares and interactions.

    Tests a dense block of moderate size, most of whose coefficients are close to zero.

    References
    ----------
    As in `lasso_diabetes`.
    """
    return _lasso(*diabetes_expanded())


def horseshoe_diabetes10() -> pm.Model:
    """Horseshoe regression of diabetes progression on ten predictors, written without centring.

    Tests local scales, one for each coefficient, and a product of three scales in the map of the
    block: ``beta = z * lam * tau * sigma``.

    References
    ----------
    Carvalho, Polson, Scott (2010), Biometrika 97(2), 465-480,
    https://doi.org/10.1093/biomet/asq017
    """
    return _horseshoe(*diabetes())


def horseshoe_diabetes64() -> pm.Model:
    """`horseshoe_diabetes10` on 64 predictors: main effects, squares and interactions.

    Tests the funnels of a sparse regression, where NUTS diverges, and the global scale, which
    hardly moves under a sampler that does not integrate the coefficients out.

    References
    ----------
    As in `horseshoe_diabetes10`; Piironen, Vehtari (2017), Electronic Journal of Statistics
    11(2), 5018-5051, https://doi.org/10.1214/17-EJS1337SI
    """
    return _horseshoe(*diabetes_expanded())


def horseshoe_pn(p: int = 2000) -> pm.Model:
    """Horseshoe regression on many more predictors than observations.

    Data: 200 observations simulated by `wide_regression`. Tests a block that is larger than the
    data: its precision is diagonal plus a matrix of rank 200.

    Parameters
    ----------
    p : int
        Number of predictors. Default: 2000.

    References
    ----------
    Bhattacharya, Chakraborty, Mallick (2016), Biometrika 103(4), 985-991,
    https://doi.org/10.1093/biomet/asw042
    """
    X, y, _ = wide_regression(p)
    return _horseshoe(X, y, [f"x{j}" for j in range(p)])


def spike_slab() -> pm.Model:
    """Regression on the 64 diabetes predictors under a continuous spike and slab.

    Each coefficient comes from a narrow normal (sd 0.02) or a wide one (sd 0.4, probability
    0.2); the noise scale is unknown. Tests finite mixtures, whose indicators are integrated out,
    and a posterior with several modes.

    References
    ----------
    George, McCulloch (1993), JASA 88(423), 881-889,
    https://doi.org/10.1080/01621459.1993.10476353
    """
    X, y, names = diabetes_expanded()
    with pm.Model(coords={"predictor": names}) as model:
        log_sigma = pm.Flat("log_sigma")
        beta = pm.NormalMixture(
            "beta",
            w=[1.0 - SLAB_WEIGHT, SLAB_WEIGHT],
            mu=[0.0, 0.0],
            sigma=[SPIKE_SCALE, SLAB_SCALE],
            dims="predictor",
        )
        pm.Normal("y", X @ beta, pt.exp(log_sigma), observed=y)
    return model


def _lasso(X: np.ndarray, y: np.ndarray, names: list[str]) -> pm.Model:
    with pm.Model(coords={"predictor": names}) as model:
        log_sigma = pm.Flat("log_sigma")
        kappa = pm.Gamma("kappa", 2.0, 0.2)
        beta = pm.Laplace("beta", 0.0, 1.0 / kappa, dims="predictor")
        pm.Normal("y", X @ beta, pt.exp(log_sigma), observed=y)
    return model


def _horseshoe(X: np.ndarray, y: np.ndarray, names: list[str]) -> pm.Model:
    with pm.Model(coords={"predictor": names}) as model:
        log_sigma = pm.Flat("log_sigma")
        sigma = pt.exp(log_sigma)
        tau = pm.HalfCauchy("tau", 1.0)
        lam = pm.HalfCauchy("lam", 1.0, dims="predictor")
        z = pm.Normal("z", 0.0, 1.0, dims="predictor")
        beta = pm.Deterministic("beta", z * lam * tau * sigma, dims="predictor")
        pm.Normal("y", X @ beta, sigma, observed=y)
    return model


def _standardized(values: np.ndarray) -> np.ndarray:
    """Columns with mean zero and (population) standard deviation one."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


REGRESSIONS: dict[str, Callable[[], pm.Model]] = {
    "lasso_diabetes": lasso_diabetes,
    "lasso_diabetes64": lasso_diabetes64,
    "horseshoe_diabetes10": horseshoe_diabetes10,
    "horseshoe_diabetes64": horseshoe_diabetes64,
    "horseshoe_pn": horseshoe_pn,
    "spike_slab": spike_slab,
}
