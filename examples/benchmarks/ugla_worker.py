"""One chain of CUQIpy's UGLA; runs in the environment that `foreign.prepare` makes.

Arguments: the task and the file for the draws, both .npz, and the seed.
"""

import sys
import time

import cuqi
import numpy as np

from cuqi.distribution import LMRF, Gaussian, JointDistribution
from cuqi.geometry import Continuous1D, Image2D
from cuqi.model import LinearModel
from cuqi.sampler import UGLA

task, found, seed = sys.argv[1:]
with np.load(task) as arrays:
    data, transfer = arrays["data"], arrays["transfer"]
    noise, scale = float(arrays["noise"]), float(arrays["scale"])
    draws, tune = int(arrays["draws"]), int(arrays["tune"])

shape = data.shape
geometry = Image2D(shape) if len(shape) == 2 else Continuous1D(shape[0])


def convolve(image, multiplier):
    return np.fft.irfftn(np.fft.rfftn(image) * multiplier, shape, range(len(shape)))


def forward(x):
    return convolve(x, transfer) if transfer.size else x


def adjoint(y):
    return convolve(y, transfer.conj()) if transfer.size else y


model = LinearModel(forward, adjoint, range_geometry=geometry, domain_geometry=geometry)
# Its boundary condition "neumann" takes the differences inside the array alone.
x = LMRF(0, scale, bc_type="neumann", geometry=geometry, name="x")
y = Gaussian(model(x), noise**2, geometry=geometry, name="y")
sampler = UGLA(JointDistribution(x, y)(y=data.ravel()))

cuqi.config.PROGRESS_BAR_DYNAMIC_UPDATE = False
# CUQIpy draws from numpy's global generator.
np.random.seed(int(seed))
began = time.perf_counter()
sampler.warmup(tune, Nt=0)
warm = time.perf_counter()
sampler.sample(draws)
ended = time.perf_counter()
drawn = np.array(sampler.get_samples().samples).T.reshape(draws, *shape)
np.savez(found, x=drawn, tuning_time=warm - began, sampling_time=ended - warm)
