"""Draws per second of the random variables' kernels, beside public implementations.

Run it from the root of the repository::

    python examples/benchmarks/random_draws.py

Every row has its own parameters in an array, as latents of a model have. Times are CPU times of one
core, the best of several runs. ``KS`` is the Kolmogorov distance between draws of the two, in units
of what equal laws exceed once in a million times: above 1 they are different laws. polyagamma is
compared if it can be imported.
"""

from __future__ import annotations

import argparse
import json
import time

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from scipy import stats

from pymc_glm.random import (
    horseshoe_kernels,
    kernels,
    polya_gamma_kernels,
    tilted_stable_kernels,
    truncated_normal_kernels,
)

__all__ = ["Case", "cases", "main", "measure"]

ROWS = 50_000
# The public generalised inverse Gaussian loops in Python over arrays of parameters.
SLOW_ROWS = 500
RUNS = 7
# Two samples of n draws of one law are this over sqrt(n / 2) apart once in a million times.
KS_BOUND = 2.69


class Case(NamedTuple):
    """One law at one set of parameters."""

    law: str
    parameters: tuple[float, ...]
    kernel: Callable
    public: Callable | None = None
    public_name: str = ""
    # Whether the method of the public implementation is exact there; KS says what is measured.
    exact: str = ""
    rows: int = ROWS


def _wald(rng, mean, shape):
    return rng.wald(mean, shape)


def _laplace_by_wald(rng, t, scale):
    with np.errstate(divide="ignore"):
        return 1 / rng.wald(1 / (scale * np.abs(t)), scale**-2)


def _geninvgauss(rng, p, a, b):
    root = np.sqrt(b / a)
    return root * stats.geninvgauss.rvs(p, np.sqrt(a * b), random_state=rng)


def _truncnorm(rng, mean, sd, lower, upper):
    low, high = (lower - mean) / sd, (upper - mean) / sd
    return stats.truncnorm.rvs(low, high, loc=mean, scale=sd, random_state=rng)


def _polyagamma(rng, shape, tilt):
    from polyagamma import random_polyagamma

    return random_polyagamma(shape, tilt, random_state=rng)


def cases() -> Iterator[Case]:
    """Every law in the regions that its kernels or those of others tell apart."""
    for mean, exact in ((1.0, "yes"), (1e4, "yes"), (1e12, "no"), (1e16, "no")):
        kernel = kernels.inverse_gaussian_vector
        yield Case("inverse_gaussian", (mean, 1.0), kernel, _wald, "numpy wald", exact)
    for t, exact in ((1.0, "yes"), (1e-3, "yes"), (1e-16, "no"), (0.0, "no")):
        kernel = kernels.laplace_latent_vector
        yield Case("laplace_latent", (t, 0.5), kernel, _laplace_by_wald, "1 / numpy wald", exact)
    for p, a, b in ((0.5, 1.0, 1.0), (-0.3, 1.0, 1e-6), (4.5, 1.0, 1.0), (20.0, 5.0, 50.0)):
        kernel = kernels.generalized_inverse_gaussian_vector
        yield Case("gig", (p, a, b), kernel, _geninvgauss, "scipy geninvgauss", "yes", SLOW_ROWS)
    public = _polyagamma if find_spec("polyagamma") else None
    for shape in (0.3, 1.0, 1.5, 2.0, 4.0, 10.0, 20.0, 60.0, 500.0):
        for tilt in (0.0, 1.0, 4.0, 15.0, 180.0):
            kernel = polya_gamma_kernels.polya_gamma_vector
            # Large tilts give a wrong mean (shapes 1, 10, 20) and large shapes a normal law. Means
            # and variances of shapes from 1 to 8 are off: whole ones at some tilts only.
            exact = (
                "no" if shape >= 50.0 or (tilt >= 180.0 and shape in (1.0, 10.0, 20.0)) else "yes"
            )
            if 1.0 < shape < 8.0:
                exact = "partly" if shape % 1.0 == 0.0 else "no"
            yield Case("polya_gamma", (shape, tilt), kernel, public, "polyagamma", exact)
    for index in (0.25, 0.5, 0.75):
        for tilt in (0.0, 1.0, 30.0, 1e6):
            yield Case("tilted_stable", (index, tilt), tilted_stable_kernels.tilted_stable_vector)
    bounds = ((-1.0, 1.0), (0.0, np.inf), (-3.0, 0.5), (2.0, 3.0), (8.0, np.inf), (40.0, 40.1))
    for lower, upper in bounds:
        kernel = truncated_normal_kernels.truncated_normal_vector
        parameters = (0.0, 1.0, lower, upper)
        yield Case("truncated_normal", parameters, kernel, _truncnorm, "scipy truncnorm", "yes")
    for t in (1e-6, 0.1, 1.4, 10.0):
        yield Case("horseshoe_precision", (t, 1.0), horseshoe_kernels.horseshoe_precision_vector)


def _best_time(function: Callable, seed: int, *arguments: np.ndarray) -> tuple[float, np.ndarray]:
    """CPU seconds of the fastest of several calls after one, and draws of the last."""
    rng = np.random.default_rng(seed)
    draws = function(rng, *arguments)
    best = np.inf
    for _ in range(RUNS):
        before = time.process_time()
        draws = function(rng, *arguments)
        best = min(best, time.process_time() - before)
    return best, draws


def measure(case: Case) -> dict[str, object]:
    """Time one case.

    Parameters
    ----------
    case : Case
        A law and its parameters.

    Returns
    -------
    figures : dict
        Million draws per second of ours and of the public kernel, and how their draws compare.
    """
    rows = [np.full(ROWS, value) for value in case.parameters]
    parameters = ", ".join(f"{value:g}" for value in case.parameters)
    seconds, draws = _best_time(case.kernel, 1, *rows)
    figures = {"law": case.law, "parameters": parameters, "ours": ROWS / seconds / 1e6}
    if case.public is None:
        return figures
    public_seconds, public_draws = _best_time(case.public, 2, *(row[: case.rows] for row in rows))
    # Draws that are NaN are as far from the law as can be.
    distance = 1.0
    if not np.any(np.isnan(public_draws)):
        distance = stats.ks_2samp(draws, public_draws, method="asymp").statistic
    count = ROWS * case.rows / (ROWS + case.rows)
    return figures | {
        "public": case.rows / public_seconds / 1e6,
        "public_name": case.public_name,
        "public_exact": case.exact,
        "ks": float(distance * np.sqrt(count) / KS_BOUND),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and with ``--json`` one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--law", help="only this law")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    print(f"{'law':20}{'parameters':>24}{'M/s':>8}{'M/s':>9}  {'public':18}{'exact':>7}{'KS':>8}")
    results = []
    for case in cases():
        if options.law not in (None, case.law):
            continue
        figures = measure(case)
        results.append(figures)
        line = f"{case.law:20}{figures['parameters']:>24}{figures['ours']:8.1f}"
        if "public" in figures:
            line += f"{figures['public']:9.3f}  {case.public_name:18}{case.exact:>7}"
            line += f"{figures['ks']:8.2f}"
        print(line, flush=True)
    if options.json:
        print(json.dumps({"rows": results}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
