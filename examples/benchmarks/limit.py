"""How far compiled sweeps are from loops written by hand for one model each.

Run it from the root of the repository::

    python examples/benchmarks/limit.py --json

For three models, sweeps per second of processor time on one core: of the loop in `limit_loops`, and
of the chain that `pymc_glm.sample` compiles. A second table says where the sweep's time goes: each
kernel of its graph is run in isolation, on arrays of the model's sizes.
"""

from __future__ import annotations

import argparse
import json
import time

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import limit_loops
import numba
import numpy as np
import pytensor

from models import TV1D_NOISE, TV1D_SCALE, build
from pytensor.graph.basic import Apply, Constant
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key
from regressions import diabetes, diabetes_expanded
from threadpoolctl import threadpool_limits

from pymc_glm.ops import KernelOp
from pymc_glm.sampling.compiled import PreparedChains, prepare
from pymc_glm.sweep import build_sweep

__all__ = ["LIMITS", "Loop", "kernel_seconds", "main", "measure"]

SEED = 20264
CHUNK = 500
SECONDS = 0.5
ROUNDS = 3
MOST_CALLS = 2**20
NEGLIGIBLE = 1e-8


class Loop(NamedTuple):
    """A loop written by hand, ready to run.

    Attributes
    ----------
    run : callable
        ``run(rng, draws)`` continues the chain and returns its draws: ``block``, and ``scales``
        where there are any, both with draws first.
    """

    run: Callable[[np.random.Generator, int], dict[str, np.ndarray]]


def measure(name: str, scales: str = "plain") -> dict[str, object]:
    """Time the loop written by hand and the compiled chain of one model.

    Parameters
    ----------
    name : str
        A key of `LIMITS`.
    scales : str
        How the compiled sweep moves its scales, as in `pymc_glm.sample`. The loops written by
        hand do what ``"plain"`` does.

    Returns
    -------
    figures : dict
        ``hand_written_sweeps_per_s``, ``compiled_sweeps_per_s``, their ``ratio``, and
        ``kernels_us``, microseconds per sweep by kernel.
    """
    benchmark, loop_of = LIMITS[name]
    loop = loop_of()
    with threadpool_limits(1, "blas"):
        by_hand = _sweeps_per_second(lambda rng: loop.run(rng, CHUNK))
        prepared = prepare(build(benchmark), scales)
        compiled = _sweeps_per_second(_chain_runner(prepared))
        kernels = kernel_seconds(prepared)
    microseconds = {kernel: 1e6 * seconds for kernel, seconds in kernels.items()}
    # What is left runs between the kernels; where it is negative, caches served them better there.
    microseconds["everything else"] = 1e6 / compiled - sum(microseconds.values())
    return {
        "hand_written_sweeps_per_s": by_hand,
        "compiled_sweeps_per_s": compiled,
        "ratio": compiled / by_hand,
        "kernels_us": microseconds,
    }


def kernel_seconds(prepared: PreparedChains) -> dict[str, float]:
    """Seconds of processor time per sweep that each kernel takes when nothing else runs.

    Parameters
    ----------
    prepared : PreparedChains
        A compiled model.

    Returns
    -------
    seconds : dict of str to float
        By name of the kernel, summed over the places where the sweep uses it.
    """
    rng = np.random.default_rng(SEED)
    sweep = build_sweep(prepared.recognition.machine)
    graph = pytensor.function(
        [pytensor.In(sweep.rng, mutable=True), *sweep.inputs],
        [pytensor.Out(output, borrow=True) for output in (sweep.next_rng, *sweep.outputs)],
        mode="NUMBA",
        accept_inplace=True,
        on_unused_input="ignore",
    ).maker.fgraph
    # Updated inputs come first, in the order given; their values are those of a few sweeps.
    values = dict(zip(graph.inputs, [rng, *_typical_state(prepared, rng)], strict=True))
    seconds: dict[str, float] = defaultdict(float)
    for node in graph.toposort():
        inputs = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
        name = str(node.op) if isinstance(node.op, KernelOp) else type(node.op).__name__
        seconds[name] += _seconds_alone(node, [_copied(value) for value in inputs])
        storage: list[list[object]] = [[None] for _ in node.outputs]
        node.op.perform(node, [_copied(value) for value in inputs], storage)
        values |= {out: cell[0] for out, cell in zip(node.outputs, storage, strict=True)}
    # Nodes that only change a type are compiled away.
    kept = {name: value for name, value in seconds.items() if value > NEGLIGIBLE}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables for each model; with ``--json`` an object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"out of {', '.join(LIMITS)}")
    parser.add_argument(
        "--scales", default="plain", choices=["auto", "collapsed", "interweave", "plain"]
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.models if name not in LIMITS]
    if unknown:
        parser.error(f"There is no loop for {unknown[0]!r}. Choose out of {', '.join(LIMITS)}.")
    found = {}
    for name in options.models or LIMITS:
        found[name] = figures = measure(name, options.scales)
        print(
            f"{name} ({LIMITS[name][0]}): {figures['hand_written_sweeps_per_s']:,.0f} sweeps/s by "
            f"hand, {figures['compiled_sweeps_per_s']:,.0f} compiled, ratio {figures['ratio']:.2f}"
        )
        for kernel, microseconds in figures["kernels_us"].items():
            print(f"    {kernel:36s} {microseconds:8.2f} us")
    if options.json:
        print(json.dumps(found, allow_nan=False))
    return 0


def _sweeps_per_second(run_chunk: Callable[[np.random.Generator], object]) -> float:
    """The fastest of a few rounds, after a call that compiles and one that warms the caches."""
    rng = np.random.default_rng(SEED)
    run_chunk(rng)
    rates = []
    for _ in range(ROUNDS):
        # Processor time: other processes of a busy computer do not count.
        chunks, began = 0, time.thread_time()
        while (elapsed := time.thread_time() - began) < SECONDS:
            run_chunk(rng)
            chunks += 1
        rates.append(chunks * CHUNK / elapsed)
    return max(rates)


def _chain_runner(prepared: PreparedChains) -> Callable[[np.random.Generator], object]:
    """A function that continues the compiled chain by one chunk."""
    state = prepared.starting_points.draw(np.random.default_rng(SEED))
    buffers = [np.empty((CHUNK, *np.shape(value)), np.asarray(value).dtype) for value in state]

    def run_chunk(rng: np.random.Generator) -> list[np.ndarray]:
        state[:] = prepared.chain(rng, *state, *buffers, *prepared.constants)
        return state

    return run_chunk


def _typical_state(prepared: PreparedChains, rng: np.random.Generator) -> list[np.ndarray]:
    return [np.asarray(value) for value in _chain_runner(prepared)(rng)]


def _copied(value: object) -> object:
    """Arrays may be overwritten by the Ops that read them."""
    return value.copy() if isinstance(value, np.ndarray) else value


def _seconds_alone(node: Apply, arguments: Sequence[object]) -> float:
    """Time of one call of a kernel, from a compiled loop of calls."""
    names = ", ".join(f"a{i}" for i in range(len(arguments)))
    source = f"def loop(times, {names}):\n    for _ in range(times):\n        kernel({names})\n"
    scope: dict[str, Callable] = {"kernel": numba_funcify_and_cache_key(node.op, node)[0]}
    exec(source, scope)
    loop = numba.njit(scope["loop"])
    loop(1, *arguments)
    times, elapsed = 1, 0.0
    # What the compiler removes altogether never takes long enough.
    while elapsed < 0.02 and times < MOST_CALLS:
        times *= 4
        began = time.thread_time()
        loop(times, *arguments)
        elapsed = time.thread_time() - began
    return elapsed / times


def _regression(loop: Callable, X: np.ndarray, y: np.ndarray) -> Loop:
    gram, xty = X.T @ X, X.T @ y
    beta = np.linalg.solve(gram + np.eye(len(xty)), xty)
    scales = np.ones(2)

    def run(rng: np.random.Generator, draws: int) -> dict[str, np.ndarray]:
        betas, all_scales = np.empty((draws, beta.size)), np.empty((draws, 2))
        loop(rng, gram, xty, float(y @ y), y.size, beta, scales, betas, all_scales)
        return {"block": betas, "scales": all_scales}

    return Loop(run)


def _horseshoe() -> Loop:
    return _regression(limit_loops.horseshoe, *diabetes()[:2])


def _lasso() -> Loop:
    return _regression(limit_loops.lasso, *diabetes_expanded()[:2])


def _tv1d() -> Loop:
    model = build("tv1d")
    (observed,) = (model.rvs_to_values[rv].data for rv in model.observed_RVs)
    y = np.asarray(observed, dtype=float)
    x = y.copy()

    def run(rng: np.random.Generator, draws: int) -> dict[str, np.ndarray]:
        xs = np.empty((draws, x.size))
        limit_loops.total_variation(rng, y, TV1D_NOISE, TV1D_SCALE, x, xs)
        return {"block": xs}

    return Loop(run)


# The benchmark model, and its loop.
LIMITS: dict[str, tuple[str, Callable[[], Loop]]] = {
    "horseshoe": ("horseshoe_diabetes10", _horseshoe),
    "lasso": ("lasso_diabetes64", _lasso),
    "tv1d": ("tv1d", _tv1d),
}


if __name__ == "__main__":
    raise SystemExit(main())
