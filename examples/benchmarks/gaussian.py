"""Time of one Gaussian draw, by size and by solver.

Chains of a million unknowns, lattices with and without blur, regressions::

    python examples/benchmarks/gaussian.py
    python examples/benchmarks/gaussian.py --cases chain,denoise --json

Times are CPU milliseconds of one core for one draw given the latents: assembly, factorisation or
iteration, noise and solution. Precisions are those of a sweep of total variation. For chains a bare
elimination from both ends, in numba, is timed next to ours: what is left to gain.
"""

from __future__ import annotations

import argparse
import json
import time

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt

from images import phantom
from pytensor.tensor.random.type import random_generator_type
from threadpoolctl import threadpool_limits

from pymc_glm.gaussian import Rows, draw_gaussian, plan_gaussian
from pymc_glm.machine import LinearMap, OperatorMap
from pymc_glm.operators import Convolution, Differences

__all__ = ["CASES", "Timing", "main", "measure"]

SEED = 20250520
BUDGET_SECONDS = 1.0
FEWEST_REPEATS = 5


class Timing(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    case, size, solver : str
        What was drawn, and how.
    ms : float
        CPU milliseconds of a draw, the fastest.
    median_ms : float
        The same, the median: what to expect on a busy machine.
    nanoseconds : float
        Of the fastest, for each unknown.
    """

    case: str
    size: str
    solver: str
    ms: float
    median_ms: float
    nanoseconds: float


def timed(draw: Callable[[], object], case: str, size: str, solver: str, n: int) -> Timing:
    """Time a draw until the budget is spent."""
    draw()
    seconds: list[float] = []
    began = time.perf_counter()
    while len(seconds) < FEWEST_REPEATS or time.perf_counter() - began < BUDGET_SECONDS:
        before = time.process_time()
        draw()
        seconds.append(time.process_time() - before)
    fastest = min(seconds)
    return Timing(
        case, size, solver, 1e3 * fastest, 1e3 * float(np.median(seconds)), 1e9 * fastest / n
    )


class Factors(NamedTuple):
    """Maps, offsets and precisions; a precision of shape () is shared by all rows."""

    maps: list[LinearMap | OperatorMap]
    offsets: list[np.ndarray]
    precisions: list[np.ndarray]


def compiled_draw(factors: Factors, solver: str) -> Callable[[], object]:
    """A compiled draw whose precisions are inputs, as in a sweep."""
    plan = plan_gaussian(factors.maps, solver)
    rng = random_generator_type("rng")
    inputs = [pt.TensorType("float64", shape=p.shape)() for p in factors.precisions]
    rows = [
        Rows(one.permuted(plan.position), offset, precision, None)
        for one, offset, precision in zip(factors.maps, factors.offsets, inputs, strict=True)
    ]
    _, x = draw_gaussian(rng, plan, rows)
    arguments = [pytensor.In(rng, mutable=True), *inputs]
    function = pytensor.function(arguments, x, mode="NUMBA", accept_inplace=True).vm.jit_fn
    generator = np.random.default_rng(SEED)
    return lambda: function(generator, *factors.precisions)


def typical_precisions(responses: np.ndarray, scale: float) -> np.ndarray:
    """Precisions of Laplace latents given responses."""
    rng = np.random.default_rng(SEED)
    away = np.maximum(np.abs(responses), 1e-6 * scale)
    return rng.wald(1.0 / (scale * away), scale**-2.0)


def lattice(image: np.ndarray, scale: float, noise: float, blur: Convolution | None) -> Factors:
    """Total variation of an image, and data of it or of its blur."""
    rng = np.random.default_rng(SEED)
    differences = LinearMap.from_matrix(Differences(image.shape).matrix())
    typical = image + 0.3 * scale * rng.standard_normal(image.shape)
    precision = typical_precisions(differences.matrix() @ typical.ravel(), scale)
    data = (image if blur is None else blur.forward(image)) + noise * rng.normal(size=image.shape)
    seen = _identity(image.size) if blur is None else OperatorMap(blur)
    zeros = np.zeros(differences.shape[0])
    return Factors(
        [differences, seen], [zeros, -data.ravel()], [precision, np.asarray(noise**-2.0)]
    )


def _identity(n: int) -> LinearMap:
    index = np.arange(n, dtype=np.int64)
    return LinearMap(index, index, np.ones(n), (n, n))


@numba.njit(error_model="numpy", cache=False)
def bare_elimination(rng, w, c, h):
    """One draw of a chain by elimination from both ends, and nothing else."""
    n = c.size
    x, gain = np.empty(n), np.empty(n)
    half = n // 2
    s, v, s2, v2 = c[0], h[0], c[n - 1], h[n - 1]
    for k in range(half - 1):
        a = 1.0 / (s + w[k])
        t = w[k] * a
        gain[k] = t
        x[k] = v * a + rng.standard_normal() * np.sqrt(a)
        s, v = c[k + 1] + t * s, h[k + 1] + t * v
        m = n - 1 - k
        a = 1.0 / (s2 + w[m - 1])
        t = w[m - 1] * a
        gain[m] = t
        x[m] = v2 * a + rng.standard_normal() * np.sqrt(a)
        s2, v2 = c[m - 1] + t * s2, h[m - 1] + t * v2
    low = half - 1
    while low < n - half:
        a = 1.0 / (s + w[low])
        t = w[low] * a
        gain[low] = t
        x[low] = v * a + rng.standard_normal() * np.sqrt(a)
        low += 1
        if low < n - half:
            s, v = c[low] + t * s, h[low] + t * v
        else:
            s2, v2 = s2 + t * s, v2 + t * v
    a = 1.0 / s2
    x[low] = v2 * a + rng.standard_normal() * np.sqrt(a)
    for k in range(low - 1, -1, -1):
        x[k] += gain[k] * x[k + 1]
    for k in range(low + 1, n):
        x[k] += gain[k] * x[k - 1]
    return x


def chain() -> Iterator[Timing]:
    """A path of differences seen through noise."""
    for n in (1_000, 10_000, 100_000, 1_000_000):
        signal = np.repeat(np.random.default_rng(SEED).normal(size=n // 100), 100)
        factors = lattice(signal, 0.1, 0.1, None)
        yield timed(compiled_draw(factors, "chain"), "chain", f"{n}", "chain", n)
        generator = np.random.default_rng(SEED)
        w, c = factors.precisions[0], np.full(n, factors.precisions[1])
        h = -c * factors.offsets[1]
        yield timed(lambda: bare_elimination(generator, w, c, h), "chain", f"{n}", "(bare loop)", n)


def denoise() -> Iterator[Timing]:
    """Total variation of an image in noise."""
    for side in (64, 128, 256, 512):
        factors = lattice(phantom(side), 0.1, 0.1, None)
        solvers = ["banded"] if side <= 128 else []
        for solver in [*solvers, "sparse", "iterative"]:
            yield timed(
                compiled_draw(factors, solver), "denoise", f"{side} x {side}", solver, side**2
            )


def deblur() -> Iterator[Timing]:
    """Total variation of an image under a 5 x 5 blur."""
    for side in (64, 128, 256, 512):
        blur = Convolution(np.full((5, 5), 1 / 25), (side, side))
        factors = lattice(phantom(side), 0.05, 0.02, blur)
        yield timed(
            compiled_draw(factors, "iterative"), "deblur", f"{side} x {side}", "iterative", side**2
        )


def regression() -> Iterator[Timing]:
    """A Laplace prior of p coefficients, and n rows of data."""
    rng = np.random.default_rng(SEED)
    for n, p, solvers in (
        (500, 50, ["dense"]),
        (1000, 200, ["dense"]),
        (5000, 1000, ["dense"]),
        (200, 2000, ["low rank", "dense", "iterative"]),
        (500, 5000, ["low rank"]),
    ):
        x = rng.normal(size=(n, p))
        factors = Factors(
            [LinearMap.from_matrix(x), _identity(p)],
            [-rng.normal(size=n), np.zeros(p)],
            [np.asarray(1.0), typical_precisions(rng.laplace(size=p), 1.0)],
        )
        for solver in solvers:
            yield timed(compiled_draw(factors, solver), "regression", f"{n} x {p}", solver, p)


CASES: dict[str, Callable[[], Iterator[Timing]]] = {
    "chain": chain,
    "denoise": denoise,
    "deblur": deblur,
    "regression": regression,
}


def measure(cases: Sequence[str]) -> Iterator[Timing]:
    """Time all sizes and solvers of some cases.

    Parameters
    ----------
    cases : sequence of str
        Keys of `CASES`.

    Yields
    ------
    timing : Timing
    """
    # As in a run: chains take one core each, and BLAS threads would wait for one another.
    with threadpool_limits(1):
        for name in cases:
            yield from CASES[name]()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help="comma-separated")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args(arguments)
    print(f"{'case':11}{'size':>14}  {'solver':12}{'ms':>10}{'median':>10}{'ns/unknown':>12}")
    timings = []
    for one in measure(options.cases.split(",")):
        timings.append(one)
        print(
            f"{one.case:11}{one.size:>14}  {one.solver:12}{one.ms:10.3f}{one.median_ms:10.3f}"
            f"{one.nanoseconds:12.1f}",
            flush=True,
        )
    if options.json:
        print(json.dumps({"timings": [one._asdict() for one in timings]}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
