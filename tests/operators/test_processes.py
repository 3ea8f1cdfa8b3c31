"""Compiled products survive on disk, and operators survive the way to another process."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from pymc_glm.operators import DCT, Convolution, Fourier, Mask, Wavelet, gaussian_kernel
from pymc_glm.operators.program import program

CACHE = """
import json
import numpy as np
import pytensor
import pytensor.tensor as pt
from pymc_glm.operators import Convolution, DCT, gaussian_kernel
from pymc_glm.operators.program_kernels import apply_published

# Of a size that no other run has, so that the operator is new and the compiled code is not.
shape = (8, {extent})
x = pt.tensor("x", shape=(None, None))
operator = DCT(shape) @ Convolution(gaussian_kernel(3, 1.0), shape)
function = pytensor.function([x], operator(x), mode="NUMBA")
value = np.random.default_rng(0).normal(size=shape)
error = np.abs(function(value) - operator.forward(value)).max()
print(json.dumps([error, sum(apply_published.stats.cache_misses.values())]))
"""


def test_compiled_code_serves_other_operators_in_other_processes():
    results = []
    for extent in (11, 12):
        run = subprocess.run(
            [sys.executable, "-c", CACHE.format(extent=extent)],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        results.append(json.loads(run.stdout.splitlines()[-1]))
    errors, misses = zip(*results, strict=True)
    assert max(errors) < 1e-12
    # Whatever the cache held before, the second process compiled nothing of ours.
    assert misses[1] == 0


FRESH = """
import pickle, sys
operator, (integers, floats), x, y = pickle.load(sys.stdin.buffer)
from pymc_glm.operators.program_kernels import apply_program, apply_program_adjoint
products = apply_program(integers, floats, x), apply_program_adjoint(integers, floats, y)
pickle.dump(products, sys.stdout.buffer)
"""


def test_a_program_runs_where_its_operator_is_unpickled():
    shape = (8, 4)
    blur = Convolution(gaussian_kernel(3, 1.0), shape, method="fft")
    operator = DCT(shape) @ Wavelet(shape) @ blur
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=32), rng.normal(size=32)
    # A fresh process that is handed a pickle, as multiprocessing hands it to a spawned one.
    run = subprocess.run(
        [sys.executable, "-c", FRESH],
        input=pickle.dumps((operator, program(operator), x, y)),
        capture_output=True,
        check=True,
        timeout=120,
    )
    image, back = pickle.loads(run.stdout)
    np.testing.assert_allclose(image, operator.forward(x.reshape(shape)).ravel(), atol=1e-14)
    np.testing.assert_allclose(back, operator.adjoint(y.reshape(shape)).ravel(), atol=1e-14)


@pytest.mark.parametrize("operator", [Fourier((4, 6)), Mask(np.eye(3, dtype=bool))])
def test_handles_are_the_same_in_every_process(operator):
    code = (
        "import numpy as np; from pymc_glm.operators import Fourier, Mask;"
        "print(Fourier((4, 6)).handle, Mask(np.eye(3, dtype=bool)).handle)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(operator.handle) in run.stdout.split()
