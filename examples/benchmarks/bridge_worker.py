"""One chain of bayesbridge; runs in the environment that `foreign.prepare` makes.

Arguments: the task and the file for the draws, both .npz, and the seed.
"""

import sys

import numpy as np

from bayesbridge import BayesBridge, RegressionCoefPrior, RegressionModel

task, found, seed = sys.argv[1:]
with np.load(task) as arrays:
    X, y, draws, tune = (arrays[name] for name in ("X", "y", "draws", "tune"))
    exponent, shape, rate = arrays["prior"].tolist()

prior = RegressionCoefPrior(bridge_exponent=exponent, _global_scale_parametrization="raw")
prior.param["gscale_neg_power"] = {"shape": shape, "rate": rate}
model = RegressionModel(y, X, add_intercept=False, center_predictor=False)
samples, info = BayesBridge(model, prior).gibbs(
    int(tune + draws),
    int(tune),
    seed=int(seed),
    coef_sampler_type="cholesky",
    params_to_save=("coef", "global_scale", "obs_prec"),
)
kept = {name: samples[name] for name in ("coef", "global_scale", "obs_prec")}
np.savez(found, runtime=info["runtime"], **kept)
