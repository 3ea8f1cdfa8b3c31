"""Run a function in a process of its own, which shows progress and hears interrupts.

JAX starts threads that a fork does not survive, and chains are sampled in forks. What uses JAX
therefore runs elsewhere, so that the process that samples never loads it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pymc_glm.exceptions import SamplingError

__all__ = ["Channel", "run_apart"]

PATIENCE = 0.2


class Channel:
    """What a function that runs elsewhere talks to.

    Parameters
    ----------
    show : callable
        Takes what `send` is given.
    is_stopped : callable
        Whether the user has asked to stop.
    """

    def __init__(self, show: Callable[[Any], None], is_stopped: Callable[[], bool]) -> None:
        self.send = show
        self.is_stopped = is_stopped


def run_apart(
    function: Callable[[Any, Channel], Any], job: Any, show: Callable[[Any], None]
) -> Any:
    """Run ``function(job, channel)`` in a child process, or here if JAX is at work already.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it.
    job : object
        Its argument.
    show : callable
        Called here with what the function sends.

    Returns
    -------
    result : object
        What the function returns.

    Raises
    ------
    SamplingError
        If the process ends without a result. Exceptions of the function are raised here.
    """
    if _jax_has_threads():
        return _run_here(function, job, show)
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function, job), daemon=True)
    process.start()
    theirs.close()
    try:
        kind, value = _wait(ours, show)
    finally:
        ours.close()
        process.join(PATIENCE)
        if process.is_alive():
            process.terminate()
            process.join()
    if kind == "failed":
        raise value
    if kind == "gone":
        raise SamplingError(
            f"The process that trains ended with exit code {process.exitcode}. It may have run out"
            " of memory; fewer starts or a smaller batch need less."
        )
    return value


def _jax_has_threads() -> bool:
    """Whether JAX computes in this process already; imported alone, it has no threads."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and getattr(bridge, "backends_are_initialized", lambda: True)()


def _run_here(
    function: Callable[[Any, Channel], Any], job: Any, show: Callable[[Any], None]
) -> Any:
    stopped = []
    before = None
    try:
        before = signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    except ValueError:  # Not in the main thread, where no interrupt arrives.
        pass
    try:
        return function(job, Channel(show, lambda: bool(stopped)))
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _wait(connection: Connection, show: Callable[[Any], None]) -> tuple[str, Any]:
    """The final message; an interrupt is passed on, and a second one is obeyed at once."""
    asked = False
    while True:
        try:
            if not connection.poll(PATIENCE):
                continue
            kind, value = connection.recv()
        except EOFError:
            return "gone", None
        except KeyboardInterrupt:
            if asked:
                raise
            asked = True
            connection.send("stop")
            continue
        if kind != "progress":
            return kind, value
        show(value)


def _serve(connection: Connection, function: Callable[[Any, Channel], Any], job: Any) -> None:
    # Interrupts of the terminal reach the whole group of processes; the parent passes them on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(lambda value: connection.send(("progress", value)), connection.poll)
    try:
        message = ("done", function(job, channel))
    except Exception as error:
        message = ("failed", error)
    connection.send(message)
