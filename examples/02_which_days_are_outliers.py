"""Which observations a robust regression sets aside.

Student t errors are Gaussian errors with a precision of their own for every observation. Given the
regression, the mean of that precision is (nu + 1) / (nu + r^2) at the standardised residual r: near
one for ordinary days of the plant, near zero for the others.

See also `pymc_glm.compare`, which checks the draws against other samplers.
"""

import numpy as np

import pymc_glm

from pymc_glm.demo import load_data, stack_loss_regression

data = load_data("stackloss")
idata = pymc_glm.sample(
    draws=5000,
    chains=2,
    random_seed=20264,
    model=stack_loss_regression(),
    progressbar=False,
)
posterior = idata["posterior"]

standard = (data - data.mean()) / data.std()
X = standard[list(posterior["regressor"].values)].to_numpy()
draws = posterior.to_dataset().stack(sample=("chain", "draw"))
mean = draws["intercept"].values + X @ draws["beta"].transpose("regressor", "sample").values
residual = (standard[["stack_loss"]].to_numpy() - mean) / draws["sigma"].values
nu = draws["nu"].values
weight = ((nu + 1) / (nu + residual**2)).mean(axis=1)

print(f"degrees of freedom: median {np.median(nu):.1f}")
for day in np.argsort(weight)[:5]:
    print(f"day {day + 1:2d}: stack loss {data['stack_loss'][day]:2d}, weight {weight[day]:.2f}")
