"""The command `pymc-glm`."""

from __future__ import annotations

import argparse
import sys
import time

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pymc_glm.demo import DRAWS, run_demo
from pymc_glm.version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the command. Default: those of the process.

    Returns
    -------
    status : int
        0 on success, 2 if the command cannot run as asked.

    Examples
    --------
    The same as ``pymc-glm demo --draws 500``::

        from pymc_glm.cli import main

        main(["demo", "--draws", "500"])
    """
    options = _parser().parse_args(arguments)
    return _demo(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pymc-glm",
        description="GLM = Gaussian Latent Machine: exact block Gibbs sampling for PyMC models.",
    )
    parser.add_argument("--version", action="version", version=f"pymc-glm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="sample two real data sets with Gibbs, NUTS and MALA and write a report",
        description="Sample two real data sets with Gibbs, NUTS and MALA and write one HTML "
        "report. Takes minutes, most of them NUTS and compilation.",
    )
    demo.add_argument("--out", type=Path, default=Path("report.html"), help="the report to write")
    demo.add_argument("--seed", type=int, default=1, help="seed of all samplers (default: 1)")
    demo.add_argument(
        "--draws",
        type=_draws,
        default=DRAWS,
        help=f"kept draws per chain (default: {DRAWS})",
    )
    return parser


def _draws(text: str) -> int:
    number = int(text)
    if number < 100:
        raise argparse.ArgumentTypeError(
            f"{number} draws are too few to compare samplers. Ask for at least 100."
        )
    return number


def _demo(options: argparse.Namespace) -> int:
    # Said before minutes of sampling rather than after them.
    if find_spec("matplotlib") is None:
        print(
            "The report needs the package matplotlib, which is not installed. "
            'Install it with pip install "pymc-glm[plots]".',
            file=sys.stderr,
        )
        return 2
    if not options.out.resolve().parent.is_dir():
        print(
            f"The folder of {options.out} does not exist. Create it, or choose another --out.",
            file=sys.stderr,
        )
        return 2
    from rich.console import Console

    console = Console()
    began = time.perf_counter()
    report = run_demo(options.out, console=console, draws=options.draws, random_seed=options.seed)
    seconds = time.perf_counter() - began
    console.print(f"Wrote {report} after {seconds:.0f} s.", highlight=False)
    return 0
