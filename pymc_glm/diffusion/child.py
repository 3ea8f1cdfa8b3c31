"""Run a function in a process of its own, which shows progress and hears interrupts.

JAX starts threads that a fork does not survive, and chains are sampled in forks. What uses JAX
therefore runs elsewhere, so that the process that samples never loads it.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import traceback

from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pymc_glm.exceptions import GaussianLatentMachineError, SamplingError

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
    """Run ``function(job, channel)`` in a child process, or here if there can be none.

    There can be none where JAX is at work already, nor in a worker of a pool.

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
    if _jax_has_threads() or multiprocessing.current_process().daemon:
        return _run_here(function, job, show)
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(ours, theirs, function, job), daemon=True)
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
    stopped: list[bool] = []
    before = None

    def interrupt(*_: Any) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(True)

    try:
        before = signal.signal(signal.SIGINT, interrupt)
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
            with suppress(BrokenPipeError):  # It may have ended just now.
                connection.send("stop")
            continue
        if kind != "progress":
            return kind, value
        show(value)


def _serve(
    theirs: Connection,
    ours: Connection,
    function: Callable[[Any, Channel], Any],
    job: Any,
) -> None:
    # Interrupts of the terminal reach the whole group of processes; the parent passes them on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # With the parent's end open here too, nobody would notice that the parent is gone.
    theirs.close()
    channel = Channel(lambda value: ours.send(("progress", value)), ours.poll)
    try:
        message = ("done", function(job, channel))
    except (KeyboardInterrupt, GaussianLatentMachineError) as error:
        message = ("failed", _sendable(error))
    except Exception as error:
        # The traceback stays behind, and this error says nothing of its own accord.
        error.add_note(f"In the process that trains:\n{traceback.format_exc()}")
        message = ("failed", _sendable(error))
    with suppress(BrokenPipeError):
        ours.send(message)


def _sendable(error: BaseException) -> BaseException:
    """An error that arrives: those that cannot be made again from their arguments do not."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return SamplingError(
            f"The log density failed with {type(error).__name__}: {error}. It is evaluated far"
            " from the posterior too, and has to return -inf or NaN where it is not defined."
        )
    return error
