"""When the Nile fell: the posterior of a level that jumps.

Increments with a Laplace density let a level stay put for decades and fall within a year, which
Gaussian increments would smear out. Draws of the whole level come from one Gaussian block, so the
probability that the largest fall happened in a given year is a mean over draws.

See also `pymc_glm.explain`, which prints what is recognised in the model.
"""

import matplotlib.pyplot as plt
import numpy as np

import pymc_glm

from pymc_glm.demo import load_data, nile_level

idata = pymc_glm.sample(
    draws=5000, chains=2, random_seed=20264, model=nile_level(), progressbar=False
)

level = idata["posterior"]["level"]
low, middle, high = level.quantile([0.05, 0.5, 0.95], dim=["chain", "draw"])
years = level["year"].values
fall = level.diff("year").argmin("year").values.ravel()
probability = np.bincount(fall, minlength=len(years) - 1) / fall.size
print(f"Most probable first year of the low level: {years[1:][probability.argmax()]}")

fig, (top, bottom) = plt.subplots(2, sharex=True, layout="constrained")
top.plot(years, load_data("nile")["flow"], ".", color="grey", label="flow")
top.fill_between(years, low, high, alpha=0.3, label="90% interval of the level")
top.plot(years, middle, label="median")
top.set_ylabel("1e8 m$^3$ a year")
top.legend()
bottom.bar(years[1:], probability)
bottom.set_ylabel("P(largest fall)")
fig.savefig("change_of_level.png")
