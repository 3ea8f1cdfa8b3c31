"""CPU seconds to the first draw of a benchmark model, in an empty and in a warm compile cache.

Run it from the root of the repository::

    python examples/benchmarks/first_draw.py nile

Two processes one after the other share a fresh cache directory. Each imports the packages and
builds the model, then draws once; user and system time of that one call are counted, compilers
started by it included. CPU time does not depend on what else the computer is doing, wall time
does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

from collections.abc import Sequence

__all__ = ["cpu_to_first_draw", "main"]

BOUNDS = {"empty": 30.0, "warm": 8.0}
CHILD_FLAG = "--in-this-process"


def cpu_to_first_draw(benchmark: str) -> dict[str, float]:
    """Measure both cases in processes of their own.

    Parameters
    ----------
    benchmark : str
        A name that `models.build` knows.

    Returns
    -------
    seconds : dict of str to float
        CPU seconds with an ``empty`` and with a ``warm`` compile cache.
    """
    with tempfile.TemporaryDirectory() as cache:
        flags = os.environ.get("PYTENSOR_FLAGS", "").split(",")
        flags = [flag for flag in flags if flag and not flag.startswith("base_compiledir=")]
        environment = os.environ | {
            "PYTENSOR_FLAGS": ",".join([*flags, f"base_compiledir={cache}"]),
            "NUMBA_CACHE_DIR": cache,
        }
        command = [sys.executable, __file__, benchmark, CHILD_FLAG]
        seconds = {}
        for case in BOUNDS:
            child = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            seconds[case] = json.loads(child.stdout.splitlines()[-1])
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both figures as JSON; the exit status is 1 if one is above its bound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("benchmark", help="a name that models.build knows")
    parser.add_argument(CHILD_FLAG, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.in_this_process:
        print(_cpu_of_first_draw(options.benchmark))
        return 0
    seconds = cpu_to_first_draw(options.benchmark)
    print(json.dumps({"benchmark": options.benchmark, "cpu_s": seconds, "bounds_s": BOUNDS}))
    return int(any(seconds[case] > bound for case, bound in BOUNDS.items()))


def _cpu_of_first_draw(benchmark: str) -> float:
    from models import build

    import pymc_glm

    model = build(benchmark)
    sample = pymc_glm.sample
    before = _cpu_seconds()
    sample(draws=1, tune=0, chains=1, cores=1, random_seed=1, model=model, progressbar=False)
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    sys.exit(main())
